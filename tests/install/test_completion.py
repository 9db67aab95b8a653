"""`alexnet --install-completion`, in bash itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BASH = shutil.which("bash")
COMPLETE = """
. "$1"; f=$(complete -p alexnet | sed 's/.*-F \\([^ ]*\\).*/\\1/'); shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
$f; printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(BASH is None, reason="bash is missing")
def test_bash_completes_verbs_and_options(tmp_path: Path) -> None:
    environment = os.environ | {"HOME": str(tmp_path), "SHELL": "/bin/bash"}
    command = [sys.executable, "-m", "alexnet", "--install-completion", "--shell", "bash"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    script = Path(done.stdout.split(" completes ")[0])
    assert script.is_relative_to(tmp_path)
    assert str(script) in (tmp_path / ".bashrc").read_text()
    for line, expected in (("alexnet tr", "train"), ("alexnet predict --so", "--sort-into"), ("alexnet serve --to", "--token")):
        found = subprocess.run([str(BASH), "-c", COMPLETE, "bash", str(script), *line.split()], capture_output=True, text=True, check=True)
        assert found.stdout.split() == [expected]
