"""The question to a person before an import: the classes for each way to read the folders."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from app.datasets.label_reading import NONE as NO_COLUMN
from app.datasets.label_reading import LabelFiles, StatedColumns, StatedLabels
from app.datasets.layout_choice import StatedLayout
from app.datasets.layout_outline import Outline
from app.datasets.layout_reading import LEFT_OUT, OPEN, Reading
from app.datasets.models import Dataset
from app.datasets.split_words import PARTS
from app.datasets.surveying import Survey, store_reading
from app.errors import Conflict, Invalid

SKIP = "skip"


@dataclass(frozen=True)
class Proposal:
    """The choices, the most likely first; `doubt` is why a person must choose, empty if it is clear."""

    doubt: str
    choices: list[Outline]

    @property
    def examples(self) -> set[str]:
        """The paths of the images that are shown."""
        return {path for choice in self.choices for each in choice.classes for path in each.examples}


def proposal_of(found: Survey) -> Proposal | None:
    """The question about a source; None without two classes, because the import explains that better."""
    guess = found.guess()
    if guess.refusal:
        return None
    readings = [*guess.readings]
    none = Reading("none", readings[0].root)
    if none not in readings and guess.readings[0].labels is None:
        readings.append(none)
    choices = [made for reading in readings if (made := found.outline(reading)).is_use]
    if not choices or choices[0].reading != readings[0]:
        return None
    return Proposal(guess.doubt, choices)


def stated_proposal(found: Survey, said: StatedLayout) -> Proposal:
    """What a label file that a person named makes of a source, to confirm. Raises Invalid, NotFound."""
    return Proposal("", [found.outline(found.reading_of(said))])


def read_again(
    session: Session, *, dataset: Dataset, choice: int, columns: StatedColumns, found: Survey
) -> bool:
    """Whether other columns of a label file were chosen; then the question is about these.

    Raises Invalid.
    """
    proposal = waiting_proposal(dataset)
    if proposal is None or not 0 <= choice < len(proposal.choices):
        return False
    labels = proposal.choices[choice].reading.labels
    if labels is None or labels.columns is None or columns == columns_of(labels):
        return False
    said = StatedLabels(labels.files[0], labels.stored, columns)
    made = found.outline(Reading("labels", labels=found.reading_of(StatedLayout(labels=said)).labels))
    choices = [made if number == choice else each for number, each in enumerate(proposal.choices)]
    propose(session, dataset=dataset, proposal=Proposal(proposal.doubt, choices))
    return True


def columns_of(labels: LabelFiles) -> StatedColumns:
    """The columns of a label file, as a person would name them."""
    columns = labels.columns
    if columns is None:
        return StatedColumns()
    return StatedColumns(columns.path, columns.label, columns.split or NO_COLUMN)


def propose(session: Session, *, dataset: Dataset, proposal: Proposal) -> None:
    """Let the data set wait until a person chooses."""
    dataset.state = "waiting"
    dataset.proposals = {
        "doubt": proposal.doubt,
        "choices": [choice.as_json() for choice in proposal.choices],
    }
    session.flush()


def waiting_proposal(dataset: Dataset) -> Proposal | None:
    """The question that the data set waits for; None if it does not wait."""
    if dataset.state != "waiting" or not dataset.proposals:
        return None
    return Proposal(
        dataset.proposals["doubt"], [Outline.from_json(each) for each in dataset.proposals["choices"]]
    )


def answer(session: Session, *, dataset: Dataset, choice: int | None, parts: Sequence[str]) -> None:
    """Store a person's choice: its number, and the parts of the folders of all choices, in their order.

    Raises Conflict if the data set does not wait, Invalid for a missing or incomplete choice.
    """
    proposal = waiting_proposal(dataset)
    if proposal is None:
        raise Conflict(f"{dataset.name} does not wait for a choice of folders; its page shows how far it is.")
    if choice is None or not 0 <= choice < len(proposal.choices):
        raise Invalid("Choose how the folders are read.")
    sizes = [len(each.reading.folders) for each in proposal.choices]
    mine = parts[sum(sizes[:choice]) : sum(sizes[: choice + 1])]
    reading = proposal.choices[choice].reading
    if len(parts) != sum(sizes) or any(part not in (*PARTS, SKIP, OPEN) for part in mine):
        raise Invalid("Say for each folder which part it is; load the page again and choose once more.")
    named = {
        folder: LEFT_OUT if part == SKIP else part
        for folder, part in zip(sorted(reading.folders), mine, strict=True)
    }
    store_reading(session, dataset_id=dataset.id, reading=replace(reading, folders=named), chosen=True)
