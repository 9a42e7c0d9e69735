"""From a sample's decisions to its state. Pure functions."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

VERDICTS = ("keep", "relabel", "delete", "unsure")
CHANGES = ("relabel", "delete")
UNDO = "undo"
WHICH = ("unsure", "changes", "share", "all")
WHO = ("anyone", "admins")
MOST_ANNOTATORS = 5


@dataclass(frozen=True)
class Policy:
    """Second opinions: how many annotators per sample, for which samples, and who gives the further looks.

    With one annotator the last answer counts, whoever gave it, and an `unsure` waits for another person.
    """

    annotators: int = 1  # 1 to 5
    which: str = "unsure"  # unsure, changes (and unsure), share (of all, and unsure), all
    share: float = 0.1  # 0…1, for `share`
    who: str = "anyone"  # anyone, admins


ONE_LOOK = Policy()


@dataclass(frozen=True)
class LogEntry:
    """A row of the decision log, as far as the state depends on it; `label` is a class position."""

    id: int
    verdict: str
    label: int | None = None
    undoes: int | None = None
    sample: int | None = None
    in_bulk: bool = False  # given to many samples at once
    user: int = 0
    adjudicates: bool = False  # an admin's last word
    blind: bool = False  # given with nothing but the image in view
    moved_from: int | None = None  # of a merge: this class became `label`, also in earlier answers

    @property
    def answer(self) -> tuple[int | None, str, int | None]:
        """Sample, verdict and label."""
        return self.sample, self.verdict, self.label


@dataclass(frozen=True)
class State:
    """The state of a sample with at least one decision that was not undone."""

    decision: int  # the id of the one that counts; of the last one while the sample waits
    verdict: str
    label: int | None  # the cleaned label; None: deleted
    reviews: int  # how many annotators have a decision that stands
    in_bulk: bool = False  # nobody looked at it alone
    waits: str = ""  # for: second (opinion), adjudication; nothing: it is settled


def redoable(entries: Iterable[LogEntry]) -> list[LogEntry]:
    """The undone decisions that one annotator can redo, the next one last; `entries` are all of theirs.

    An undo adds its decision to the list, a redo removes the last one, and any other decision clears the
    list, as in every editor.
    """
    log = sorted(entries, key=lambda entry: entry.id)
    by_id = {entry.id: entry for entry in log}
    pile: list[LogEntry] = []
    for entry in log:
        if entry.verdict == UNDO:
            if entry.undoes in by_id:
                pile.append(by_id[entry.undoes])
        elif pile and pile[-1].answer == entry.answer:
            pile.pop()
        else:
            pile.clear()
    return pile


def is_drawn(sha256: str, *, share: float) -> bool:
    """Whether a sample is in the random share that gets second opinions; by content, so it never changes."""
    return int(sha256[16:24], 16) < share * 2**32  # a part of the digest that neither folds nor audits go by


def fold(
    entries: Iterable[LogEntry], *, given_label: int, policy: Policy = ONE_LOOK, drawn: bool = False
) -> State | None:
    """The state by the decisions that were not undone; None without an answer: the given label holds.

    An adjudication is final. A decision on this single sample outweighs all bulk verdicts. Only the last
    answer of each annotator counts. If the policy asks for more looks, an answer holds when enough annotators
    have answered and more than half of them agree; until then the sample is `unsure` and keeps its given
    label. A merge of classes is no answer: it changes the class in the given label and in all answers
    before it.
    """
    log = sorted(entries, key=lambda entry: entry.id)
    undone = {entry.undoes for entry in log if entry.verdict == UNDO}
    standing = [entry for entry in log if entry.verdict != UNDO and entry.id not in undone]
    merges = [entry for entry in standing if entry.moved_from is not None]
    if merges:
        return _fold_merged(standing, merges, given_label=given_label, policy=policy, drawn=drawn)
    return _fold_standing(standing, given_label=given_label, policy=policy, drawn=drawn)


def _fold_standing(
    standing: list[LogEntry], *, given_label: int, policy: Policy, drawn: bool
) -> State | None:
    if not standing:
        return None
    looks = [entry for entry in standing if not entry.in_bulk]
    answers = (
        list({entry.user: entry for entry in looks}.values()) or standing[-1:]
    )  # many verdicts in bulk are one look
    last_words = [entry for entry in standing if entry.adjudicates]
    last, same = (last_words or looks or standing)[-1], _majority(answers)
    waits, counts = "", last
    if last_words:
        pass
    elif policy.annotators > 1 and _asks_again(policy, answers, drawn=drawn):
        enough = len(answers) >= policy.annotators
        waits = "" if enough and same else "adjudication" if enough else "second"
        counts = last if waits else same[-1]
    elif last.verdict == "unsure":
        waits = "second"
    return State(
        decision=counts.id,
        verdict="unsure" if waits else counts.verdict,
        label=given_label
        if waits
        else {"relabel": counts.label, "delete": None}.get(counts.verdict, given_label),
        reviews=len({entry.user for entry in standing}),
        in_bulk=counts.in_bulk,
        waits=waits,
    )


def _fold_merged(
    standing: list[LogEntry], merges: list[LogEntry], *, given_label: int, policy: Policy, drawn: bool
) -> State | None:
    """The state of a sample after merges of classes: by its other decisions, with the classes of now."""
    label, by = given_after(merges, given_label=given_label)
    answers = [_moved(entry, merges, given=label) for entry in standing if entry.moved_from is None]
    state = _fold_standing(answers, given_label=label, policy=policy, drawn=drawn)
    if state is None or by is None or label == given_label:
        return state
    if state.verdict == "keep" and state.decision < by.id:  # of the class that was another one then
        return replace(state, decision=by.id, verdict="relabel")
    return state


def given_after(merges: Iterable[LogEntry], *, given_label: int) -> tuple[int, LogEntry | None]:
    """The given label after merges of classes, in their order, and the merge that changed it last."""
    label, by = given_label, None
    for merge in merges:
        if merge.moved_from == label and merge.label is not None:
            label, by = merge.label, merge
    return label, by


def _moved(entry: LogEntry, merges: list[LogEntry], *, given: int) -> LogEntry:
    """The answer in the classes of now; a relabel to the given label of now is a keep."""
    label = entry.label
    for merge in merges:
        if merge.id > entry.id and merge.moved_from == label:
            label = merge.label
    if entry.verdict == "relabel" and label == given:
        return replace(entry, verdict="keep", label=None)
    return entry if label == entry.label else replace(entry, label=label)


def gold_fold(entries: Iterable[LogEntry], *, given_label: int, looks: int) -> State | None:
    """The state of an image of the gold part: blind answers of `looks` annotators, adjudications, merges."""
    counted = [
        entry
        for entry in entries
        if entry.blind or entry.adjudicates or entry.verdict == UNDO or entry.moved_from is not None
    ]
    return fold(counted, given_label=given_label, policy=Policy(looks, "all"))


def _asks_again(policy: Policy, answers: list[LogEntry], *, drawn: bool) -> bool:
    verdicts = {entry.verdict for entry in answers}
    of_interest = {"all": True, "changes": bool(verdicts & set(CHANGES)), "share": drawn}
    return "unsure" in verdicts or of_interest.get(policy.which, False)


def _majority(answers: list[LogEntry]) -> list[LogEntry]:
    """The equal answers of more than half of the annotators, by id; empty without one or if it is unsure."""
    said, count = Counter(map(_said, answers)).most_common(1)[0]
    if said[0] == "unsure" or 2 * count <= len(answers):
        return []
    return sorted((entry for entry in answers if _said(entry) == said), key=lambda entry: entry.id)


def _said(entry: LogEntry) -> tuple[str, int | None]:
    return entry.verdict, entry.label
