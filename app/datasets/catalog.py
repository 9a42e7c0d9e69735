"""Look-ups of data sets, their classes, samples and rejected files."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Row, and_, bindparam, func, select
from sqlalchemy.orm import Session

from app.datasets.models import Dataset, DatasetVersion, FormerName, LabelClass, RejectedFile, Sample
from app.db.compiled import Prepared
from app.db.memory import forget, remember, remembered
from app.errors import Conflict, Invalid, Moved, NotFound, NotNow
from app.jobs.requests import open_job
from app.spelling import folded, places_of

DELETING = "deleting"  # the state of a data set that is gone for people, and being removed
IMPORT = "import"  # the task of the job that fills a data set

# Nearly every request needs these, so they are built once.
_BY_NAME = select(Dataset).where(Dataset.name == bindparam("name"))
_ID = Prepared(select(Dataset.id).where(Dataset.name == bindparam("name")))
_CLASSES = Prepared(
    select(LabelClass.name, LabelClass.retired_at, LabelClass.merged_into)
    .where(LabelClass.dataset_id == bindparam("dataset_id"))
    .order_by(LabelClass.position)
)
ARCHIVED = (
    "This data set is archived, so nobody reviews, changes, trains or imports it; an admin can bring it back "
    "on its page “Manage” or by `toploss datasets archive NAME --back`."
)
NO_DATASET = "There is no data set named {name}; the list of data sets shows the ones there are."
_NAMED = 20  # classes that a sentence lists


@dataclass(frozen=True)
class DatasetSummary:
    """One row of the list of data sets."""

    id: int
    name: str
    state: str
    samples: int
    classes: int
    archived: bool = False


def list_datasets(
    session: Session, *, archived: bool | None = False, hidden: Collection[int] = ()
) -> list[DatasetSummary]:
    """The data sets that are not `hidden`, by name: without archived ones, only these, or all (None)."""
    is_archived = Dataset.archived_at.is_not(None)
    samples = select(Sample.dataset_id, func.count().label("n")).group_by(Sample.dataset_id).subquery()
    classes = (
        select(LabelClass.dataset_id, func.count().label("n"))
        .where(LabelClass.retired_at.is_(None))
        .group_by(LabelClass.dataset_id)
        .subquery()
    )
    rows = session.execute(
        select(
            Dataset.id,
            Dataset.name,
            Dataset.state,
            func.coalesce(samples.c.n, 0),
            func.coalesce(classes.c.n, 0),
            is_archived,
        )
        .outerjoin(samples, samples.c.dataset_id == Dataset.id)
        .outerjoin(classes, classes.c.dataset_id == Dataset.id)
        .where(
            Dataset.state != DELETING,
            Dataset.id.not_in(hidden),
            *([] if archived is None else [is_archived == archived]),
        )
        .order_by(Dataset.name)
    )
    return [DatasetSummary(*row) for row in rows]


def dataset_names(session: Session, *, archived: bool = True) -> dict[int, str]:
    """The name of each data set by its id, with `archived` ones or without."""
    query = select(Dataset.id, Dataset.name)
    if not archived:
        query = query.where(Dataset.archived_at.is_(None))
    return {row.id: row.name for row in session.execute(query)}


def summarise(session: Session, dataset: Dataset) -> DatasetSummary:
    """The row of one data set."""
    return DatasetSummary(
        dataset.id,
        dataset.name,
        dataset.state,
        count_samples(session, dataset_id=dataset.id),
        len(classes_of(session, dataset_id=dataset.id).open_names),
        dataset.archived_at is not None,
    )


def get_dataset(session: Session, *, name: str) -> Dataset:
    """The data set with this name. Raises NotFound."""
    dataset = known_dataset(session, name=name)
    if dataset is None and (known := _renamed(session, name)):
        raise Moved(f"The data set {name} is named {known} now.", before=name, now=known)
    if dataset is None:
        raise NotFound(NO_DATASET.format(name=name))
    return dataset


def known_dataset(session: Session, *, name: str) -> Dataset | None:
    """The data set with this name, else the only one whose name differs only in upper and lower case."""
    exact = session.scalar(_BY_NAME, {"name": name})
    if exact is not None:
        return exact
    alike = session.scalars(select(Dataset).where(func.lower(Dataset.name) == folded(name)).limit(2)).all()
    return alike[0] if len(alike) == 1 else None


def _renamed(session: Session, name: str) -> str | None:
    """The name now of the data set that had this name."""
    query = select(Dataset.name).join(FormerName, FormerName.dataset_id == Dataset.id)
    return session.scalar(query.where(FormerName.name == folded(name), Dataset.state != DELETING).limit(1))


def refuse_archived(session: Session, *, dataset_id: int) -> None:
    """Raises Conflict if the data set is archived."""

    def ask() -> bool:
        return session.scalar(select(Dataset.archived_at).where(Dataset.id == dataset_id)) is not None

    if remember(session, (refuse_archived, dataset_id), ask):
        raise Conflict(ARCHIVED)


def refuse_deleted(session: Session, *, dataset_id: int) -> None:
    """Raises NotFound if the data set was deleted and its rows are still being removed."""
    if session.scalar(select(Dataset.state).where(Dataset.id == dataset_id)) == DELETING:
        raise NotFound("The data set was deleted, with its images and models.")


def find_dataset(session: Session, *, name: str) -> int:
    """The id of the data set with this name. Raises NotFound."""
    return remember(
        session,
        (find_dataset, name),
        lambda: _ID.scalar(session, name=name) or get_dataset(session, name=name).id,
    )


def ready_dataset(session: Session, *, name: str) -> Dataset:
    """The data set with this name, imported. Raises NotFound, Conflict while it has no version 0 yet."""
    dataset = get_dataset(session, name=name)
    if (
        session.scalar(select(DatasetVersion.id).where(DatasetVersion.dataset_id == dataset.id).limit(1))
        is None
    ):
        if dataset.state == "importing" or open_job(session, dataset_id=dataset.id, task=IMPORT):
            raise NotNow(f"The import of {name} has not finished; wait for it.")
        if dataset.state == "waiting":
            raise Conflict(
                f"The import of {name} waits until a person says how its folders are read; "
                "open the page of the data set and choose."
            )
        raise Conflict(f"The import of {name} has failed or was cancelled; repeat it.")
    return dataset


def lock_dataset(session: Session, *, dataset_id: int) -> None:
    """Lock the data set until the transaction ends, so that certain requests run one after another.

    SQLite has only one writer anyway. On PostgreSQL NO KEY UPDATE does not block rows that refer to the data
    set, so decisions continue. The jobs of a group commit hold it together: the first that locks forgets what
    the session remembers, so that all that is remembered afterwards was queried under the lock.
    """
    if session.get_bind().dialect.name == "sqlite" or (lock_dataset, dataset_id) in remembered(session):
        return
    session.execute(select(Dataset.id).where(Dataset.id == dataset_id).with_for_update(key_share=True))
    forget(session)
    remembered(session)[lock_dataset, dataset_id] = True


def lock_out_decisions(session: Session, *, dataset_id: int, also_archived: bool = False) -> None:
    """Wait for the decisions in progress, and block new ones until the transaction ends.

    Raises Conflict if the data set is archived, unless `also_archived`: a job that has begun then ends well.

    Call it before a change of the rules by which decisions are folded, and before undecided samples are
    counted: then no decision is made between the old state and the new one. SQLite has only one writer
    anyway. On PostgreSQL FOR UPDATE blocks rows that refer to the data set, as a decision does.
    """
    if session.get_bind().dialect.name != "sqlite":
        session.execute(select(Dataset.id).where(Dataset.id == dataset_id).with_for_update())
    if not also_archived:
        refuse_archived(session, dataset_id=dataset_id)


def count_samples(session: Session, *, dataset_id: int) -> int:
    """How many samples a data set has."""
    return (
        session.scalar(select(func.count()).select_from(Sample).where(Sample.dataset_id == dataset_id)) or 0
    )


def each_sample(session: Session, *, dataset_id: int) -> ColumnElement[bool]:
    """The condition of a query that reads columns of every sample of a data set.

    An index of the data set would lead to one row after another all over the table. Samples are imported
    together, so a range of ids reads them in one go; `+ 0` keeps the index out.
    """

    def ends() -> Row[int, int]:
        query = select(func.min(Sample.id), func.max(Sample.id)).where(Sample.dataset_id == dataset_id)
        return session.execute(query).one()

    first, last = remember(session, (each_sample, dataset_id), ends)
    return and_(Sample.id.between(first or 0, last or 0), Sample.dataset_id + 0 == dataset_id)


@dataclass(frozen=True)
class Classes:
    """The classes of a data set, by position."""

    names: tuple[str, ...]  # now
    takes_answers: tuple[bool, ...]  # not retired, not merged into another class
    merged_into: tuple[int | None, ...]

    @property
    def open_names(self) -> list[str]:
        """The names of the classes that take answers."""
        return [name for name, is_open in zip(self.names, self.takes_answers, strict=True) if is_open]

    @property
    def open_positions(self) -> tuple[int, ...]:
        """The positions of the classes that take answers."""
        return tuple(position for position, is_open in enumerate(self.takes_answers) if is_open)

    def state(self, position: int) -> str:
        """Open, merged or retired."""
        if self.takes_answers[position]:
            return "open"
        return "retired" if self.merged_into[position] is None else "merged"

    def place_now(self, position: int) -> int:
        """The position of the class that has the samples of this one now: itself, unless it was merged."""
        while (into := self.merged_into[position]) is not None:
            position = into
        return position


def classes_of(session: Session, *, dataset_id: int) -> Classes:
    """The classes of a data set."""

    def ask() -> Classes:
        rows = _CLASSES.rows(session, dataset_id=dataset_id)
        names, retired, merged_into = zip(*map(tuple, rows), strict=True) if rows else ((), (), ())
        return Classes(names, tuple(moment is None for moment in retired), merged_into)

    return remember(session, (classes_of, dataset_id), ask)


def class_names(session: Session, *, dataset_id: int) -> list[str]:
    """The class names by position, also of classes that take no answers any more."""
    return list(classes_of(session, dataset_id=dataset_id).names)


def names_now(session: Session, *, dataset_id: int) -> list[str]:
    """The class names by position; for a class that was merged the name of the class that has its samples."""
    classes = classes_of(session, dataset_id=dataset_id)
    return [classes.names[classes.place_now(position)] for position in range(len(classes.names))]


def class_position(session: Session, *, dataset_id: int, name: str) -> int:
    """The position of the class with this name, in any spelling, also if it takes no answers any more.

    Raises Invalid, naming the classes of the data set.
    """
    classes = classes_of(session, dataset_id=dataset_id)
    names = classes.names
    found = places_of(name, names)
    found = [place for place in found if classes.takes_answers[place]] or found
    if not found:
        known = classes.open_names
        more = f" and {len(known) - _NAMED:,} more" if len(known) > _NAMED else ""
        raise Invalid(
            f"“{name}” is no class of this data set; its classes are {', '.join(known[:_NAMED])}{more}."
        )
    if len(found) > 1:
        meant = " or ".join(f"“{names[place]}”" for place in found)
        raise Invalid(f"“{name}” may mean {meant}; write it exactly as one of them.")
    return found[0]


def answer_position(session: Session, *, dataset_id: int, name: str) -> int:
    """As `class_position`, for an answer. Raises Conflict for a class that takes no answers any more."""
    position = class_position(session, dataset_id=dataset_id, name=name)
    classes = classes_of(session, dataset_id=dataset_id)
    if classes.takes_answers[position]:
        return position
    if classes.merged_into[position] is not None:
        into = classes.names[classes.place_now(position)]
        raise Conflict(f"The class “{classes.names[position]}” was merged into “{into}”; choose that one.")
    raise Conflict(
        f"The class “{classes.names[position]}” is retired and takes no answers; choose another one, or ask "
        "an admin to add it again."
    )


def get_sample(session: Session, *, sample_id: int, dataset_id: int | None = None) -> Sample:
    """The sample, which must belong to the data set if one is given. Raises NotFound."""
    sample = session.get(Sample, sample_id)
    if sample is None or (dataset_id is not None and sample.dataset_id != dataset_id):
        raise NotFound(f"There is no image {sample_id} here; the page Images shows those there are.")
    return sample


def count_rejected(session: Session, *, dataset_id: int) -> int:
    """How many files of the source were rejected."""
    return (
        session.scalar(
            select(func.count()).select_from(RejectedFile).where(RejectedFile.dataset_id == dataset_id)
        )
        or 0
    )


def rejected_files(session: Session, *, dataset_id: int, limit: int = 1000) -> list[RejectedFile]:
    """The rejected files, by path."""
    query = (
        select(RejectedFile)
        .where(RejectedFile.dataset_id == dataset_id)
        .order_by(RejectedFile.path)
        .limit(limit)
    )
    return list(session.scalars(query))
