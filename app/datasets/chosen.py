"""Data sets that only chosen people see. Everybody sees the others, and admins see all."""

from collections.abc import Mapping

from sqlalchemy import bindparam, delete, exists, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.accounts.roles import ADMIN
from app.datasets.models import ChosenPerson, Dataset, FormerName
from app.db.compiled import Prepared
from app.db.memory import remember
from app.errors import Invalid
from app.spelling import folded

# Every request runs this, so it is compiled once.
_HIDDEN = Prepared(
    select(Dataset.id, Dataset.name).where(
        Dataset.for_chosen,
        ~exists().where(ChosenPerson.dataset_id == Dataset.id, ChosenPerson.user_id == bindparam("user")),
        ~exists().where(User.id == bindparam("user"), User.role == ADMIN),
    )
)
_ID = Prepared(select(Dataset.id).where(Dataset.name == bindparam("name")))
_FORMER = Prepared(select(FormerName.dataset_id).where(FormerName.name == bindparam("name")))


def hidden_from(session: Session, *, user_id: int) -> Mapping[int, str]:
    """The names of the data sets that this person does not see, by id."""

    def ask() -> dict[int, str]:
        return {row.id: row.name for row in _HIDDEN.rows(session, user=user_id)}

    return remember(session, (hidden_from, user_id), ask)


def is_hidden_name(session: Session, hidden: Mapping[int, str], *, name: str) -> bool:
    """Whether `get_dataset` finds one of these by this name: as it is, in other case, or by a name before."""
    exact = _ID.scalar(session, name=name)
    if exact is not None:
        return exact in hidden
    plain = folded(name)
    return plain in map(folded, hidden.values()) or _FORMER.scalar(session, name=plain) in hidden


def chosen_people(session: Session, *, dataset_id: int) -> list[str] | None:
    """The names of the people who see it beside admins; None: everybody does."""
    if not session.scalar(select(Dataset.for_chosen).where(Dataset.id == dataset_id)):
        return None
    query = select(User.name).join(ChosenPerson, ChosenPerson.user_id == User.id)
    return list(session.scalars(query.where(ChosenPerson.dataset_id == dataset_id).order_by(User.name)))


def choose(session: Session, dataset: Dataset, *, user_id: int) -> None:
    """Let this person see it; from the first one on, only those who are chosen see it."""
    dataset.for_chosen = True
    if session.get(ChosenPerson, (dataset.id, user_id)) is None:
        session.add(ChosenPerson(dataset_id=dataset.id, user_id=user_id))
        session.flush()


def unchoose(session: Session, dataset: Dataset, *, user_id: int) -> None:
    """Let this person see it no more; without anybody who is chosen, only admins see it.

    Raises Invalid where everybody sees it.
    """
    if not dataset.for_chosen:
        raise Invalid(f"Everybody sees {dataset.name}; choose who sees it, then nobody else does.")
    session.execute(
        delete(ChosenPerson).where(ChosenPerson.dataset_id == dataset.id, ChosenPerson.user_id == user_id)
    )


def open_to_everybody(session: Session, dataset: Dataset) -> None:
    """Let everybody see it again; nobody is chosen any more."""
    dataset.for_chosen = False
    session.execute(delete(ChosenPerson).where(ChosenPerson.dataset_id == dataset.id))
