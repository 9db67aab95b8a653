"""Made-up studies whose truth is known: whether each run of each arm misses each image, by a logistic model, judged as a study is judged.

An image is missed with the probability of its difficulty, of the arm on it, of the arm, and of the seed, added on the logistic scale. Base
error 37%; two arms disagree on about a quarter of the images.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from alexnet.evaluation.seed_statistics import Judging
from alexnet.evaluation.sequential import FIRST_LOOK
from alexnet.studies.claim import Arm, Study
from alexnet.studies.findings import Finding
from alexnet.studies.judge import ClaimRuns, Rules, judge
from alexnet.studies.outcome import Outcome

DIFFICULTY, OWN = 2.5, 0.3  # standard deviations over images, on the logistic scale: of all arms, and of each arm on its own
CHANCE_ERROR = 0.9
BASE, SLOPE = -1.0, 0.1236  # where the mean error is 37%, and how fast it rises there


@dataclass(frozen=True, kw_only=True)
class SimulatedStudy:
    """Claims that each compare an arm with the common first one. effects: of each claim, in points, positive if the claim is true.

    noise: standard deviation in points from seed to seed of the difference of two arms, beyond what the images cause. uneven: standard
    deviation of the logarithm of an arm's share in it.
    """

    effects: tuple[float, ...]
    seeds: int
    noise: float = 0.7
    uneven: float = 0.3
    images: int = 10_000
    same_images: bool = True

    def runs(self, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
        """Of the first arm and of each claim's other arm: (seeds, images)."""
        of_seeds = 1 if self.same_images else self.seeds
        difficulty = rng.normal(BASE, DIFFICULTY, (of_seeds, self.images)).astype(np.float32)
        each = self.noise / np.sqrt(2) / 100 / SLOPE * np.exp(rng.normal(-(self.uneven**2), self.uneven, 1 + len(self.effects)))
        return [
            self._wrong(rng, difficulty, spread, effect / 100 / SLOPE) for spread, effect in zip(each, (0.0, *self.effects), strict=True)
        ]

    def _wrong(self, rng: np.random.Generator, difficulty: NDArray[np.float32], spread: float, shift: float) -> NDArray[np.bool_]:
        own = OWN * rng.standard_normal(difficulty.shape, dtype=np.float32)
        seed = rng.normal(shift, spread, (self.seeds, 1)).astype(np.float32)
        missed: NDArray[np.bool_] = rng.random((self.seeds, self.images), dtype=np.float32) < expit(difficulty + own + seed)
        return missed

    def judged(self, count: int, *, auto: bool = False) -> Iterator[list[Finding]]:
        """The findings of that many studies; auto: seeds are added for unclear claims, `seeds` at most."""
        rng = np.random.default_rng(2012)
        rules = Rules(judging=Judging(same_images=self.same_images, test_share=0.0), chance_error=CHANCE_ERROR, auto=auto)
        for number in range(count):
            arms = self._outcomes(self.runs(rng), number)
            seeds = [FIRST_LOOK if auto else self.seeds] * len(self.effects)
            yield self._until_clear(arms, seeds, rules)

    def _until_clear(self, arms: list[list[Outcome]], seeds: list[int], rules: Rules) -> list[Finding]:
        while True:
            found = judge([self._claim(arms, place, of_claim) for place, of_claim in enumerate(seeds)], rules)
            unclear = [place for place, one in enumerate(found) if one.verdict == "too-few" and seeds[place] < self.seeds]
            if not unclear:
                return found
            for place in unclear:
                seeds[place] += 1

    def _outcomes(self, runs: list[NDArray[np.bool_]], number: int) -> list[list[Outcome]]:
        return [
            [Outcome(key=f"{number}-{arm}-{seed}", seed=seed, wrong=wrong) for seed, wrong in enumerate(of_arm)]
            for arm, of_arm in enumerate(runs)
        ]

    def _claim(self, arms: list[list[Outcome]], place: int, seeds: int) -> ClaimRuns:
        study = Study(claim=str(place), arms=(Arm(name="base"), Arm(name="other")), better="base", worse="other", section="3")
        outcomes = {"base": arms[0][:seeds], "other": arms[1 + place][:seeds]}
        return ClaimRuns(study=study, outcomes=outcomes, changes={"base": {}, "other": {}}, models={"base": "alexnet", "other": "alexnet"})
