"""The layouts by name."""

from alexnet.errors import AlexNetError, did_you_mean
from alexnet.models.networks.model import NetworkModel
from alexnet.models.networks.network import Network
from alexnet.runtime.distributed import Workers
from alexnet.training.config import TrainingConfig
from alexnet.training.parallel.layout import Layout


def layouts() -> dict[str, type[Layout]]:
    """All layouts by name, one row each. Imported only when needed: PyTorch's distributed modules take a second to load."""
    from alexnet.training.parallel.data_parallel import DataParallel
    from alexnet.training.parallel.hybrid import Hybrid
    from alexnet.training.parallel.towers import Towers

    return {layout.name: layout for layout in (DataParallel, Towers, Hybrid)}


def choose_layout(name: str | None, world: Workers) -> str:
    """The layout to use; None means `data` for several workers. Raises AlexNetError if it is unknown, or given for a single worker."""
    if name is not None and name not in layouts():
        raise AlexNetError(f"No layout is called '{name}'. {did_you_mean(name, layouts())}")
    if world.size > 1:
        return name or "data"
    if name is not None:
        raise AlexNetError(
            f"Layout {name} needs several workers, and this is a single process. Start them with "
            f"torchrun --nproc-per-node 2 -m alexnet train DATA --layout {name} ..., or leave --layout out."
        )
    return Layout.name


def check_layout(name: str, network: Network, world: Workers, config: TrainingConfig) -> None:
    """Raise BadModel or BadRecipe if the layout cannot train the network; computes nothing."""
    if world.size > 1:
        layouts()[name].check(network, world, config)


def parallelize(model: NetworkModel, name: str, world: Workers, config: TrainingConfig) -> Layout:
    """Lay the model out over the workers: `model` becomes this worker's part. Raises BadModel if the layout cannot divide it."""
    return layouts()[name](model, world, config) if world.size > 1 else Layout(model)
