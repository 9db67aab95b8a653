"""The layouts by name."""

from alexnet.errors import AlexNetError, did_you_mean
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.network import Network
from alexnet.runtime.distributed import Workers
from alexnet.training.config import TrainingConfig
from alexnet.training.parallel.base import Layout


def layouts() -> dict[str, type[Layout]]:
    """One row a layout. Imported when several workers train: PyTorch's parts for it take a second to load."""
    from alexnet.training.parallel.data_parallel import DataParallel
    from alexnet.training.parallel.hybrid import Hybrid
    from alexnet.training.parallel.towers import Towers

    return {layout.name: layout for layout in (DataParallel, Towers, Hybrid)}


def choose_layout(name: str | None, world: Workers) -> str:
    """The layout to use: `data` for several workers if none is named. Raises AlexNetError for an unknown one, or one worker alone."""
    if name is not None and name not in layouts():
        raise AlexNetError(f"No layout is called '{name}'. {did_you_mean(name, layouts())}")
    if world.size > 1:
        return name or "data"
    if name is not None:
        raise AlexNetError(
            f"Layout {name} is for several workers, and this is one process. Start them with "
            f"torchrun --nproc-per-node 2 -m alexnet train DATA --layout {name} ..., or leave --layout out."
        )
    return Layout.name


def check_layout(name: str, network: Network, world: Workers, config: TrainingConfig) -> None:
    """Raise BadModel or BadRecipe where the network cannot be spread so; nothing is computed."""
    if world.size > 1:
        layouts()[name].check(network, world, config)


def parallelize(model: NetworkModel, name: str, world: Workers, config: TrainingConfig) -> Layout:
    """The model spread over the workers; it becomes this worker's part of it. Raises BadModel where it cannot be divided so."""
    return layouts()[name](model, world, config) if world.size > 1 else Layout(model)
