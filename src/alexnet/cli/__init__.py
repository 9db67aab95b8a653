"""The command line. `main` runs one command; `app` holds the verbs and their options.

A plain prediction, `alexnet predict FILE.onnx IMAGE...` without options, goes to its function directly: there is nothing to parse, and
loading the parser takes as long as the answer.
"""

import io
import os
import sys
from collections.abc import Sequence

from alexnet.cli.output import end_at_once, fail, leave_the_pipe, mistake_of, show_defect
from alexnet.errors import AlexNetError, Interrupted
from alexnet.runtime.interrupts import stop_on_signals
from alexnet.runtime.missing import missing_extra
from alexnet.runtime.terminal import silence_c_libraries

__all__ = ["main"]

USER_MISTAKE, DEFECT, CTRL_C = 2, 1, 130


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 2 the user's mistake, 130 interrupted, 1 a defect in the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names that the terminal cannot show must not stop the program
    if words is None:
        sys.excepthook = show_defect
        silence_c_libraries()
    status = _run(sys.argv[1:] if words is None else words)
    if words is None and (os.environ.get("WORLD_SIZE", "1") != "1" or is_plain_prediction(sys.argv[1:])):
        end_at_once(status)  # of a prediction: giving the model's memory back page by page takes a tenth of its time
    return status


def _run(words: Sequence[str]) -> int:
    try:
        with stop_on_signals():  # SIGTERM as Ctrl-C for every verb; those with steps receive both themselves
            return _call(words)
    except AlexNetError as error:
        return fail(error, CTRL_C if isinstance(error, Interrupted) else USER_MISTAKE, words)
    except ModuleNotFoundError as error:
        missing = missing_extra(error, f"alexnet {words[0]}" if words else "alexnet")
        if missing is None:
            raise
        return fail(missing, USER_MISTAKE, words)
    except KeyboardInterrupt as error:
        return fail(error, CTRL_C, words)
    except BrokenPipeError:  # the reader of the pipe has closed it, as `head` does
        leave_the_pipe()
        return 0
    except OSError as error:  # of the disk or the network: there is something to do, and nothing to see in a traceback
        return fail(mistake_of(error), USER_MISTAKE, words)


def _call(words: Sequence[str]) -> int:
    if is_plain_prediction(words):
        from alexnet.cli.predict_images import predict_images

        predict_images(words[1], tuple(words[2:]))
        return 0
    from alexnet.cli.app import call

    return call(words)


def is_plain_prediction(words: Sequence[str]) -> bool:
    """Whether the words are `predict FILE.onnx IMAGE...` and nothing that a parser could read otherwise."""
    return len(words) > 2 and words[0] == "predict" and words[1].endswith(".onnx") and not any(word.startswith("-") for word in words)
