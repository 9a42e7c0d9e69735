"""Data sets that only chosen people see. Everybody sees the others, and admins see all."""

from collections.abc import Collection, Mapping

from sqlalchemy import bindparam, delete, exists, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.accounts.roles import ADMIN
from app.datasets.models import ChosenPerson, Dataset, FormerName
from app.db.compiled import Prepared
from app.db.memory import remember
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


def choose_people(session: Session, dataset: Dataset, *, user_ids: Collection[int] | None) -> None:
    """Let only these people see it beside admins, and nobody else; None: let everybody."""
    dataset.for_chosen = user_ids is not None
    session.execute(delete(ChosenPerson).where(ChosenPerson.dataset_id == dataset.id))
    session.add_all(ChosenPerson(dataset_id=dataset.id, user_id=user_id) for user_id in set(user_ids or ()))
    session.flush()


def unseeing(session: Session, *, dataset_id: int) -> dict[int, str]:
    """The names of the people with access, by id, who do not see it."""
    if not session.scalar(select(Dataset.for_chosen).where(Dataset.id == dataset_id)):
        return {}
    query = select(User.id, User.name).where(
        User.active,
        User.role != ADMIN,
        ~exists().where(ChosenPerson.dataset_id == dataset_id, ChosenPerson.user_id == User.id),
    )
    return {row.id: row.name for row in session.execute(query.order_by(User.name))}
