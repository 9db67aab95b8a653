"""Fields of a recipe on the command line, by dotted name: --training.learning-rate 0.02."""

from collections.abc import Iterable, Sequence

from alexnet.errors import BadRecipe

VERBS = ("train", "study")  # that take the fields of a recipe


def named_fields(words: Sequence[str]) -> list[str]:
    """`--training.epochs 3` and `--training.epochs=3` as `--set training.epochs=3`, which the parser knows; other words as they are."""
    rewritten, rest = list(words[:1]), iter(words[1:])
    if rewritten not in ([verb] for verb in VERBS):
        return list(words)
    for word in rest:
        name, equals, value = word.removeprefix("--").partition("=")
        if word == "--":  # what follows is no option
            return [*rewritten, word, *rest]
        if word.startswith("--") and "." in name and not name.startswith("-"):
            rewritten += ["--set", f"{name}={value if equals else next(rest, '')}"]
        else:
            rewritten.append(word)
    return rewritten


def overrides_of(fields: Iterable[str]) -> dict[str, str]:
    """Values by name of NAME=VALUE words; raises BadRecipe for one without a value."""
    return dict(_pair(text) for text in fields)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not value:
        raise BadRecipe(f"'--{name}' needs a value, as --training.learning-rate 0.02.")
    return name, value
