"""Which samples a verdict for many leaves alone, in words."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.deck.left_alone import LeftAlone, count_left, nothing_left, reason

REASONS = ("looked_at", "gold", "lost", "unpredicted")


def sample(**facts: object) -> SimpleNamespace:
    return SimpleNamespace(**{"looked_at": False, "gold": False, "lost": False, "predicted": 1} | facts)


@pytest.mark.parametrize(
    ("facts", "accept", "delete", "why"),
    [
        ({}, True, False, ""),
        ({"looked_at": True, "gold": True, "lost": True}, False, True, "looked_at"),
        ({"gold": True, "lost": True}, False, True, "gold"),
        ({"lost": True, "predicted": None}, True, False, "lost"),
        ({"lost": True}, False, True, ""),
        ({"predicted": None}, True, False, "unpredicted"),
        ({"predicted": 0}, True, False, ""),
        ({"predicted": None}, False, False, ""),
    ],
)
def test_a_sample_is_left_alone_for_the_first_reason_that_holds(
    facts: dict[str, object], accept: bool, delete: bool, why: str
) -> None:
    assert reason(sample(**facts), accept=accept, delete=delete) == why


@given(st.lists(st.sampled_from(["", *REASONS])))
def test_every_sample_left_alone_is_counted_once(reasons: list[str]) -> None:
    left = count_left(reasons)
    assert [getattr(left, each) for each in REASONS] == [reasons.count(each) for each in REASONS]


def test_one_reason_for_all_needs_no_number() -> None:
    assert LeftAlone().words == ""
    assert LeftAlone(lost=1).words == "the file of it is missing or changed"
    assert LeftAlone(looked_at=9).words == "somebody looked at each alone"
    assert LeftAlone(unpredicted=2).words == "each has no prediction to accept"


def test_several_reasons_are_named_with_their_numbers() -> None:
    assert LeftAlone(looked_at=2, gold=1).words == (
        "somebody looked at 2 of them one by one and 1 belongs to the checked test set"
    )
    assert LeftAlone(looked_at=1, lost=3, unpredicted=12_345).words == (
        "somebody looked at 1 alone, the files of 3 are missing or changed "
        "and 12,345 have no prediction to accept"
    )


@given(st.tuples(*[st.integers(0, 3)] * 4))
def test_of_several_reasons_each_number_is_in_the_words_where_it_is_not_zero(counts: tuple[int, ...]) -> None:
    words, numbers = LeftAlone(*counts).words, [str(count) for count in counts if count]
    assert [word for word in words.split() if word.isdigit()] == (numbers if len(numbers) > 1 else [])


@pytest.mark.parametrize(
    ("reasons", "any_gold", "words"),
    [
        (["lost", "looked_at"], True, "checked test set"),
        (["lost", "looked_at"], False, "looked at every one"),
        (["unpredicted", "lost"], False, "missing or have changed"),
        (["unpredicted"], False, "no prediction to accept"),
    ],
)
def test_where_no_sample_gets_the_verdict_one_sentence_says_why(
    reasons: list[str], any_gold: bool, words: str
) -> None:
    assert words in str(nothing_left(reasons, any_gold=any_gold))
