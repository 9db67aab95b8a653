"""The training step: the 2012 network compared with straightforward PyTorch, alexnet-owt with torchvision's model in a plain loop."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import alexnet as torchvision_alexnet

from alexnet.data.preprocess import Preprocess
from alexnet.inference.build import build_model
from alexnet.models.networks.architecture import NetworkChoices
from alexnet.models.networks.shapes import trace
from alexnet.models.registry import find_architecture
from alexnet.runtime.device import choose_device, choose_precision, synchronize
from alexnet.runtime.machine import keep_freed_memory
from alexnet.training.config import TrainingConfig
from alexnet.training.optimizer import Descent
from alexnet.training.step import training_step
from bench.measure import Row, interleaved, usual_memory

BATCH, CLASSES = 128, 1000
IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def obvious_alexnet() -> nn.Module:
    """The 2012 network in straightforward PyTorch: nn.LocalResponseNorm, groups, everything in fp32."""
    norm = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
    return nn.Sequential(
        nn.ZeroPad2d((0, 3, 0, 3)), nn.Conv2d(3, 96, 11, 4), nn.ReLU(inplace=True), norm, nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(inplace=True), norm, nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(inplace=True),
        nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(),
        nn.Linear(4096, CLASSES),
    )  # fmt: skip


def plain_step(model: nn.Module, images: Tensor, labels: Tensor) -> Callable[[], None]:
    """A step of the loop in tutorials, with the default allocator settings."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)

    def step() -> None:
        with usual_memory():
            optimizer.zero_grad()
            functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
            synchronize(images.device)

    return step


def our_step(name: str, images: Tensor, labels: Tensor) -> Callable[[], None]:
    """A step of our loop on uint8 images, including normalisation."""
    preprocess = Preprocess(image_size=224, stored_size=224, fit="crop", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    model = build_model(name, NetworkChoices(), CLASSES, 3, preprocess).to(images.device)
    config = TrainingConfig()
    optimizer, precision = Descent(model, config), choose_precision(config.precision, images.device)

    def step() -> None:
        keep_freed_memory()
        training_step(model, optimizer, images, labels, 0.0, precision)
        synchronize(images.device)

    return step


def training_steps(rounds: int = 5) -> dict[str, Row]:
    """Images per second of both networks, ours and the others."""
    device = choose_device()
    images = torch.randint(0, 256, (BATCH, 3, 224, 224), dtype=torch.uint8, device=device)
    labels = torch.randint(0, CLASSES, (BATCH,), device=device)
    pixels = (images.float() - 127.0) / 60.0
    others = {"alexnet": obvious_alexnet(), "alexnet-owt": torchvision_alexnet()}
    variants: dict[str, Callable[[], None]] = {}
    for name, other in others.items():
        variants[f"{name} other"] = plain_step(other.to(device), pixels, labels)
        variants[f"{name} ours"] = our_step(name, images, labels)
    seconds = interleaved(variants, rounds=rounds)
    rows = {
        "training step, alexnet, against the obvious PyTorch": _row(seconds, "alexnet", 3.5, 5.0),
        "training step, alexnet-owt, against torchvision in a plain fp32 loop": _row(seconds, "alexnet-owt", 1.8, 2.3),
    }
    share = _achieved("alexnet", seconds["alexnet ours"]) / matrix_rate(device)
    rows["training step, alexnet, share of the matrix product's rate"] = Row(share, share, 1.0, "share", 0.0, 0.8)
    return rows


def matrix_rate(device: torch.device) -> float:
    """FLOP/s of a large matrix product in the precision that training uses."""
    kind = torch.bfloat16 if choose_precision("auto", device) == "bf16" else torch.float32
    left, right = torch.randn(4096, 4096, dtype=kind, device=device), torch.randn(4096, 4096, dtype=kind, device=device)
    seconds = interleaved({"product": partial(_product, left, right)}, rounds=5)
    return 2 * 4096**3 / seconds["product"]


def _product(left: Tensor, right: Tensor) -> float:
    return (left @ right)[0, 0].item()  # reading the result waits for a GPU


def _achieved(name: str, seconds: float) -> float:
    """FLOP/s of a step: forward, and twice that backward, except for the gradient of the images."""
    layers = trace(find_architecture(name), classes=CLASSES, channels=3, image_size=224)
    macs = 3 * sum(layer.macs for layer in layers) - layers[0].macs
    return 2 * BATCH * macs / seconds


def _row(seconds: dict[str, float], name: str, must: float, goal: float) -> Row:
    ours, other = BATCH / seconds[f"{name} ours"], BATCH / seconds[f"{name} other"]
    return Row(ours / other, ours, other, "images/s", must, goal)
