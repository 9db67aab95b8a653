"""Which system is chosen, and that the reason says what the rule did."""

import pytest

from alexnet.comparison.recommendation import Candidate, choose, probability
from alexnet.evaluation.paired_test import Paired


def paired(difference: float, p: float) -> Paired:
    """The first against the second; p under 0.05 is shown."""
    return Paired(n=1000, first_only=40, second_only=30, difference=difference, interval=(difference - 0.02, difference + 0.02), p=p)


def candidate(name: str, error: float, seconds: float, milliseconds: float | None, **against: Paired) -> Candidate:
    return Candidate(
        model=name, error=error, validation_error=error, train_seconds=seconds, predict_milliseconds=milliseconds, against=against
    )


BEST = candidate("network", 0.10, 1000.0, 8.0)


def test_the_best_where_all_others_are_worse() -> None:
    chosen = choose([candidate("hog", 0.2, 10, 1, network=paired(0.1, 1e-9)), BEST])
    assert chosen.model == "network"
    assert chosen.reason == (
        "network has the lowest validation error (10.0%; 10.0% on the pictures judged), and no system that is clearly cheaper does "
        "as well. Every other system is shown to be worse."
    )


def test_a_cheaper_one_that_is_not_shown_to_be_worse() -> None:
    chosen = choose([BEST, candidate("hog", 0.105, 10, 1, network=paired(0.005, 0.31))])
    assert chosen.model == "hog"
    assert chosen.reason == (
        "hog is not shown to be worse than network, which has the lowest validation error (10.5% against 10.0% error; "
        "of 1,000 pictures 40 are wrong with it alone, 30 with network alone, p = 0.31), and is clearly cheaper: "
        "it trains in 10 s instead of 16 min 40 s, and a picture takes 1 instead of 8 ms."
    )


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (candidate("hog", 0.15, 10, 1, network=paired(0.05, 0.2)), "few pictures show nothing, but it lies five points behind"),
        (candidate("hog", 0.105, 10, 1, network=paired(0.005, 0.01)), "it is shown to be worse"),
        (candidate("hog", 0.105, 900, 1, network=paired(0.005, 0.3)), "it trains as long"),
        (candidate("hog", 0.105, 10, 7, network=paired(0.005, 0.3)), "a picture takes as long"),
        (candidate("hog", 0.105, 10, None, network=paired(0.005, 0.3)), "nobody has measured its time"),
        (candidate("hog", 0.105, 10, 1), "no picture was judged by both"),
    ],
)
def test_no_reason_to_take_the_other(other: Candidate, why: str) -> None:
    assert choose([other, BEST]).model == "network", why


def test_of_several_the_cheapest() -> None:
    dear = candidate("fisher", 0.101, 400, 2, network=paired(0.0, 1.0))
    cheap = candidate("hog", 0.105, 10, 1, network=paired(0.005, 0.31))
    assert choose([dear, BEST, cheap]).model == "hog"


def test_a_cheaper_one_may_be_better_on_the_test_images() -> None:
    chosen = choose([BEST, candidate("hog", 0.104, 10, 1, network=paired(-0.05, 0.001))])
    assert chosen.model == "hog"
    assert "hog is shown to be better than network" in chosen.reason


def test_who_is_not_worse_and_who_is_ahead_is_said() -> None:
    alike = candidate("fisher", 0.105, 900, 7, network=paired(0.005, 0.3))
    ahead = candidate("alexnet", 0.11, 2000, 9, network=paired(-0.03, 0.01))
    reason = choose([BEST, alike, ahead]).reason
    assert "Not shown to differ from it: fisher." in reason
    assert "Shown to be ahead of it on the pictures judged: alexnet." in reason
    assert "Every other" not in reason


def test_one_system_alone() -> None:
    assert choose([BEST]).reason == "network is the only system that has finished with the most pictures (10.0% error)."


def test_p_values_are_read() -> None:
    assert [probability(p) for p in (1.0, 0.314, 0.0494, 0.00123, 1e-9)] == ["1.00", "0.31", "0.049", "0.0012", "under 0.001"]
