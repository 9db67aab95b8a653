"""Matplotlib's SVG as an element of a page: the page's colours, ids of its own, nothing that no one sees. Independent of what is drawn."""

from collections.abc import Collection, Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from markupsafe import Markup

from alexnet.i18n.units import readable
from alexnet.pages.palette import VARIABLES

NO_XML = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF), "\ufffd")  # what XML cannot hold, and a user's names may
COLOURED = ("fill", "stroke", "stop-color")
GEOMETRY = ("d", "x", "y", "transform", "width", "height")
LONG_PATH = 800  # characters: a curve, in which a tenth of a point is fine enough
UNSEEN = ("metadata", "style")


def inline(svg: str, name: str, label: str, width: float, height: float, *, title: str | None = None) -> Markup:
    """The <svg> element that a page holds: `label` is read aloud, `title` shown under the mouse, ids begin with `name`; CSS pixels."""
    root = ElementTree.fromstring(svg.translate(NO_XML))  # noqa: S314  # Matplotlib's own
    _without_unseen(root)
    referenced = set(_references(root))
    for element in root.iter():
        _dress(element, name, referenced)
    root.attrib = {
        "viewBox": f"0 0 {width:.1f} {height:.1f}",
        "role": "img",
        "aria-label": readable(label).translate(NO_XML),
        "style": f"--natural:{width:.0f}px",
    }
    if title is not None:
        root.insert(0, Element("title"))
        root[0].text = readable(title).translate(NO_XML)
    return Markup(ElementTree.tostring(root, "unicode"))


def _without_unseen(root: Element) -> None:
    """Take out metadata, styles, empty definitions and the white space between elements."""
    for parent in list(root.iter()):
        for child in list(parent):
            if _tag(child) in UNSEEN or (_tag(child) == "defs" and all(_tag(inner) in UNSEEN for inner in child)):
                parent.remove(child)
    for element in root.iter():
        element.tail = None
        if _tag(element) not in {"text", "tspan"}:
            element.text = None


def _references(root: Element) -> Iterator[str]:
    """The ids that other elements point to."""
    for element in root.iter():
        for key, value in element.attrib.items():
            if _tag_name(key) == "href":
                yield value.removeprefix("#")
            elif value.startswith("url(#"):
                yield value.removeprefix("url(#").removesuffix(")")


def _dress(element: Element, name: str, referenced: Collection[str]) -> None:
    """Without namespaces, in the page's colours; of the ids only those that are pointed to stay, each beginning with the plot's name."""
    attributes = {_tag_name(key): value for key, value in element.attrib.items()}
    if attributes.get("id", "") not in referenced:
        attributes.pop("id", None)
    if attributes.get("transform", "").startswith("rotate(-0 "):
        del attributes["transform"]
    for key, value in attributes.items():
        if key == "id":
            attributes[key] = f"{name}-{value}"
        elif key == "href":
            attributes[key] = f"#{name}-{value.removeprefix('#')}"
        elif value.startswith("url(#"):
            attributes[key] = f"url(#{name}-{value.removeprefix('url(#')}"
        elif key == "style":
            attributes[key] = _in_the_pages_colours(value)
        elif key in GEOMETRY:
            attributes[key] = _rounded(value)
    element.tag, element.attrib = _tag(element), attributes


def _in_the_pages_colours(style: str) -> str:
    """The declarations with variables for colours; fonts are the page's."""
    declarations = [declaration.partition(":")[::2] for declaration in style.split(";") if declaration.strip()]
    kept = [(key.strip(), value.strip()) for key, value in declarations if key.strip() != "font-family"]
    return "; ".join(f"{key}: {VARIABLES.get(value, value) if key in COLOURED else value}" for key, value in kept)


def _rounded(geometry: str) -> str:
    """Numbers to a hundredth of a point, a long curve's to a tenth: no screen shows more."""
    digits = 1 if len(geometry) > LONG_PATH else 2
    spaced = geometry.replace("(", "( ").replace(")", " )")
    return " ".join(_shorter(word, digits) for word in spaced.split()).replace("( ", "(").replace(" )", ")")


def _shorter(word: str, digits: int) -> str:
    _, point, fraction = word.partition(".")
    if not point or not fraction.isdigit() or len(fraction) <= digits:
        return word
    return f"{float(word):.{digits}f}".rstrip("0").rstrip(".")


def _tag(element: Element) -> str:
    return _tag_name(element.tag)


def _tag_name(name: str) -> str:
    """Without its namespace, as "{http://www.w3.org/2000/svg}path" has one."""
    return name.rpartition("}")[2]
