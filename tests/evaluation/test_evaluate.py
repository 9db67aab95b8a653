import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_sample_image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, top_k_accuracy_score
from torch import Tensor, nn

from alexnet.errors import BadDataset, BadModel
from alexnet.evaluation.evaluate import Evaluation, evaluate, summarise, summary_sentence, worst_mistakes
from alexnet.evaluation.views import View

if TYPE_CHECKING:
    from alexnet.data.dataset import Dataset
    from alexnet.data.pipeline.image_store import ImageStore

DIGITS = load_digits()
CLASSES = tuple("0123456789")
TEST = list(range(1000, 1797))


@dataclass
class Labelled:
    label: int


class Digits:
    """scikit-learn's handwritten digits, as far as an evaluation asks a data set."""

    name = "digits"
    classes = CLASSES

    def __init__(self) -> None:
        self.items = tuple(Labelled(int(label)) for label in DIGITS.target)

    def image(self, index: int) -> Tensor:
        return torch.from_numpy(DIGITS.images[index] * 15).to(torch.uint8).expand(3, 8, 8)


class Squares:
    """The digits in memory, with a border, as far as an evaluation asks for squares."""

    workers = 2

    def __init__(self, dataset: Digits, border: int = 0) -> None:
        self.size = 8 + 2 * border
        self.dataset, self.border = dataset, border
        self.batches: list[int] = []

    def stream(self, batches: Iterable[Sequence[int]]) -> Iterator[Tensor]:
        for batch in batches:
            self.batches.append(len(batch))
            yield torch.stack([nn.functional.pad(self.dataset.image(index), (self.border,) * 4) for index in batch])


class LinearDigits(nn.Module):
    """A logistic regression on pixels, behind the seam."""

    image_size, classes = 8, 10

    def __init__(self) -> None:
        super().__init__()
        fitted = LogisticRegression(max_iter=2000).fit(DIGITS.data[:1000], DIGITS.target[:1000])
        self.fitted = fitted
        self.weight = nn.Parameter(torch.from_numpy(fitted.coef_).float())
        self.bias = nn.Parameter(torch.from_numpy(fitted.intercept_).float())
        self.modes: list[tuple[bool, bool]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.modes.append((self.training, torch.is_inference_mode_enabled()))
        return images[:, 0].flatten(1).float() / 15 @ self.weight.T + self.bias

    def dense_scores(self, images: Tensor) -> Tensor:
        window = self.weight.view(10, 1, 8, 8)
        return nn.functional.conv2d(images[:, :1].float() / 15, window, self.bias)


@pytest.fixture(scope="module")
def model() -> LinearDigits:
    return LinearDigits()


def measured(model: object, indices: Sequence[int] = TEST, *, border: int = 0, view: View = "centre", batch_size: int = 256) -> Evaluation:
    dataset = Digits()
    return evaluate(
        cast("LinearDigits", model),
        cast("Dataset", dataset),
        cast("ImageStore", Squares(dataset, border)),
        indices,
        CLASSES,
        view=view,
        flip=False,
        batch_size=batch_size,
    )


def test_a_fitted_model_s_errors_equal_scikit_learn_s(model: LinearDigits) -> None:
    evaluation = measured(model)
    probabilities = model.fitted.predict_proba(DIGITS.data[TEST])
    predicted, labels = probabilities.argmax(axis=1), DIGITS.target[TEST]
    assert evaluation.n == 797
    assert evaluation.top1_error == pytest.approx(1 - accuracy_score(labels, predicted))
    assert evaluation.top5_error == pytest.approx(1 - top_k_accuracy_score(labels, probabilities, k=5))
    assert evaluation.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, predicted))
    np.testing.assert_allclose(evaluation.probabilities, probabilities, atol=1e-4)
    assert 0.03 < evaluation.top1_error < 0.15  # a working classifier, not noise
    assert evaluation.interval[0] < evaluation.top1_error < evaluation.interval[1]
    assert evaluation.confusion.sum() == 797


@pytest.mark.parametrize("view", ["centre", "ten", "any"])
def test_batches_do_not_change_the_result(model: LinearDigits, view: View) -> None:
    one, other = (measured(model, TEST[:50], border=2, view=view, batch_size=size) for size in (7, 50))
    np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)
    assert np.array_equal(one.labels, DIGITS.target[TEST[:50]])


def test_views_are_cut_from_the_squares(model: LinearDigits) -> None:
    bordered = measured(model, border=2)
    assert bordered.top1_error == measured(model).top1_error
    ten = measured(model, TEST[:200], border=2, view="ten")
    assert ten.views_per_image == 5  # no mirrored digits
    assert ten.top1_error != measured(model, TEST[:200]).top1_error


def test_any_sees_images_of_different_shapes_at_the_scale_of_the_squares(model: LinearDigits) -> None:
    photo = torch.from_numpy(load_sample_image("flower.jpg").copy()).permute(2, 0, 1)

    class Mixed(Digits):
        def image(self, index: int) -> Tensor:
            return photo[:, :200, : 300 + 100 * (index % 2)]

    shapes = []

    class Watched(LinearDigits):
        def dense_scores(self, images: Tensor) -> Tensor:
            shapes.append(tuple(images.shape))
            return super().dense_scores(images)

    dataset = Mixed()
    seen = Squares(dataset, border=2)  # squares of 12 px
    result = evaluate(
        Watched(), cast("Dataset", dataset), cast("ImageStore", seen), range(10), CLASSES, view="any", flip=True, batch_size=3
    )
    assert sorted(shapes) == [(1, 3, 12, 18), *[(1, 3, 12, 24)] * 5, *[(2, 3, 12, 18)] * 2]  # no more pixels than three squares
    assert result.indices.tolist() == list(range(10))
    np.testing.assert_allclose(result.probabilities[0], result.probabilities[2], atol=1e-6)
    assert np.abs(result.probabilities[0] - result.probabilities[1]).max() > 1e-4


def test_the_model_is_measured_in_evaluation_mode_without_gradients_and_put_back(model: LinearDigits) -> None:
    model.train()
    model.modes.clear()
    measured(model, TEST[:20])
    assert model.modes == [(False, True)]
    assert model.training


def test_progress_counts_images(model: LinearDigits) -> None:
    dataset, told = Digits(), list[tuple[int, int]]()
    squares = Squares(dataset)
    evaluate(
        model,
        cast("Dataset", dataset),
        cast("ImageStore", squares),
        TEST[:25],
        CLASSES,
        flip=False,
        batch_size=10,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(10, 25), (20, 25), (25, 25)]
    assert squares.batches == [10, 10, 5]


def test_json_has_the_keys_of_the_command_line_and_no_nan(model: LinearDigits) -> None:
    few = [index for index in TEST if DIGITS.target[index] in (1, 7)][:30]  # eight classes have no image
    record = json.loads(json.dumps(measured(model, few).to_json(), allow_nan=False))
    keys = "n top1_error top5_error interval balanced_accuracy classes per_class confusion calibration_error seconds view"
    assert set(record) == set(keys.split())
    assert record["n"] == 30
    assert record["per_class"][0]["n"] == 0
    assert record["per_class"][0]["error"] is None
    assert record["classes"] == list(CLASSES)
    assert record["view"] == "centre"
    assert len(record["confusion"]) == 10
    assert len(record["interval"]) == 2
    assert record["seconds"] > 0


def test_classes_are_found_by_name(model: LinearDigits) -> None:
    dataset = Digits()
    dataset.classes = CLASSES[::-1]  # the same images under another numbering
    dataset.items = tuple(Labelled(9 - item.label) for item in dataset.items)
    result = evaluate(model, cast("Dataset", dataset), cast("ImageStore", Squares(dataset)), TEST, CLASSES, flip=False)
    assert result.top1_error == measured(model).top1_error


def test_a_class_that_the_model_does_not_know_is_refused(model: LinearDigits) -> None:
    dataset = Digits()
    dataset.classes = (*CLASSES[:9], "nine")
    with pytest.raises(BadDataset, match=r"digits has a class 'nine' that the model wasn't trained on.*Known: 0, 1"):
        evaluate(model, cast("Dataset", dataset), cast("ImageStore", Squares(dataset)), TEST, CLASSES, flip=False)


def test_an_empty_part_is_refused(model: LinearDigits) -> None:
    with pytest.raises(BadDataset, match="digits has no pictures to evaluate on"):
        measured(model, [])


def test_a_diverged_model_is_refused() -> None:
    diverged = LinearDigits()
    diverged.bias.data.fill_(float("nan"))
    with pytest.raises(BadModel, match="not finite"):
        measured(diverged, TEST[:5])


def test_a_scorer_need_not_be_a_module(model: LinearDigits) -> None:
    class Plain:
        image_size, classes = 8, 10

        def __call__(self, images: Tensor) -> Tensor:
            return model(images)  # type: ignore[no-any-return]  # a module's call has no type

    assert measured(Plain()).top1_error == measured(model).top1_error


def made_up() -> Evaluation:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.01, 0.99], [0.2, 0.8]], np.float32)
    labels, indices = np.array([1, 1, 1, 0, 0]), np.array([40, 41, 42, 43, 44])
    return summarise(probabilities, labels, indices, ("cat", "dog"), view="ten", views_per_image=10, seconds=1.0)


def test_worst_mistakes_are_the_surest_first() -> None:
    worst = worst_mistakes(made_up(), 3)
    assert [mistake.index for mistake in worst] == [43, 40, 44]
    assert (worst[0].true, worst[0].predicted) == ("cat", "dog")
    assert worst[0].probability == pytest.approx(0.99)
    assert len(worst_mistakes(made_up(), 99)) == 4


def test_the_summary_is_one_sentence(model: LinearDigits) -> None:
    assert summary_sentence(made_up()) == "80.0% error on 5 pictures (95%: 37.6% to 96.4%), balanced accuracy 16.7%; 10 views."
    assert "797 pictures (95%: " in summary_sentence(measured(model))
    assert ", top-5 error " in summary_sentence(measured(model))
