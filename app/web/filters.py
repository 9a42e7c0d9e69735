"""Which samples, as an address or a body says it."""

from pydantic import BaseModel, ConfigDict, Field

from app.review.grid import Filter, State


class Where(BaseModel):
    """Samples by what is known of them; what is left out does not matter. Classes by name."""

    model_config = ConfigDict(populate_by_name=True)

    label: str = Field("", alias="class", max_length=500, description="The label as it stands.")
    given: str = Field("", max_length=500, description="The given label.")
    predicted: str = Field("", max_length=500, description="What the current ranking's run says.")
    split: str = Field("", max_length=20)
    state: State = Field(
        "", description="issues, open (issues not decided), unreviewed, reviewed, waiting (second opinion), bulk (only as one of many)"
    )
    verdict: str = Field("", max_length=20, description="The verdict that stands: keep, relabel, delete, unsure.")
    annotator: str = Field("", max_length=100, description="Who has a decision on it.")
    duplicates: bool = Field(False, description="Only samples whose twin has another label.")
    text: str = Field("", max_length=500, description="A part of the path.")

    @property
    def which(self) -> Filter:
        """The samples that match."""
        return Filter(**self.model_dump(include=set(Filter.__dataclass_fields__)))
