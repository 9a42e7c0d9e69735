import html

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from app.deck.answer import Deck
from app.deck.progress import ReviewProgress
from app.deck.selection import SelectionProgress
from app.web.filters import Ordered
from app.web.pages.deck.deck import TEMPLATE, deck_html, deck_page
from app.web.rendering import Viewer, environment
from tests.web.pages.deck.test_cards import NAMES, cards, decisions

numbers = st.integers(0, 1_000_000)
progress = st.builds(
    ReviewProgress,
    label_issues=numbers,
    remaining=numbers,
    second_looks=numbers,
    reviewed=numbers,
    in_bulk=numbers,
    found=numbers,
    hit_rate=st.none() | st.floats(0, 1),
    seconds_per_decision=st.none() | st.floats(0, 99),
    mine=numbers,
)
decks = st.builds(
    Deck,
    cards=st.lists(cards, max_size=2).map(tuple),
    gone=st.lists(numbers, max_size=2).map(tuple),
    run_id=st.none() | numbers,
    ranking=st.sampled_from(["", "3.10"]),
    class_names=st.just(NAMES),
    class_positions=st.just((0, 2, 13)),
    progress=progress,
    selection=st.none() | st.builds(SelectionProgress, reviewed=numbers, left=numbers, found=numbers),
    recent=st.lists(decisions, max_size=2).map(tuple),
    will_rank=st.booleans(),
    training=st.none(),
    ranked=numbers,
    has_gold=st.booleans(),
    gold=st.none(),
    random_look=st.none(),
)


@given(
    deck=decks,
    viewer=st.text(min_size=1),
    query=st.sampled_from(["", "order=loss&text=%3Cb"]),
    is_idle=st.booleans(),
)
def test_a_filled_in_deck_is_the_one_that_the_template_makes(
    deck: Deck, viewer: str, query: str, is_idle: bool
) -> None:
    context = {"viewer": Viewer(viewer, role="annotator"), "url": "/", "dataset": "faces"}
    page = deck_page(
        context, deck, queue=Ordered.parse(query), is_idle=is_idle, asked=True, undone=None, redone=None
    )
    made = environment().get_template(TEMPLATE).render(page=page)
    assert html.unescape(deck_html(page)) == html.unescape(made)


def test_markup_is_kept_and_everything_else_escaped() -> None:
    context = {"viewer": Viewer("<b>", role="annotator"), "url": "/", "dataset": "faces"}
    empty = ReviewProgress(9, 3, 0, 6, 0, 2, 0.5, 1.2, 6)
    deck = Deck(
        (),
        (),
        1,
        "Model 1",
        "1.1",
        NAMES,
        (0, 1, 2),
        empty,
        None,
        (),
        will_rank=False,
        training=None,
        ranked=9,
        has_gold=False,
        gold=None,
        random_look=None,
    )
    page = deck_page(
        context, deck, queue=Ordered.parse(""), is_idle=False, asked=True, undone=None, redone=None
    )
    shown = deck_html(page)
    assert isinstance(shown, Markup)
    assert "<b>" not in shown
    assert "&lt;b&gt;" in shown
