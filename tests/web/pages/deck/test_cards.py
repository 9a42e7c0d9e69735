import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.deck.worklist import Card
from app.review.log import RecentDecision
from app.web import fast_path
from app.web.fast_path import placeholder, render_fragment
from app.web.pages.deck.cards import CardPart, CardsPlace, card_html, card_view, recent_html
from app.web.rendering import Viewer, environment

NAMES = ("50 % cat", "<dog>", "owl & \ue000viewer\ue001")
PLACE = CardsPlace("faces", Viewer("ann", role="annotator"), "class=a&order=loss", positions=(0, 2, 13))
shares = st.floats(0, 1) | st.none()
cards = st.builds(
    Card,
    sample_id=st.integers(1),
    path=st.text(min_size=1),
    split=st.sampled_from(["", "train"]),
    width=st.sampled_from([48, 65, 4000]),
    height=st.sampled_from([48, 65]),
    sha256=st.just("0" * 64),
    given_label=st.sampled_from(NAMES),
    run_id=st.sampled_from([None, 1]),
    rank=st.none() | st.integers(1, 9),
    ranked=st.just(9),
    predicted_label=st.none() | st.sampled_from(NAMES),
    confidence=shares,
    self_confidence=shares,
    margin=st.none(),
    loss=st.none(),
    probabilities=st.lists(st.floats(0, 1), max_size=3).map(
        lambda found: tuple(zip(NAMES, found, strict=False))
    ),
    verdict=st.sampled_from([None, "keep", "relabel"]),
    label=st.none() | st.sampled_from(NAMES),
    blind=st.booleans(),
    gold=st.booleans(),
)

decisions = st.builds(
    RecentDecision,
    decision_id=st.just(3),
    sample_id=st.integers(1, 9),
    path=st.text(),
    verdict=st.sampled_from(["keep", "relabel"]),
    label=st.none() | st.sampled_from(NAMES),
    given_label=st.sampled_from(NAMES),
    blind=st.booleans(),
    gold=st.booleans(),
)


def without_ids(html: str) -> str:
    return re.sub(r'"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"', "", html).strip()


@given(card=cards, hidden=st.booleans())
def test_a_filled_in_card_is_the_one_that_the_template_makes(card: Card, hidden: bool) -> None:
    view = replace(card_view(card, names=NAMES, positions=PLACE.positions), skip="class=a&order=loss&card=7")
    page = CardPart(PLACE.dataset, PLACE.viewer, PLACE.query, PLACE.positions, view, hidden)
    made = environment().get_template("deck/_card.html").render(page=page)
    assert without_ids(
        card_html(card, names=NAMES, place=PLACE, skip="class=a&order=loss&card=7", hidden=hidden)
    ) == without_ids(made)


def test_awkward_characters_are_escaped_as_the_template_escapes_them() -> None:
    path = """a"b'c<d>e&f%s %(path)s.png"""
    card = Card(
        7, path, "train", 48, 48, "0" * 64, "owl", 1, 3, 9, "cat", 0.8, 0.1, 0.1, 4.2, 0.9, (), None, None
    )
    view = card_view(card, names=NAMES, positions=PLACE.positions)
    page = CardPart(PLACE.dataset, PLACE.viewer, PLACE.query, PLACE.positions, replace(view, skip=""), False)
    made = environment().get_template("deck/_card.html").render(page=page)
    assert "a&#34;b&#39;c&lt;d&gt;e&amp;f%s %(path)s.png" in made
    filled = card_html(card, names=NAMES, place=PLACE, skip="", hidden=False)
    assert without_ids(filled) == without_ids(made)


@given(one=cards, other=cards, gold=st.booleans())
def test_a_blind_look_is_the_same_to_the_letter_whatever_is_known_of_the_image(
    one: Card, other: Card, gold: bool
) -> None:
    """The network is asked for a card only by its number.

    How large the image is shows in the image itself.
    """
    blind = [
        replace(each, blind=True, gold=gold, sample_id=7, width=48, height=48, split="")
        for each in (one, other)
    ]
    made = [card_html(each, names=NAMES, place=PLACE, skip="", hidden=False) for each in blind]
    assert without_ids(made[0]) == without_ids(made[1])


def test_a_second_look_says_nothing_of_the_sample_but_its_image() -> None:
    card = Card(
        7,
        "secret/path.png",
        "train",
        48,
        48,
        "0" * 64,
        "owl",
        1,
        3,
        9,
        "cat",
        0.81,
        0.01,
        0.1,
        4.2,
        0.9,
        (("owl", 0.01),),
        None,
        None,
        True,
    )
    html = card_html(card, names=("cat", "owl"), place=PLACE, skip="", hidden=False)
    assert not re.search("secret|81 %|Rank|given label owl|train", html)


@given(st.text(), st.text())
def test_what_is_filled_in_cannot_leave_its_place(path: str, name: str) -> None:
    decision = RecentDecision(
        1, 7, f'{path}"><script>', "relabel", f"{name}<b>", "cat", blind=False, gold=False
    )
    html = recent_html(decision, PLACE.dataset, PLACE.query)
    assert not re.search("<script|<b>", html)


def test_a_shape_is_rendered_once() -> None:
    asked: list[int] = []

    def make_page() -> CardPart:
        asked.append(1)
        card = Card(
            7,
            "a.png",
            "",
            48,
            48,
            "0" * 64,
            "owl",
            None,
            None,
            0,
            None,
            None,
            None,
            None,
            None,
            None,
            (),
            None,
            None,
        )
        return CardPart(
            "faces",
            PLACE.viewer,
            "",
            (0,),
            replace(card_view(card, names=("cat",), positions=(0,)), path=placeholder("path")),
            False,
        )

    first, second = (
        render_fragment("deck/_card.html", "a shape of this test", make_page, {"path": path})
        for path in ("one.png", "two.png")
    )
    assert len(asked) == 1
    assert "one.png" in first
    assert "two.png" in second


def test_the_shapes_that_came_first_go_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_path, "_cache", cache := {})
    monkeypatch.setattr(fast_path, "_characters", 0)
    monkeypatch.setattr(fast_path, "MAX_CHARACTERS", 60_000)
    card = Card(
        7,
        "a.png",
        "",
        48,
        48,
        "0" * 64,
        "owl",
        None,
        None,
        0,
        None,
        None,
        None,
        None,
        None,
        None,
        (),
        None,
        None,
    )
    for width in range(200):
        card_html(
            replace(card, given_label=f"class {width}"),
            names=tuple(f"class {i}" for i in range(20)),
            place=replace(PLACE, positions=tuple(range(20))),
            skip="",
            hidden=False,
        )
    assert 1 < len(cache) < 20
    assert sum(map(len, cache.values())) <= 60_000
