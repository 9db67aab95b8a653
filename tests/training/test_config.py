from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
import torch

from alexnet.errors import BadRecipe
from alexnet.runtime.device import choose_precision
from alexnet.training.config import TrainingConfig


def test_the_defaults_are_the_papers() -> None:
    config = TrainingConfig()
    assert (config.batch_size, config.momentum, config.weight_decay, config.learning_rate) == (128, 0.9, 5e-4, 0.01)
    assert (config.schedule, config.plateau_divisor, config.plateau_drops, config.epochs) == ("plateau", 10.0, 3, 90.0)
    assert (config.bias_learning_rate, config.bias_weight_decay, config.nesterov, config.label_smoothing) == (2.0, 0.0, False, 0.0)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"schedule": "cosine"}, "training.schedule is 'cosine'; it can be 'plateau', 'one-cycle', 'constant'"),
    ({"precision": "fp16"}, "training.precision is 'fp16'; it can be 'auto', 'bf16', 'fp32', 'fp64'"),
    ({"optimizer": "lbfgs"}, "training.optimizer is 'lbfgs'; it can be 'sgd', 'muon', 'adam'"),
    ({"learning_rate": 0.0}, "training.learning_rate is 0.0; it must be above 0"),
    ({"learning_rate": float("nan")}, "training.learning_rate is nan"),
    ({"muon_learning_rate": 0.0}, "training.muon_learning_rate is 0.0; it must be above 0"),
    ({"epochs": -1.0}, "training.epochs is -1.0; it must be above 0"),
    ({"batch_size": 0}, "training.batch_size is 0; it must be above 0"),
    ({"plateau_divisor": 0.0}, "training.plateau_divisor is 0.0"),
    ({"checkpoint_seconds": 0.0}, "training.checkpoint_seconds is 0.0"),
    ({"momentum": 1.0}, "training.momentum is 1.0; it must be below 1"),
    ({"label_smoothing": 1.0}, "training.label_smoothing is 1.0; it must be below 1"),
    ({"averaging": 1.0}, "training.averaging is 1.0; it must be below 1"),
    ({"warmup": 1.0}, "training.warmup is 1.0; it must be below 1"),
]
NOT_NEGATIVE = [field.name for field in fields(TrainingConfig) if isinstance(field.default, (int, float)) and field.default >= 0]


@pytest.mark.parametrize(("values", "message"), WRONG, ids=[str(values) for values, _ in WRONG])
def test_an_impossible_value_is_refused_by_its_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRecipe) as refusal:
        TrainingConfig(**values)
    assert message in str(refusal.value)


@pytest.mark.parametrize("name", NOT_NEGATIVE)
def test_no_number_is_negative(name: str) -> None:
    value: Any = -1
    with pytest.raises(BadRecipe, match=rf"training\.{name} is -1; it (cannot be negative|must be above 0)"):
        TrainingConfig(**{name: value})


def test_a_config_does_not_change() -> None:
    config: Any = TrainingConfig()
    with pytest.raises(FrozenInstanceError):
        config.epochs = 1.0


@pytest.mark.parametrize(
    ("avx512", "amx", "expected"), [(True, False, "bf16"), (False, True, "bf16"), (False, False, "fp32"), (True, True, "bf16")]
)
def test_bf16_is_chosen_where_the_processor_multiplies_it(avx512: bool, amx: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    assert choose_precision("auto", torch.device("cpu")) == expected


@pytest.mark.parametrize("asked", ["bf16", "fp32", "fp64"])
def test_a_precision_that_is_asked_for_is_used(asked: Any) -> None:
    assert choose_precision(asked, torch.device("cpu")) == asked
