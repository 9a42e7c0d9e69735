"""The page before a retrain: the changes, the expected time, the recipe and the request."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names, ready_dataset
from app.datasets.versions import DELETED, latest_version
from app.deck.progress import PendingChanges, pending_changes
from app.errors import Invalid
from app.measuring.best import BestRun, choose_best
from app.ml.recipes import RECIPES
from app.review.gold import count_unsettled
from app.review.policy import count_waiting
from app.rounds.changes import LabelChanges, changes_since
from app.rounds.first_look import can_look_again
from app.rounds.retraining import retrain
from app.training.recipes import choose_recipe, recipe_of, with_network
from app.training.runs import get_run
from app.training.starts import Weights, weights_now
from app.web.deps import Admin, Config, Db
from app.web.pages.measuring.flows import ClassFlow, FlowChart, draw
from app.web.pages.training.asking import (
    AskPage,
    asked_recipe,
    expectation,
    repeat_of_asked,
    requested,
    what_waits,
)
from app.web.pages.training.recipe_cards import FITTED, Offered, recipe_cards, time_words
from app.web.pages.training.recipe_form import (
    SentRetrain,
    ShownRetrain,
    checked_changes,
    recipe_form,
    seed_of,
    with_own_numbers,
)
from app.web.pages.training.run_figures import behind_of
from app.web.rendering import page_context, render

router = APIRouter()

GONE = "deleted"


@dataclass(frozen=True, kw_only=True)
class RetrainPage(AskPage):
    """What a retrain would learn."""

    parent: BestRun | None
    changes: LabelChanges
    flows: tuple[ClassFlow, ...]  # the largest first
    picture: FlowChart | None
    waiting: int  # samples that wait for a second opinion
    unsettled: int  # images of the gold part that carry their given label
    pending: PendingChanges
    # Labels have changed since the newest first look, and no training ranks better than that.
    can_look_again: bool = False


@router.get("/d/{name}/models/retrain")
def before_retrain(
    request: Request, name: str, database: Db, settings: Config, shown: ShownRetrain
) -> Response:
    """What a retrain would learn, and its recipe to change."""
    starting = weights_now(settings)
    with database.read() as session:
        page = _retrain_page(request, session, name, starting=starting, sent=shown)
    return render("rounds/retrain.html", page, status=422 if page.problem else 200)


@router.post("/d/{name}/models/retrain")
def ask_retrain(
    request: Request, name: str, database: Db, settings: Config, user: Admin, sent: SentRetrain
) -> Response:
    """Freeze the cleaned labels and fine-tune the best run on them, with the sent values of the recipe."""
    try:
        with database.read() as session:
            dataset_id = ready_dataset(session, name=name).id
            changes = _retrain_changes(session, dataset_id, sent, setting=settings.weights)
        with database.write() as session:
            answer = retrain(
                session,
                dataset_id=dataset_id,
                user_id=user.id,
                weights=settings.weights,
                recipe=sent.get("recipe") or None,
                changes=changes,
                start=sent.get("start") or None,
                seed=seed_of(sent),
            )
    except Invalid as refusal:
        starting = weights_now(settings)
        with database.read() as session:
            page = _retrain_page(request, session, name, starting=starting, sent=sent, problem=str(refusal))
        return render("rounds/retrain.html", page, status=422)
    return requested(request, name, answer.run)


def _retrain_changes(
    session: Session, dataset_id: int, sent: Mapping[str, str], *, setting: str
) -> dict[str, object]:
    parent = choose_best(session, dataset_id=dataset_id)
    if parent is None:
        return {}
    own = recipe_of(get_run(session, run_id=parent.run.id).recipe)
    return checked_changes(
        sent,
        recipe=choose_recipe(sent["recipe"]) if sent.get("recipe") else own,
        usual=own,
        setting=setting,
        parent=True,
        class_names=class_names(session, dataset_id=dataset_id),
    )


def _retrain_page(
    request: Request,
    session: Session,
    name: str,
    *,
    starting: Weights,
    sent: Mapping[str, str],
    problem: str = "",
) -> RetrainPage:
    dataset_id = ready_dataset(session, name=name).id
    common = page_context(request, name) | what_waits(session, dataset_id)
    parent = choose_best(session, dataset_id=dataset_id)
    if parent is None:
        nothing, pending = LabelChanges((), ()), pending_changes(session, dataset_id=dataset_id)
        return RetrainPage(
            **common,
            problem="",
            form=None,
            estimate=None,
            time="",
            parent=None,
            changes=nothing,
            flows=(),
            picture=None,
            waiting=0,
            unsettled=0,
            pending=pending,
            can_look_again=can_look_again(session, dataset_id=dataset_id, pending=pending),
        )
    names, run = class_names(session, dataset_id=dataset_id), get_run(session, run_id=parent.run.id)
    own, sent = recipe_of(run.recipe), with_own_numbers(sent)
    asked = asked_recipe(sent, usual=own, setting=starting.setting, parent=True, names=names, problem=problem)
    changes = changes_since(session, dataset_id=dataset_id, version_id=run.version_id)
    flows = tuple(
        ClassFlow(_class(names, move.source), _class(names, move.target), move.count)
        for move in changes.moves
    )
    images = {split.split: split.after for split in changes.splits}
    pending, newest = (
        pending_changes(session, dataset_id=dataset_id),
        latest_version(session, dataset_id=dataset_id),
    )
    expected = expectation(session, asked.start, images)
    estimate = expected(asked.edited)
    return RetrainPage(
        **common | {"lacking": (*common["lacking"], *filter(None, [behind_of(run)]))},
        problem=asked.problem,
        repeat=None
        if pending.wait
        else repeat_of_asked(session, asked, version=newest, setting=starting.setting, parent_id=run.id),
        parent=parent,
        can_look_again=run.is_behind and can_look_again(session, dataset_id=dataset_id, pending=pending),
        changes=changes,
        flows=flows,
        picture=draw(flows, [*names, GONE], classes=len(names)),
        waiting=count_waiting(session, dataset_id=dataset_id),
        unsettled=count_unsettled(session, dataset_id=dataset_id),
        pending=pending,
        form=recipe_form(
            asked.recipe,
            cards=recipe_cards(
                [
                    Offered(
                        own.name if own.name in RECIPES else FITTED,
                        own,
                        f"As {run.name}",
                        f"{run.name} learnt by it.",
                    ),
                    *(
                        Offered(name, with_network(each, own.network) if asked.start == "parent" else each)
                        for name, each in RECIPES.items()
                        if name != own.name
                    ),
                ],
                chosen=asked.recipe.name if asked.recipe.name in RECIPES else FITTED,
                start=asked.start,
                starting=starting,
                parent=run.name,
                expect=expected,
            ),
            start=asked.start,
            starting=starting,
            class_names=names,
            parent=run.name,
            sent=sent,
        ),
        estimate=estimate,
        time=time_words(estimate),
    )


def _class(names: list[str], position: int) -> str:
    return GONE if position == DELETED else names[position]
