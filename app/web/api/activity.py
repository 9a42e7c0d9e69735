"""The activity log as JSON Lines."""

import json
from typing import Annotated

from fastapi import Query
from fastapi.responses import StreamingResponse

from app.accounts.activity import as_json, each_activity
from app.web.api.routing import api_router, file_answers
from app.web.deps import Admin, Db
from app.web.pages.accounts.activity import Text, wanted_of

router = api_router("activity")

LINES = "application/jsonl"


@router.get("/activity", response_class=StreamingResponse, responses=file_answers(LINES, tagged=False))
def activity(
    database: Db,
    _admin: Admin,
    person: Text = "",
    dataset: Text = "",
    kind: Text = "",
    since: Annotated[str, Query(max_length=20, description="A day, such as 2026-11-29 (UTC).")] = "",
    until: Annotated[str, Query(max_length=20, description="The last day.")] = "",
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="Only rows with a larger id.")] = 0,
) -> StreamingResponse:
    """Who did what and when, one JSON object a line, the oldest first."""
    wanted = wanted_of(person=person, dataset=dataset, kind=kind, since=since, until=until)
    rows = each_activity(database, wanted, after=after)
    lines = (json.dumps(as_json(row), ensure_ascii=False) + "\n" for row in rows)
    return StreamingResponse(lines, media_type=LINES)
