"""The recipes of hand-crafted systems: named like the networks' recipes, with settings that depend on the size and kind of the images."""

from dataclasses import replace

from alexnet.data.dataset import Dataset
from alexnet.data.preprocess import PreprocessConfig
from alexnet.errors import AlexNetError, BadRecipe
from alexnet.models.handcrafted.features import build_features, check_features, descriptions_of, detector_of, dictionaries_needed
from alexnet.models.handcrafted.systems import SYSTEMS, FeatureConfig, System
from alexnet.models.networks.efficientnet_lite import IMAGE_SIZE, STORED_SIZE
from alexnet.models.weights.efficientnet_lite import find_weights
from alexnet.recipes.recipe import Recipe
from alexnet.runtime.distributed import Workers
from alexnet.training.svm.config import MapChoice, SolverConfig
from alexnet.training.svm.kernel import check_kernel_size

SMALL = 64  # px
LARGEST_SIDE = {"pixels": 32, "hog": 96}  # px; larger images do not improve these systems
LARGEST_INPUT = 1_024  # px; the windows of dense descriptors take gigabytes above
LARGEST = 128  # px, for the others: the same patches at 200 px improve nothing and take twice the time


class HandcraftedRecipes:
    """The rules of hand-crafted systems; see `recipes.kinds.RecipeKind`."""

    def named(self, recipe: str, model: str, data: str, dataset: Dataset) -> Recipe:
        """The same settings for `quick` and `lecture`; `paper` has 256 Gaussians, as in 2011."""
        return system_recipe(recipe, SYSTEMS[model], data, dataset)

    def check(self, recipe: Recipe, dataset: Dataset) -> None:
        """Raise AlexNetError if the system cannot handle these images: their size, missing libraries, the size of the kernel matrix."""
        check_system(recipe, sum(1 for item in dataset.items if item.split in (None, "train")))

    def adapted_to_workers(self, recipe: Recipe, layout: str, classes: int, world: Workers, *, rates_are_given: bool) -> Recipe:
        """The recipe unchanged; raises AlexNetError for several workers."""
        if world.size > 1:
            raise AlexNetError(f"{recipe.model} runs in a single process: start it without torchrun. Only networks use several workers.")
        return recipe


def system_recipe(name: str, system: System, data: str, dataset: Dataset) -> Recipe:
    """The recipe `name` of a system: `quick` and `lecture` have the same settings, `paper` has 256 Gaussians, as in 2011."""
    if system.features.is_pretrained:
        return _pretrained(name, system, data)
    side = dataset.native_side()
    size = min(side, LARGEST_SIDE.get(system.features.descriptor, LARGEST))
    features = _small(system, dataset) if size < SMALL else system.features
    if features.encoding != "none" and features.descriptor == "sift":
        features = replace(features, mirror=dataset.traits.flip)
    if system.features.descriptor == "hog":
        features = replace(features, cell=max(2, size // 8))
    if name == "paper" and features.encoding == "fisher":
        features = replace(features, gaussians=256, cells="1x1,2x2,1x3")
    kernel_map: MapChoice = "explicit" if features.encoding == "words" else "auto"
    return Recipe(
        name=name,
        data=data,
        model=system.name,
        preprocess=PreprocessConfig(image_size=size, stored_size=size, fit="squash", pixel_range="0-255"),
        features=features,
        solver=SolverConfig(kernel=system.kernel, map=kernel_map),
    )


def _pretrained(name: str, system: System, data: str) -> Recipe:
    """Images as the network was trained and published, whatever their size, and one setting for all named recipes."""
    sizes = PreprocessConfig(image_size=IMAGE_SIZE, stored_size=STORED_SIZE, fit="crop")
    return Recipe(
        name=name, data=data, model=system.name, preprocess=sizes, features=system.features, solver=SolverConfig(kernel=system.kernel)
    )


def _small(system: System, dataset: Dataset) -> FeatureConfig:
    """Features for small images: small bins on a dense grid, and colour if the images have any."""
    colour = system.features.encoding == "fisher" and dataset.traits.colour
    return replace(system.features, bins="2,3", step=2, smoothing=0.0, colour=colour)


def check_system(recipe: Recipe, images: int) -> None:
    """Raise AlexNetError, before any image is read, if the system cannot handle these images: size, libraries, the kernel matrix."""
    config, size = recipe.features, recipe.preprocess.image_size
    check_features(config)
    if not 1 <= size <= LARGEST_INPUT:
        raise BadRecipe(f"preprocess.image_size is {size}; {recipe.model} uses pictures of 1 to {LARGEST_INPUT:,} px per side.")
    if config.is_pretrained:
        find_weights()
        return
    if recipe.preprocess.stored_size != size:
        raise BadRecipe(
            f"{recipe.model} uses whole pictures without crops: preprocess.stored_size ({recipe.preprocess.stored_size}) "
            f"must equal preprocess.image_size ({size})."
        )
    if not dictionaries_needed(config):
        build_features(config, size, [])
    elif config.descriptor == "sift":
        descriptions_of(config, size)
    else:
        detector_of(config)
    if recipe.solver.kernel != "linear":
        check_kernel_size(round(images * recipe.fraction), recipe.solver)
