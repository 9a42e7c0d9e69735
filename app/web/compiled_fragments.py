"""Compiled fragments: a template is rendered once per shape, then only its values are put in.

Rendering takes ten times as long as putting values in. A value that differs between fragments of one shape is
a placeholder while the template is rendered. A value that the template branches on is part of the shape.
"""

import re
import secrets
import threading
from collections.abc import Callable, Hashable, Mapping

from markupsafe import Markup, escape

from app.web.rendering import environment

MAX_CHARACTERS = (
    16_000_000  # of all cached fragments: a thousand shapes with few classes, a few dozen with hundreds
)
_MARK = f"\ue000{secrets.token_hex(4)}"  # a private-use character and a random part: no class name has it
_PLACEHOLDER = re.compile(f"{_MARK}([a-z0-9_]+)\ue001")
NOTHING: Mapping[str, object] = {}
_cache: dict[Hashable, str] = {}
_cache_lock = threading.Lock()
_characters = 0


def placeholder(name: str) -> str:
    """Text that stands for a value while the template is rendered."""
    return f"{_MARK}{name}\ue001"


def render_fragment(
    template: str,
    shape: Hashable,
    make_page: Callable[[], object],
    values: Mapping[str, object],
    *,
    safe: Mapping[str, object] = NOTHING,
) -> Markup:
    """Render the template of this shape with these values.

    `make_page` builds the page with placeholders; it is called once per shape. `values` are escaped, `safe`
    ones (numbers, markup) are not.
    """
    key = (template, shape)
    compiled = _cache.get(key)
    if compiled is None:
        rendered = environment().get_template(template).render(page=make_page())
        compiled = _store(key, _PLACEHOLDER.sub(r"%(\1)s", rendered.replace("%", "%%")))
    filled: dict[str, object] = {name: escape(str(value)) for name, value in values.items()}
    filled.update(safe)
    return Markup(compiled % filled)  # noqa: S704


def _store(key: Hashable, compiled: str) -> str:
    """Add to the cache; the oldest entries are dropped when it is too large."""
    global _characters  # noqa: PLW0603 - of all that is kept
    with _cache_lock:
        if key not in _cache:
            _cache[key] = compiled
            _characters += len(compiled)
            while _characters > MAX_CHARACTERS and len(_cache) > 1:
                _characters -= len(_cache.pop(next(iter(_cache))))
    return compiled
