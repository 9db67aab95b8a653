"""Recipe fields on the command line, by dotted name: --training.learning-rate 0.02."""

from collections.abc import Iterable, Sequence

from cyclopts import CycloptsError, UnknownOptionError

from alexnet.errors import BadRecipe

VERBS = ("train", "study")  # accept recipe fields


def named_fields(words: Sequence[str]) -> list[str]:
    """The arguments with `--training.epochs 3` and `--training.epochs=3` rewritten as `--set training.epochs=3` for the parser."""
    rewritten, rest = list(words[:1]), iter(words[1:])
    if rewritten not in ([verb] for verb in VERBS):
        return list(words)
    for word in rest:
        name, equals, value = word.removeprefix("--").partition("=")
        if word == "--":  # what follows is not an option
            return [*rewritten, word, *rest]
        if word.startswith("--") and "." in name and not name.startswith("-"):
            rewritten += ["--set", f"{name}={value if equals else next(rest, '')}"]
        else:
            rewritten.append(word)
    return rewritten


def with_field_hint(words: Sequence[str], error: CycloptsError) -> Exception:
    """The error; for an unknown option of a verb that accepts recipe fields, such as --lr, with how fields are set."""
    if words and words[0] in VERBS and isinstance(error, UnknownOptionError):
        error.add_note(
            "A field of the recipe is set by its dotted name, such as --training.learning-rate 0.02 or --training.batch-size 64."
        )
    return error


def overrides_of(fields: Iterable[str]) -> dict[str, str]:
    """NAME -> VALUE of NAME=VALUE arguments; raises BadRecipe for one without a value."""
    return dict(_pair(text) for text in fields)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not value:
        raise BadRecipe(f"'--{name}' needs a value, such as --training.learning-rate 0.02.")
    return name, value
