"""Runs: request, follow and cancel them, and their top losses."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import Field
from sqlalchemy.orm import Session

from app.datasets.catalog import get_dataset, ready_dataset
from app.datasets.models import Dataset
from app.datasets.versions import latest_version, names_of, position_in
from app.errors import Invalid
from app.measuring.evaluations import RunSummary, evaluate_run, run_summaries
from app.ranking.rankings import top_losses
from app.rounds.first_look import look_again
from app.rounds.retraining import retrain, version_to_train
from app.training.ending import cancel_run
from app.training.evaluation import Rate
from app.training.models import Run
from app.training.networks import NO_LONGER, delete_checkpoints, remove_networks
from app.training.progress import run_progress
from app.training.recommending import recommend
from app.training.repeats import repeated_by
from app.training.requesting import resume_run, train_anew
from app.training.runs import version_number, visible_run
from app.training.starts import requested_start, weights_now
from app.web.api.cards import CardOut, ranked_out
from app.web.api.models import Listing, Output, RateOut
from app.web.api.routing import Cursor, Limit, api_router, following, position
from app.web.deps import Admin, Config, Db
from app.web.strict import StrictBody

router = api_router("runs")


class RunOut(Output):
    """A line of the list of runs."""

    id: int  # of the run, for other requests
    number: int  # of its model within the data set, as people call it: 2 for “Model 2”
    kind: str  # training, first look or own model
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


class EpochOut(Output):
    """One epoch of one network; fold -1 is the one on the whole training part."""

    fold: int
    epoch: int
    train_loss: float
    valid_loss: float | None
    error_rate: float | None
    seconds: float


class ProgressOut(Output):
    """How far a run is."""

    stage: str
    done: int
    total: int
    seconds_left: float | None
    queue_position: int


class RunDetail(Output):
    """A run, with its evaluation on the hold-out once it is finished."""

    id: int  # of the run, for other requests
    number: int  # of its model within the data set, as people call it: 2 for “Model 2”
    kind: str  # training, first look or own model
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


class RunAccepted(Output):
    """A run was queued."""

    id: int
    number: int  # of its model within the data set
    job: str
    version: int
    nothing_changed: bool = False
    start: str = ""  # where it starts, in words
    recommended: str = ""  # why this recipe; empty if it was asked for
    repeats: int | None = None  # a finished run with the same labels, start, recipe and seed


class RunRequest(StrictBody):
    """What to train; every field may be left out."""

    recipe: str | None = Field(
        None,
        description="quick, default, photos or paper; without it a training uses the recommended one, "
        "and a retrain its parent's.",
    )
    epochs: int | None = Field(None, ge=1, le=1000, description="Short for `changes: {epochs: …}`.")
    changes: dict[str, Any] = Field(
        default_factory=dict, description="Fields of the recipe to change; GET /recipes lists them."
    )
    start: str | None = Field(
        None, description="Where the network starts: parent (a retrain), auto, none, imagenet or file."
    )

    @property
    def changed(self) -> dict[str, Any]:
        """All requested changes."""
        return ({} if self.epochs is None else {"epochs": self.epochs}) | self.changes

    seed: int = Field(0, ge=0, lt=2**31)
    version: int | None = Field(
        None, ge=0, description="Train on this version; without it on the labels as they stand, frozen."
    )
    retrain: bool = Field(
        False, description="Freeze the labels as they stand and fine-tune the best run on them."
    )
    parent: int | None = Field(
        None, description="The run that a retrain starts from, instead of the best one."
    )


@router.post("/datasets/{name}/runs", status_code=202)
def create_run(
    name: str, database: Db, settings: Config, user: Admin, body: RunRequest | None = None
) -> RunAccepted:
    """Queue a run: a job of the worker."""
    asked = body or RunRequest()
    if asked.parent is not None and not asked.retrain:
        raise Invalid(
            "Only a retrain starts from another model; send “retrain”: true as well, or leave “parent” out."
        )
    starting, advice = weights_now(settings), None
    with database.write() as session:
        dataset = ready_dataset(session, name=name)
        if asked.retrain:
            answer = retrain(
                session,
                dataset_id=dataset.id,
                user_id=user.id,
                weights=settings.weights,
                recipe=asked.recipe,
                changes=asked.changed,
                start=asked.start,
                seed=asked.seed,
                parent_id=asked.parent,
            )
            run, version, same = answer.run, answer.version, answer.nothing_changed
        else:
            version, same = version_to_train(session, dataset_id=dataset.id, number=asked.version), False
            if not asked.recipe:
                advice = recommend(session, dataset_id=dataset.id, starting=starting, start=asked.start)
            run = train_anew(
                session,
                dataset_id=dataset.id,
                version_id=version.id,
                weights=settings.weights,
                recipe=asked.recipe or (advice.recipe if advice else ""),
                changes=(advice.changes if advice else {}) | asked.changed,
                start=asked.start,
                seed=asked.seed,
                user_id=user.id,
            )
        accepted = _accepted(session, run, version.number, nothing_changed=same)
    told = {"start": requested_start(run, settings), "recommended": advice.told if advice else ""}
    return accepted.model_copy(update=told)


@router.post("/datasets/{name}/first-looks", status_code=202)
def create_first_look(name: str, database: Db, user: Admin) -> RunAccepted:
    """Freeze the labels as they stand, and queue a first look at them: seconds, and no training."""
    with database.write() as session:
        dataset = ready_dataset(session, name=name)
        run, version = look_again(session, dataset_id=dataset.id, user_id=user.id)
        return _accepted(session, run, version.number, nothing_changed=False)


@router.get("/datasets/{name}/runs")
def list_runs(name: str, database: Db, limit: Limit = 100, cursor: Cursor = None) -> Listing[RunOut]:
    """The runs, newest first, with error rates on the hold-out by training labels and by newest labels."""
    start = position(cursor)
    with database.read() as session:
        runs = run_summaries(session, dataset_id=get_dataset(session, name=name).id)[start : start + limit]
    return Listing(items=[_run_out(run) for run in runs], next=following(runs, limit, start + limit))


@router.get("/runs/{run_id}")
def show_run(run_id: int, database: Db) -> RunDetail:
    """One run: how far it is, and what it reached."""
    with database.read() as session:
        return _detail(session, visible_run(session, run_id=run_id))


@router.post("/runs/{run_id}/cancel")
def stop_run(run_id: int, database: Db, _user: Admin) -> RunDetail:
    """Ask a run to stop; its last checkpoint is kept."""
    with database.write() as session:
        visible_run(session, run_id=run_id)
        return _detail(session, cancel_run(session, run_id=run_id))


@router.post("/runs/{run_id}/resume", status_code=202)
def go_on(run_id: int, database: Db, user: Admin) -> RunDetail:
    """Go on with a cancelled or failed run after its last finished epoch."""
    with database.write() as session:
        visible_run(session, run_id=run_id)
        return _detail(session, resume_run(session, run_id=run_id, user_id=user.id))


class CheckpointsDeleted(Output):
    """The checkpoints of a run are gone."""

    run: int
    freed_bytes: int
    no_longer: list[str]  # what is not possible any more, in sentences


@router.delete("/runs/{run_id}/checkpoints")
def delete_networks(run_id: int, database: Db, settings: Config, _user: Admin) -> CheckpointsDeleted:
    """Delete the checkpoints of a run; its ranking, figures and predictions stay. There is no undo."""
    with database.write() as session:
        delete_checkpoints(session, visible_run(session, run_id=run_id))
    freed = remove_networks(settings.runs_dir, run_id=run_id)
    return CheckpointsDeleted(run=run_id, freed_bytes=freed, no_longer=list(NO_LONGER))


@router.get("/runs/{run_id}/top-losses")
def list_top_losses(
    run_id: int,
    database: Db,
    limit: Limit = 20,
    cursor: Cursor = None,
    label: Annotated[str | None, Query(description="Only samples labelled with this class.")] = None,
) -> Listing[CardOut]:
    """The run's samples, the most suspicious label first."""
    with database.read() as session:
        run = visible_run(session, run_id=run_id)
        names = names_of(session, version_id=run.version_id)
        wanted = position_in(session, version_id=run.version_id, name=label) if label is not None else None
        found = (
            top_losses(session, run_id=run_id, label=wanted, after=position(cursor), limit=limit)
            if run.state == "finished"
            else []
        )
    return Listing(
        items=[ranked_out(sample, names) for sample in found],
        next=following(found, limit, found[-1].rank if found else 0),
    )


def _accepted(session: Session, run: Run, version: int, *, nothing_changed: bool) -> RunAccepted:
    repeat = repeated_by(session, run)
    return RunAccepted(
        id=run.id,
        number=run.number,
        job=str(run.job_id),
        version=version,
        nothing_changed=nothing_changed,
        repeats=repeat.run_id if repeat else None,
    )


def _run_out(run: RunSummary) -> RunOut:
    return RunOut(
        id=run.id,
        number=run.number,
        kind=run.kind,
        state=run.state,
        recipe=run.recipe,
        version=run.version,
        parent=run.parent_id,
        seed=run.seed,
        weights=run.weights,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        note=run.note,
        error_rate=_rate_out(run.error_rate),
        newest_error_rate=_rate_out(run.newest_error_rate),
        newest_version=run.newest_version,
    )


def _rate_out(rate: Rate | None) -> RateOut | None:
    return RateOut.model_validate(rate) if rate else None


def _detail(session: Session, run: Run) -> RunDetail:
    progress = run_progress(session, run_id=run.id)
    evaluation = evaluate_run(session, run_id=run.id) if run.state == "finished" else None
    newest = latest_version(session, dataset_id=run.dataset_id)
    cleaner = evaluate_run(session, run_id=run.id, cleaned_by=newest.id) if evaluation else None
    return RunDetail(
        id=run.id,
        number=run.number,
        kind=run.kind,
        dataset=session.get_one(Dataset, run.dataset_id).name,
        state=run.state,
        note=run.note,
        job=run.job_id,
        version=version_number(session, run),
        parent=run.parent_id,
        seed=run.seed,
        weights=run.weights,
        recipe=run.recipe,
        facts=run.facts,
        progress=ProgressOut.model_validate(progress),
        epochs=[EpochOut.model_validate(epoch) for epoch in progress.epochs],
        lr_curve=run.lr_curve,
        classes=names_of(session, version_id=run.version_id),
        error_rate=_rate_out(evaluation.error_rate) if evaluation else None,
        untrained_classes=list(evaluation.untrained) if evaluation else [],
        error_rate_without_untrained=_rate_out(evaluation.without_untrained) if evaluation else None,
        newest_error_rate=_rate_out(cleaner.error_rate) if cleaner else None,
        newest_version=newest.number,
        confusion=[list(row) for row in evaluation.confusion] if evaluation else None,
    )
