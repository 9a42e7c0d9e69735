"""One sample: the evidence about its label, the prediction of every run, and the decisions of people."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.datasets.catalog import classes_of, get_dataset
from app.deck import worklist
from app.deck.evidence import Evidence, Similar, gather_evidence
from app.deck.history import PastDecision, history_of
from app.ranking.rankings import RunOpinion, neighbours_in_rank, opinions
from app.settings import Settings
from app.web.deps import Config, Db
from app.web.pages.deck.cards import CardView, card_view, verdict_words
from app.web.rendering import Page, page_context, render, render_part

router = APIRouter()

PLACES = {
    "deck": "review",
    "audit": "random audit",
    "sample": "this page",
    "grid": "images",
    "duplicates": "duplicates",
    "adjudication": "disputed",
    "gold": "checked test set",
    "api": "script",
    "file": "label file",
}


HIDDEN = (
    "This image belongs to the checked test set: nothing else is shown until blind answers settle its label."
)


@dataclass(frozen=True)
class SimilarView:
    """A sample like this one as a small picture."""

    sample_id: int
    path: str
    label: str
    is_other: bool  # than the given label of the sample looked at
    words: str


@dataclass(frozen=True)
class Group:
    """Small pictures under a heading."""

    title: str
    similar: tuple[SimilarView, ...]


@dataclass(frozen=True, kw_only=True)
class WhyPage(Page):
    """The evidence for or against a label."""

    reasons: tuple[str, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class OpinionView:
    """A run's prediction for the sample."""

    run_id: int
    name: str  # of its model
    state: str
    version: int
    said: RunOpinion
    label: str
    predicted: str


@dataclass(frozen=True)
class AnswerView:
    """A line of the sample's history: who said what, and how."""

    answer: PastDecision
    words: str
    how: str


@dataclass(frozen=True, kw_only=True)
class SamplePage(WhyPage):
    """Everything that is known about a sample."""

    card: CardView
    sha256: str
    standing: str  # the current label, in words
    before: int | None  # its neighbours in rank
    after: int | None
    opinions: tuple[OpinionView, ...]  # the newest first
    history: tuple[AnswerView, ...]


@router.get("/d/{name}/images/{sample_id:int}")
def show(request: Request, name: str, sample_id: int, database: Db, settings: Config) -> Response:
    """One sample, with all predictions and decisions."""
    with database.read() as session:
        page = _sample_page(request, session, settings, name, sample_id)
    return render("deck/sample.html", page)


@router.get("/d/{name}/images/{sample_id:int}/why")
def why(request: Request, name: str, sample_id: int, database: Db, settings: Config) -> Response:
    """The evidence about its label, for the card in the review."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        card = worklist.get_card(session, dataset_id=dataset.id, sample_id=sample_id)
        if card.gold:
            return render_part(
                request,
                "deck/_why.html",
                WhyPage(**page_context(request, name), reasons=(HIDDEN,), groups=()),
                whole="deck/why.html",
            )
        evidence = gather_evidence(
            session, dataset_id=dataset.id, sample_id=sample_id, runs_dir=settings.runs_dir
        )
        page = WhyPage(
            **page_context(request, name),
            reasons=evidence.reasons,
            groups=_groups(evidence, card.given_label),
        )
    return render_part(request, "deck/_why.html", page, whole="deck/why.html")


def _sample_page(
    request: Request, session: Session, settings: Settings, name: str, sample_id: int
) -> SamplePage:
    dataset_id = get_dataset(session, name=name).id
    card = worklist.get_card(session, dataset_id=dataset_id, sample_id=sample_id)
    classes = classes_of(session, dataset_id=dataset_id)
    names, positions = tuple(classes.open_names), classes.open_positions
    if card.gold:
        return SamplePage(
            **page_context(request, name),
            card=card_view(card, names=names, positions=positions),
            sha256="",
            standing="",
            before=None,
            after=None,
            reasons=(HIDDEN,),
            groups=(),
            opinions=(),
            history=(),
        )
    evidence = gather_evidence(
        session, dataset_id=dataset_id, sample_id=sample_id, runs_dir=settings.runs_dir
    )
    before, after = (
        (None, None)
        if card.run_id is None or card.rank is None
        else neighbours_in_rank(session, run_id=card.run_id, rank=card.rank)
    )
    return SamplePage(
        **page_context(request, name),
        card=card_view(card, names=names, positions=positions),
        sha256=card.sha256,
        standing=(card.label or "deleted") if card.verdict else card.given_label,
        before=before,
        after=after,
        reasons=evidence.reasons,
        groups=_groups(evidence, card.given_label),
        opinions=tuple(
            _opinion_view(each, names) for each in reversed(opinions(session, sample_id=sample_id))
        ),
        history=tuple(map(_answer_view, history_of(session, dataset_id=dataset_id, sample_id=sample_id))),
    )


def _groups(evidence: Evidence, given: str) -> tuple[Group, ...]:
    groups = (
        ("Copies", evidence.copies),
        ("Nearest verified", evidence.verified),
        ("Nearest", evidence.nearest),
    )
    return tuple(
        Group(title, tuple(_similar_view(each, given) for each in similar))
        for title, similar in groups
        if similar
    )


def _similar_view(similar: Similar, given: str) -> SimilarView:
    said = {"keep": "kept", "relabel": "relabelled", "delete": "deleted"}.get(
        similar.verdict or "", similar.verdict
    )
    words = f"{said} by {similar.by}" if said else "not verified"
    return SimilarView(
        similar.sample_id,
        similar.path,
        similar.label or "deleted",
        similar.label != given,
        f"{words}, in bulk" if similar.in_bulk else words,
    )


def _opinion_view(said: RunOpinion, names: tuple[str, ...]) -> OpinionView:
    return OpinionView(
        said.run_id,
        said.name,
        said.state,
        said.version,
        said,
        names[said.label],
        names[said.predicted_label],
    )


def _answer_view(answer: PastDecision) -> AnswerView:
    how = [PLACES.get(answer.origin, answer.origin)]
    if answer.blind:
        how.append("blind")
    if answer.one_of is not None:
        how.append(f"as one of {answer.one_of:,}")
    elif answer.rank is not None:
        how.append(f"rank {answer.rank:,} of {answer.model}")
    return AnswerView(answer, verdict_words(answer.verdict, answer.label), ", ".join(how))
