"""What a training will do, in words, before it starts: what it learns from, what is tried, how long, and how exact its result can be."""

from alexnet.data.dataset import Dataset
from alexnet.data.labels_file import with_labels
from alexnet.data.open import NAMED, open_dataset
from alexnet.evaluation.metrics import error_interval
from alexnet.i18n.translate import Lang, say
from alexnet.i18n.units import count, percent
from alexnet.search.candidates import Candidate, candidates_for, why_missing
from alexnet.studio.datasets import DataSets
from alexnet.studio.requests import Requests, Wish, budget_of, check_model
from alexnet.studio.sizes import Counts, Sizes, counts_by_split, sizes_of

EXAMPLE_ERROR = 0.1  # for which the interval is shown
FEWEST_TESTED = 30  # with fewer test images the plan says how little is measured


def plan(wish: Wish, requests: Requests, data_sets: DataSets, lang: Lang) -> list[str]:
    """The plan as sentences; raises Refusal and AlexNetError for a training that cannot be."""
    words, _ = requests.data(wish.data)
    dataset = open_dataset(with_labels(words[0], words[2] if len(words) > 1 else None))
    own = None if wish.data in NAMED and wish.data not in data_sets.names() else data_sets.find(wish.data)
    sizes = sizes_of(counts_of(dataset) if own is None else counts_by_split(own))
    figures = {"n": count(len(dataset.items)), "k": len(dataset.classes)}
    return [
        say("studio.plan_images", lang, **figures, train=count(sizes.train), validation=count(sizes.validation), test=count(sizes.test)),
        *_what(wish, dataset, sizes, lang),
        *_expected(sizes, lang),
    ]


def counts_of(dataset: Dataset) -> Counts:
    """The images of a data set that is not the workspace's, by class and split."""
    found: dict[str, dict[str | None, int]] = {name: {} for name in dataset.classes}
    for item in dataset.items:
        of_class = found[dataset.classes[item.label]]
        of_class[item.split] = of_class.get(item.split, 0) + 1
    return found


def _what(wish: Wish, dataset: Dataset, sizes: Sizes, lang: Lang) -> list[str]:
    if wish.way == "recipe" and wish.run:
        return [say("studio.plan_recipe", lang, run=wish.run)]
    seconds = float(budget_of(wish.minutes)[:-1])
    time = _time(seconds, lang)
    if wish.way == "model":
        check_model(wish.model)
        return [say("studio.plan_model", lang, model=wish.model, time=time), say("studio.plan_time", lang, time=time)]
    if wish.way == "recipe":
        check_model(wish.model)
        return [say("studio.plan_named", lang, model=wish.model, recipe=wish.recipe, time=time)]
    candidates = candidates_for(dataset.native_side())
    fast = [one for one in candidates if not one.is_trained and why_missing(one) is None]
    networks = [one.model for one in candidates if one.is_trained]
    comma = say("studio.comma", lang)
    first = comma.join(_about(one, sizes.train, lang) for one in fast)
    return [
        say("studio.plan_best", lang, first=first, networks=comma.join(networks), time=time),
        say("studio.plan_time", lang, time=time),
    ]


def _about(candidate: Candidate, images: int, lang: Lang) -> str:
    return say("studio.about", lang, model=candidate.model, time=_time(candidate.seconds(images), lang))


def _time(seconds: float, lang: Lang) -> str:
    minutes, rest = divmod(max(1, round(seconds)), 60)
    if not minutes:
        return say("studio.seconds", lang, n=rest)
    if not rest:
        return say("studio.whole_minutes", lang, n=minutes)
    return say("studio.minutes_seconds", lang, m=minutes, s=rest)


def _expected(sizes: Sizes, lang: Lang) -> list[str]:
    """How exactly the test can measure the error, whatever it will be."""
    if not sizes.test:
        return [say("studio.plan_no_test", lang)]
    low, high = error_interval(round(EXAMPLE_ERROR * sizes.test), sizes.test)
    wrong = percent(round(EXAMPLE_ERROR * sizes.test) / sizes.test)
    sentence = say("studio.plan_interval", lang, test=count(sizes.test), error=wrong, low=percent(low), high=percent(high))
    return [sentence, *([say("studio.plan_few", lang, test=sizes.test)] if sizes.test < FEWEST_TESTED else [])]
