"""Dense RootSIFT and Fisher vectors on one core: rates, and ratios to OpenCV with scikit-image."""

import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_images
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from alexnet.models.handcrafted.features import Dictionary, build_features, descriptions_of
from alexnet.models.handcrafted.systems import FISHER_SVM, FeatureConfig
from alexnet.runtime.machine import keep_freed_memory
from alexnet.training.dictionaries import fit_gaussians, sampled
from bench.measure import Row, interleaved

LARGE = FeatureConfig(encoding="fisher", bins="4,6,8", step=4, cells="1x1")
PHOTO = replace(FISHER_SVM.features, mirror=True)  # the features of `fisher-svm`
SMALL = replace(PHOTO, bins="2,3", step=2, smoothing=0.0, colour=True)  # its features for small images
IMAGES, LARGE_SIDE, SMALL_SIDE, SMALL_BATCH = 4, 200, 32, 64
SAMPLE = 20_000  # descriptors that the dictionaries are fitted on
NO_BLUR = 0.51  # OpenCV assumes that an image is blurred by 0.5 px, and adds blur up to this value


def encodings(shared: Path, rounds: int = 15) -> dict[str, Row]:
    """Images per second on one core."""
    keep_freed_memory()  # for both
    with one_core(), torch.inference_mode():
        large, small = photos(shared, LARGE_SIDE, IMAGES), photos(shared, SMALL_SIDE, 2 * SMALL_BATCH)
        ours, photo, tiny = _Ours(LARGE, large, batch=1), _Ours(PHOTO, large, batch=1), _Ours(SMALL, small, batch=SMALL_BATCH)
        variants = {"large": ours.run, "photo": photo.run, "small": tiny.run}
        other = _reference(ours)
        if other:
            variants["other"] = other.run
        seconds = interleaved(variants, rounds=rounds)
    rate = {name: len(small if name == "small" else large) / time for name, time in seconds.items()}
    rows = {
        "fisher-svm's features, 32 px with colour, one core": _alone(rate["small"], 500.0),
        "fisher-svm's features, 200 px, one core": _alone(rate["photo"], 25.0),
    }
    if other:
        name = "dense RootSIFT and Fisher vectors, 200 px, one core, against OpenCV and scikit-image"
        rows[name] = Row(rate["large"] / rate["other"], rate["large"], rate["other"], "pictures/s", 8.0, None)
    return rows


def _alone(rate: float, must: float) -> Row:
    return Row(rate, rate, 1.0, "pictures/s", must, None)


@contextmanager
def one_core() -> Iterator[None]:
    """PyTorch, OpenCV and the matrix products of numpy on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


def photos(shared: Path, side: int, count: int) -> Tensor:
    """uint8 (count, 3, side, side): central squares of photos, repeated if there are fewer."""
    found = [_square(image, side) for image in _opened(shared, count)]
    pixels = np.stack([found[number % len(found)] for number in range(count)])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


def _opened(shared: Path, count: int) -> list[Image.Image]:
    archives = [shared / name for name in ("imagenet-sample.zip", "clothing.zip") if (shared / name).exists()]
    if not archives:
        return [Image.fromarray(photo) for photo in load_sample_images().images]
    with zipfile.ZipFile(archives[0]) as file:
        names = [name for name in file.namelist() if name.lower().endswith((".jpg", ".jpeg"))]
        return [Image.open(BytesIO(file.read(name))).convert("RGB") for name in names[:: max(1, len(names) // count)][:count]]


def _square(image: Image.Image, side: int) -> NDArray[np.uint8]:
    edge = min(image.size)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC, box=(left, top, left + edge, top + edge)))


class _Ours:
    """Our features, computed as in a run, with dictionaries fitted to the same images."""

    def __init__(self, config: FeatureConfig, images: Tensor, *, batch: int) -> None:
        self.config, self.images, self.batch = config, images, batch
        self.dictionaries = [self._fitted(one) for one in descriptions_of(config, images.shape[-1])]
        self.features = build_features(config, images.shape[-1], self.dictionaries).eval()

    def _fitted(self, description: nn.Module) -> Dictionary:
        blocks = (description(part).flatten(0, 1).numpy() for part in self.images.split(self.batch))
        return fit_gaussians(sampled(blocks, SAMPLE, 0.5, seed=0), self.config, seed=0)

    def run(self) -> None:
        for part in self.images.split(self.batch):
            self.features(part)


@dataclass(frozen=True)
class _Reference:
    """The same features from libraries: OpenCV's SIFT at the points of our grids, PCA in numpy, scikit-image's Fisher vector."""

    images: list[NDArray[np.uint8]]
    places: list[tuple[float, float, float]]  # x, y, width of a keypoint
    dictionary: dict[str, NDArray[np.float32]]
    cv2: Any
    fisher_vector: Any

    @cached_property
    def keypoints(self) -> list[Any]:
        return [self.cv2.KeyPoint(x, y, size, 0.0, 1.0, 0) for x, y, size in self.places]

    @cached_property
    def mixture(self) -> GaussianMixture:
        mixture = GaussianMixture(len(self.dictionary["weights"]), covariance_type="diag")
        mixture.weights_, mixture.means_ = self.dictionary["weights"], self.dictionary["means"]
        mixture.covariances_ = self.dictionary["variances"]
        mixture.precisions_cholesky_ = 1 / np.sqrt(mixture.covariances_)
        return mixture

    def run(self) -> None:
        self.cv2.setNumThreads(1)
        for image in self.images:
            self.fisher_vector(self.described(image), self.mixture, improved=True)

    def described(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """RGB (S, S, 3) -> RootSIFT descriptors, projected on the principal axes of the dictionary."""
        gray = self.cv2.cvtColor(image, self.cv2.COLOR_RGB2GRAY)
        _, found = self.cv2.SIFT_create(sigma=NO_BLUR).compute(gray, self.keypoints)
        rooted = np.sqrt(found / np.maximum(found.sum(axis=1, keepdims=True), 1))
        projected: NDArray[np.float32] = rooted @ self.dictionary["projection"] - self.dictionary["offset"]
        return projected


def _reference(ours: _Ours) -> _Reference | None:
    try:
        cv2, fisher_vector = import_module("cv2"), import_module("skimage.feature").fisher_vector
    except ImportError as error:
        print(f"Not compared with OpenCV and scikit-image: {error}", file=sys.stderr)
        return None
    side, places = ours.images.shape[-1], []
    for size in ours.config.bin_sizes:
        (one,) = descriptions_of(FeatureConfig(encoding="fisher", bins=str(size), step=ours.config.step), side)
        centres = one.get_buffer("centres") * side - 0.5
        places += [(x, y, 2 * size / 3) for x, y in centres.tolist()]
    dictionary = {name: value.numpy() for name, value in ours.dictionaries[0].items()}
    images = [np.ascontiguousarray(image.permute(1, 2, 0).numpy()) for image in ours.images]
    return _Reference(images, places, dictionary, cv2, fisher_vector)
