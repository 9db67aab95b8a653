"""The JSON that the service answers with, as the OpenAPI description shows it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Error:
    """Why a request was refused, and what to do."""

    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ImagePrediction:
    """The most likely classes of one image, best first: [{"class", "probability"}]; `error` is the reason if there are none.

    unlike: whether it is unlike the training images; null if the model does not know.
    """

    file: str
    top: list[dict[str, str | float]]
    error: str | None
    unlike: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Predictions:
    """One prediction for each image of the request, in its order."""

    model: str
    predictions: list[ImagePrediction]


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """How much the probability of a class falls when a place of the image is covered; overlay is a PNG in base64, over the image.

    The class is under `class`, the most likely one unless the request names another. `map` has `height` rows of `width` numbers.
    """

    model: str
    probability: float
    height: int
    width: int
    map: list[list[float]]
    overlay: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelDescription:
    """One model of the service."""

    name: str
    classes: list[str]
    model: str
    version: int
    image_size: int
    scores: dict[str, float | None]
    reload_error: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Models:
    """All models; the first is the one that requests without a name mean."""

    models: list[ModelDescription]
