"""Whether a rule that was chosen beforehand is reached."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.remaining.estimate import Between, SingleLook
from app.remaining.stopping import Reached, Rule, checked, judge


def after(rule: Rule, said: str, *, seconds: float = 6, left: Between | None = None) -> Reached:
    """A review in letters: x an error, . a keep; capitals were drawn for an audit."""
    looks = [
        SingleLook(i + 1, letter in "xX", int(1000 * seconds), letter in "XO")
        for i, letter in enumerate(said)
    ]
    return judge(rule, looks, left=left, samples=1000)


def test_a_budget_of_cards_counts_every_card() -> None:
    rule = Rule("cards", 5)
    assert after(rule, "x.xO") == Reached(is_reached=False, so_far=4, after_cards=None)
    assert after(rule, "x.xO.x") == Reached(is_reached=True, so_far=6, after_cards=5)
    assert after(rule, "") == Reached(is_reached=False, so_far=0, after_cards=None)


def test_a_budget_of_minutes_leaves_long_breaks_out() -> None:
    assert after(Rule("minutes", 1), "." * 9).so_far == pytest.approx(0.9)
    assert after(Rule("minutes", 1), "." * 10).after_cards == 10
    assert after(Rule("minutes", 60), ".", seconds=7200).so_far == 1


def test_keeps_in_a_row_are_of_the_worklist_and_an_error_begins_anew() -> None:
    rule = Rule("keeps", 3)
    assert not after(rule, "..x..").is_reached
    assert after(rule, "..x.OXO..").after_cards == 9
    assert not after(rule, "OOOO").is_reached


def test_the_hit_rate_is_known_after_200_cards_of_the_worklist() -> None:
    rule = Rule("hit_rate", 0.05)
    assert after(rule, "." * 199) == Reached(is_reached=False, so_far=None, after_cards=None)
    assert after(rule, "." * 199 + "O" * 50).so_far is None
    assert after(rule, "x" * 10 + "." * 190).so_far == 0.05
    assert not after(rule, "x" * 10 + "." * 190).is_reached
    assert after(rule, "x" * 10 + "." * 191).after_cards == 201


def test_what_was_reached_once_stays_reached() -> None:
    assert after(Rule("keeps", 3), "...xxxx") == Reached(is_reached=True, so_far=0, after_cards=3)


def test_a_share_of_what_is_left_goes_by_the_upper_bound() -> None:
    rule = Rule("left", 0.02)
    assert after(rule, "....") == Reached(is_reached=False, so_far=None, after_cards=None)
    assert after(rule, "....", left=Between(5, 20)).is_reached
    assert after(rule, "....", left=Between(0, 21)) == Reached(
        is_reached=False, so_far=0.021, after_cards=None
    )


@given(
    st.sampled_from(["cards", "minutes", "keeps", "hit_rate"]),
    st.text("x.XO", max_size=500),
    st.integers(0, 500),
)
def test_going_on_never_takes_a_reached_rule_back(kind: str, said: str, cut: int) -> None:
    rule = Rule(kind, 0.3 if kind == "hit_rate" else 5)
    before, later = after(rule, said[:cut]), after(rule, said)
    assert later.is_reached or not before.is_reached
    assert not before.is_reached or later.after_cards == before.after_cards


@pytest.mark.parametrize(
    ("kind", "amount"),
    [
        ("luck", 1),
        ("cards", 0),
        ("cards", 2.5),
        ("keeps", -1),
        ("minutes", float("nan")),
        ("cards", float("inf")),
        ("hit_rate", 0),
        ("hit_rate", 1),
        ("left", 5),
        ("left", float("nan")),
    ],
)
def test_a_senseless_rule_is_refused(kind: str, amount: float) -> None:
    with pytest.raises(Invalid):
        checked(kind, amount)


def test_a_sensible_rule_is_taken() -> None:
    assert checked("cards", 500) == Rule("cards", 500)
    assert checked("left", 0.01) == Rule("left", 0.01)
    assert checked("none", 12) == Rule("none", 0)
