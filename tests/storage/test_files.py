"""A folder that one holds: others wait, and a holder that is killed leaves it free."""

import subprocess
import sys
import threading
from pathlib import Path

from alexnet.storage.files import locked

HOLD = """
import sys, time
from pathlib import Path
from alexnet.storage.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_one_thread_at_a_time(tmp_path: Path) -> None:
    seen: list[str] = []

    def hold(name: str) -> None:
        with locked(tmp_path / "folder"):
            seen.append(f"{name} in")
            seen.append(f"{name} out")

    with locked(tmp_path / "folder"):
        thread = threading.Thread(target=hold, args=["other"])
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        assert seen == []
    thread.join()
    assert seen == ["other in", "other out"]


def test_another_process_holds_it_and_is_killed(tmp_path: Path) -> None:
    entered = threading.Event()

    def wait() -> None:
        with locked(tmp_path / "folder"):
            entered.set()

    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "folder")], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not entered.wait(0.3)
        holder.kill()
        assert entered.wait(60)
        waiting.join()
