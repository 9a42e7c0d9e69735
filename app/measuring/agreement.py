"""Agreement of annotators: kappa of pairs, alpha of all, and a consensus weighted by their reliability.

The libraries take 150 MB and two seconds to load, so they are loaded only when needed.
"""

import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.datasets.catalog import class_names, classes_of
from app.datasets.models import Sample
from app.datasets.versions import DELETED
from app.ranking.models import Prediction
from app.review.log import not_undone
from app.review.models import Decision, SampleReview
from app.training.runs import current_ranking

FEW = 20  # samples; with fewer the figures are not reliable

Answers = Mapping[int, Mapping[int, int]]  # by sample and annotator: a class position, or DELETED


@dataclass(frozen=True)
class Pair:
    """Two annotators on the samples that both answered."""

    first: str
    second: str
    samples: int
    agreed: float  # share of equal answers
    kappa: float | None  # Cohen's; none where chance alone would make them agree


@dataclass(frozen=True)
class ClassAgreement:
    """A class: of the samples that one of two annotators assigned to it, the share that both did."""

    name: str
    samples: int
    agreed: float


@dataclass(frozen=True)
class AnnotatorFigures:
    """What an annotator did."""

    name: str
    decisions: int  # that stand, of samples looked at one by one
    blind: int  # of them
    seconds: float | None  # median from shown to decided
    compared: int  # of the samples that others answered too and that are settled
    agreed: float | None  # share of these whose final answer is theirs
    quality: float | None  # 0…1 by CROWDLAB


@dataclass(frozen=True)
class Weighed:
    """The consensus of a sample by CROWDLAB, which weights annotators and the model."""

    sample_id: int
    label: str
    quality: float  # probability that it is right, 0…1


@dataclass(frozen=True)
class Agreement:
    """The agreement of the annotators of a data set."""

    shared: int  # samples with answers of two annotators or more
    alpha: float | None  # Krippendorff's, nominal
    pairs: tuple[Pair, ...]
    classes: tuple[ClassAgreement, ...]
    people: tuple[AnnotatorFigures, ...]
    doubtful: tuple[Weighed, ...]  # the shared samples whose consensus is the least sure


def agreement_of(session: Session, *, dataset_id: int, most: int = 20) -> Agreement:
    """The agreement of the annotators of a data set; `most`: the number of doubtful samples to return."""
    names = class_names(session, dataset_id=dataset_id)
    place_now = classes_of(session, dataset_id=dataset_id).place_now
    looks = _looks(session, dataset_id)
    people: dict[int, str] = {look.user_id: look.name for look in looks}
    answers: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for look in looks:  # of each annotator the last one
        position = {"keep": look.given_now, "relabel": look.label, "delete": DELETED}.get(look.verdict)
        if position is not None:
            label = position if position == DELETED else place_now(position)
            answers[look.sample_id][look.user_id] = label
    shared = {sample: said for sample, said in answers.items() if len(said) > 1}
    final = _final(session, dataset_id)
    quality, doubtful = _crowdlab(session, dataset_id, shared, names)
    return Agreement(
        shared=len(shared),
        alpha=alpha(shared),
        pairs=tuple(
            pair(shared, (a, people[a]), (b, people[b]))
            for a, b in combinations(sorted(people), 2)
            if _both(shared, a, b)
        ),
        classes=by_class(shared, names),
        people=tuple(
            _person(
                name, [look for look in looks if look.user_id == user], user, shared, final, quality.get(user)
            )
            for user, name in sorted(people.items(), key=lambda each: each[1])
        ),
        doubtful=doubtful[:most],
    )


def alpha(answers: Answers) -> float | None:
    """Krippendorff's alpha, nominal: 1 for full agreement, 0 for chance; none where there is only one answer.

    From the coincidence matrix of all pairs of answers within a sample (Krippendorff 2011, "Computing
    Krippendorff's Alpha-Reliability", D); a sample with m answers has m (m - 1) ordered pairs, which weigh 1
    / (m - 1) each.
    """
    pairable = [Counter(said.values()) for said in answers.values() if len(said) > 1]
    totals = sum(pairable, Counter[int]())
    n, by_chance = totals.total(), sum(count * (count - 1) for count in totals.values())
    if by_chance == n * (n - 1):  # nothing to tell apart
        return None
    equal = sum(count * (count - 1) / (said.total() - 1) for said in pairable for count in said.values())
    return ((n - 1) * equal - by_chance) / (n * (n - 1) - by_chance)


def pair(answers: Answers, first: tuple[int, str], second: tuple[int, str]) -> Pair:
    """Two annotators, each as (id, name)."""
    from sklearn.metrics import cohen_kappa_score

    both = _both(answers, first[0], second[0])
    ones, others = [a for a, _ in both], [b for _, b in both]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one answer throughout: undefined, which is said below
        kappa = float(cohen_kappa_score(ones, others))
    return Pair(
        first[1],
        second[1],
        len(both),
        sum(a == b for a, b in both) / len(both),
        None if np.isnan(kappa) else kappa,
    )


def by_class(answers: Answers, names: list[str]) -> tuple[ClassAgreement, ...]:
    """Each class that anybody named, and deleting; over all pairs of annotators."""
    named: Counter[int] = Counter()
    agreed: Counter[int] = Counter()
    for said in answers.values():
        for one, other in combinations(said.values(), 2):
            named.update({one, other})
            agreed.update({one} if one == other else ())
    words = {DELETED: "deleted"} | dict(enumerate(names))
    return tuple(
        ClassAgreement(words[label], named[label], agreed[label] / named[label]) for label in sorted(named)
    )


def _both(answers: Answers, first: int, second: int) -> list[tuple[int, int]]:
    return [(said[first], said[second]) for said in answers.values() if first in said and second in said]


def _table(answers: Answers) -> tuple[np.ndarray, list[int], list[int]]:
    """Answers as (samples, annotators), NaN where there is none, with the ids of both."""
    samples, users = sorted(answers), sorted({user for said in answers.values() for user in said})
    table = np.full((len(samples), len(users)), np.nan)
    for row, sample in enumerate(samples):
        for user, label in answers[sample].items():
            table[row, users.index(user)] = label
    return table, samples, users


def _crowdlab(
    session: Session, dataset_id: int, answers: Answers, names: list[str]
) -> tuple[dict[int, float], tuple[Weighed, ...]]:
    """The quality of each annotator, and the consensus of each sample, the least sure first."""
    ranking = current_ranking(session, dataset_id=dataset_id)
    kept = {
        sample: {user: label for user, label in said.items() if label != DELETED}
        for sample, said in answers.items()
    }
    kept = {sample: said for sample, said in kept.items() if said}
    if ranking is None or len(kept) < FEW:
        return {}, ()
    from cleanlab.multiannotator import get_label_quality_multiannotator

    query = select(Prediction.sample_id, Prediction.probabilities).where(
        Prediction.run_id == ranking.run_id, Prediction.sample_id.in_(kept)
    )
    probabilities = {
        sample: np.pad(said, (0, len(names) - len(said))) for sample, said in session.execute(query)
    }
    table, samples, users = _table({sample: said for sample, said in kept.items() if sample in probabilities})
    if len(samples) < FEW:
        return {}, ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = get_label_quality_multiannotator(
            table, np.stack([probabilities[sample] for sample in samples]), verbose=False
        )
    quality = {
        users[int(place)]: float(each)
        for place, each in found["annotator_stats"]["annotator_quality"].items()
    }
    rows = zip(
        samples,
        found["label_quality"]["consensus_label"],
        found["label_quality"]["consensus_quality_score"],
        strict=True,
    )
    weighed = [Weighed(sample, names[int(label)], float(score)) for sample, label, score in rows]
    return quality, tuple(sorted(weighed, key=lambda each: each.quality))


def _looks(session: Session, dataset_id: int) -> list[Any]:
    query = (
        select(
            Decision.sample_id,
            Decision.user_id,
            User.name,
            Decision.verdict,
            Decision.label,
            Decision.blind,
            Decision.milliseconds,
            Sample.given_now,
        )
        .join(User, User.id == Decision.user_id)
        .join(Sample, Sample.id == Decision.sample_id)
        .where(
            Decision.dataset_id == dataset_id,
            not_undone(),
            Decision.bulk_id.is_(None),
        )
        .order_by(Decision.id)
    )
    return list(session.execute(query))


def _final(session: Session, dataset_id: int) -> dict[int, int]:
    query = select(SampleReview).where(
        SampleReview.dataset_id == dataset_id, SampleReview.waits == "", SampleReview.verdict != "unsure"
    )
    return {
        review.sample_id: DELETED if review.label is None else review.label
        for review in session.scalars(query)
    }


def _person(
    name: str, looks: list[Any], user: int, shared: Answers, final: Mapping[int, int], quality: float | None
) -> AnnotatorFigures:
    compared = [
        said[user] == final[sample] for sample, said in shared.items() if user in said and sample in final
    ]
    times = [look.milliseconds / 1000 for look in looks if look.milliseconds]
    return AnnotatorFigures(
        name=name,
        decisions=len(looks),
        blind=sum(look.blind for look in looks),
        seconds=median(times) if times else None,
        compared=len(compared),
        agreed=sum(compared) / len(compared) if compared else None,
        quality=quality,
    )
