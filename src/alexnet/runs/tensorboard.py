"""TensorBoard files of a run; TensorBoard is optional."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from alexnet.errors import AlexNetError
from alexnet.runtime.events import EpochDone, Event, Listener


@contextmanager
def tensorboard_listener(run: str | Path | None) -> Iterator[Listener]:
    """A listener that writes every epoch's metrics to RUN/tensorboard; its files are closed when the block ends, even by an exception.

    The files are opened at the first epoch. Raises AlexNetError without a run folder, or if the package is missing.
    """
    if run is None:
        raise AlexNetError("--tensorboard writes into the run folder: choose it with --out.")
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise AlexNetError("--tensorboard needs the package tensorboard: pip install '.[tensorboard]'.") from None
    folder = Path(run) / "tensorboard"
    writers: list[SummaryWriter] = []
    with ExitStack() as open_files:

        def write(event: Event) -> None:
            if not isinstance(event, EpochDone):
                return
            if not writers:
                writers.append(SummaryWriter(folder))
                open_files.callback(writers[0].close)
            for name, value in event.row.items():
                writers[0].add_scalar(name, value, int(event.row["step"]))
            writers[0].flush()

        yield write
