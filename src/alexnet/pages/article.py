"""The sections of a page's article, as its template shows them. Independent of their content."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownSection:
    """A section: its anchor, its title, a shorter one for the list at the top, and the template that shows `view`.

    damage: why its content cannot be shown; the page shows a sentence instead. listed: whether it appears in the list at the top.
    """

    anchor: str
    title: str
    short_title: str
    template: str
    view: object = None
    damage: str | None = None
    listed: bool = True
