"""Who sees a data set, changed. Cards that are held by people who see it no more are free again."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.users import find_user
from app.datasets.chosen import choose_people, chosen_people, unseeing
from app.datasets.models import Dataset
from app.errors import Invalid
from app.review.claims import release
from app.review.models import Claim


@dataclass(frozen=True)
class NewAudience:
    """What a change did. Lists are names; None: everybody."""

    before: tuple[str, ...] | None
    after: tuple[str, ...] | None
    shut_out: tuple[str, ...]  # who saw it and sees it no more
    cards: int  # that they held, and that are free again

    @property
    def words(self) -> str:
        """What has changed, for the activity log; empty if nothing has."""
        if self.before == self.after:
            return ""
        if self.after is None:
            return "for everybody again"
        if self.before is None:
            return f"only for {', '.join(('admins', *self.after))}"
        parts = (
            ("let in", [name for name in self.after if name not in self.before]),
            ("shut out", [name for name in self.before if name not in self.after]),
        )
        return "; ".join(f"{word} {', '.join(names)}" for word, names in parts if names)


def change_audience(session: Session, dataset: Dataset, *, people: Collection[str] | None) -> NewAudience:
    """Let only these people see it beside admins; None: let everybody. Raises Invalid for an unknown name."""
    before, unseeing_before = _chosen(session, dataset), unseeing(session, dataset_id=dataset.id)
    if people is None:
        choose_people(session, dataset, user_ids=None)
    else:
        choose_people(session, dataset, user_ids=[_id_of(session, name) for name in people])
    shut_out = {
        user_id: name
        for user_id, name in unseeing(session, dataset_id=dataset.id).items()
        if user_id not in unseeing_before
    }
    held = select(func.count()).where(Claim.dataset_id == dataset.id, Claim.user_id.in_(shut_out))
    cards = session.scalar(held) or 0
    for user_id in shut_out if cards else ():
        release(session, dataset_id=dataset.id, user_id=user_id)
    return NewAudience(before, _chosen(session, dataset), tuple(shut_out.values()), cards)


def let_in_and_out(
    session: Session, dataset: Dataset, *, let_in: Collection[str], shut_out: Collection[str]
) -> NewAudience:
    """Add people to those who are chosen now, and take others away; nobody else but admins sees it then.

    Call it with the data set locked: then two changes at once both count. Raises Invalid for an unknown name,
    for somebody who is taken away and is not chosen, and where nobody is named.
    """
    if not let_in and not shut_out:
        raise Invalid("Name at least one person to add or to remove.")
    chosen = {*(_chosen(session, dataset) or ()), *let_in}
    for name in shut_out:
        if name not in chosen:
            raise Invalid(f"{name} is not among the chosen people of {dataset.name}.")
    return change_audience(session, dataset, people=sorted(chosen - {*shut_out}))


def _chosen(session: Session, dataset: Dataset) -> tuple[str, ...] | None:
    found = chosen_people(session, dataset_id=dataset.id)
    return None if found is None else tuple(found)


def _id_of(session: Session, name: str) -> int:
    user = find_user(session, name=name)
    if user is None:
        raise Invalid(f"There is no user named {name}; the page People lists everybody.")
    return user.id
