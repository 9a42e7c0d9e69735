"""A run is requested, and its job with it; a cancelled or failed one is resumed."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.activity import tell
from app.datasets.catalog import class_names, lock_dataset, refuse_archived
from app.datasets.gold import get_gold_part
from app.errors import Conflict, Invalid, NotNow
from app.jobs import requests as jobs
from app.ml.recipes import Recipe, to_json
from app.training import first_looks
from app.training.models import FIRST_LOOK, OWN_MODEL, Run
from app.training.numbers import next_number
from app.training.pace import BEFORE
from app.training.recipes import choose_recipe, edit, with_network
from app.training.runs import NETWORK_DELETED, OWN_TASK, RESUMABLE, TASK, get_run, refuse_without_network
from app.training.starts import choose_start, facts_of_start, weights_of


def request_run(
    session: Session,
    *,
    dataset_id: int,
    version_id: int,
    recipe: Recipe,
    weights: str,
    parent_id: int | None,
    seed: int,
    user_id: int | None,
    facts: Mapping[str, object] | None = None,
) -> Run:
    """Create a run and the job that trains and ranks; the run stores the digest of the current gold part.

    `facts` are those of its start.

    Raises Conflict when the same run is already queued or running; Invalid when the recipe has another number
    of folds than the parent: a fold's network would then score images that the parent's network trained on.
    """
    lock_dataset(session, dataset_id=dataset_id)
    refuse_archived(session, dataset_id=dataset_id)
    parent = get_run(session, run_id=parent_id, dataset_id=dataset_id) if parent_id else None
    if parent:
        refuse_without_network(parent)
        recipe = with_network(recipe, parent.network)  # it continues that network
    asked: dict[str, Any] = json.loads(to_json(recipe))  # in the form that the database returns
    stored = "parent" if parent_id else weights
    if parent and recipe.folds and parent.recipe["folds"] != recipe.folds:
        raise Invalid(
            f"{parent.name} has {parent.recipe['folds']} folds and the recipe {recipe.name} has "
            f"{recipe.folds}; retrain with the same number or with none, or choose another start than the "
            "parent."
        )
    for other in session.scalars(
        select(Run).where(Run.dataset_id == dataset_id, Run.state.in_(jobs.OPEN_STATES))
    ):
        known = (other.version_id, other.whole_recipe, other.parent_id, other.weights, other.seed)
        if known == (version_id, asked, parent_id, stored, seed):
            raise NotNow(
                f"{other.name} is already {other.state} with this recipe, version and seed; wait for it, "
                "or cancel it."
            )
    gold = get_gold_part(session, dataset_id=dataset_id)
    run = Run(
        dataset_id=dataset_id,
        number=next_number(session, dataset_id=dataset_id),
        version_id=version_id,
        parent_id=parent_id,
        recipe=asked,
        seed=seed,
        weights=stored,
        facts=dict(facts or {}) | ({"gold": gold.digest} if gold else {}),
    )
    session.add(run)
    session.flush()
    run.job_id = jobs.ask(
        session, task=TASK, dataset_id=dataset_id, arguments={"run": run.id}, user_id=user_id
    ).id
    session.flush()
    return run


def train_anew(
    session: Session,
    *,
    dataset_id: int,
    version_id: int,
    weights: str,
    recipe: str = "default",
    changes: Mapping[str, object] | None = None,
    start: str | None = None,
    seed: int = 0,
    user_id: int | None = None,
) -> Run:
    """Request a run without a parent; `changes` are fields of the recipe, `weights` is the setting.

    Raises Invalid for an invalid recipe, change or start, and the errors of `request_run`.
    """
    begins, chosen = choose_start(start, setting=weights, parent=False), choose_recipe(recipe)
    names = class_names(session, dataset_id=dataset_id)
    edited = edit(chosen, changes or {}, start=begins, class_names=names)
    chosen = with_network(chosen, edited.network)
    return request_run(
        session,
        dataset_id=dataset_id,
        version_id=version_id,
        recipe=edited,
        weights=weights_of(begins, setting=weights, recipe=chosen),
        parent_id=None,
        seed=seed,
        user_id=user_id,
        facts=facts_of_start(begins, chosen),
    )


def resume_run(session: Session, *, run_id: int, user_id: int | None) -> Run:
    """Queue a cancelled or failed run again, with a new job; it resumes after its last finished epoch.

    Raises Conflict when it is running, queued or finished, or its data set is archived.
    """
    run = get_run(session, run_id=run_id)
    refuse_archived(session, dataset_id=run.dataset_id)
    if run.kind == OWN_MODEL and run.job_id is None:
        raise Conflict(f"{run.name} is an own model; import its file of predictions again.")
    before = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else 0.0
    again = session.execute(
        update(Run)
        .where(Run.id == run_id, Run.state.in_(RESUMABLE))
        .values(state="queued", note="", started_at=None, finished_at=None)
    )
    if not again.rowcount:  # type: ignore[attr-defined]
        raise Conflict(f"{run.name} is {run.state}; only a cancelled or failed one can be resumed.")
    session.refresh(run)
    tell(run.name_with_id)
    kept = {name: value for name, value in run.facts.items() if name != NETWORK_DELETED}
    run.facts = kept | {BEFORE: run.facts.get(BEFORE, 0.0) + before}
    run.job_id = jobs.ask(
        session,
        task={FIRST_LOOK: first_looks.TASK, OWN_MODEL: OWN_TASK}.get(run.kind, TASK),
        dataset_id=run.dataset_id,
        arguments={"run": run.id},
        user_id=user_id,
    ).id
    session.flush()
    return run
