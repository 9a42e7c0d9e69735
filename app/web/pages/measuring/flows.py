"""A picture of changed labels: bands from classes on the left to classes on the right. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

AREA = 200  # pixels that all bands together are high
THINNEST = 2.0
SLOT = 24  # pixels that a class takes at least, so that its name can be read
GAP = 8
LONGEST = 16  # letters of a name
SHOWN = 24  # bands, the largest


@dataclass(frozen=True)
class ClassFlow:
    """So many samples from one class to another, by name."""

    source: str
    target: str
    count: int


@dataclass(frozen=True)
class Node:
    """A class on one side; `y` and `height` in pixels."""

    name: str
    short: str
    count: int
    y: float
    height: float
    place: int | None  # of the class, for its colour; None for what is no class, such as deleted

    @property
    def middle(self) -> float:
        """Where its name stands."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Band:
    """A flow as a shape; `path` is in pixels downwards and per cent of the width across."""

    flow: ClassFlow
    path: str
    place: int | None  # of the class that it comes from


@dataclass(frozen=True)
class FlowChart:
    """Classes on both sides and the bands between."""

    height: float
    left: tuple[Node, ...]
    right: tuple[Node, ...]
    bands: tuple[Band, ...]


def draw(flows: Sequence[ClassFlow], order: Sequence[str], *, classes: int | None = None) -> FlowChart | None:
    """The largest flows, classes in this order from the top; none without flows.

    The first `classes` of the order are classes, all of them if it is not given.
    """
    shown = sorted(flows, key=lambda flow: -flow.count)[:SHOWN]
    if not shown:
        return None
    place = {name: at for at, name in enumerate(order)}
    shown.sort(key=lambda flow: (place[flow.source], place[flow.target]))
    a_sample = AREA / sum(flow.count for flow in shown)
    thick = [max(THINNEST, flow.count * a_sample) for flow in shown]
    known = {name: at for name, at in place.items() if classes is None or at < classes}
    ends = list(zip(shown, thick, strict=True))
    left = _column([(flow.source, flow.count, size) for flow, size in ends], place, known)
    right = _column([(flow.target, flow.count, size) for flow, size in ends], place, known)
    at_left, at_right = {node.name: node.y for node in left}, {node.name: node.y for node in right}
    bands = []
    for flow, size in zip(shown, thick, strict=True):
        a, b = at_left[flow.source], at_right[flow.target]
        bands.append(Band(flow, _path(a, b, size), known.get(flow.source)))
        at_left[flow.source] += size
        at_right[flow.target] += size
    height = max(side[-1].y + max(SLOT, side[-1].height) for side in (left, right))
    return FlowChart(round(height + SLOT / 2), left, right, tuple(bands))


def _column(
    ends: Sequence[tuple[str, int, float]], place: dict[str, int], known: dict[str, int]
) -> tuple[Node, ...]:
    nodes, y = [], float(GAP)
    for name in sorted({name for name, *_ in ends}, key=place.__getitem__):
        height = sum(size for other, _, size in ends if other == name)
        slot = max(SLOT, height)
        short = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
        nodes.append(
            Node(
                name,
                short,
                sum(count for other, count, _ in ends if other == name),
                y + (slot - height) / 2,
                height,
                known.get(name),
            )
        )
        y += slot + GAP
    return tuple(nodes)


def _path(a: float, b: float, size: float) -> str:
    upper = f"M0 {a:.1f} C50 {a:.1f} 50 {b:.1f} 100 {b:.1f}"
    lower = f"L100 {b + size:.1f} C50 {b + size:.1f} 50 {a + size:.1f} 0 {a + size:.1f} Z"
    return f"{upper} {lower}"
