"""Variables of a launcher that are left in the environment: what is waited for is said, and how to go on alone."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

ALONE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # which is ignored where the tests are a shell's background job
from alexnet.errors import AlexNetError
from alexnet.runtime import distributed
distributed.SAY_AFTER_SECONDS, distributed.SAY_AGAIN_SECONDS = 0.3, 0.5
try:
    with distributed.join_workers("cpu"):
        print("joined")
except AlexNetError as error:
    print(error)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    import os; os._exit(130)
"""


def left_over(rank: int, seconds: float) -> dict[str, str]:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    words = {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    return os.environ | words | {"ALEXNET_STALL_SECONDS": str(seconds)}


@pytest.mark.slow
@pytest.mark.parametrize(("rank", "missing"), [(0, 1), (1, 0)])
def test_what_is_waited_for_is_said_with_the_way_out(rank: int, missing: int) -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], env=left_over(rank, 2), capture_output=True, text=True, check=True, timeout=60)
    first, second, *_ = [line for line in done.stderr.splitlines() if line.startswith("Waiting")]
    assert re.match(rf"Waiting for worker {missing} of 2 at localhost:\d+, for 2 s more\.", first)
    assert f"make this process worker {rank}; to work alone: unset RANK WORLD_SIZE MASTER_ADDR MASTER_PORT" in first
    assert re.search(r"for [01] s more", second)
    assert re.match(r"The workers cannot connect to localhost:\d+ ", done.stdout)


@pytest.mark.slow
def test_the_wait_can_be_interrupted() -> None:
    with subprocess.Popen([sys.executable, "-c", ALONE], env=left_over(0, 100), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        while b"Waiting" not in process.stderr.readline():
            pass
        stopped = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert time.monotonic() - stopped < 10
