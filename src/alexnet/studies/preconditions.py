"""Whether a claim can be judged from these runs: what it needs, checked on each arm after the runs. Independent of differences.

What controls capacity can only lose where every arm underfits, and arms at chance do not differ: a verdict there would be about the scale
of the study and not about the claim.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from alexnet.studies.claim import RATIOS, Study
from alexnet.studies.findings import Reason
from alexnet.studies.outcome import Outcome

FITTED = 0.05  # "overfits": the training error of the arm without the regulariser is below this
GAP = 0.10  # and this much below its error on the judged images
TRAINED = 0.10  # "fits": the training error of both arms is below this
TAIL = 0.1  # and has fallen, in this last part of the epochs,
STILL = 0.01  # by less than this

Runs = Mapping[str, Sequence[Outcome]]  # an arm's name -> its runs that have a result


def unmet(study: Study, runs: Runs, *, chance_error: float) -> Reason | None:
    """Why the claim cannot be judged; None if it can.

    A ratio of epochs is about the training images, which a network can learn by heart, and one of gradients about untrained
    networks: for both the judged images may stay at chance.

    runs: of each arm, those that have a result. chance_error: of always answering the most frequent class of the judged images.
    """
    sides = [runs[study.better], runs[study.worse]]
    if not all(sides):
        return "no-runs"
    if study.measure not in RATIOS and all(_at_chance(one, chance_error) for one in sides):
        return "at-chance"
    if study.needs == "fits" and not all(map(_is_trained, sides)):
        return "underfits"
    plain = runs[study.unregularised or study.worse]
    return unmet_overfitting(training_error(plain), _mean_error(plain)) if study.needs == "overfits" and plain else None


def _at_chance(runs: Sequence[Outcome], chance_error: float) -> bool:
    """Whether the mean error is not clearly below chance: by two standard errors of that many judged images."""
    error, images = _mean_error(runs), max(1, len(runs[0].wrong))
    return error > chance_error - 2 * float(np.sqrt(chance_error * (1 - chance_error) / images))


def unmet_overfitting(training: float | None, error: float) -> Reason | None:
    """Why there is nothing for a regulariser to do, by the error without it on training images (None: unknown) and on judged ones."""
    if training is None:
        return None
    if training >= FITTED:
        return "underfits"
    return "hardly-overfits" if error - training < GAP else None


def _is_trained(runs: Sequence[Outcome]) -> bool:
    """Whether a network has been trained to its end; systems without epochs always have."""
    if not any(run.history for run in runs):
        return True
    training = training_error(runs)
    falls = [fall for run in runs if (fall := last_fall(run)) is not None]
    return (training is None or training < TRAINED) and (not falls or float(np.mean(falls)) < STILL)


def training_error(runs: Sequence[Outcome]) -> float | None:
    """The mean error of the finished networks on training images."""
    known = [run.training_error for run in runs if run.training_error is not None]
    return float(np.mean(known)) if known else None


def last_fall(run: Outcome) -> float | None:
    """How far the training error has fallen over the last tenth of the epochs; None if it was not recorded twice."""
    rows = [(row["epoch"], row["training_error"]) for row in run.history if {"epoch", "training_error"} <= row.keys()]
    if len(rows) < 2:
        return None
    epochs, errors = map(np.array, zip(*rows, strict=True))
    return float(np.interp((1 - TAIL) * epochs[-1], epochs, errors) - errors[-1])


def is_saturated(study: Study, runs: Runs, *, margin: float) -> bool:
    """Whether both arms err so rarely that no difference between them could matter."""
    return all(_mean_error(runs[name]) < margin for name in (study.better, study.worse))


def _mean_error(runs: Sequence[Outcome]) -> float:
    return float(np.mean([np.mean(run.wrong) for run in runs]))
