from hypothesis import given
from hypothesis import strategies as st

from app.review.consensus import UNDO, VERDICTS, Entry, fold

GIVEN = 0


@st.composite
def logs(draw: st.DrawFn) -> list[Entry]:
    """A log as `decide` and `undo` write it: an undo names an earlier decision that still stands."""
    log: list[Entry] = []
    standing: list[int] = []
    for number in range(1, draw(st.integers(0, 12)) + 1):
        if standing and draw(st.booleans()):
            undone = draw(st.sampled_from(standing))
            standing.remove(undone)
            log.append(Entry(number, UNDO, undoes=undone))
        else:
            verdict = draw(st.sampled_from(VERDICTS))
            log.append(Entry(number, verdict, draw(st.integers(1, 5)) if verdict == "relabel" else None))
            standing.append(number)
    return log


@given(logs())
def test_undoing_everything_leaves_the_given_label(log: list[Entry]) -> None:
    undone = {entry.undoes for entry in log}
    rest = [entry.id for entry in log if entry.verdict != UNDO and entry.id not in undone]
    ends = [Entry(100 + i, UNDO, undoes=decision) for i, decision in enumerate(rest)]
    assert fold(log + ends, given_label=GIVEN) is None


@given(logs(), st.sampled_from(VERDICTS), st.integers(1, 5))
def test_the_last_decision_wins(log: list[Entry], verdict: str, label: int) -> None:
    last = Entry(100, verdict, label if verdict == "relabel" else None)
    state = fold([*log, last], given_label=GIVEN)
    assert state is not None
    assert (state.decision, state.verdict) == (100, verdict)
    assert state.label == {"relabel": label, "delete": None}.get(verdict, GIVEN)


@given(logs(), st.sampled_from(VERDICTS), st.integers(1, 5))
def test_a_decision_and_its_undo_change_nothing(log: list[Entry], verdict: str, label: int) -> None:
    both = [Entry(100, verdict, label if verdict == "relabel" else None), Entry(101, UNDO, undoes=100)]
    assert fold(log + both, given_label=GIVEN) == fold(log, given_label=GIVEN)


@given(logs(), st.randoms())
def test_the_order_in_which_rows_are_read_does_not_matter(log: list[Entry], random) -> None:
    shuffled = list(log)
    random.shuffle(shuffled)
    assert fold(shuffled, given_label=GIVEN) == fold(log, given_label=GIVEN)
