"""What several rooms of the API answer, typed for OpenAPI; other answers are beside their routes."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Output(BaseModel):
    """Built from domain values by attribute."""

    model_config = ConfigDict(from_attributes=True)


class Problem(Output):
    """Every error."""

    error: str
    message: str
    status: int


class Listing(Output, Generic[T]):
    """A page of results; `next` is the cursor of the following one, null on the last."""

    items: list[T]
    next: str | None


class RateOut(Output):
    """A share with its 95 % Wilson interval.

    With open images the interval goes from the case that all of them are right to the case that all are
    wrong.
    """

    value: float
    low: float
    high: float
    wrong: int
    n: int
    open: int = 0  # images of the gold part that are not settled and so not counted in `n`
