"""The shortcuts that answering a card takes through the web, and what each gains.

A decision takes 0.9 ms of the processor in all (`docs/results.md`, “Deciding”). Here, processor time per
call, median of seven rounds on a shared machine with two cores of an AMD EPYC, 2026-11-28:

- `ahead_of_fastapi`: a route of Starlette before all others, which reads its form itself: 37 µs, where
  FastAPI finds the route and fills in the arguments in 218 µs (neither with the log-in). It is checked in the
  transaction of the decision, which spares another transaction; what that gains was not measured alone.
- `render_fragment`: a template is rendered once per shape, then only its values are put in: 20 µs for a card
  instead of 91 µs.

Larger shortcuts are below the web: prepared statements (`app/db/compiled.py`, 3 µs instead of 23 µs each) and
decisions that share a commit (`app/db/group_commit.py`). `docs/deciding.md` describes them all.
"""

import re
import secrets
import threading
from collections.abc import Awaitable, Callable, Hashable, Mapping

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

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


def ahead_of_fastapi(path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
    """A route for POST that is matched before those of FastAPI.

    Nothing is done for it: the endpoint reads its form, refuses what is not declared and checks the log-in.
    """
    return Route(path, endpoint, methods=["POST"])


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

    A value that differs between fragments of one shape is a placeholder while the template is rendered. A
    value that the template branches on is part of the shape.

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
