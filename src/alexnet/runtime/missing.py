"""What to install when a package of the extra `train` is missing; prediction from an exported file works without it. Nothing heavy here."""

from alexnet.errors import AlexNetError

TRAIN = {  # module: what people call it
    "torch": "PyTorch",
    "torchvision": "torchvision",
    "sklearn": "scikit-learn",
    "scipy": "SciPy",
    "matplotlib": "Matplotlib",
    "safetensors": "safetensors",
    "threadpoolctl": "threadpoolctl",
    "tomli_w": "tomli-w",
}


def missing_extra(error: ModuleNotFoundError, what: str) -> AlexNetError | None:
    """The message for a package that `what` needs, if the extra `train` holds it; None for any other module."""
    package = TRAIN.get((error.name or "").partition(".")[0])
    if package is None:
        return None
    return AlexNetError(
        f"{what} needs the packages for training, and {package} is not installed. In a clone, run make install, or pip install '.[train]'; "
        "with a wheel, pip install 'alexnet-VERSION-py3-none-any.whl[train]'. Without them, predict and serve take exported files."
    )
