from hypothesis import given
from hypothesis import strategies as st

from app.review.fold import UNDO, VERDICTS, LogEntry, Policy, fold, redoable

GIVEN = 0


@st.composite
def logs(draw: st.DrawFn) -> list[LogEntry]:
    """A log as `decide` and `undo` write it: an undo names an earlier decision that still stands."""
    log: list[LogEntry] = []
    standing: list[int] = []
    for number in range(1, draw(st.integers(0, 12)) + 1):
        if standing and draw(st.booleans()):
            undone = draw(st.sampled_from(standing))
            standing.remove(undone)
            log.append(LogEntry(number, UNDO, undoes=undone))
        else:
            verdict = draw(st.sampled_from(VERDICTS))
            log.append(LogEntry(number, verdict, draw(st.integers(1, 5)) if verdict == "relabel" else None))
            standing.append(number)
    return log


@given(logs())
def test_undoing_everything_leaves_the_given_label(log: list[LogEntry]) -> None:
    undone = {entry.undoes for entry in log}
    rest = [entry.id for entry in log if entry.verdict != UNDO and entry.id not in undone]
    ends = [LogEntry(100 + i, UNDO, undoes=decision) for i, decision in enumerate(rest)]
    assert fold(log + ends, given_label=GIVEN) is None


@given(logs(), st.sampled_from(VERDICTS), st.integers(1, 5))
def test_without_second_opinions_the_last_decision_wins(
    log: list[LogEntry], verdict: str, label: int
) -> None:
    last = LogEntry(100, verdict, label if verdict == "relabel" else None)
    state = fold([*log, last], given_label=GIVEN)
    assert state is not None
    assert (state.decision, state.verdict) == (100, verdict)
    assert state.label == {"relabel": label, "delete": None}.get(verdict, GIVEN)


@given(logs(), st.sampled_from(VERDICTS), st.integers(1, 5))
def test_a_decision_and_its_undo_change_nothing(log: list[LogEntry], verdict: str, label: int) -> None:
    both = [LogEntry(100, verdict, label if verdict == "relabel" else None), LogEntry(101, UNDO, undoes=100)]
    assert fold(log + both, given_label=GIVEN) == fold(log, given_label=GIVEN)


@given(logs(), st.randoms())
def test_the_order_in_which_rows_are_read_does_not_matter(log: list[LogEntry], random) -> None:
    shuffled = list(log)
    random.shuffle(shuffled)
    assert fold(shuffled, given_label=GIVEN) == fold(log, given_label=GIVEN)


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(VERDICTS)), min_size=1, max_size=8), st.data())
def test_redoing_after_undoing_gives_the_same_answers_in_the_same_order(
    answers: list[tuple[int, str]], data: st.DataObject
) -> None:
    log = [LogEntry(i, verdict, sample=sample) for i, (sample, verdict) in enumerate(answers, 1)]
    back = data.draw(st.integers(0, len(log)))
    for entry in [*reversed(log)][:back]:
        log.append(LogEntry(len(log) + 1, UNDO, undoes=entry.id, sample=entry.sample))
    again = []
    while pile := redoable(log):
        again.append(pile[-1].answer)
        log.append(LogEntry(len(log) + 1, pile[-1].verdict, pile[-1].label, sample=pile[-1].sample))
    assert again == [
        LogEntry(0, verdict, sample=sample).answer for sample, verdict in answers[len(answers) - back :]
    ]


def test_another_decision_ends_what_can_be_redone() -> None:
    log = [
        LogEntry(1, "keep", sample=1),
        LogEntry(2, UNDO, undoes=1, sample=1),
        LogEntry(3, "delete", sample=1),
    ]
    assert redoable(log) == []
    assert redoable(log[:2]) == [log[0]]


def merge(number: int, position: int, into: int) -> LogEntry:
    return LogEntry(number, "relabel", into, in_bulk=True, user=9, moved_from=position)


@given(logs(), st.integers(0, 5), st.integers(0, 5))
def test_a_merge_takes_one_class_for_the_other_and_changes_nothing_else(
    log: list[LogEntry], position: int, into: int
) -> None:
    before = fold(log, given_label=GIVEN)
    after = fold([*log, merge(100, position, into)], given_label=GIVEN)
    label = GIVEN if before is None else before.label
    expected = into if label == position else label
    given_now = into if position == GIVEN else GIVEN
    assert (after is None) == (before is None)  # it says nothing about the image
    assert (given_now if after is None else after.label) == expected
    if after is not None and not after.waits:
        usual = "delete" if expected is None else "keep" if expected == GIVEN else "relabel"
        assert after.verdict == usual
    assert (before is None or not before.waits) == (after is None or not after.waits)
    undo = LogEntry(101, UNDO, undoes=100)
    assert fold([*log, merge(100, position, into), undo], given_label=GIVEN) == before


def test_two_people_who_named_classes_that_are_merged_agree() -> None:
    policy = Policy(annotators=2, which="all")
    said = [LogEntry(1, "relabel", 1, user=1), LogEntry(2, "relabel", 2, user=2)]
    torn = fold(said, given_label=GIVEN, policy=policy)
    agreed = fold([*said, merge(3, 1, 2)], given_label=GIVEN, policy=policy)
    assert torn is not None
    assert torn.waits == "adjudication"
    assert agreed is not None
    assert (agreed.waits, agreed.verdict, agreed.label) == ("", "relabel", 2)


def test_answers_after_a_merge_are_taken_as_they_are() -> None:
    log = [merge(1, GIVEN, 2), LogEntry(2, "relabel", 3)]
    state = fold(log, given_label=GIVEN)
    assert state is not None
    assert (state.decision, state.label) == (2, 3)
    kept = fold([*log, LogEntry(3, "keep")], given_label=GIVEN)
    assert kept is not None
    assert (kept.decision, kept.verdict, kept.label) == (3, "keep", 2)
