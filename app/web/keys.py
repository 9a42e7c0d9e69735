"""Keys, as pages list them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """What some keys do; each of them does it alone."""

    does: str
    keys: tuple[str, ...]
