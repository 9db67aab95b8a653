"""TensorBoard files of a run, for those who have it."""

from pathlib import Path

from alexnet.errors import AlexNetError
from alexnet.runtime.events import EpochDone, Event, Listener


def tensorboard_listener(run: str | Path | None) -> Listener:
    """A listener that writes every epoch's numbers to RUN/tensorboard; raises AlexNetError when the package is missing."""
    if run is None:
        raise AlexNetError("--tensorboard writes into the run folder: name it with --out.")
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise AlexNetError("--tensorboard needs the package tensorboard: pip install 'alexnet[tensorboard]'.") from None
    folder = Path(run) / "tensorboard"
    writers: list[SummaryWriter] = []

    def write(event: Event) -> None:
        if not isinstance(event, EpochDone):
            return
        if not writers:
            writers.append(SummaryWriter(folder))
        for name, value in event.row.items():
            writers[0].add_scalar(name, value, int(event.row["step"]))
        writers[0].flush()

    return write
