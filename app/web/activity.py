"""Which routes are written down in the activity log, and as what.

Every route that changes something is in one of the two tables; a test holds them to the table of routes.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.activity import Act, doing, write_down
from app.datasets.models import Dataset
from app.jobs.models import Job
from app.training.models import Run
from app.web.deps import IN_PROCESS, SignedIn

_LOGGED = {
    "account: password changed": "POST /account/password",
    "account: log-in ended": "POST /account/sessions/{mark}/end  POST /people/sessions/{mark}/end",
    "account: other log-ins ended": "POST /account/end-others",
    "account: token made": "POST /account/tokens",
    "account: token revoked": "POST /account/tokens/{token_id}/revoke  POST /people/tokens/{token_id}/revoke",
    "account: single sign-on unlinked": "POST /account/openid/unlink  POST /people/{name}/unlink",
    "account: signed out": "POST /logout",
    "people: invited": "POST /people",
    "people: changed": "POST /people/{name}",
    "people: link made": "POST /people/{name}/link",
    "people: link withdrawn": "POST /people/{name}/link/withdraw",
    "data set: import requested": """POST /datasets/new  POST /api/v1/datasets
        POST /d/{name}/import/repeat  POST /d/{name}/import/folders  POST /demo""",
    "data set: import cancelled": "POST /d/{name}/import/cancel",
    "data set: images added": "POST /d/{name}/manage/images  POST /api/v1/datasets/{name}/images",
    "data set: renamed": "POST /d/{name}/manage/rename",
    "data set: archived or brought back": "POST /d/{name}/manage/archive",
    "data set: changed": "PATCH /api/v1/datasets/{name}",
    "data set: deleted": "POST /d/{name}/manage/delete  DELETE /api/v1/datasets/{name}",
    "data set: who sees it": """POST /d/{name}/settings/people
        PUT /api/v1/datasets/{name}/people  PATCH /api/v1/datasets/{name}/people""",
    "data set: settings changed": "POST /d/{name}/settings",
    "classes: added": "POST /d/{name}/classes/add  POST /api/v1/datasets/{name}/classes",
    "classes: renamed": "POST /d/{name}/classes/rename",
    "classes: merged": "POST /d/{name}/classes/merge",
    "classes: retired": """POST /d/{name}/classes/retire
        DELETE /api/v1/datasets/{name}/classes/{class_name:path}""",
    "classes: changed": "PATCH /api/v1/datasets/{name}/classes/{class_name:path}",
    "classes: change undone": """POST /d/{name}/classes/undo
        POST /api/v1/datasets/{name}/class-changes/{change}/undo""",
    "labels: imported": "POST /d/{name}/images/labels  POST /api/v1/datasets/{name}/labels",
    "review: many images decided": """POST /api/v1/datasets/{name}/bulk-decisions
        POST /d/{name}/images/verdicts  POST /d/{name}/images/problems/verdicts""",
    "review: many decisions undone": """DELETE /api/v1/bulk-decisions/{action_id}  POST /d/{name}/images/undo
        POST /d/{name}/images/problems/undo""",
    "review: dispute settled": "POST /d/{name}/images/disputed",
    "test set: drawn": "POST /d/{name}/results/test-set  POST /api/v1/datasets/{name}/gold",
    "errors left: images drawn": "POST /d/{name}/results/audits  POST /api/v1/datasets/{name}/audits",
    "errors left: rule changed": """POST /d/{name}/results/errors-left
        PUT /api/v1/datasets/{name}/stopping-rule""",
    "labels: frozen": """POST /d/{name}/export/versions  POST /api/v1/datasets/{name}/versions
        POST /d/{name}/export""",
    "training: requested": """POST /d/{name}/models  POST /d/{name}/models/retrain
        POST /api/v1/datasets/{name}/runs""",
    "training: first look requested": """POST /d/{name}/models/look
        POST /api/v1/datasets/{name}/first-looks""",
    "training: cancelled": "POST /d/{name}/models/{run_id:int}/cancel  POST /api/v1/runs/{run_id}/cancel",
    "training: resumed": "POST /d/{name}/models/{run_id:int}/resume  POST /api/v1/runs/{run_id}/resume",
    "training: checkpoints deleted": """POST /d/{name}/models/{run_id:int}/checkpoints
        DELETE /api/v1/runs/{run_id}/checkpoints""",
    "model: predictions imported": "POST /d/{name}/models/import  POST /api/v1/datasets/{name}/predictions",
    "job: cancelled": "POST /api/v1/jobs/{job_id}/cancel  POST /d/{name}/images/map/cancel",
    "webhook: made": "POST /api/v1/webhooks",
    "webhook: deleted": "DELETE /api/v1/webhooks/{webhook_id}",
}
_UNLOGGED = {
    "the log of decisions has each of them": """POST /api/v1/datasets/{name}/decisions
        DELETE /api/v1/decisions/{decision_id}  POST /d/{name}/review/decisions
        POST /d/{name}/review/redo  POST /d/{name}/review/undo
        POST /d/{name}/images/duplicates  POST /d/{name}/images/duplicates/undo""",
    "a claim ends by itself": """POST /api/v1/datasets/{name}/worklist/claims
        POST /d/{name}/review/claims""",
    "a photo names its sender, who removes it": """POST /api/v1/runs/{run_id}/photos
        DELETE /api/v1/photos/{photo_id}  POST /d/{name}/models/{run_id:int}/photos
        POST /d/{name}/models/{run_id:int}/photos/{photo_id}/remove""",
    "what it computes can be computed again": "POST /d/{name}/missing  POST /d/{name}/images/map/draw",
    "a setting of one browser or person": "POST /theme  POST /d/{name}/review/hints",
    "it is written down where the password or the link is checked": """POST /login  POST /choose-password
        POST /first-admin  POST /login/openid/invited  POST /account/openid""",
}
_ROUTE = re.compile(r"[A-Z]+ \S+")


def _by_route(table: dict[str, str]) -> dict[str, str]:
    return {route: words for words, listed in table.items() for route in _ROUTE.findall(listed)}


LOGGED, UNLOGGED = _by_route(_LOGGED), _by_route(_UNLOGGED)
# Downloads of labels change nothing, but who took them is written down as well.
TAKEN = {"GET /api/v1/datasets/{name}/export": "labels: exported"}
NAMED = {
    "job_id": "job",
    "token_id": "token",
    "webhook_id": "webhook",
    "action_id": "action",
}
PLAIN = ("class_name", "change")


async def logged(request: Request, user: SignedIn) -> AsyncIterator[None]:
    """Write down what the route does, with its own transaction; a download when it was not refused."""
    route = f"{request.method} {request.scope['route'].path}"
    kind = LOGGED.get(route) or TAKEN.get(route)
    if kind is None:
        yield
        return
    act = Act(
        kind=kind,
        person=user.name,
        via=_via(request, is_token=user.token_id is not None),
        address=address_of(request),
        dataset=partial(
            _dataset, params=dict(request.path_params), is_person=route.startswith("POST /people")
        ),
        about=_about(request),
    )
    if route in TAKEN:  # it has no transaction of its own
        yield
        await asyncio.wrap_future(request.app.state.database.write_in_group(partial(write_down, act=act)))
        return
    with doing(act):
        yield


def address_of(request: Request) -> str | None:
    """The address that the request came from."""
    return request.client.host if request.client else None


def _via(request: Request, *, is_token: bool) -> str:
    if IN_PROCESS in request.scope:
        return "shell"
    return "token" if is_token else "browser"


def _about(request: Request) -> str:
    params = request.path_params
    words = [f"{word} {params[name]}" for name, word in NAMED.items() if name in params]
    words += [str(params[name]) for name in PLAIN if name in params]
    if request.url.path.startswith("/people/") and "name" in params:
        words.append(str(params["name"]))
    return ", ".join(words)


def _dataset(session: Session, *, params: dict[str, object], is_person: bool) -> str | None:
    """The name of the data set of the address, of its run or of its job."""
    if "name" in params:
        return None if is_person else str(params["name"])
    for name, table in (("run_id", Run), ("job_id", Job)):
        if name in params:
            of = select(Dataset.name).join(table, table.dataset_id == Dataset.id)
            key = int(str(params[name])) if table is Run else str(params[name])
            return session.scalar(of.where(table.id == key))
    return None
