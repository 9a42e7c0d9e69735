"""The page before a training from the start: the labels, the recipe and the request."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names, ready_dataset
from app.datasets.models import DatasetVersion
from app.datasets.versions import get_version, labels_of, latest_version, list_versions
from app.deck.progress import PendingChanges, pending_changes
from app.errors import Invalid
from app.ml.recipes import RECIPES
from app.rounds.changes import changes_since
from app.rounds.retraining import freeze_labels
from app.training.recipes import choose_recipe
from app.training.recommending import Recommendation, recommend
from app.training.requesting import train_anew
from app.training.starts import Weights, starts, weights_now
from app.web.deps import Admin, Config, Db
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
    SentTrain,
    ShownTrain,
    check_unedited,
    checked_changes,
    recipe_form,
    seed_of,
    with_own_numbers,
)
from app.web.rendering import page_context, render

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class TrainPage(AskPage):
    """A first training, or another one from the start."""

    versions: tuple[DatasetVersion, ...]
    version: int | None  # none: the labels as they stand
    pending: PendingChanges
    recommended: Recommendation
    why_no_weights: str  # why ImageNet weights cannot be had, where nothing else on the page says so


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
    return requested(request, name, run)


def _fitted(session: Session, dataset_id: int, starting: Weights, start: str) -> Recommendation:
    """What is recommended for a start; for an impossible one, and none, that of the usual start."""
    known = start in starts(setting=starting.setting, parent=False)
    return recommend(session, dataset_id=dataset_id, starting=starting, start=start if known else None)


def _numbers(sent: Mapping[str, str]) -> dict[str, str]:
    """What was filled in and belongs to the chosen recipe and start, which are chosen once and for all."""
    kept = {name: value for name, value in with_own_numbers(sent).items() if value.strip()}
    return {name: value for name, value in kept.items() if name not in ("shown_recipe", "shown_start")}


def _version(session: Session, dataset_id: int, sent: Mapping[str, str]) -> DatasetVersion | None:
    """The sent version; None means the current labels. Raises Invalid, NotFound."""
    text = sent.get("version", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):  # noqa: PLR2004 - it fits the database
        raise Invalid(f"“{text[:40]}” is no version; choose one of the list.")
    return get_version(session, dataset_id=dataset_id, number=int(text))


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
    asked = asked_recipe(
        sent, usual=RECIPES["default"], setting=starting.setting, parent=False, names=names, problem=problem
    )
    images = _images_now(session, version) if chosen is None else _images_in(session, version)
    expected = expectation(session, asked.start, images)
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
        **what_waits(session, dataset_id),
        problem=asked.problem,
        repeat=None
        if chosen is None and pending.wait
        else repeat_of_asked(session, asked, version=version, setting=starting.setting),
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


def _images_in(session: Session, version: DatasetVersion) -> Mapping[str, int]:
    """A version's images by split."""
    return Counter(labels_of(session, version_id=version.id).splits)


def _images_now(session: Session, newest: DatasetVersion) -> Mapping[str, int]:
    """The images of a version that were frozen now, by split."""
    changes = changes_since(session, dataset_id=newest.dataset_id, version_id=newest.id)
    return {split.split: split.after for split in changes.splits}
