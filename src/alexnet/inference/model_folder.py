"""Where in a run folder the trained model is. Independent of PyTorch."""

import shlex
from pathlib import Path

from alexnet.errors import BadRun

COMPRESSED_SUFFIX = ".alexnet"


def is_compressed(path: Path) -> bool:
    """Whether a path means a compressed model, and not a run folder or an ONNX file."""
    return path.suffix.lower() == COMPRESSED_SUFFIX and not path.is_dir()


def model_folder(path: Path) -> Path:
    """The folder of the trained model in (or at) `path`; raises BadRun if there is none."""
    for folder in (path / "model", path):
        if _is_file(folder / "model.json") and _is_file(folder / "model.safetensors"):
            return folder
    if _is_file(path / "recipe.toml"):
        command = shlex.join(["alexnet", "train", "--out", str(path), "--resume"])
        raise BadRun(f"The training in {path} has not finished. Resume it with: {command}")
    raise BadRun(
        f"{path} holds no trained model (model/model.json and model/model.safetensors). Pass a folder that `alexnet train --out` wrote."
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long, or the folder may not be read
        return False
