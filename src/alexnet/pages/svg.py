"""Matplotlib's SVG as an element of a page: in the page's colours, with unique ids, without invisible parts. Independent of the plots."""

from collections.abc import Collection, Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from markupsafe import Markup

from alexnet.i18n.units import readable
from alexnet.pages.palette import VARIABLES

NO_XML = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF), "\ufffd")  # not allowed in XML, but possible in users' names
COLOURED = ("fill", "stroke", "stop-color")
GEOMETRY = ("d", "x", "y", "transform", "width", "height")
LONG_PATH = 800  # characters: a curve, for which a tenth of a point is precise enough
INVISIBLE = ("metadata", "style")


def inline(svg: str, name: str, label: str, width: float, height: float, *, title: str | None = None) -> Markup:
    """The <svg> element for a page, of width x height CSS pixels; label: for screen readers, title: the tooltip, name: prefix of ids."""
    root = ElementTree.fromstring(svg.translate(NO_XML))  # noqa: S314  # Matplotlib's own
    _remove_invisible(root)
    referenced = set(_references(root))
    for element in root.iter():
        _adapt(element, name, referenced)
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


def _remove_invisible(root: Element) -> None:
    """Remove metadata, styles, empty definitions and the white space between elements."""
    for parent in list(root.iter()):
        for child in list(parent):
            if _tag(child) in INVISIBLE or (_tag(child) == "defs" and all(_tag(inner) in INVISIBLE for inner in child)):
                parent.remove(child)
    for element in root.iter():
        element.tail = None
        if _tag(element) not in {"text", "tspan"}:
            element.text = None


def _references(root: Element) -> Iterator[str]:
    """The ids that other elements refer to."""
    for element in root.iter():
        for key, value in element.attrib.items():
            if _tag_name(key) == "href":
                yield value.removeprefix("#")
            elif value.startswith("url(#"):
                yield value.removeprefix("url(#").removesuffix(")")


def _adapt(element: Element, name: str, referenced: Collection[str]) -> None:
    """Remove namespaces and unreferenced ids, prefix the others with the plot's name, and use the page's colours."""
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
    """CSS declarations with variables for colours, and without fonts, so that the page's fonts apply."""
    declarations = [declaration.partition(":")[::2] for declaration in style.split(";") if declaration.strip()]
    pairs = [(key.strip(), value.strip()) for key, value in declarations if key.strip() != "font-family"]
    return "; ".join(f"{key}: {VARIABLES.get(value, value) if key in COLOURED else value}" for key, value in pairs)


def _rounded(geometry: str) -> str:
    """Numbers rounded to a hundredth of a point, or a tenth in a long curve: no screen shows more."""
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
    """The name without its namespace: "path" for "{http://www.w3.org/2000/svg}path"."""
    return name.rpartition("}")[2]
