"""Made-up studies whose truth is known: how often nothing is called nothing, and what is there is found; other programs as oracles."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import f as f_distribution
from scipy.stats import t as student
from scipy.stats import ttest_rel

from alexnet.evaluation.metrics import error_interval
from alexnet.evaluation.paired_test import paired_test
from alexnet.evaluation.seed_statistics import LARGEST_RATIO, Difference, Passes, error_effect, mean_error, pooled_noise, ratio_effect
from alexnet.studies.claim import Measure
from alexnet.studies.findings import Effect, Verdict
from alexnet.studies.judge import verdict

Errors = NDArray[np.bool_]
USUAL = 0.005  # standard deviation of an arm's error from seed to seed: 0.7 points for a difference


@dataclass(frozen=True, kw_only=True)
class MadeUp:
    """Arms that miss an image with a probability of its own, of the arm on it, and of the seed; `effect`: added to all but the first."""

    noise: tuple[float, ...]  # of each arm's seeds
    seeds: int
    images: int
    same_images: bool
    effect: float = 0.0

    def studies(self, count: int) -> Iterator[list[Errors]]:
        rng = np.random.default_rng(2012)
        of_seeds = 1 if self.same_images else self.seeds
        for _ in range(count):
            difficulty = 0.25 + 0.4 * rng.random((of_seeds, self.images), dtype=np.float32) ** 2  # most are easy
            yield [self._arm(rng, difficulty, noise, self.effect * (arm > 0)) for arm, noise in enumerate(self.noise)]

    def _arm(self, rng: np.random.Generator, difficulty: NDArray[np.float32], noise: float, effect: float) -> Errors:
        own = np.float32(0.1) * (2 * rng.random(difficulty.shape, dtype=np.float32) - 1)
        seed = rng.normal(effect, noise, (self.seeds, 1)).astype(np.float32)
        wrong: Errors = rng.random((self.seeds, self.images), dtype=np.float32) < difficulty + own + seed
        return wrong

    def found(self, count: int) -> dict[tuple[int, int], list[Difference]]:
        """Of each pair of arms, what was found in each study, with the noise pooled as a study pools it."""
        pairs: dict[tuple[int, int], list[Difference]] = {pair: [] for pair in combinations(range(len(self.noise)), 2)}
        for arms in self.studies(count):
            noise = pooled_noise(np.array([arm.mean(axis=1) for arm in arms]))
            for (first, second), found in pairs.items():
                alike = noise is not None and noise.alike[first] and noise.alike[second]
                pooled = (noise.variance, noise.degrees) if noise is not None and alike else None
                found.append(difference_of(arms[first], arms[second], same=self.same_images, pooled=pooled))
        return pairs


def difference_of(better: Errors, worse: Errors, *, same: bool, pooled: tuple[float, int] | None = None) -> Difference:
    found = error_effect(better, worse, same_images=same, pooled=pooled)
    assert found is not None
    return found


def effect_of(found: Difference, measure: Measure = "error") -> Effect:
    return Effect(
        better="a",
        worse="b",
        measure=measure,
        difference=found.difference,
        interval=found.interval,
        repeat_noise=found.repeat_noise,
        seeds=found.seeds,
        images=found.images,
    )


def share(found: list[Difference], called: Verdict) -> float:
    return float(np.mean([verdict(effect_of(one)) == called for one in found]))


def coverage(found: list[Difference], truth: float) -> float:
    return float(np.mean([one.interval[0] <= truth <= one.interval[1] for one in found]))


def chance(rate: float, count: int) -> float:
    """Two standard errors of a rate over so many studies."""
    return 2 * math.sqrt(rate * (1 - rate) / count)


ALIKE = (USUAL,) * 4
ONE_WILD = (*ALIKE[:3], 10 * USUAL)
LAYOUTS = [(seeds, images, same) for seeds in (3, 5) for images in (300, 10_000) for same in (True, False)]


@pytest.mark.parametrize(
    "noise",
    [ALIKE[:2], *(pytest.param(arms, marks=pytest.mark.slow) for arms in (ALIKE, ONE_WILD))],
    ids=["two arms", "four alike", "one wild"],
)
def test_no_effect_is_not_shown_in_95_of_100(noise: tuple[float, ...]) -> None:
    """Over all layouts, and in each up to chance; measured with 1,500 studies each: 0.95 to 0.99."""
    last, of_all, of_last = len(noise) - 1, [], []
    for seeds, images, same in LAYOUTS:
        count = 200 if images == 300 else 40
        pairs = MadeUp(noise=noise, seeds=seeds, images=images, same_images=same).found(count)
        found = [one for of_pair in pairs.values() for one in of_pair]
        assert share(found, "not shown") >= 0.95 - chance(0.95, count), (seeds, images, same)
        of_all += found
        of_last += [one for pair, of_pair in pairs.items() if last in pair for one in of_pair]
    assert share(of_all, "not shown") >= 0.95
    assert share(of_last, "not shown") >= 0.95  # the wild arm is not narrowed by the others


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize(("seeds", "images", "least"), [(3, 10_000, 0.75), (5, 2_000, 0.75), (5, 10_000, 0.95)])
def test_three_points_are_found_and_the_interval_holds_them(seeds: int, images: int, least: float, same: bool) -> None:
    """Measured with 300 studies: 0.85, 0.88, 1.00. With 300 images and 3 seeds it is 0.08: that is too few for 3 points."""
    count = 60
    pairs = MadeUp(noise=ALIKE, seeds=seeds, images=images, same_images=same, effect=0.03).found(count)
    found = [one for pair, of_pair in pairs.items() if 0 in pair for one in of_pair]
    assert share(found, "holds here") >= least
    assert share(found, "reversed here") == 0
    assert coverage(found, 0.03) >= 0.95 - chance(0.95, count)


def test_a_reversed_effect_is_called_reversed() -> None:
    pairs = MadeUp(noise=ALIKE, seeds=3, images=10_000, same_images=True, effect=-0.04).found(40)
    assert share([one for pair, of_pair in pairs.items() if 0 in pair for one in of_pair], "reversed here") >= 0.85


def test_a_wild_arm_does_not_hide_the_others_effect() -> None:
    """Three points between quiet arms are found beside a diverged one; pooled with it they would drown."""
    made_up = MadeUp(noise=ONE_WILD, seeds=3, images=10_000, same_images=True, effect=0.03)
    found = made_up.found(60)
    assert share(found[0, 1], "holds here") >= 0.7
    drowned = 0
    for arms in made_up.studies(60):
        errors = np.array([arm.mean(axis=1) for arm in arms])
        naive = float((errors[:, None] - errors[None]).var(axis=-1, ddof=1).sum() / 12)
        drowned += verdict(effect_of(difference_of(arms[0], arms[1], same=True, pooled=(naive, 6)))) == "not shown"
    assert drowned > 50


def test_an_arms_interval_holds_its_true_error() -> None:
    truth = 0.25 + 0.4 / 3
    for seeds, same in ((1, True), (3, True), (3, False), (5, True)):
        made_up = MadeUp(noise=(USUAL,), seeds=seeds, images=300, same_images=same)
        held = [low <= truth <= high for (arm,) in made_up.studies(300) for low, high in [mean_error(arm, same_images=same)[1]]]
        assert np.mean(held) >= 0.95 - chance(0.95, 300)


@pytest.mark.parametrize("seeds", [2, 3, 5, 20])
def test_other_images_are_a_paired_t_interval(seeds: int) -> None:
    better, worse = next(MadeUp(noise=(0.1, 0.1), seeds=seeds, images=500, same_images=False, effect=0.05).studies(1))
    found = difference_of(better, worse, same=False)
    theirs = ttest_rel(worse.mean(axis=1), better.mean(axis=1))
    assert found.interval == pytest.approx(tuple(np.clip(theirs.confidence_interval(0.95), -1, 1)))
    assert found.difference == pytest.approx(worse.mean() - better.mean())
    assert found.repeat_noise == pytest.approx((worse.mean(axis=1) - better.mean(axis=1)).std(ddof=1))
    assert (found.seeds, found.images, found.at_least, found.at_most) == (seeds, 500 * seeds, False, False)


def test_the_crossed_variance_is_a_bootstraps_over_seeds_and_images() -> None:
    """Owen's pigeonhole bootstrap (2007) draws both anew; it counts what is neither's, MS_rest / (n N), three times instead of once."""
    seeds, images = 40, 1000
    better, worse = next(MadeUp(noise=(0.03, 0.03), seeds=seeds, images=images, same_images=True).studies(1))
    values = worse.astype(float) - better
    rng = np.random.default_rng(0)
    rows, columns = rng.multinomial(seeds, [1 / seeds] * seeds, 2500), rng.multinomial(images, [1 / images] * images, 2500)
    drawn = ((rows @ values) * columns).sum(axis=1) / (seeds * images)
    rest = (values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()).var() / (seeds * images)
    low, high = difference_of(better, worse, same=True).interval
    ours = ((high - low) / 2 / student.ppf(0.975, 60)) ** 2
    assert ours == pytest.approx(drawn.var() - 2 * rest, rel=0.1)


def test_with_the_same_images_their_difficulty_is_counted_once() -> None:
    """Without seed noise more seeds hardly narrow the interval: it is the images', not ten times as many."""
    better, worse = np.zeros((10, 400), np.bool_), np.zeros((10, 400), np.bool_)
    worse[:, :40], better[:, 40:50] = True, True
    crossed, once = difference_of(better, worse, same=True), difference_of(better[:1], worse[:1], same=True)
    assert crossed.interval == pytest.approx(once.interval, abs=2e-3)
    assert crossed.repeat_noise == 0
    assert verdict(effect_of(crossed)) == "holds here"


def test_one_seed_is_agresti_and_mins_and_shows_nothing() -> None:
    better, worse = next(MadeUp(noise=(0, 0), seeds=1, images=500, same_images=True, effect=0.2).studies(1))
    found = difference_of(better, worse, same=True)
    names = [str(index) for index in range(500)]
    theirs = paired_test(*({0: dict(zip(names, map(bool, arm[0]), strict=True))} for arm in (worse, better)))
    assert theirs is not None
    assert found.interval == pytest.approx(theirs.interval, rel=1e-6)
    assert found.interval[0] > 0
    assert verdict(effect_of(found)) == "not shown"  # another training may give anything
    assert mean_error(better, same_images=True) == (better.mean(), error_interval(int(better.sum()), 500))


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_arms_that_never_disagree_are_not_certainly_equal(seeds: int, same: bool) -> None:
    wrong = np.zeros((seeds, 50), np.bool_)
    found = difference_of(wrong, wrong, same=same)
    assert found.interval[0] < found.difference == 0 < found.interval[1]
    assert verdict(effect_of(found)) == "not shown"


def test_equal_differences_of_few_images_are_no_certainty() -> None:
    """One image more with each of three seeds: their spread is 0, and yet it is one image."""
    better = np.zeros((3, 100), np.bool_)
    worse = better.copy()
    worse[:, 0] = True
    for same in (True, False):
        found = difference_of(better, worse, same=same)
        assert found.difference == pytest.approx(0.01)
        assert verdict(effect_of(found)) == "not shown"


def test_seeds_may_judge_unequally_many_images() -> None:
    better, worse = [[np.zeros(n, np.bool_) for n in (10, 12, 11)], [np.ones(n, np.bool_) for n in (10, 12, 11)]]
    found = error_effect(better, worse, same_images=False)
    assert found is not None
    assert (found.difference, found.images, found.interval[1]) == (1.0, 33, 1.0)
    assert error_effect([], [], same_images=True) is None


Pairs = st.integers(1, 4).flatmap(lambda n: st.integers(1, 12).flatmap(lambda m: arrays(np.bool_, (2, n, m))))


@given(Pairs, st.booleans())
def test_invariants(arms: Errors, same: bool) -> None:
    """Swapping the arms negates; neither the order of seeds nor that of images matters; the interval holds the difference."""
    found, swapped = difference_of(arms[0], arms[1], same=same), difference_of(arms[1], arms[0], same=same)
    assert swapped.difference == pytest.approx(-found.difference)
    assert swapped.interval == pytest.approx((-found.interval[1], -found.interval[0]))
    turned = arms[:, ::-1, ::-1]
    other = difference_of(turned[0], turned[1], same=same)
    assert other.interval == pytest.approx(found.interval)
    assert -1 <= found.interval[0] < found.interval[1] <= 1
    if arms.shape[1] > 1:
        assert found.interval[0] <= found.difference <= found.interval[1]
    opposite = {"holds here": "reversed here", "reversed here": "holds here", "not shown": "not shown"}
    assert verdict(effect_of(swapped)) == opposite[verdict(effect_of(found))]
    mean, interval = mean_error(arms[0], same_images=same)
    assert 0 <= interval[0] <= mean <= interval[1] <= 1


@pytest.mark.parametrize(("seeds", "images"), [(2, 2), (2, 40), (3, 2), (3, 9), (5, 200)])
def test_the_same_images_are_an_analysis_of_variance_by_hand(seeds: int, images: int) -> None:
    """The mean squares of seeds, images and rest, each as it is defined; one image is added to the images' sum of squares."""
    for chance_of_each in (0.05, 0.3, 0.5):
        better, worse = np.random.default_rng(seeds * images).random((2, seeds, images)) < chance_of_each
        values = worse.astype(float) - better
        mean, of_seed, of_image = values.mean(), values.mean(1, keepdims=True), values.mean(0)
        ms_seeds = images * ((of_seed - mean) ** 2).sum() / (seeds - 1)
        ms_images = seeds * (((of_image - mean) ** 2).sum() + 1) / (images - 1)
        ms_rest = ((values - of_seed - of_image + mean) ** 2).sum() / ((seeds - 1) * (images - 1))
        n, shared = seeds * images, max(0.0, ms_images - ms_rest) / (seeds * images)
        variance = ms_seeds / n + shared
        degrees = variance**2 / ((ms_seeds / n) ** 2 / (seeds - 1) + shared**2 / (images - 1))
        half = max(student.ppf(0.975, degrees) * math.sqrt(variance), 1.959963984540054 * math.sqrt(ms_rest / n + shared))
        found = difference_of(better, worse, same=True)
        assert found.interval == pytest.approx((max(-1.0, mean - half), min(1.0, mean + half)), abs=1e-9)
        assert found.difference == pytest.approx(mean)
        assert found.images == images
        assert found.repeat_noise == pytest.approx(of_seed.std(ddof=1))


@pytest.mark.parametrize(("arms", "seeds"), [(4, 2), (4, 3), (6, 3), (5, 5)])
def test_an_arm_is_unlike_by_an_f_test_at_20_percent(arms: int, seeds: int) -> None:
    """Its smallest variance of a difference, over the mean of those among the others, whose residual mean square has so many degrees."""
    rng = np.random.default_rng(8)
    limit, excluded = f_distribution.ppf(0.8, seeds - 1, (arms - 2) * (seeds - 1)), 0
    for errors in 0.3 + rng.normal(0, 0.01 * rng.uniform(0.5, 2, (150, arms, 1)), (150, arms, seeds)):
        variances = (errors[:, None] - errors).var(axis=2, ddof=1)
        expected = []
        for arm in range(arms):
            others = [other for other in range(arms) if other != arm]
            among = np.mean([variances[one, two] for one, two in combinations(others, 2)])
            expected.append(bool(min(variances[arm, others]) <= limit * among))
        found = pooled_noise(errors)
        excluded += expected.count(False)
        assert (found is None) == (sum(expected) < 3)
        if found is not None:
            kept = [arm for arm in range(arms) if expected[arm]]
            assert found.alike == tuple(expected)
            assert found.variance == pytest.approx(np.mean([variances[one, two] for one, two in combinations(kept, 2)]))
            assert found.degrees == (len(kept) - 1) * (seeds - 1)
    assert excluded > 20


@given(arrays(np.float64, (4, 3), elements=st.floats(0, 1, width=16)), arrays(np.float64, 3, elements=st.floats(-1, 1, width=16)))
def test_what_a_seed_does_to_all_arms_is_no_noise(errors: NDArray[np.float64], shift: NDArray[np.float64]) -> None:
    """Nor do the arms' own errors matter: only how they move against each other."""
    moved = errors + shift + np.arange(4.0)[:, None]
    one, other = pooled_noise(errors + np.arange(4.0)[:, None]), pooled_noise(moved)
    if one is not None and other is not None and one.alike == other.alike:
        assert other.variance == pytest.approx(one.variance, abs=1e-9)


def test_the_pool_is_twice_the_block_designs_residual_mean_square() -> None:
    errors = np.array([[0.30, 0.31, 0.33], [0.25, 0.27, 0.27], [0.40, 0.40, 0.43], [0.35, 0.37, 0.37]])
    found = pooled_noise(errors)
    residual = errors - errors.mean(1, keepdims=True) - errors.mean(0) + errors.mean()
    assert found is not None
    assert found.variance == pytest.approx(2 * (residual**2).sum() / 6)
    assert (found.degrees, found.alike) == (6, (True,) * 4)


def test_arms_unlike_the_others_are_left_out_of_the_pool() -> None:
    """Diverged with one seed; at chance with all."""
    usual = [[0.30, 0.31, 0.33], [0.25, 0.27, 0.27], [0.40, 0.40, 0.43]]
    alone = pooled_noise(np.array(usual))
    beside = pooled_noise(np.array([*usual, [0.3, 0.9, 0.3], [0.9, 0.9, 0.9]]))
    assert alone is not None
    assert beside is not None
    assert beside.variance == pytest.approx(alone.variance)
    assert beside.degrees == 4
    assert beside.alike == (True, True, True, False, False)


def test_nothing_is_pooled_over_two_arms_or_one_seed() -> None:
    errors = np.array([[0.30, 0.31, 0.33], [0.25, 0.27, 0.27], [0.40, 0.40, 0.43]])
    assert pooled_noise(errors[:2]) is None
    assert pooled_noise(errors[:, :1]) is None
    assert pooled_noise(np.array([[0.3, 0.31, 0.33], [0.25, 0.27, 0.27], [0.9, 0.9, 0.9]])) is None


def test_the_pool_only_widens_the_noise_and_lends_one_degree_of_freedom() -> None:
    better, worse = next(MadeUp(noise=(0.1, 0.1), seeds=3, images=500, same_images=False).studies(1))
    own = difference_of(better, worse, same=False)
    helped = difference_of(better, worse, same=False, pooled=(own.repeat_noise**2 / 4, 6))
    assert helped.repeat_noise == own.repeat_noise
    widths = [found.interval[1] - found.interval[0] for found in (helped, own)]
    assert widths[0] / widths[1] == pytest.approx(student.ppf(0.975, 3) / student.ppf(0.975, 2))
    louder = difference_of(better, worse, same=False, pooled=(own.repeat_noise**2 * 4, 6))
    assert louder.repeat_noise == pytest.approx(2 * own.repeat_noise)


def passes(*epochs: float | None, trained: float = 20.0) -> list[Passes]:
    return [Passes(epochs=trained, reached=False) if one is None else Passes(epochs=one) for one in epochs]


def ratio_of(better: list[Passes], worse: list[Passes]) -> Difference:
    found = ratio_effect(better, worse)
    assert found is not None
    return found


def test_ratio_is_a_t_interval_of_the_logarithms() -> None:
    better, worse = [2.0, 3.0, 2.5, 2.2], [11.0, 19.0, 14.0, 14.5]
    found = ratio_of(passes(*better), passes(*worse))
    theirs = ttest_rel(np.log(worse), np.log(better)).confidence_interval(0.95)
    assert found.interval == pytest.approx((math.exp(theirs.low), math.exp(theirs.high)))
    assert found.difference == pytest.approx(math.prod(w / b for w, b in zip(worse, better, strict=True)) ** 0.25)
    assert (found.seeds, found.at_least, found.at_most) == (4, False, False)
    assert verdict(effect_of(found, "epochs")) == "holds here"
    assert verdict(effect_of(ratio_of(passes(*worse), passes(*better)), "epochs")) == "reversed here"


def test_runs_that_never_arrive_bound_the_ratio() -> None:
    found = ratio_of(passes(2, 3, 2.5), passes(None, 19, None))
    assert found.at_least
    assert found.interval[1] == pytest.approx(LARGEST_RATIO)
    assert verdict(effect_of(found, "epochs")) == "holds here"
    mixed = ratio_of(passes(None, 3, 2), passes(3, None, 4))
    assert mixed.interval == pytest.approx((1 / LARGEST_RATIO, LARGEST_RATIO))
    assert verdict(effect_of(mixed, "epochs")) == "not shown"
    late = ratio_of(passes(None, None, None), passes(2, 3, 2.5))  # the claim's arm does not arrive
    assert (late.at_most, verdict(effect_of(late, "epochs"))) == (True, "reversed here")


def test_pairs_that_say_nothing_are_left_out() -> None:
    assert ratio_effect(passes(None, None), passes(None, None)) is None
    assert ratio_effect([], []) is None
    assert ratio_effect(passes(None, trained=0), passes(5)) is None  # a system without passes
    assert ratio_of(passes(2, None, 3), passes(4, None, 7)).seeds == 2
    one = ratio_of(passes(2), passes(12))
    assert one.difference == pytest.approx(6)
    assert one.interval[0] < 1 < one.interval[1]
    assert verdict(effect_of(one, "epochs")) == "not shown"


Reached = st.lists(st.tuples(*[st.floats(0.1, 50) | st.none()] * 2), min_size=1, max_size=5)


@given(Reached)
def test_swapped_arms_have_the_inverse_ratio(pairs: list[tuple[float | None, float | None]]) -> None:
    first, second = passes(*(a for a, _ in pairs), trained=60), passes(*(b for _, b in pairs), trained=60)
    found, swapped = ratio_effect(first, second), ratio_effect(second, first)
    if found is None or swapped is None:
        assert found is swapped
        return
    assert swapped.difference == pytest.approx(1 / found.difference)
    assert swapped.interval == pytest.approx((1 / found.interval[1], 1 / found.interval[0]))
    assert (swapped.at_least, swapped.at_most) == (found.at_most, found.at_least)


def test_ratios_of_equal_arms_are_rarely_called_different() -> None:
    rng = np.random.default_rng(6)
    for seeds in (2, 3, 5):
        logs = rng.normal(1.5, 0.2, (1000, 2, seeds))
        found = [ratio_of(passes(*np.exp(better)), passes(*np.exp(worse))) for better, worse in logs]
        shown = np.mean([verdict(effect_of(one, "epochs")) != "not shown" for one in found])
        assert shown <= 0.05 + chance(0.05, 1000)


def test_a_difference_under_the_repeat_noise_is_not_shown() -> None:
    """Twenty seeds make the interval narrow, and still one repeat may turn the result around."""
    clear = Difference(difference=0.03, interval=(0.01, 0.05), repeat_noise=0.02, seeds=20, images=100)
    noisy = Difference(difference=0.03, interval=(0.01, 0.05), repeat_noise=0.04, seeds=20, images=100)
    assert verdict(effect_of(clear)) == "holds here"
    assert verdict(effect_of(noisy)) == "not shown"
    assert verdict(None) == "no result"
