"""Fragments of one shape that are shown again and again: the template is rendered once and filled in from then on.

A template takes ten times as long as filling in. What differs from one fragment to the next is a slot while the template is
rendered; what the template branches on is not, but belongs to the shape.
"""

import re
import secrets
import threading
from collections.abc import Callable, Hashable, Mapping

from markupsafe import Markup, escape

from app.web.rendering import environment

MOST = 16_000_000  # characters that are kept: of few classes a thousand shapes, of hundreds a few dozen
_MARK = f"\ue000{secrets.token_hex(4)}"  # of a plane for private use, and unknown to whoever names classes
_SLOT = re.compile(f"{_MARK}([a-z0-9_]+)\ue001")
NOTHING: Mapping[str, object] = {}
_kept: dict[Hashable, str] = {}
_keeping = threading.Lock()
_characters = 0


def slot(name: str) -> str:
    """What stands for a value while the shape is rendered."""
    return f"{_MARK}{name}\ue001"


def fill(
    template: str,
    shape: Hashable,
    make_page: Callable[[], object],
    values: Mapping[str, object],
    *,
    safe: Mapping[str, object] = NOTHING,
) -> Markup:
    """The template with the page that `make_page` makes of slots, which is asked once for a shape, and with these values.

    What is `safe` (numbers, markup) is not escaped.
    """
    key = (template, shape)
    mould = _kept.get(key)
    if mould is None:
        rendered = environment().get_template(template).render(page=make_page())
        mould = _keep(key, _SLOT.sub(r"%(\1)s", rendered.replace("%", "%%")))
    filled: dict[str, object] = {name: escape(str(value)) for name, value in values.items()}
    filled.update(safe)
    return Markup(mould % filled)  # noqa: S704


def _keep(key: Hashable, mould: str) -> str:
    """Those that came first go when there are too many."""
    global _characters  # noqa: PLW0603 - of all that is kept
    with _keeping:
        if key not in _kept:
            _kept[key] = mould
            _characters += len(mould)
            while _characters > MOST and len(_kept) > 1:
                _characters -= len(_kept.pop(next(iter(_kept))))
    return mould
