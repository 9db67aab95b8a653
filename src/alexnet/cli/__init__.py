"""The command line: one file per verb. Names, options and JSON keys are a contract; see docs/commands.md.

Heavy imports are inside the verbs, so that `alexnet --help` is fast. To add a verb, add a file here and a row in `VERBS`.
"""

import io
import os
import sys
from collections.abc import Sequence
from typing import Literal

from cyclopts import App, CycloptsError

from alexnet._version import __version__
from alexnet.cli.compare import compare
from alexnet.cli.convert import convert
from alexnet.cli.dotted_options import named_fields, with_field_hint
from alexnet.cli.evaluate import evaluate
from alexnet.cli.explain import explain
from alexnet.cli.export import export
from alexnet.cli.inspect import inspect
from alexnet.cli.lecture import lecture
from alexnet.cli.output import end_at_once, fail, leave_the_pipe, mistake_of, show_defect, show_lines
from alexnet.cli.pack import pack
from alexnet.cli.predict import predict
from alexnet.cli.report import report
from alexnet.cli.serve import serve
from alexnet.cli.studio import studio
from alexnet.cli.study import study
from alexnet.cli.summary import summary
from alexnet.cli.train import train
from alexnet.errors import AlexNetError, Interrupted
from alexnet.runtime.interrupts import stop_on_signals
from alexnet.runtime.missing import missing_extra
from alexnet.runtime.terminal import silence_c_libraries

# Besides `app` and `main`, the verbs that are library functions too; a test checks that their arguments agree.
__all__ = [
    "VERBS",
    "app",
    "compare",
    "convert",
    "evaluate",
    "explain",
    "export",
    "inspect",
    "main",
    "pack",
    "report",
    "study",
    "summary",
    "train",
]

USER_MISTAKE, DEFECT, CTRL_C = 2, 1, 130

VERBS = (
    train,
    evaluate,
    predict,
    compare,
    summary,
    inspect,
    pack,
    study,
    report,
    convert,
    export,
    explain,
    lecture,
    serve,
    studio,
)

app = App(
    name="alexnet",
    version=__version__,
    help="Train AlexNet, LeNet and the systems before them on your own pictures, and measure what the 2012 paper claims.",
    result_action="return_value",
    suppress_keyboard_interrupt=False,  # `main` prints how to resume
)
for verb in VERBS:
    app.command(verb)


@app.command(name="--install-completion")
def install_completion(*, shell: Literal["bash", "zsh", "fish", "powershell"] | None = None) -> None:
    """Let the shell complete verbs and options.

    Parameters
    ----------
    shell
        The shell; without it, the one that this was started from.
    """
    from cyclopts.completion.detect import ShellDetectionError

    try:
        script = app.install_completion(shell=shell)
    except ShellDetectionError:
        raise AlexNetError("Which shell this is cannot be told. Add --shell bash, zsh, fish or powershell.") from None
    show_lines([f"{script} completes verbs and options of alexnet in every shell that is started from now on."])


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 2 the user's mistake, 130 interrupted, 1 a defect in the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names that the terminal cannot show must not stop the program
    if words is None:
        sys.excepthook = show_defect
        silence_c_libraries()
    status = _run(sys.argv[1:] if words is None else words)
    if words is None and os.environ.get("WORLD_SIZE", "1") != "1":
        end_at_once(status)
    return status


def _run(words: Sequence[str]) -> int:
    try:
        with stop_on_signals():  # SIGTERM as Ctrl-C for every verb; those with steps receive both themselves
            app(named_fields(words), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return fail(with_field_hint(words, error), USER_MISTAKE)
    except AlexNetError as error:
        return fail(error, CTRL_C if isinstance(error, Interrupted) else USER_MISTAKE)
    except ModuleNotFoundError as error:
        missing = missing_extra(error, f"alexnet {words[0]}" if words else "alexnet")
        if missing is None:
            raise
        return fail(missing, USER_MISTAKE)
    except KeyboardInterrupt as error:
        return fail(error, CTRL_C)
    except BrokenPipeError:  # the reader of the pipe has closed it, as `head` does
        leave_the_pipe()
    except OSError as error:  # of the disk or the network: there is something to do, and nothing to see in a traceback
        return fail(mistake_of(error), USER_MISTAKE)
    return 0
