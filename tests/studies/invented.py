"""A study that no one has made: every verdict, a failed arm, values that are not there, names that are no friends of a page."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from alexnet.studies.claim import Measure, Published
from alexnet.studies.findings import RULES, ArmFound, Effect, Finding, StudyReport, Verdict
from alexnet.studies.outcome import RateTried

HOSTILE = "</title><script>alert(1)</script>"
PAPER = Published(name="fewer-epochs", source="Krizhevsky 2012, figure 1", setting="cifar-four-layers")
CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def curve(end: float, seed: int, epochs: int = 8) -> list[dict[str, float]]:
    """An error that falls from 80% to `end`."""
    rows = []
    for epoch in range(1, epochs + 1):
        training = end + (0.8 - end) * math.exp(-epoch / 2) + 0.01 * seed
        rows.append({"epoch": float(epoch), "training_error": training, "validation_error": training + 0.03, "learning_rate": 0.1})
    return rows


def effect(better: str, worse: str, difference: float, half: float, measure: Measure = "error") -> Effect:
    ends = (difference / half, difference * half) if measure == "epochs" else (difference - half, difference + half)
    return Effect(
        better=better, worse=worse, measure=measure, difference=difference, interval=ends, repeat_noise=0.004, seeds=3, images=10_000,
        image_noise=0.0 if measure == "epochs" else 0.003, p=0.01, wins=0.87,
    )  # fmt: skip


def arm(name: str, error: float, changes: Mapping[str, Any] | None = None, **values: Any) -> ArmFound:
    """An arm of three seeds around that error."""
    errors = [error - 0.003, error, error + 0.003]
    found: dict[str, Any] = {
        "name": name, "fair": "same-recipe", "model": "alexnet", "changes": changes or {}, "errors": errors, "mean": error,
        "interval": (error - 0.006, error + 0.006), "training_error": error / 2, "epochs_to_target": (None, None, None),
        "seconds": 80 + 1000 * error, "seconds_to_target": None, "memory_bytes": 1.3e9, "parameters": 1_234_567, "macs": 45_600_000,
        "n_train": 12_000, "curves": [curve(error / 2, seed) for seed in range(3)],
    }  # fmt: skip
    return ArmFound(**(found | values))


def failed(name: str, why: str) -> ArmFound:
    """An arm of which no run has ended well."""
    nothing = {"errors": (None, None, None), "mean": None, "interval": None, "training_error": None, "seconds": None, "memory_bytes": None}
    return arm(name, 0.5, {"training.learning_rate": 9.0}, **nothing, curves=(), failures=(why,))


def finding(claim: str, arms: Sequence[ArmFound], verdict: Verdict, found: Effect | None, **values: Any) -> Finding:
    measure: Measure = found.measure if found else "error"
    defaults: dict[str, Any] = {
        "section": "3.1", "better": arms[0].name, "worse": arms[1].name, "measure": measure, "published": (PAPER,), "judged": "test",
        "cost": {"seconds": 1.312, "memory": None, "parameters": 1.0, "macs": 2.5},
    }  # fmt: skip
    return Finding(claim=claim, arms=arms, verdict=verdict, effect=found, **(defaults | values))


def epochs_finding() -> Finding:
    """Which nonlinearity is faster: one arm reaches the target always, one sometimes, one never."""
    layers = {f"conv{i}": 0.5 / i for i in range(1, 6)}
    arms = (
        arm("relu", 0.112, epochs_to_target=(2.1, 2.3, 2.2), seconds_to_target=31.0, gradients=layers, outputs=layers),
        arm("tanh", 0.145, {"network.activation": "tanh"}, epochs_to_target=(5.0, None, 5.4), seconds_to_target=74.0, gradients=layers),
        arm("sigmoid", 0.9, {"network.activation": "sigmoid"}, fair="own-rate", gradients={"conv1": 1e-9, "conv5": 0.0}, outputs=layers),
    )
    found = effect("relu", "tanh", 2.364, 1.2, "epochs")
    return finding("activation", arms, "holds", found, published=(PAPER, PAPER))


def classes_finding() -> Finding:
    """Augmentation helps some classes and hurts others."""
    plain = {name: 0.02 + 0.02 * place for place, name in enumerate(CLASSES)}
    moved = {name: error + (0.031 if place % 2 else -0.017) for place, (name, error) in enumerate(plain.items())}
    other = effect("augment-all", "augment-none", 0.0123, 0.008)
    arms = (
        arm("augment-none", 0.134, {"augment.crop": False, "augment.flip": False}, per_class=plain),
        arm("augment-all", 0.1217, {"augment.crop": True, "augment.flip": True}, per_class=moved, against=other),
    )
    return finding("augmentation", arms, "holds", other, better="augment-all", worse="augment-none")


def few_finding() -> Finding:
    """Too few seeds to tell; four more would."""
    arms = (arm("max", 0.120), arm("average", 0.124))
    return finding("pooling", arms, "too-few", effect("max", "average", 0.004, 0.011), more={"seeds": 4, "images": 30_000}, needs="fits")


def underfitted_finding() -> Finding:
    """An arm without the regulariser that has not even fitted the training images."""
    rates = tuple(RateTried(rate=rate, validation_error=error) for rate, error in ((0.01, 0.51), (0.02, 0.49), (0.04, None)))
    arms = (
        arm("geometry", 0.5, training_error=0.53, rates=rates),
        arm("augment-all", 0.52, training_error=0.55),
        arm("augment-none", 0.54, training_error=0.52),
        arm("geometry-patient", 0.41, {"training.epochs": 24.0}, fair="patient"),
    )
    found = effect("geometry", "augment-all", 0.02, 0.009)
    also = (effect("geometry-patient", "augment-all", 0.11, 0.02), effect("geometry", "augment-none", 0.04, 0.01))
    return finding("colour", arms, "cannot-be-judged", found, reason="underfits", needs="overfits", also=also)


def hostile_finding() -> Finding:
    """Every word that comes from outside is an attack."""
    one = arm(HOSTILE, 0.2, {HOSTILE: HOSTILE}, fair=HOSTILE, model=HOSTILE, gradients={HOSTILE: 1.0}, outputs={HOSTILE: 1.0})
    two = failed(HOSTILE + "2", HOSTILE)
    published = (Published(name=HOSTILE, source=HOSTILE, setting=HOSTILE),)
    return finding(HOSTILE, (one, two), "cannot-be-judged", None, reason="no-runs", section=HOSTILE, published=published, cost={})


def report(findings: Sequence[Finding] | None = None, **values: Any) -> StudyReport:
    """The whole, by default with every verdict."""
    if findings is None:
        no = effect("decay", "no-decay", 0.0004, 0.0007)
        back = effect("overlapping", "apart", -0.0217, 0.009)
        decay = (arm("decay", 0.1201), arm("no-decay", 0.1205, {"training.weight_decay": 0.0}), failed("decay-10", "the loss became nan"))
        overlap = (arm("overlapping", 0.1402), arm("apart", 0.1185, {"network.pooling_size": 2}, n_train=6_000))
        findings = (
            epochs_finding(),
            finding("weight-decay", decay, "no-difference", no, published=()),
            finding(
                "overlap", overlap, "reversed", back, cost={"seconds": 1.0, "memory": 1.0, "parameters": 1.01, "macs": 0.99}, holm=True
            ),
            classes_finding(),
            finding("dropout", (failed("dropout", "no room"), arm("no-dropout", 0.13)), "cannot-be-judged", None, reason="no-runs"),
            few_finding(),
            underfitted_finding(),
        )
    defaults: dict[str, Any] = {
        "data": "fashion-mnist", "dataset": "Fashion-MNIST", "classes": CLASSES, "seeds": 3, "findings": findings,
        "not_applicable": {"input-size": "These images are square."}, "rules": RULES,
        "scale": {"size": 23.0, "width": 0.25, "fraction": 0.2, "epochs": 8.0}, "command": "alexnet study fashion-mnist --seeds 3",
        "run": "runs/study", "report": "runs/study/report.html", "seconds": 4321.0, "overhead": 0.0731, "n_train": 12_000,
        "n_judged": 10_000, "recipe": {"data": "fashion-mnist", "training": {"epochs": 8, "momentum": 0.9}},
        "environment": {"python": "3.12.1", "processor": "a processor"},
    }  # fmt: skip
    return StudyReport(**(defaults | values))
