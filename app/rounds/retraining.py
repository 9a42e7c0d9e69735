"""Freezes decisions as the next version, and requests the next run."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.datasets.catalog import class_names, lock_dataset, refuse_archived
from app.datasets.gold import is_visible
from app.datasets.models import DatasetVersion
from app.datasets.versions import FrozenLabel, freeze, get_version
from app.errors import Conflict, NotNow
from app.measuring.best import choose_best
from app.review.how_decided import how_decided
from app.review.log import is_answer
from app.review.models import Decision, SampleReview
from app.training.models import Run
from app.training.recipes import choose_recipe, edit, recipe_of, with_network
from app.training.requesting import request_run
from app.training.runs import finished_run, get_run, is_training, unfinished
from app.training.starts import choose_start, facts_of_start, weights_of


@dataclass(frozen=True)
class Retrain:
    """The result of requesting a retrain."""

    run: Run
    version: DatasetVersion
    parent_id: int
    parent_name: str  # of its model
    nothing_changed: bool  # the parent trained on these very labels


def freeze_labels(session: Session, *, dataset_id: int) -> tuple[DatasetVersion, bool]:
    """Freeze the current labels; the flag is whether the version is new: unchanged labels give no new one.

    Raises Conflict if the data set is archived.
    """
    lock_dataset(session, dataset_id=dataset_id)
    refuse_archived(session, dataset_id=dataset_id)
    reviewers = _reviewers(session, dataset_id)
    status = how_decided(session, dataset_id=dataset_id)
    states = session.scalars(select(SampleReview).where(SampleReview.dataset_id == dataset_id))
    reviewed = {
        state.sample_id: FrozenLabel(
            label=state.label,
            verdict=state.verdict,
            reviews=state.reviews,
            reviewers=" ".join(sorted(reviewers[state.sample_id])),
            decided_at=state.decided_at,
            status=status.get(state.sample_id, "single"),
        )
        for state in states
    }
    return freeze(session, dataset_id=dataset_id, reviewed=reviewed)


def version_to_train(session: Session, *, dataset_id: int, number: int | None = None) -> DatasetVersion:
    """The version with this number; without one the current labels with new images, frozen if needed.

    Raises NotFound.
    """
    if number is None:
        return freeze_labels(session, dataset_id=dataset_id)[0]
    return get_version(session, dataset_id=dataset_id, number=number)


def retrain(
    session: Session,
    *,
    dataset_id: int,
    user_id: int | None,
    weights: str,
    recipe: str | None = None,
    changes: Mapping[str, object] | None = None,
    start: str | None = None,
    seed: int = 0,
    parent_id: int | None = None,
) -> Retrain:
    """Freeze the labels and request a run that starts from `parent_id`, the best run, or anew.

    `changes` are fields of the recipe, `weights` is the setting. Raises Conflict when there is no finished
    run to start from, NotFound for a parent elsewhere, Invalid for a recipe, a change or a start that cannot
    be.
    """
    version, _ = freeze_labels(session, dataset_id=dataset_id)
    parent = _parent(session, dataset_id, parent_id)
    begins = choose_start(start, setting=weights, parent=True)
    chosen = choose_recipe(recipe) if recipe else recipe_of(parent.recipe)
    names = class_names(session, dataset_id=dataset_id)
    edited = edit(chosen, changes or {}, start=begins, class_names=names)
    chosen = with_network(chosen, edited.network)
    run = request_run(
        session,
        dataset_id=dataset_id,
        version_id=version.id,
        recipe=edited,
        weights=weights_of(begins, setting=weights, recipe=chosen),
        parent_id=parent.id if begins == "parent" else None,
        seed=seed,
        user_id=user_id,
        facts=facts_of_start(begins, chosen),
    )
    return Retrain(run, version, parent.id, parent.name, parent.version_id == version.id)


def _parent(session: Session, dataset_id: int, run_id: int | None) -> Run:
    if run_id is None:
        best = choose_best(session, dataset_id=dataset_id)
        if best is None:
            if is_training(session, dataset_id=dataset_id):
                raise NotNow(
                    "No training has finished yet, so there is nothing to train further; wait for the first."
                )
            raise Conflict(
                "No training has finished yet, so there is nothing to train further; train one first."
            )
        return get_run(session, run_id=best.run.id)
    run = get_run(session, run_id=run_id, dataset_id=dataset_id)
    if not run.is_training:
        return finished_run(session, run_id=run_id)  # raises, and says why
    if run.state != "finished":
        raise unfinished(run)(f"{run.name} is {run.state}; only a finished one can be trained further.")
    return run


def _reviewers(session: Session, dataset_id: int) -> dict[int, set[str]]:
    """Sample id → names of those whose decision on it stands."""
    counts = or_(Decision.blind, Decision.origin == "adjudication", is_visible(Decision.sample_id))
    rows = session.execute(
        select(Decision.sample_id, User.name)
        .join(User, User.id == Decision.user_id)
        .where(
            Decision.dataset_id == dataset_id,
            counts,
            is_answer(),
        )
    )
    names: dict[int, set[str]] = defaultdict(set)
    for sample_id, name in rows:
        names[sample_id].add(name)
    return names
