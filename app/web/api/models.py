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


class DatasetDetail(DatasetOut):
    """A data set with how far its review is."""

    rejected_files: int
    version: int | None
    run: int | None  # whose ranking is the current one
    label_issues: int
    reviewed: int
    remaining: int
    errors_found: int


class ImportAccepted(Answer):
    """An import was queued."""

    dataset: str
    job: str


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


class RateOut(Answer):
    """A share with its 95 % Wilson interval."""

    value: float
    low: float
    high: float
    wrong: int
    n: int


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
    error_rate: RateOut | None


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
    classes: list[str]
    error_rate: RateOut | None
    confusion: list[list[int]] | None  # rows: the version's labels, columns: predicted


class RunAccepted(Answer):
    """A run was queued."""

    id: int
    job: str
    version: int
    nothing_changed: bool = False


class PhotosAccepted(Answer):
    """Photos were kept, in the order they were sent; the job looks at those that are new, and is null when none is."""

    photos: list[int]
    job: str | None


class PhotoOut(Answer):
    """A photo from outside and what the run's network says of it, the most probable class first."""

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
    """A sample in the worklist or the ranking, with all that the model says of it; of a second look only the image."""

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


class VersionOut(Answer):
    """A frozen version."""

    number: int
    digest: str
    samples: int
    relabelled: int
    deleted: int
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
