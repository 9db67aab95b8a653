"""Bars in tables, as HTML. Independent of Matplotlib."""

from markupsafe import Markup

from alexnet.i18n.units import finite


def bar(share: object, longest: object = 1.0) -> Markup:
    """A bar, empty if the share is unknown; `longest` fills its box. An HTML element, so that it is readable on a phone."""
    filled = min(1.0, (finite(share) or 0.0) / (finite(longest) or 1.0))
    return Markup('<span class="bar" aria-hidden="true"><i style="width:{}%"></i></span>').format(f"{100 * filled:.1f}")
