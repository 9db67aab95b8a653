"""Which pixels speak for a class: occlusion, integrated gradients and Grad-CAM, on the same scale and in the same frame.

Integrated gradients and Grad-CAM are Captum's, of the log odds of the class: those do not change when a constant is added to all scores.
A map is float32 (S, S) over what the model sees, S its image size; positive where the pixel speaks for the class.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from alexnet.errors import BadModel
from alexnet.explanations.network import network_of
from alexnet.explanations.stages import ReceptiveField, receptive_field
from alexnet.inference.classifier import Classifier
from alexnet.inference.occlusion import occlusion_map
from alexnet.models.image_model import ImageModel
from alexnet.models.networks.stages import learns

STEPS = 20  # of the path from the plain image: Gauss-Legendre, so that few suffice
CONTROL_STEPS = 8  # of a control, whose map is only compared
STRIDE, CONTROL_STRIDE = 1 / 10, 1 / 7  # of the occlusion map, as shares of the side: 100 and 49 patches
SMOOTHING = 28  # integrated gradients are averaged over a square of this part of the side: single pixels are noise to the eye
MISSING_CAPTUM = "Integrated gradients and Grad-CAM need captum: pip install '.[explain]'"


@dataclass(frozen=True, slots=True)
class Method:
    """A way to attribute: its name, and functions (classifier, image uint8 (3, S, S), class) -> map that raise BadModel where it is unfit.

    control: the same, coarser and faster, for a model that has learned nothing.
    """

    name: str
    attribute: Callable[[Classifier, Tensor, int], Tensor]
    control: Callable[[Classifier, Tensor, int], Tensor]


def integrated_gradients(classifier: Classifier, image: Tensor, class_index: int, *, steps: int = STEPS) -> Tensor:
    """Sundararajan, Taly, Yan 2017: the gradient along the path from the image's mean colour, times the way; summed over the colours."""
    return smoothed(path_gradients(classifier, image, class_index, steps=steps)[0])


def path_gradients(classifier: Classifier, image: Tensor, class_index: int, *, steps: int = STEPS) -> tuple[Tensor, float]:
    """The unsmoothed map, and the completeness error: how far its sum is from the change of the log odds along the path."""
    try:
        from captum.attr import IntegratedGradients
    except ImportError:
        raise BadModel(MISSING_CAPTUM) from None
    model, pixels = differentiable(classifier.model), image.to(classifier.device).float()[None]
    baseline = pixels.mean(dim=(2, 3), keepdim=True).expand_as(pixels)
    method = IntegratedGradients(lambda batch: log_odds(model(batch), class_index))
    found, error = method.attribute(
        pixels, baselines=baseline, n_steps=steps, internal_batch_size=steps, return_convergence_delta=True, method="gausslegendre"
    )
    return found[0].sum(0).float().cpu().detach(), float(error.abs().max())


def grad_cam(classifier: Classifier, image: Tensor, class_index: int) -> Tensor:
    """Selvaraju et al. 2017: the channels of the last convolution, weighted by their mean gradients; negative sums are cut off."""
    cells, field = cam_cells(classifier, image, class_index)
    return enlarged(cells, image.shape[-1], field)


def cam_cells(classifier: Classifier, image: Tensor, class_index: int) -> tuple[Tensor, ReceptiveField]:
    """The map at the resolution of the last convolution, (h, w), and what part of the image each of its positions sees."""
    try:
        from captum.attr import LayerGradCam
    except ImportError:
        raise BadModel(MISSING_CAPTUM) from None
    tapped = Tapped(classifier.model)
    with not_in_place(classifier.model):
        method = LayerGradCam(lambda batch: log_odds(tapped(batch), class_index), tapped.tap)
        pixels = image.to(classifier.device).float()[None].requires_grad_(True)  # frozen weights have no gradients of their own
        found: Tensor = method.attribute(pixels, relu_attributions=True)
    return found[0, 0].float().cpu().detach(), tapped.field


METHODS = (
    Method("occlusion", partial(occlusion_map, stride=STRIDE), partial(occlusion_map, stride=CONTROL_STRIDE)),
    Method("gradients", integrated_gradients, partial(integrated_gradients, steps=CONTROL_STEPS)),
    Method("cam", grad_cam, grad_cam),
)


def log_odds(scores: Tensor, class_index: int) -> Tensor:
    """log p / (1 - p) of the class: its score minus the log of the sum of the others' exponentials. (N, classes) -> (N,)."""
    others = torch.cat([scores[:, :class_index], scores[:, class_index + 1 :]], dim=1)
    return scores[:, class_index] - others.logsumexp(1) if others.shape[1] else scores[:, class_index]


def differentiable(model: ImageModel) -> ImageModel:
    """The model, if its scores have gradients; raises BadModel for a hand-crafted system and for a file of another program."""
    if network_of(model) is None:
        raise BadModel("Gradients need a network; of other systems, the occlusion map is shown.")
    return model


def smoothed(pixels: Tensor) -> Tensor:
    """The mean over a square around each pixel; the border counts what is inside only."""
    side = pixels.shape[-1] // SMOOTHING // 2 * 2 + 1
    return functional.avg_pool2d(pixels[None], side, 1, side // 2, count_include_pad=False)[0] if side > 1 else pixels


def enlarged(cells: Tensor, size: int, field: ReceptiveField) -> Tensor:
    """A map (h, w) at the image's pixels, (size, size): linear between the middles of what its positions see, constant outside of them.

    Without padding, the positions of a layer cover less than the image; stretched over all of it, the map would be out of place.
    """
    pixels = torch.arange(size, dtype=torch.float32)
    places = ((pixels - field.centre) / field.step).clamp(0, cells.shape[-1] - 1)
    scaled = places / max(1, cells.shape[-1] - 1) * 2 - 1  # as grid_sample counts
    grid = torch.stack(torch.meshgrid(scaled, scaled, indexing="xy"), dim=-1)
    return functional.grid_sample(cells[None, None], grid[None], align_corners=True)[0, 0]


class Tapped(nn.Module):
    """A network whose last convolution's channels pass through `tap`, after the ReLU where pooling would otherwise come first.

    Pooling a maximum first and then cutting off below 0 is the same as the reverse, and faster; but Grad-CAM needs the channels between.
    Raises BadModel for a network whose last convolution is missing or has weights of its own at each position.
    """

    def __init__(self, model: ImageModel) -> None:
        super().__init__()
        self.model, self.tap = differentiable(model), nn.Identity()
        network_model = network_of(model)
        assert network_model is not None
        self.inner = network_model
        architecture = network_model.network.architecture
        if architecture.borrowed:
            raise BadModel(f"Grad-CAM needs the layers one by one; {architecture.name} is taken whole from its library.")
        if not (architecture.convs or architecture.stages):
            raise BadModel(f"Grad-CAM needs a convolution; {architecture.name} has none.")
        if architecture.convs and not architecture.convs[-1].shared:
            raise BadModel(f"Grad-CAM needs a last convolution with the same weights everywhere; {architecture.name} has local layers.")
        plain = architecture.activation == "relu" and not architecture.batch_norm
        self.early = plain and architecture.convs[-1].pool == "max"

        features = network_model.network.features
        self.last = max(place for place, module in enumerate(features) if learns(module))
        self.field = receptive_field(network_model.network, self.last + 1 if self.early else len(features))

    def forward(self, images: Tensor) -> Tensor:
        """The model's scores."""
        network, values = self.inner.network, self.inner.prepared(images)
        for place, module in enumerate(network.features):
            values = module(values)
            if place == self.last and self.early:
                values = self.tap(values.relu())
        if not self.early:
            values = self.tap(values)
        units = network.classifier[:-1](network.avgpool(values).flatten(1))
        return self.model.scores_of(units)


@contextmanager
def not_in_place(model: nn.Module) -> Iterator[None]:
    """Activations that keep their input: Captum reads it afterwards."""
    changed = [module for module in model.modules() if isinstance(module, nn.ReLU) and module.inplace]
    for module in changed:
        module.inplace = False
    try:
        yield
    finally:
        for module in changed:
            module.inplace = True
