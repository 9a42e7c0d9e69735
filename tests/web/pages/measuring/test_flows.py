"""The picture of changed labels: band widths follow the counts, and every band begins and ends at a class."""

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from app.web.pages.measuring.flows import SHOWN, SLOT, ClassFlow, draw

NAMES = [f"class {i}" for i in range(8)] + ["deleted"]
flows = st.dictionaries(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), st.integers(1, 10**6), min_size=1
).map(lambda table: [ClassFlow(source, target, n) for (source, target), n in table.items()])


def edges(path: str) -> tuple[float, float, float]:
    numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*", path)]
    return numbers[1], numbers[7], numbers[9] - numbers[7]  # top on the left, top on the right, thickness


@given(flows)
def test_bands_lie_inside_the_classes_they_join(given_flows):
    picture = draw(given_flows, NAMES)
    assert len(picture.bands) == min(SHOWN, len(given_flows))
    left, right = ({node.name: node for node in side} for side in (picture.left, picture.right))
    for band in picture.bands:
        a, b, size = edges(band.path)
        for node, y in ((left[band.flow.source], a), (right[band.flow.target], b)):
            assert node.y - 0.2 <= y <= y + size <= node.y + node.height + 0.3
    for side in (picture.left, picture.right):
        assert all(node.y + node.height <= picture.height for node in side)
        assert all(after.middle - before.middle >= SLOT for before, after in itertools.pairwise(side))


@given(flows)
def test_a_larger_flow_is_never_the_thinner_band(given_flows):
    sizes = sorted((band.flow.count, edges(band.path)[2]) for band in draw(given_flows, NAMES).bands)
    assert all(before <= after + 0.21 for (_, before), (_, after) in itertools.pairwise(sizes))


def test_without_flows_there_is_no_picture_and_long_names_are_cut():
    assert draw([], NAMES) is None
    picture = draw([ClassFlow("a" * 40, "b", 1)], ["a" * 40, "b"])
    assert (picture.left[0].short, picture.left[0].name) == ("a" * 15 + "…", "a" * 40)
