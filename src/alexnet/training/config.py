"""The settings of a network's training; the defaults are the paper's (section 5)."""

from dataclasses import dataclass, fields
from typing import Literal, get_args

from alexnet.data.balance import Balance
from alexnet.errors import BadRecipe
from alexnet.runtime.device import Precision
from alexnet.storage.records import field_types, shown

NormStatistics = Literal["batch", "kept"]
Schedule = Literal["plateau", "one-cycle", "constant"]
Optimizer = Literal["sgd", "muon", "adam"]
MuonPrecision = Literal["bf16", "training"]
WirePrecision = Literal["exact", "bf16"]
Kept = Literal["best", "last"]

BALANCED_ERROR = "validation_balanced_error"  # in the history
MOST_EPOCHS = 1_000_000
MOST_SECONDS = 1e9  # 31 years
MOST_RATE = 1e6  # a training diverges long before; products of a few of these are still numbers in single precision
MOST = {  # the largest values
    "epochs": MOST_EPOCHS,
    "budget_seconds": MOST_SECONDS,
    "enough_training_error": 1,
    "random_labels": 1,
    "batch_size": 1 << 20,
    "learning_rate": MOST_RATE,
    "bias_learning_rate": MOST_RATE,
    "conv_learning_rate": MOST_RATE,
    "plateau_epochs": MOST_EPOCHS,
    "plateau_divisor": MOST_RATE,
    "plateau_drops": 50,  # the divisor to this power is still a number
    "final_learning_rate": 1,
    "muon_learning_rate": MOST_RATE,
    "muon_weight_decay": MOST_RATE,
    "weight_decay": MOST_RATE,
    "fc_weight_decay": MOST_RATE,
    "local_weight_decay": MOST_RATE,
    "bias_weight_decay": MOST_RATE,
    "lower_layers": MOST_RATE,
    "rate_per_layer": 1,
    "fixed_layers": 10_000,
    "checkpoint_seconds": MOST_SECONDS,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """Every setting of a network's training; `budget_seconds` replaces `epochs` when it is set."""

    epochs: float = 90.0
    budget_seconds: float = 0.0  # > 0: plan the epochs to end within this time, including reading, testing and the report
    enough_training_error: float = 0.0  # > 0: stop after the first epoch whose training error is at or below this
    batch_size: int = 128  # images per step, over all workers
    balance: Balance = "none"  # of classes of different size; loss: images of small classes weigh more; sampling: they are drawn more often
    learning_rate: float = 0.01  # of weights; one-cycle: the peak
    bias_learning_rate: float = 2.0  # times learning_rate (the 2012 program)
    conv_learning_rate: float = 1.0  # times learning_rate, in convolutions; k for batches k times as large (One weird trick)
    schedule: Schedule = "plateau"
    plateau_epochs: float = 8.0  # the rate is divided when the validation error has not improved for this many epochs
    plateau_divisor: float = 10.0
    plateau_drops: int = 3  # divisions at most; the next plateau ends the training
    warmup: float = 0.15  # one-cycle: share of the steps that climb to the peak
    final_learning_rate: float = 0.01  # one-cycle: last rate as a share of the peak
    optimizer: Optimizer = "sgd"  # muon: orthogonalised updates for the convolutions that have several input maps; adam: Kingma and Ba's
    muon_learning_rate: float = 0.004  # of those convolutions, on the same schedule; the other layers use learning_rate
    muon_weight_decay: float = 0.1  # per step, times muon_learning_rate
    muon_precision: MuonPrecision = "bf16"  # of its products; "training": that of the training, much faster on a CPU without bf16 units
    momentum: float = 0.9  # adam: beta_1; beta_2 is 0.999, as published
    nesterov: bool = False
    weight_decay: float = 5e-4  # of weights of convolutions
    fc_weight_decay: float = -1.0  # of weights of fully connected layers; below 0: weight_decay
    local_weight_decay: float = -1.0  # of weights of local layers; below 0: that of the fully connected layers
    bias_weight_decay: float = 0.0
    lower_layers: float = 1.0  # times learning_rate in all layers but the last (fine-tuning)
    rate_per_layer: float = 1.0  # and for each layer further below, times this once more: lower layers learn more slowly
    fixed_layers: int = 0  # the first layers or blocks, which are not trained at all
    norm_statistics: NormStatistics = "batch"  # of batch norm in training; "kept": those of the weights that it starts from
    label_smoothing: float = 0.0
    random_labels: float = 0.0  # share of the training images that exchange their classes at random, to see what is learned by heart
    averaging: float = 0.0  # decay per step of the running average of the weights, which is then tested; 0: no average
    validations: int = 0  # at most so many, evenly over the epochs and one at the end; 0: one after each epoch
    kept: Kept = "best"  # which weights: those with the lowest validation error, or the last ones
    precision: Precision = "auto"
    wire_precision: WirePrecision = "exact"  # bf16: workers round the gradients that they send each other
    compile: bool = False  # torch.compile: a minute or more at the start, for faster steps on a GPU
    checkpoint_seconds: float = 60.0  # between checkpoints: the most work that an interruption can lose

    @property
    def judged_by(self) -> str:
        """The name in the history of the error that chooses the weights: where classes are balanced, the mean of the classes' errors."""
        return "validation_error" if self.balance == "none" else BALANCED_ERROR

    @property
    def machine_balance(self) -> Literal["none", "loss"]:
        """How an SVM on this network, or beside it, balances its classes: it draws no images, so sampling becomes weights."""
        return "none" if self.balance == "none" else "loss"

    def __post_init__(self) -> None:
        hints = field_types(TrainingConfig)
        for name, kind in hints.items():
            allowed = get_args(kind)
            if allowed and getattr(self, name) not in allowed:
                raise BadRecipe(f"training.{name} is {shown(getattr(self, name))}; it can be {', '.join(map(repr, allowed))}.")
        positive = (
            "epochs",
            "batch_size",
            "learning_rate",
            "muon_learning_rate",
            "conv_learning_rate",
            "plateau_divisor",
            "checkpoint_seconds",
        )
        for name in positive:
            _need(getattr(self, name) > 0, name, getattr(self, name), "must be above 0")
        for name in (
            f.name
            for f in fields(self)
            if f.name not in (*positive, "fc_weight_decay", "local_weight_decay") and not get_args(hints[f.name])
        ):
            _need(getattr(self, name) >= 0, name, getattr(self, name), "cannot be negative")
        for name, most in MOST.items():
            _need(getattr(self, name) <= most, name, getattr(self, name), f"is at most {most:,.0f}")
        _need(self.plateau_divisor >= 1, "plateau_divisor", self.plateau_divisor, "divides the rate and must be at least 1")
        for name in ("momentum", "label_smoothing", "averaging", "warmup"):
            _need(getattr(self, name) < 1, name, getattr(self, name), "must be below 1")


def _need(holds: bool, name: str, value: object, rule: str) -> None:
    if not holds:
        raise BadRecipe(f"training.{name} is {value}; it {rule}.")
