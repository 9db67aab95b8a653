"""A page as its readers meet it: elements, what is seen, what is read aloud."""

import re
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "input", "hr"}
HIDDEN = {"style", "script"}
READ_ALOUD = ("aria-label", "alt", "title")
LOADING = ("src", "srcset", "data", "poster", "xlink:href")


class Page(HTMLParser):
    """The elements of a page, its ids and its visible text; fails on elements that do not close in order.

    text: all that is seen. heard: every text that is translated, and what is read aloud instead of images. translated, kept: what is seen
    without, and only, code, styles, scripts and spans in English, which stay as they are in every language.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[tuple[str, bool]] = []  # each with whether it, or what it stands in, stays as it is
        self.text = self.translated = self.kept = ""
        self.heard: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.heard += [value for name, value in attrs if name in READ_ALOUD and value]
        if tag not in VOID:
            stays = tag in {"code", *HIDDEN} or (tag == "span" and dict(attrs).get("lang") == "en")
            self.open.append((tag, stays or bool(self.open and self.open[-1][1])))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        tags, said = {tag for tag, _ in self.open}, " ".join(data.split()) + " "
        if not tags & HIDDEN:
            self.text += said
        if not tags & {"code", *HIDDEN}:
            self.heard.append(data)
        if self.open and self.open[-1][1]:
            self.kept += said
        else:
            self.translated += said

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def ids(self) -> list[str]:
        return [identity for _, attributes in self.elements if (identity := attributes.get("id"))]

    @property
    def latin_words(self) -> set[str]:
        """The words in Latin letters that one reads or hears."""
        return {word for text in self.heard for word in re.findall("[A-Za-z]{2,}", text)}


def assert_complete_in_itself(page: Page, links: frozenset[str] = frozenset()) -> None:
    """Assert that a page loads nothing, runs nothing from an attribute, and leads to no place of the network but `links`."""
    for _, attributes in page.elements:
        for name in LOADING:
            assert (attributes.get(name) or "data:").startswith(("data:", "#"))
        assert not [name for name in attributes if name.startswith("on")]
    unlinked = page.html
    for link in links:
        unlinked = unlinked.replace(link, "")
    assert not re.search(r"https?://|@import|url\((?!#)", unlinked)
    assert "default-src 'none'" in page.html
