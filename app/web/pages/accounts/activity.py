"""The activity log; an admin's page."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.accounts.activity import PAGE, Wanted, kinds_there, list_activity
from app.accounts.models import Activity
from app.errors import Invalid
from app.web.deps import Admin, Db
from app.web.rendering import Page, page_context, render

router = APIRouter()

Text = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, kw_only=True)
class ActivityPage(Page):
    """A hundred rows of the log, the newest first."""

    rows: tuple[Activity, ...]
    kinds: tuple[str, ...]
    chosen: dict[str, str]  # what the filter form shows
    older: str = ""  # the address of the next rows


@router.get("/activity")
def activity(
    request: Request,
    database: Db,
    _admin: Admin,
    person: Text = "",
    dataset: Text = "",
    kind: Text = "",
    since: Text = "",
    until: Text = "",
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Response:
    """Who did what; `since` and `until` are days, both of them included."""
    chosen = {"person": person, "dataset": dataset, "kind": kind, "since": since, "until": until}
    wanted = wanted_of(**{name: value.strip() for name, value in chosen.items()})
    with database.read() as session:
        rows = list_activity(session, wanted, before=before, limit=PAGE + 1)
        kinds = tuple(kinds_there(session))
    older = ""
    if len(rows) > PAGE:
        kept = {name: value for name, value in chosen.items() if value}
        older = "/activity?" + urlencode(kept | {"before": rows[PAGE - 1].id})
    page = ActivityPage(
        **page_context(request), rows=tuple(rows[:PAGE]), kinds=kinds, chosen=chosen, older=older
    )
    return render("accounts/activity.html", page)


def wanted_of(*, person: str, dataset: str, kind: str, since: str, until: str) -> Wanted:
    """The filter, with days in UTC. Raises Invalid for what is no day."""
    end = _midnight(until)
    return Wanted(person, dataset, kind, _midnight(since), end and end + timedelta(days=1))


def _midnight(day: str) -> datetime | None:
    if not day:
        return None
    try:
        found = date.fromisoformat(day)
    except ValueError as error:
        raise Invalid(f"“{day[:20]}” is no day; write it as 2026-11-29.") from error
    if not 1970 <= found.year <= 9000:  # noqa: PLR2004
        raise Invalid("A day of the log lies between the years 1970 and 9000.")
    return datetime.combine(found, time(), UTC)
