"""The data set that a finished run was trained on, opened again."""

from pathlib import Path

from alexnet.data.dataset import Dataset
from alexnet.data.open import open_dataset
from alexnet.errors import BadDataset, BadRun
from alexnet.recipes.toml import from_toml
from alexnet.runs.folder import RunFolder


def open_own_data(folder: RunFolder, elsewhere: str, *, layout: str | None = None) -> Dataset:
    """The data set that recipe.toml records, its folders read as those of the run unless `layout` says otherwise.

    elsewhere: the command for images that have moved. Raises BadRun without a recipe.toml, BadDataset if the images are not there.
    """
    data = recorded_data(folder, elsewhere)
    try:
        return open_dataset(data, layout_of_folders=layout_of(folder) if layout is None else layout)
    except BadDataset as problem:
        raise BadDataset(f"{recorded(data, elsewhere)} {problem}") from None


def layout_of(folder: RunFolder) -> str | None:
    """How the folders of the run's data were read, if that was said."""
    return from_toml(folder.recipe).layout_of_folders if folder.recipe.exists() else None


def recorded_data(folder: RunFolder, elsewhere: str) -> str:
    """The data set's path or name; raises BadRun if the run's folder does not say."""
    if not folder.recipe.exists():
        raise BadRun(f"{folder.path} has no recipe.toml, which records its data set. Pass the pictures: {elsewhere}")
    return from_toml(folder.recipe).data


def recorded(data: str, elsewhere: str) -> str:
    """Where the run's data was, and what to do if it is elsewhere now."""
    here = "" if Path(data).is_absolute() else ", as seen from the folder where it was trained"
    return f"This run's data was recorded as '{data}'{here}. If it is elsewhere: {elsewhere}. Here:"
