"""Filters of samples in a URL's query or a body."""

from functools import cached_property, lru_cache
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, field_validator

from app.deck.filters import Filter, Order, StateFilter
from app.deck.lasso import MOST_CHARACTERS
from app.deck.queues import Queue
from app.errors import Invalid
from app.web.strict import Strict, StrictBody, names_of

MOST_KB = 2_000_000  # so that the number of bytes fits its column


def _said(value: Any) -> Any:
    return "true" if value is True else value


class SampleFilter(Strict):
    """A filter of samples; missing fields do not restrict it. Classes by name."""

    label: str = Field("", alias="class", max_length=500, description="The current label.")
    given: str = Field("", max_length=500, description="The given label.")
    predicted: str = Field("", max_length=500, description="What the current ranking's run says.")
    split: str = Field("", max_length=20)
    state: StateFilter = Field(
        "",
        description="issues, open (issues not decided), unreviewed, reviewed, waiting (second opinion), "
        "bulk (only in bulk)",
    )
    verdict: str = Field("", max_length=20, description="The current verdict: keep, relabel, delete, unsure.")
    annotator: str = Field("", max_length=100, description="Who has a decision on it.")
    duplicates: bool = Field(False, description="Only samples whose twin has another label.")
    problem: str = Field(
        "",
        max_length=20,
        description="A problem of the image itself: dark, bright, blank, blurry, odd_shape, odd_size, "
        "off_topic, leak (in training and held out).",
    )
    text: str = Field("", max_length=500, description="A part of the path.")
    min_kb: int | None = Field(
        None, ge=0, le=MOST_KB, description="The file has at least so many kilobytes (1,000 bytes each)."
    )
    max_kb: int | None = Field(
        None, ge=0, le=MOST_KB, description="The file has at most so many kilobytes (1,000 bytes each)."
    )

    within: str = Field(
        "",
        max_length=MOST_CHARACTERS,
        description="An area of the map: the map’s number and the corners, such as "
        "`3_100.200_900.200_500.800`; the lasso of the page Map makes it.",
    )

    @field_validator("min_kb", "max_kb", mode="wrap")
    @classmethod
    def _kilobytes(cls, sent: Any, read: ValidatorFunctionWrapHandler) -> int | None:
        """The number; an empty field of a form is none, in a JSON body it is refused."""
        if sent == "" and not cls.model_config.get("strict"):
            return None
        try:
            number: int | None = read(sent)
        except ValidationError as error:
            raise ValueError(f"give a whole number of kilobytes from 0 to {MOST_KB:,}") from error
        return number

    @property
    def which(self) -> Filter:
        """The samples that match."""
        return Filter(**self.model_dump(include=set(Filter.__dataclass_fields__)))

    @classmethod
    @lru_cache(maxsize=200)  # every answer names its queue
    def parse(cls, query: str) -> Self:
        """Parse a URL's query. Raises Invalid."""
        pairs = parse_qsl(query, keep_blank_values=True)
        names_of(cls).check(pairs, what="filter")
        try:
            return cls.model_validate({name: value for name, value in pairs if value})
        except ValidationError as error:
            raise Invalid("This selection cannot be read; open the page again.") from error

    def query(self, **more: Any) -> str:
        """The URL's query, as short as possible, with these fields changed or added."""
        if not type(self).model_fields.keys() & more.keys():
            added = urlencode({name: _said(value) for name, value in more.items() if value is not None})
            return "&".join(part for part in (self._own_query, added) if part)
        changed = self.model_copy(
            update={name: value for name, value in more.items() if name in type(self).model_fields}
        )
        said = changed.model_dump(by_alias=True, exclude_defaults=True)
        said |= {
            name: value
            for name, value in more.items()
            if name not in type(self).model_fields and value is not None
        }
        return urlencode({name: _said(value) for name, value in said.items()})

    @cached_property
    def _own_query(self) -> str:
        said = self.model_dump(by_alias=True, exclude_defaults=True)
        return urlencode({name: _said(value) for name, value in said.items()})


class Ordered(SampleFilter):
    """Samples in an order."""

    order: Order = Field(
        "rank",
        description="rank (label quality), loss, margin, disagreement (of epochs and folds), random, path; "
        "for a worklist also mixed (by rank, a fifth random) and gold (blind)",
    )

    def filters(self) -> list[tuple[str, str]]:
        """The filter without the order, as a URL's query."""
        return [pair for pair in parse_qsl(self.query()) if pair[0] != "order"]

    @cached_property
    def queue(self) -> Queue:
        """The queue of a worklist with this filter."""
        return Queue(self.which, self.order)


class WhereBody(SampleFilter, StrictBody):
    """The same in a JSON body."""


class OrderedBody(Ordered, StrictBody):
    """The same in a JSON body."""
