"""`ImageClassifier`: every system of the catalogue with scikit-learn's interface, for its pipelines, cross-validation and searches.

Independent of run folders: what a fit writes is in a temporary folder that is removed with it.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from alexnet.data.curation.duplicates import groups
from alexnet.data.curation.splits import Splits, make_splits, take_fraction
from alexnet.data.dataset import Dataset
from alexnet.data.images.decode import decode
from alexnet.data.pipeline.image_store import ImageStore
from alexnet.i18n.units import seconds_of
from alexnet.inference.classifier import BATCH, Classifier
from alexnet.recipes.resolve import ResolvedRun, TrainingRequest, resolve
from alexnet.runs.context import RunContext
from alexnet.runs.finish import classifier_of
from alexnet.runs.fit import fit
from alexnet.runs.folder import RunFolder
from alexnet.runs.prepare import prepare_split, read_images
from alexnet.runtime.device import choose_device
from alexnet.runtime.events import Event, StepDone, log_messages
from alexnet.sklearn.inputs import (
    LEAST_SIDE,
    FileImages,
    Files,
    Scale,
    Shape,
    are_files,
    array_images,
    flattened,
    read_file,
    shape_of_rows,
    squares,
)

ANY_ORDER = "raw-svm"  # the one system for which neighbouring pixels are numbers like others
MOST_SEEDS = 2**31 - 1


class ImageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier of images.

    model: a name of the catalogue, such as "fisher-svm" or "lenet". recipe: a named recipe, or the path of a recipe.toml. epochs, budget:
    of a network, as for `alexnet.train`. weights: to start from, as for `alexnet.train`; NETWORK+svm needs some. image_size: px per side
    that the model sees. image_shape: of the image in a flat row, (H, W) or (H, W, 3). random_state: seed of all random numbers. device:
    "auto", "cpu", "cuda".
    recipe_fields: any field of a recipe, its section and name joined by two underscores: `solver__strengths="0.1,1"`,
    `training__learning_rate=0.02`. `set_params` and grids of GridSearchCV take them too; wrong names are reported by `fit`.

    After `fit`: classes_, the labels; classifier_, the `alexnet.Classifier`; recipe_, the whole recipe; validation_error_, the share of
    errors on the tenth of the images that chose the model; n_features_in_, for arrays.
    """

    def __init__(  # noqa: PLR0913 - scikit-learn's rules: a parameter is an argument
        self,
        model: str = "fisher-svm",
        *,
        recipe: str | Path = "quick",
        epochs: float | None = None,
        budget: str | float | None = None,
        weights: str | Path | None = None,
        image_size: int | None = None,
        image_shape: Shape | None = None,
        random_state: Any = 0,
        device: str = "auto",
        **recipe_fields: Any,
    ) -> None:
        self.model = model
        self.recipe = recipe
        self.epochs = epochs
        self.budget = budget
        self.weights = weights
        self.image_size = image_size
        self.image_shape = image_shape
        self.random_state = random_state
        self.device = device
        self._recipe_fields = recipe_fields  # wrong names among them: by scikit-learn's rules, `fit` is the first to raise

    def __getattr__(self, name: str) -> Any:
        """A field of the recipe that was set; it is a parameter like those in the signature."""
        fields: dict[str, Any] = vars(self).get("_recipe_fields", {})
        if name not in fields:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return fields[name]

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute, or a field of the recipe."""
        if _is_field(name) or name in vars(self).get("_recipe_fields", ()):
            self._recipe_fields[name] = value
        else:
            super().__setattr__(name, value)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All parameters by name, fields of the recipe included."""
        return {**super().get_params(deep=deep), **self._recipe_fields}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, and fields of the recipe; raises ValueError for other names."""
        for name in [name for name in params if _is_field(name)]:
            setattr(self, name, params.pop(name))
        super().set_params(**params)
        return self

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803  # scikit-learn's names
        """Fit the model to images X (see alexnet.sklearn.inputs) with labels y (N,), of any type that can be sorted.

        A tenth of the images of each class chooses the model, near duplicates on one side. Raises ValueError for wrong arrays, AlexNetError
        for wrong parameters and images that cannot be read.
        """
        dataset = self._dataset(X, y)
        with TemporaryDirectory(prefix="alexnet-") as folder:
            resolved, context = self._run(dataset, Path(folder))
            images = read_images(resolved, context)
            splits = _split(dataset, images, resolved)
            prepared = prepare_split(resolved, context, images, splits)
            fitted = fit(resolved, context, prepared)
            self.classifier_ = classifier_of(resolved, context, prepared, fitted, {})
        self.recipe_ = resolved.recipe
        self.validation_error_ = fitted.validation_error
        return self

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """The most likely label of each image, (N,)."""
        best = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """Probabilities float32 (N, classes), in the order of classes_; raises NotFittedError, ValueError, UnreadableImage."""
        check_is_fitted(self)
        classifier: Classifier = self.classifier_
        if are_files(X):
            return _of_files(classifier, X)
        if not hasattr(self, "scale_"):
            raise ValueError("X is an array, but fit has seen files; pass paths.")
        rows, shape = flattened(X)
        if shape is not None and shape[:2] != tuple(self.image_shape_[:2]):
            raise ValueError(f"X has images of {shape[0]} x {shape[1]}, and fit has seen {self.image_shape_[0]} x {self.image_shape_[1]}.")
        rows = validate_data(self, rows, reset=False)
        found = [
            classifier.probabilities(squares(self.scale_.pixels(part, self.image_shape_), classifier.model_card.preprocess)).numpy()
            for part in np.split(rows, range(BATCH, len(rows), BATCH))
        ]
        return np.concatenate(found)

    def _dataset(self, X: Any, y: Any) -> Dataset:  # noqa: N803
        """The images with their classes; sets classes_ and what `predict` needs to read the same kind of X."""
        if are_files(X):
            y = column_or_1d(y, warn=True)
            check_consistent_length(X, y)
            return FileImages(X, *self._classes(y))
        rows, shape = flattened(X)
        rows, y = validate_data(self, rows, y)
        self.image_shape_ = shape or shape_of_rows(rows.shape[1], self.image_shape, any_order=self.model == ANY_ORDER)
        self.scale_ = Scale.of(rows)
        return array_images(self.scale_.pixels(rows, self.image_shape_), *self._classes(y))

    def _classes(self, y: NDArray[Any]) -> tuple[list[str], NDArray[np.int64]]:
        """The names of the classes, and the number of each image's."""
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"All images are of one class, {self.classes_[0]!r}; a classifier needs two or more. (1 class)")
        return [str(name) for name in self.classes_.tolist()], labels.astype(np.int64)

    def _run(self, dataset: Dataset, folder: Path) -> tuple[ResolvedRun, RunContext]:
        wrong = [name for name in self._recipe_fields if not _is_field(name)]
        if wrong:
            raise ValueError(f"ImageClassifier has no parameter {wrong[0]!r}. Fields of recipes are written as training__learning_rate.")
        device = choose_device(self.device)
        request = TrainingRequest(
            data=dataset.name,
            model=self.model,
            recipe=str(self.recipe),
            seed=int(check_random_state(self.random_state).randint(MOST_SEEDS)),
            image_size=self.image_size,
            weights=None if self.weights is None else str(self.weights),
            overrides={name.replace("__", ".", 1): value for name, value in self._recipe_fields.items()} | self._length(),
        )
        resolved = resolve(request, dataset, device=device, listen=log_messages)
        return resolved, RunContext(folder=RunFolder(folder), dataset=dataset, device=device, listen=_heard, decoders=0)

    def _length(self) -> dict[str, Any]:
        fields = {"training.epochs": self.epochs, "training.budget_seconds": None if self.budget is None else seconds_of(self.budget)}
        return {name: value for name, value in fields.items() if value is not None}


def _is_field(name: str) -> bool:
    """Whether a parameter is a field of the recipe: a section and a name."""
    section, _, field = name.partition("__")
    return bool(section and field)


def _heard(event: Event) -> None:
    """Messages go to the library's logger; steps and progress have no place in a search over many fits."""
    if not isinstance(event, StepDone):
        log_messages(event)


def _split(dataset: Dataset, images: ImageStore, resolved: ResolvedRun) -> Splits:
    """A tenth of each class for validation, near duplicates on one side where images are large enough to tell; raises ValueError."""
    recipe = resolved.recipe
    header = dataset.header(images.readable[0])
    near = groups(images.fingerprints).tolist() if min(header.width, header.height) >= LEAST_SIDE else None
    for together in (near, None):
        splits = make_splits(dataset, images.readable, together, seed=recipe.seed, validation_fraction=recipe.validation, test_fraction=0)
        if splits.validation:
            return take_fraction(dataset, splits, recipe.fraction, seed=recipe.seed)
    raise ValueError(f"n_samples={len(dataset.items)}: no class has the two images that training and validation need.")


def _of_files(classifier: Classifier, files: Files) -> NDArray[np.float32]:
    """The probabilities of images in files; raises UnreadableImage for the first that cannot be read."""
    found = []
    for start in range(0, len(files), BATCH):
        paths = [Path(file) for file in files[start : start + BATCH]]
        images = [classifier.fitted(decode(read_file(path), str(path))) for path in paths]
        found.append(classifier.probabilities(torch.stack(images)).numpy())
    return np.concatenate(found)
