"""What the API answers, typed for OpenAPI."""

from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Answer(BaseModel):
    """Built from domain values by attribute."""

    model_config = ConfigDict(from_attributes=True)


class Problem(Answer):
    """Every error."""

    error: str
    message: str
    status: int


class Listing(Answer, Generic[T]):
    """A page of results; `next` is the cursor of the following one, null on the last."""

    items: list[T]
    next: str | None


class DatasetOut(Answer):
    """A data set."""

    name: str
    state: str
    samples: int
    classes: int


class LayoutOut(Answer):
    """One way to read the folders of a source, and what an import makes of them."""

    split_folders: str  # what to send to choose it; a `?` stands for a part that is to be named
    is_complete: bool  # whether every part is named
    classes: dict[str, dict[str, int]]  # files by part, of each class
    left_out: dict[str, int]  # files in no class, by their topmost folder
    refused: dict[str, int]  # files that are no images by the endings of their names, by the reason
    notes: list[str]  # the same in sentences


class DatasetDetail(DatasetOut):
    """A data set with how far its review is."""

    split_folders: str | None  # how its folders are read; none: not known yet
    choices: list[
        LayoutOut
    ]  # while its state is `waiting`: how they can be read; import it again with one of them
    rejected_files: int
    missing_files: int  # samples left out because their files are missing or changed
    notes: list[str]  # what the newest import noticed, in sentences
    version: int | None
    images_in_no_version: int  # imported since the newest version; the next training or freeze includes them
    labels_in_no_version: int  # labels of the newest version that are other ones by now
    run: int | None  # whose ranking is the current one
    label_issues: int
    reviewed: int
    remaining: int
    errors_found: int  # samples that are relabelled or deleted now
    corrections_waiting: int  # samples that somebody would correct, but that wait for another look


class MissingFileOut(Answer):
    """A sample that is left out, because its file is not as it was imported."""

    sample: int
    path: str
    reason: str  # missing, changed or unreadable
    noticed_at: datetime


class ImportAccepted(Answer):
    """An import was queued."""

    dataset: str
    job: str
    layout: (
        LayoutOut | None
    )  # what its folders are taken for; none: the source cannot be looked at, and the job says why


class ClassOut(Answer):
    """A class, with the samples given and cleaned labels put into it."""

    position: int
    name: str
    given: dict[str, int]
    cleaned: dict[str, int]


class SampleOut(Answer):
    """A sample as it was imported."""

    sample: int
    path: str
    sha256: str
    bytes: int
    width: int
    height: int
    mode: str
    split: str
    given_label: str
    image_url: str


class SamplesOut(Listing[SampleOut]):
    """A page of samples."""

    matching: int  # in all; what a bulk decision about them states as `expected`


class RateOut(Answer):
    """A share with its 95 % Wilson interval.

    With open images the interval goes from the case that all of them are right to the case that all are
    wrong.
    """

    value: float
    low: float
    high: float
    wrong: int
    n: int
    open: int = 0  # images of the gold part that are not settled and so not counted in `n`


class RunOut(Answer):
    """A line of the list of runs."""

    id: int
    state: str
    recipe: str
    version: int
    parent: int | None
    seed: int
    weights: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    note: str
    error_rate: (
        RateOut | None
    )  # on the hold-out, by the labels of `version`, which it learnt: it stays as it is
    newest_error_rate: RateOut | None  # the same predictions by the labels of `newest_version`
    newest_version: int  # there is


class EpochOut(Answer):
    """One epoch of one network; fold -1 is the one on the whole training part."""

    fold: int
    epoch: int
    train_loss: float
    valid_loss: float | None
    error_rate: float | None
    seconds: float


class ProgressOut(Answer):
    """How far a run is."""

    stage: str
    done: int
    total: int
    seconds_left: float | None
    queue_position: int


class RunDetail(Answer):
    """A run, with its evaluation on the hold-out once it is finished."""

    id: int
    dataset: str
    state: str
    note: str
    job: str | None
    version: int
    parent: int | None
    seed: int
    weights: str
    recipe: dict[str, Any]
    facts: dict[str, Any]
    progress: ProgressOut
    epochs: list[EpochOut]
    lr_curve: dict[str, Any] | None  # lrs, losses and the suggestion of the learning-rate finder
    classes: list[str]
    error_rate: (
        RateOut | None
    )  # on the hold-out, by the labels of `version`, which it learnt: it stays as it is
    # Classes without training images, whose hold-out images count as errors in `error_rate`; and it without
    # those.
    untrained_classes: list[str]
    error_rate_without_untrained: RateOut | None
    newest_error_rate: RateOut | None  # the same predictions by the labels of `newest_version`
    newest_version: int  # there is
    confusion: list[list[int]] | None  # rows: the version's labels, columns: predicted


class FieldOut(Answer):
    """A number of a recipe that can be changed."""

    name: str
    allowed: str
    help: str


class RecipesOut(Answer):
    """The recipes there are: each a value by field."""

    recipes: dict[str, dict[str, Any]]
    fields: list[FieldOut]


class RunAccepted(Answer):
    """A run was queued."""

    id: int
    job: str
    version: int
    nothing_changed: bool = False


class PhotosAccepted(Answer):
    """The kept photos, in the order they were sent; the job predicts new ones and is null if none is new."""

    photos: list[int]
    job: str | None


class PhotoOut(Answer):
    """A photo and the network's prediction for it, the most probable class first."""

    id: int
    run: int
    name: str
    state: str  # queued, running, finished, failed, cancelled
    problem: str  # why it was not looked at
    predicted_label: str | None
    probabilities: dict[str, float]
    sent_by: str | None
    sent_at: datetime
    sha256: str
    bytes: int
    width: int
    height: int
    image_url: str


class CardOut(Answer):
    """A sample in the worklist or ranking, with the model's prediction; for a second look only the image."""

    sample: int
    blind: bool
    path: str | None
    split: str | None
    given_label: str | None
    label: str | None
    verdict: str | None
    predicted_label: str | None
    self_confidence: float | None
    confidence: float | None
    margin: float | None
    loss: float | None
    rank: int | None
    probabilities: dict[str, float]
    width: int
    height: int
    image_url: str


class ClaimOut(Answer):
    """Cards held for the asker until `lease_until`."""

    run: int | None
    lease_until: datetime | None
    items: list[CardOut]


class DecisionOut(Answer):
    """A recorded decision."""

    id: int
    sample: int
    verdict: str
    label: str | None
    client_id: str
    created_at: datetime


class UndoOut(Answer):
    """An undone decision, and the sample as it stands now."""

    id: int
    sample: int
    undone: bool
    verdict: str | None
    label: str | None


class BulkOut(Answer):
    """A verdict for many samples at once, or the undo of one."""

    id: int
    verdict: str
    label: str | None
    samples: int
    left_alone: int


class GoldEvaluationOut(Answer):
    """A run on the settled images of the gold part."""

    run_id: int
    settled: int
    deleted: int
    unpredicted: int  # settled, but deleted in the version that the run trained on
    error_rate: RateOut | None  # against the blind labels, deleted images left out
    with_deleted: RateOut | None  # deleted images counted as wrong
    given: RateOut | None  # the images of `error_rate` against their given labels
    knew: bool  # the gold part was drawn before the run was asked for


class GoldOut(Answer):
    """The gold part of a data set. Counts are of images."""

    size: int
    seed: int
    looks: int
    digest: str  # sha256 over every member's path and content
    drawn_at: datetime
    after_run: int | None  # the newest run there was when it was drawn
    settled: int
    deleted: int  # of the settled ones
    ambiguous: int  # waits for adjudication
    waiting: int  # for a blind look
    for_me: int  # of these, for the asker
    samples: list[int]
    best: GoldEvaluationOut | None  # the best run's figures


class VersionOut(Answer):
    """A frozen version."""

    number: int
    digest: str
    samples: int
    relabelled: int
    deleted: int
    images_since: int  # imported since, so not in it
    created_at: datetime


class JobOut(Answer):
    """A job and how far it is."""

    id: str
    task: str
    state: str
    stage: str
    done: int
    total: int
    message: str
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class DifferenceOut(Answer):
    """Error rate of the new run minus that of the old one, with 95 % bootstrap interval and McNemar's p."""

    value: float
    low: float
    high: float
    repaired: int
    broken: int
    p: float
    beyond_chance: bool
    n: int


class ClassChangeOut(Answer):
    """A class before and after."""

    name: str
    support: int
    old_recall: float | None
    new_recall: float | None
    repaired: int
    broken: int


class EvaluationOut(Answer):
    """A run against one kind of labels."""

    error_rate: RateOut | None
    confusion: list[list[int]]  # rows: labels, columns: predicted


class ColumnOut(Answer):
    """Both runs against one kind of labels: given, reviewed or gold.

    Deleted images are left out, and in additional rates counted as wrong.
    """

    kind: str
    version: int | None
    digest: str
    samples: int
    deleted: int
    old: EvaluationOut
    new: EvaluationOut
    old_with_deleted: RateOut | None
    new_with_deleted: RateOut | None
    difference: DifferenceOut | None
    per_class: list[ClassChangeOut]
    open: int  # unsettled images of the gold part; with any, there is no difference and no conclusion


class ComparedRun(Answer):
    """Which network a figure is of."""

    id: int
    recipe: str
    epochs: int
    weights: str
    parent_id: int | None
    seed: int
    version: int
    digest: str


class ChangesOut(Answer):
    """Samples that the two runs predict differently, by what the reviewed labels say of it."""

    repaired: int
    broken: int
    other: int
    all: int


class ChosenOut(Answer):
    """How reviewed hold-out images were selected, and the effect of a model's selection on the error."""

    reviewed: int
    by_model: int
    at_random: int
    relabelled: int
    deleted: int
    flatters: bool
    given: RateOut | None
    after_relabels: RateOut | None
    after_deletions: RateOut | None
    deleted_are_wrong: RateOut | None


class SeedRunOut(Answer):
    """A run on the samples of the comparison, against the reviewed labels."""

    id: int
    seed: int
    error: RateOut


class SeedsOut(Answer):
    """Runs that are as the old or the new one but for their seed; the spread is null where there are none."""

    old: list[SeedRunOut]
    new: list[SeedRunOut]
    spread: float | None


class ComparisonOut(Answer):
    """Two runs on the same hold-out samples."""

    classes: list[str]
    old: ComparedRun
    new: ComparedRun
    version: int  # whose labels the reviewed ones are
    columns: list[ColumnOut]
    left_out: int
    changes: ChangesOut
    chosen: ChosenOut
    seeds: SeedsOut


class BetweenOut(Answer):
    """A number of errors, with 95 % confidence within these bounds."""

    low: int
    high: int


class AuditOut(Answer):
    """A random draw from what nobody had decided when it began."""

    number: int
    by: str
    at: datetime
    population: int
    size: int
    decided: int
    wrong: int
    unclear: int
    found: int  # errors known by now in the population
    errors: BetweenOut | None  # in the population when it began; null before every drawn sample is decided


class HitRateOut(RateOut):
    """Share of errors among the last cards that the worklist offered."""

    window: int


class PointOut(Answer):
    """A point of the budget curve: errors found after so many cards; bulk errors count at the card before."""

    cards: int
    errors: int


class ProjectionOut(Answer):
    """What the next cards of the worklist take."""

    cards: int
    seconds: float | None


class CrossCheckOut(Answer):
    """Cleanlab's count of errors among the undecided; far too low after a review of the ranking."""

    errors: float
    undecided: int
    judged: int
    run_id: int


class StoppingRuleOut(Answer):
    """When the review is to end, and how far it is by that; shares as 0…1."""

    kind: str
    amount: float
    by: str
    at: datetime
    after_decision: int
    reviewed: int  # when it was chosen
    reached: bool
    so_far: float | None
    after_cards: int | None  # since it was chosen, when it was reached


class RemainingOut(Answer):
    """How much is left of a data set."""

    samples: int
    reviewed: int
    errors_found: int  # samples that are relabelled or deleted now
    corrections_waiting: int  # samples that somebody would correct, but that wait for another look
    errors_left: BetweenOut | None  # by the audits that are done; null without one
    audits: list[AuditOut]
    cross_check: CrossCheckOut | None
    hit_rates: list[HitRateOut]
    seconds_per_decision: float | None
    next_cards: ProjectionOut | None
    budget_curve: list[PointOut]
    stopping_rule: StoppingRuleOut | None


class MeasureOut(Answer):
    """A run's hold-out error against one set of labels."""

    against: str
    error_rate: RateOut | None


class RoundOut(Answer):
    """From a run until the next one was requested.

    `single`, `audited` and `in_bulk` count decisions that stand, without looks at the gold part.
    `relabelled`, `deleted` and `waiting` count samples as they stand, each in the round of the decision that
    counts.
    """

    number: int
    run_id: int
    parent_id: int | None
    version: int
    begun: datetime
    ended: datetime | None
    single: int
    audited: int
    in_bulk: int
    relabelled: int
    deleted: int
    waiting: int  # somebody would correct them, but they wait for another look
    measures: list[MeasureOut]
    audit: AuditOut | None
