"""The page before a retrain: the changes, the expected time, the recipe and the request."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names, ready_dataset
from app.datasets.models import DatasetVersion
from app.datasets.versions import DELETED, get_version, labels_of, latest_version, list_versions
from app.deck.progress import PendingChanges, lacking_words, pending_changes
from app.errors import Invalid
from app.measuring.best import BestRun, choose_best
from app.ml.recipes import RECIPES, Recipe
from app.review.gold import count_unsettled
from app.review.policy import count_waiting
from app.rounds.changes import LabelChanges, changes_since
from app.rounds.first_look import can_look_again
from app.rounds.retraining import freeze_labels, retrain
from app.training.models import Run
from app.training.pace import Estimate, measure_paces
from app.training.recipes import choose_recipe, edit, recipe_of
from app.training.recommending import Recommendation, recommend
from app.training.repeats import Repeat, repeat_of
from app.training.runs import RunProgress, count_open, get_run, open_run, run_progress, train_anew
from app.training.starts import Start, Weights, begins, choose_start, starts, weights_now, weights_of
from app.web.deps import Admin, Config, Db
from app.web.pages.measuring.flows import ClassFlow, FlowChart, draw
from app.web.pages.training.recipe_cards import FITTED, Offered, recipe_cards, time_words
from app.web.pages.training.recipe_form import (
    RecipeForm,
    SentRetrain,
    SentTrain,
    ShownRetrain,
    ShownTrain,
    changes_of,
    check_unedited,
    checked_changes,
    recipe_form,
    seed_of,
    with_own_numbers,
)
from app.web.pages.training.run_figures import behind_of
from app.web.rendering import Page, page_context, render
from app.web.toasts import say

router = APIRouter()

GONE = "deleted"


@dataclass(frozen=True, kw_only=True)
class AskPage(Page):
    """The common part of pages that request a run."""

    form: RecipeForm | None  # none where there is nothing to ask for
    estimate: Estimate | None
    time: str  # that it says, in the words of the cards
    waits_behind: int  # trainings that come first
    running: RunProgress | None  # of this data set
    lacking: tuple[str, ...]  # what is to be known of classes without images in a part
    problem: str  # why what was sent cannot be
    repeat: Repeat | None = None  # a run that did exactly what the form asks for


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
    can_look_again: bool = False  # labels have changed since the newest first look, and nothing was trained


@dataclass(frozen=True, kw_only=True)
class TrainPage(AskPage):
    """A first training, or another one from the start."""

    versions: tuple[DatasetVersion, ...]
    version: int | None  # none: the labels as they stand
    pending: PendingChanges
    recommended: Recommendation
    why_no_weights: str  # why ImageNet weights cannot be had, where nothing else on the page says so


@dataclass(frozen=True)
class _Asked:
    """The requested recipe, as far as it is valid, with its changes, and the reason why a part is not."""

    recipe: Recipe
    edited: Recipe
    start: Start
    seed: int
    problem: str


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
    return _requested(request, name, answer.run)


@router.get("/d/{name}/models/train")
def before_training(
    request: Request, name: str, database: Db, settings: Config, _admin: Admin, shown: ShownTrain
) -> Response:
    """A recipe to change for a training from the start."""
    starting = weights_now(settings)
    with database.read() as session:
        page = _train_page(request, session, name, starting=starting, sent=shown)
    return render("training/new.html", page, status=422 if page.problem else 200)


@router.post("/d/{name}/models")
def ask_training(
    request: Request, name: str, database: Db, settings: Config, user: Admin, sent: SentTrain
) -> Response:
    """Request a run with the sent values of the recipe; without a recipe the recommended one is taken."""
    starting = weights_now(settings)
    try:
        with database.read() as session:
            dataset_id = ready_dataset(session, name=name).id
            chosen = _version(session, dataset_id, sent)
            names = class_names(session, dataset_id=dataset_id)
            usual = _fitted(session, dataset_id, starting, sent.get("shown_start", sent.get("start", "")))
            check_unedited(
                sent, usual=usual.edited, setting=settings.weights, parent=False, class_names=names
            )
            if not sent.get("recipe"):
                sent = _fitted(session, dataset_id, starting, sent.get("start", "")).sent | _numbers(sent)
            recipe = choose_recipe(sent["recipe"])
            changes = checked_changes(
                sent,
                recipe=recipe,
                usual=usual.edited,
                setting=settings.weights,
                parent=False,
                class_names=names,
            )
        with database.write() as session:
            run = train_anew(
                session,
                dataset_id=dataset_id,
                version_id=(chosen or freeze_labels(session, dataset_id=dataset_id)[0]).id,
                weights=settings.weights,
                recipe=recipe.name,
                changes=changes,
                start=sent.get("start") or None,
                seed=seed_of(sent),
                user_id=user.id,
            )
    except Invalid as refusal:
        with database.read() as session:
            page = _train_page(request, session, name, starting=starting, sent=sent, problem=str(refusal))
        return render("training/new.html", page, status=422)
    return _requested(request, name, run)


def _requested(request: Request, name: str, run: Run) -> Response:
    answer = RedirectResponse(f"/d/{name}/models/{run.id}", status_code=303)
    return say(request, answer, f"Training of {run.name} requested")


def _fitted(session: Session, dataset_id: int, starting: Weights, start: str) -> Recommendation:
    """What is recommended for a start; for an impossible one, and none, that of the usual start."""
    known = start in starts(setting=starting.setting, parent=False)
    return recommend(session, dataset_id=dataset_id, starting=starting, start=start if known else None)


def _numbers(sent: Mapping[str, str]) -> dict[str, str]:
    """What was filled in and belongs to the chosen recipe and start, which are chosen once and for all."""
    kept = {name: value for name, value in with_own_numbers(sent).items() if value.strip()}
    return {name: value for name, value in kept.items() if name not in ("shown_recipe", "shown_start")}


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


def _version(session: Session, dataset_id: int, sent: Mapping[str, str]) -> DatasetVersion | None:
    """The sent version; None means the current labels. Raises Invalid, NotFound."""
    text = sent.get("version", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):  # noqa: PLR2004 - it fits the database
        raise Invalid(f"“{text[:40]}” is no version; choose one of the list.")
    return get_version(session, dataset_id=dataset_id, number=int(text))


def _asked(
    sent: Mapping[str, str], *, usual: Recipe, setting: str, parent: bool, names: list[str], problem: str
) -> _Asked:
    seed = 0
    recipe, start, edited = usual, choose_start(None, setting=setting, parent=parent), usual
    try:
        start = choose_start(sent.get("start") or None, setting=setting, parent=parent)
        recipe = edited = choose_recipe(sent["recipe"]) if sent.get("recipe") else usual
        edited = edit(
            recipe, changes_of(sent, recipe=recipe, class_names=names), start=start, class_names=names
        )
        seed = seed_of(sent)
    except Invalid as refusal:
        problem = problem or str(refusal)
    return _Asked(recipe, edited, start, seed, problem)


def _repeat(
    session: Session, asked: _Asked, *, version: DatasetVersion, setting: str, parent_id: int | None = None
) -> Repeat | None:
    if asked.problem:
        return None
    return repeat_of(
        session,
        dataset_id=version.dataset_id,
        version_id=version.id,
        recipe=asked.edited,
        weights=weights_of(asked.start, setting=setting, recipe=asked.recipe),
        parent_id=parent_id if asked.start == "parent" else None,
        seed=asked.seed,
    )


def _queue(session: Session, dataset_id: int) -> dict[str, Any]:
    running = open_run(session, dataset_id=dataset_id)
    return {
        "lacking": tuple(lacking_words(session, dataset_id=dataset_id)),
        "waits_behind": count_open(session),
        "running": run_progress(session, run_id=running.id) if running else None,
    }


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
    common = page_context(request, name) | _queue(session, dataset_id)
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
    asked = _asked(sent, usual=own, setting=starting.setting, parent=True, names=names, problem=problem)
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
    expected = _expectation(session, asked.start, images)
    estimate = expected(asked.edited)
    return RetrainPage(
        **common | {"lacking": (*common["lacking"], *filter(None, [behind_of(run)]))},
        problem=asked.problem,
        repeat=None
        if pending.wait
        else _repeat(session, asked, version=newest, setting=starting.setting, parent_id=run.id),
        parent=parent,
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
                    *(Offered(name, each) for name, each in RECIPES.items() if name != own.name),
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


def _train_page(
    request: Request,
    session: Session,
    name: str,
    *,
    starting: Weights,
    sent: Mapping[str, str],
    problem: str = "",
) -> TrainPage:
    dataset_id = ready_dataset(session, name=name).id
    names, chosen = class_names(session, dataset_id=dataset_id), _version(session, dataset_id, sent)
    pending = pending_changes(session, dataset_id=dataset_id)
    version = chosen or latest_version(session, dataset_id=dataset_id)
    fitted = _fitted(session, dataset_id, starting, "" if sent.get("recipe") else sent.get("start", ""))
    is_fitted = not sent.get("recipe") and bool(fitted.changes)
    sent = with_own_numbers(sent) if sent.get("recipe") else fitted.sent | _numbers(sent)
    asked = _asked(
        sent, usual=RECIPES["default"], setting=starting.setting, parent=False, names=names, problem=problem
    )
    images = _images_now(session, version) if chosen is None else _images_in(session, version)
    expected = _expectation(session, asked.start, images)
    estimate = expected(asked.edited)
    shown = fitted.edited if is_fitted and not asked.problem else asked.recipe
    cards = recipe_cards(
        _offered(fitted, chosen=asked.recipe.name, is_fitted=is_fitted),
        chosen=FITTED if is_fitted else asked.recipe.name,
        start=asked.start,
        starting=starting,
        expect=expected,
    )
    return TrainPage(
        **page_context(request, name),
        **_queue(session, dataset_id),
        problem=asked.problem,
        repeat=None
        if chosen is None and pending.wait
        else _repeat(session, asked, version=version, setting=starting.setting),
        versions=tuple(reversed(list_versions(session, dataset_id=dataset_id))),
        version=None if chosen is None and pending.wait else version.number,
        pending=pending,
        recommended=fitted,
        why_no_weights=_why_no_weights(starting, told=fitted.reason),
        form=recipe_form(
            shown,
            cards=cards,
            start=asked.start,
            starting=starting,
            class_names=names,
            sent=sent,
        ),
        estimate=estimate,
        time=time_words(estimate),
    )


def _offered(fitted: Recommendation, *, chosen: str, is_fitted: bool) -> list[Offered]:
    """The recommended recipe, fitted to the images where that changes it, and the others.

    The plain recipe of that name is offered only to who has asked for it.
    """
    value = FITTED if fitted.changes else fitted.recipe
    plain = [
        Offered(name, each)
        for name, each in RECIPES.items()
        if name != fitted.recipe or (fitted.changes and name == chosen and not is_fitted)
    ]
    purpose = "Fitted to these images" if fitted.changes else ""
    return [Offered(value, fitted.edited, purpose, why=fitted.reason), *plain]


def _why_no_weights(starting: Weights, *, told: str) -> str:
    """Said once: not where the reason for the recommended recipe says it."""
    why = starting.offer.why
    return f"ImageNet weights cannot be used: {why}." if why and why not in told else ""


def _expectation(
    session: Session, start: Start, images: Mapping[str, int]
) -> Callable[[Recipe], Estimate | None]:
    """How long a training on these images, by split, takes by a recipe."""
    paces = measure_paces(session)
    return lambda recipe: paces.expect(
        recipe, start=begins(start, recipe), images=images.get("train", 0), samples=sum(images.values())
    )


def _images_in(session: Session, version: DatasetVersion) -> Mapping[str, int]:
    """A version's images by split."""
    return Counter(labels_of(session, version_id=version.id).splits)


def _images_now(session: Session, newest: DatasetVersion) -> Mapping[str, int]:
    """The images of a version that were frozen now, by split."""
    changes = changes_since(session, dataset_id=newest.dataset_id, version_id=newest.id)
    return {split.split: split.after for split in changes.splits}


def _class(names: list[str], position: int) -> str:
    return GONE if position == DELETED else names[position]
