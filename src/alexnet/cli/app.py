"""The verbs as a command line: one file per verb, parsed by cyclopts. Names, options and JSON keys are a contract; see docs/commands.md.

Heavy imports are inside the verbs, so that `alexnet --help` is fast. To add a verb, add a file here and a row in `VERBS`.
"""

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
from alexnet.cli.output import fail, show_lines
from alexnet.cli.pack import pack
from alexnet.cli.predict import predict
from alexnet.cli.report import report
from alexnet.cli.serve import serve
from alexnet.cli.studio import studio
from alexnet.cli.study import study
from alexnet.cli.summary import summary
from alexnet.cli.train import train
from alexnet.errors import AlexNetError

# Besides `app`, the verbs that are library functions too; a test checks that their arguments agree.
__all__ = [
    "VERBS",
    "app",
    "call",
    "compare",
    "convert",
    "evaluate",
    "explain",
    "export",
    "inspect",
    "pack",
    "report",
    "study",
    "summary",
    "train",
]

USER_MISTAKE = 2

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


def call(words: Sequence[str]) -> int:
    """Run one command and return its exit status, 0 or that of a mistake in the words."""
    try:
        app(named_fields(words), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return fail(with_field_hint(words, error), USER_MISTAKE, words)
    return 0
