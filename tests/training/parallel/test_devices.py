"""The layouts on CUDA cards: with two or more they train as one card does; with one, the ways of bf16, pinned memory and channels_last."""

import os
from pathlib import Path

import pytest
import torch
from tests.training.parallel.cases import ALEXNET, IMAGES, OWT, Case, batches, new_model
from tests.training.parallel.workers import each

from alexnet.data.pipeline.image_store import sent
from alexnet.runtime.distributed import ALONE, Workers, join_workers
from alexnet.training.optimizer import Descent
from alexnet.training.parallel.layout import Layout, local
from alexnet.training.parallel.registry import parallelize
from alexnet.training.step import training_step

CARDS = torch.cuda.device_count() if torch.cuda.is_available() else 0
one_card = pytest.mark.skipif(CARDS < 1, reason="needs a CUDA card")
two_cards = pytest.mark.skipif(CARDS < 2, reason=f"needs two CUDA cards, and there are {CARDS}")


def steps(world: Workers, case: Case, name: str, count: int) -> tuple[list[float], dict[str, torch.Tensor], dict[str, int]]:
    """The losses of an epoch's first steps on this worker's card, and its weights after them."""
    device = torch.device(f"cuda:{world.local_rank}")
    torch.cuda.set_device(device)
    layout = parallelize(
        new_model(case).to(device, torch.float64 if case.config.precision == "fp64" else torch.float32), name, world, case.config
    )
    descent, losses = Descent(layout.model, case.config), []
    for step, (images, labels) in enumerate(batches(case.config.batch_size, layout.rows).epoch(0)):
        if step == count:
            break
        whole = min(case.config.batch_size, IMAGES - step * case.config.batch_size)
        torch.manual_seed(step)
        layout.begin(whole)
        numbers = case.config.label_smoothing, case.config.precision, whole
        loss, _ = training_step(layout.forward, descent, sent(images, device), labels.to(device), *numbers, layout.step_totals)
        losses.append(loss.item())
    return losses, {part: local(value).cpu() for part, value in layout.model.state_dict().items()}, dict(layout.dims)


def on_its_card(case: Case, name: str) -> tuple[list[float], dict[str, torch.Tensor], dict[str, int]]:
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    os.environ["ALEXNET_STALL_SECONDS"] = "60"
    with join_workers("cuda") as world:
        return steps(world, case, name, 5)


@two_cards
@pytest.mark.slow
@pytest.mark.parametrize("case", [ALEXNET, OWT], ids=["alexnet", "owt"])
@pytest.mark.parametrize("layout", ["data", "hybrid", "towers"])
def test_two_cards_train_what_one_does(layout: str, case: Case) -> None:
    """In float64 and without dropout: a card's dropout draws for itself."""
    if layout == "towers" and case is OWT:
        pytest.skip("alexnet-owt has one tower")
    exact = case.network(dropout=0.0)
    losses, weights, _ = steps(ALONE, exact, "alone", 5)
    many = each(on_its_card, [{}, {}], exact, layout)
    for its_losses, _, dims in many:
        assert its_losses == pytest.approx(losses, abs=1e-9)
        for name, value in weights.items():
            parts = [its[name] for _, its, _ in many]
            whole = torch.cat(parts, dims[name]) if name in dims else parts[0]
            assert (whole - value).abs().max() < 1e-9, name


@two_cards
@pytest.mark.slow
@pytest.mark.parametrize("layout", ["data", "hybrid"])
def test_two_cards_in_bf16_stay_near_one(layout: str) -> None:
    rounded = ALEXNET.network(dropout=0.0).training(precision="bf16", wire_precision="bf16")
    losses, _, _ = steps(ALONE, rounded, "alone", 3)
    for its_losses, _, _ in each(on_its_card, [{}, {}], rounded, layout):
        assert its_losses[:3] == pytest.approx(losses, rel=0.05)


@one_card
def test_images_sent_to_a_card_are_the_same_images(tmp_path: Path) -> None:
    images = torch.randint(0, 256, (3, 3, 9, 9), dtype=torch.uint8)
    assert torch.equal(sent(images, torch.device("cuda")).cpu(), images)


@one_card
def test_one_card_in_float64_trains_what_the_processor_does() -> None:
    """channels_last maps, fused descent and pinned batches, against the same on the processor."""
    exact = ALEXNET.network(dropout=0.0)
    losses, weights, _ = steps(ALONE, exact, "alone", 5)
    model = new_model(exact)
    descent, layout = Descent(model, exact.config), Layout(model)
    own = [
        training_step(layout.forward, descent, images, labels, exact.config.label_smoothing, "fp64")[0].item()
        for images, labels in batches(exact.config.batch_size, layout.rows).epoch(0)
    ]
    assert losses == pytest.approx(own, abs=1e-9)
    assert max((weights[name] - value).abs().max().item() for name, value in model.state_dict().items()) < 1e-9


@one_card
def test_a_compiled_step_in_bf16_stays_near_the_plain_one() -> None:
    rounded = ALEXNET.network(dropout=0.0).training(precision="bf16")
    plain, compiled = (new_model(rounded).float().cuda() for _ in range(2))
    images = torch.randint(0, 256, (4, 3, 67, 67), dtype=torch.uint8, device="cuda")
    with torch.autocast("cuda", torch.bfloat16):
        expected, given = plain.eval()(images), torch.compile(compiled.eval())(images)  # type: ignore[no-untyped-call]
    assert (expected.float() - given.float()).abs().max() <= 0.05 * expected.float().abs().max()
