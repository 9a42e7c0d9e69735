"""Fragments of one shape that are shown again and again: the template is rendered once and filled in from then on.

A template takes ten times as long as filling in. What differs from one fragment to the next is a slot while the template is
rendered; what the template branches on is not, but belongs to the shape.
"""

import html
import re
from collections.abc import Callable, Hashable, Mapping

from markupsafe import Markup

from app.web.rendering import environment

MOST = 1_000  # shapes that are kept
_SLOT = re.compile("\ue000([a-z0-9_]+)\ue001")  # of a plane for private use, so that nothing else reads like one
NOTHING: Mapping[str, object] = {}
_kept: dict[Hashable, str] = {}


def slot(name: str) -> str:
    """What stands for a value while the shape is rendered."""
    return f"\ue000{name}\ue001"


def fill(
    template: str, shape: Hashable, make_page: Callable[[], object], values: Mapping[str, object], *, safe: Mapping[str, object] = NOTHING
) -> Markup:
    """The template with the page that `make_page` makes of slots, which is asked once for a shape, and with these values.

    What is `safe` (numbers, markup) is not escaped.
    """
    key = (template, shape)
    mould = _kept.get(key)
    if mould is None:
        if len(_kept) >= MOST:
            _kept.clear()
        rendered = environment().get_template(template).render(page=make_page())
        mould = _kept[key] = _SLOT.sub(r"%(\1)s", rendered.replace("%", "%%"))
    filled: dict[str, object] = {name: html.escape(str(value)) for name, value in values.items()}
    filled.update(safe)
    return Markup(mould % filled)  # noqa: S704
