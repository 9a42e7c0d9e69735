"""Every route and everybody: what is not allowed is refused.

A new route fails here until the table says who may use it.
"""

import re
import time

import pytest
from fastapi.testclient import TestClient

from app.accounts.tokens import create_token, list_tokens, start_session
from app.accounts.users import add_user, get_user
from app.db.engine import Database
from app.main import create_app
from app.review.models import Decision
from app.settings import Settings
from app.web.deps import OWN, SESSION_COOKIE
from tests.conftest import People
from tests.factories import Made
from tests.web.test_security import OPEN, routes

# What it takes: read, annotate and admin are scopes of API tokens; somebody who signed in has all that the
# role allows. `settle` takes a reviewer who signed in, or an admin. `own` changes nothing but what is theirs.
# `person` takes somebody who signed in, `admin person` an admin who did.
ADMINS_PAGES = """
/d/{name}/class /d/{name}/manage
/d/{name}/settings/people /api/v1/datasets/{name}/people
/d/{name}/results/team /d/{name}/settings
/datasets/new /d/{name}/models/train /jobs /people /activity /api/v1/activity
/server /api/v1/server
/d/{name}/import/picture /d/{name}/models/import
/api/v1/webhooks /api/v1/webhooks/{webhook_id}/deliveries /d/{name}/images/labels
"""
CHANGES = {
    "annotate": """
        DELETE /api/v1/bulk-decisions/{action_id}  DELETE /api/v1/decisions/{decision_id}
        DELETE /api/v1/photos/{photo_id}           POST /api/v1/runs/{run_id}/photos
        POST /api/v1/datasets/{name}/bulk-decisions
        POST /api/v1/datasets/{name}/decisions     POST /api/v1/datasets/{name}/worklist/claims
        POST /d/{name}/missing     POST /d/{name}/images/duplicates  POST /d/{name}/images/duplicates/undo
        POST /d/{name}/images/undo   POST /d/{name}/images/verdicts
        POST /d/{name}/images/problems/undo  POST /d/{name}/images/problems/verdicts
        POST /d/{name}/review/claims  POST /d/{name}/review/decisions
        POST /d/{name}/review/redo    POST /d/{name}/review/undo
        POST /d/{name}/review/hints   POST /d/{name}/images/map/draw
        POST /d/{name}/models/{run_id:int}/photos  POST /d/{name}/models/{run_id:int}/photos/{photo_id}/remove
        GET /d/{name}/review
    """,
    "own": "POST /logout  POST /theme",
    "settle": "GET /d/{name}/images/disputed  POST /d/{name}/images/disputed",
    "admin": """
        POST /api/v1/datasets               POST /api/v1/datasets/{name}/audits
        POST /api/v1/datasets/{name}/gold   POST /api/v1/datasets/{name}/runs
        POST /api/v1/webhooks  DELETE /api/v1/webhooks/{webhook_id}
        PUT /api/v1/datasets/{name}/stopping-rule  POST /api/v1/datasets/{name}/versions
        POST /api/v1/datasets/{name}/classes  PATCH /api/v1/datasets/{name}/classes/{class_name:path}
        DELETE /api/v1/datasets/{name}/classes/{class_name:path}
        POST /api/v1/datasets/{name}/images  PUT /api/v1/datasets/{name}/people
        PATCH /api/v1/datasets/{name}/people  POST /d/{name}/settings/people
        PATCH /api/v1/datasets/{name}  DELETE /api/v1/datasets/{name}
        POST /api/v1/datasets/{name}/class-changes/{change}/undo
        POST /api/v1/jobs/{job_id}/cancel   POST /api/v1/runs/{run_id}/cancel
        POST /api/v1/runs/{run_id}/resume
        POST /d/{name}/classes/add  POST /d/{name}/classes/rename  POST /d/{name}/classes/merge
        POST /d/{name}/classes/retire  POST /d/{name}/classes/undo
        POST /d/{name}/manage/rename  POST /d/{name}/manage/archive  POST /d/{name}/manage/delete
        POST /d/{name}/manage/images  POST /d/{name}/models/{run_id:int}/checkpoints
        DELETE /api/v1/runs/{run_id}/checkpoints
        POST /d/{name}/results/audits  POST /d/{name}/results/test-set
        POST /d/{name}/import/cancel  POST /d/{name}/import/repeat
        POST /d/{name}/import/folders  POST /d/{name}/images/map/cancel
        POST /d/{name}/models/look  POST /api/v1/datasets/{name}/first-looks
        POST /d/{name}/models/retrain  POST /d/{name}/models  POST /d/{name}/models/{run_id:int}/cancel
        POST /d/{name}/models/{run_id:int}/resume  POST /d/{name}/settings  POST /d/{name}/results/errors-left
        POST /d/{name}/export/versions  POST /d/{name}/export  POST /datasets/new  POST /demo
        POST /d/{name}/images/labels  POST /api/v1/datasets/{name}/labels
        POST /d/{name}/models/import  POST /api/v1/datasets/{name}/predictions
    """,
    "person": """
        POST /account/password  POST /account/tokens  POST /account/tokens/{token_id}/revoke
        POST /account/sessions/{mark}/end  POST /account/end-others
        POST /account/openid  POST /account/openid/unlink
    """,
    "admin person": """
        POST /people  POST /people/{name}  POST /people/{name}/link
        POST /people/{name}/link/withdraw  POST /people/sessions/{mark}/end  POST /people/{name}/unlink
        POST /people/tokens/{token_id}/revoke
    """,
}
NEEDS = {
    tuple(each.split()): what
    for what, listed in CHANGES.items()
    for each in re.findall(r"[A-Z]+ \S+", listed)
} | {("GET", path): "admin" for path in ADMINS_PAGES.split()}
MAY = {
    "vera, signed in": {"read", "own", "person"},
    "ann, signed in": {"read", "own", "annotate", "person"},
    "rey, signed in": {"read", "own", "annotate", "settle", "person"},
    "ada, signed in": {"read", "own", "annotate", "settle", "admin", "person", "admin person"},
    "a token of vera, read": {"read"},
    "a token of ann, read": {"read"},
    "a token of ann, annotate": {"read", "own", "annotate"},
    "a token of rey, read": {"read"},
    "a token of rey, annotate": {"read", "own", "annotate"},
    "a token of ada, read": {"read"},
    "a token of ada, annotate": {"read", "own", "annotate"},
    "a token of ada, admin": {"read", "own", "annotate", "settle", "admin"},
}

ROLE_OF = {"vera": "viewer", "rey": "reviewer"}

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def client(settings: Settings, database: Database, who: str) -> TestClient:
    """A browser or a script of somebody's; vera is a viewer and rey a reviewer."""
    name, scope = re.findall(r"(vera|ann|rey|ada).*?(\w+)$", who)[0]
    key = settings.secret()
    with database.write() as session:
        if name in ROLE_OF:
            add_user(session, name=name, role=ROLE_OF[name], password_hash="none")  # noqa: S106
        user = get_user(session, name=name)
        if who.startswith("a token"):
            secret = create_token(session, user=user, name=scope, key=key, scope=scope)
            headers = {"authorization": f"Bearer {secret}"}
        else:
            headers = {"cookie": f"{SESSION_COOKIE}={start_session(session, user=user, days=1, key=key)}"}
    return TestClient(create_app(settings, database), headers=headers, follow_redirects=False)


def address(path: str) -> str:
    """The path with what is not there, so that nothing is changed where one may."""
    filled = path.replace("{name}", "nothing").replace("{job_id}", "nothing").replace("{what}", "curves")
    return re.sub(r"\{\w+(:\w+)?\}", "999", filled)


def test_every_route_is_in_the_table_and_the_table_has_no_other(
    settings: Settings, database: Database
) -> None:
    there = {each for each in routes(create_app(settings, database)) if each[0] != "HEAD"}
    assert set(NEEDS) <= there
    unlisted = {(method, path) for method, path in there - set(NEEDS) if path not in OPEN and method != "GET"}
    assert unlisted == set(), "say in CHANGES who may do this"


@pytest.mark.parametrize("who", MAY)
def test_everybody_may_do_just_what_the_table_says(
    settings: Settings, database: Database, people: People, who: str
) -> None:
    asks, wrong = client(settings, database, who), []
    everything = sorted(routes(create_app(settings, database)), key=lambda each: each[1] == "/logout")
    assert len(everything) > 100
    for method, path in everything:
        if path in OPEN or method == "HEAD":
            continue
        is_allowed = NEEDS.get((method, path), "read") in MAY[who]
        code = asks.request(method, address(path)).status_code
        if (code == 403) == is_allowed or code in (401, 500):
            wrong.append((method, path, code))
    assert wrong == []


def links_and_forms(html: str) -> set[str]:
    """Where links to the review, and forms that change more than what is one's own, lead to."""
    links = re.findall(r'href="([^"?#]*)', html)
    forms = re.findall(r'<form[^>]*method="post"[^>]*action="([^"?#]*)', html)
    found = {address for address in links if address.endswith("/review")} | set(forms)
    return {address for address in found if not address.startswith(OWN)}


def test_a_viewer_finds_no_button_for_what_is_refused_to_them(
    settings: Settings, database: Database, people: People, made: Made
) -> None:
    asks, annotator = (client(settings, database, f"{name}, signed in") for name in ("vera", "ann"))
    seen, decides = 0, set()
    for method, path in routes(create_app(settings, database)):
        if method != "GET" or path in OPEN or path.startswith("/api/"):
            continue
        filled = path.replace("{name}", "faces").replace("{run_id:int}", str(made.run_id))
        filled = re.sub(r"\{sample_id(:int)?\}", str(made.sample_ids[0]), filled)
        answer = asks.get(filled)
        if "text/html" not in answer.headers.get("content-type", "") or answer.status_code != 200:
            continue
        seen += 1
        assert links_and_forms(answer.text) == set(), path
        decides |= links_and_forms(annotator.get(filled).text)
    assert seen > 15
    there = {f"/d/faces{place}" for place in ("/review", "/review/decisions", "/images/verdicts")}
    assert there <= decides, "an annotator finds these buttons on the same pages"


@pytest.mark.parametrize("name", ["vera", "ann", "rey"])
def test_no_link_of_a_page_leads_somebody_to_a_refusal(
    settings: Settings, database: Database, people: People, made: Made, name: str
) -> None:
    asks = client(settings, database, f"{name}, signed in")
    found: dict[str, str] = {}  # link -> a page that has it
    for method, path in routes(create_app(settings, database)):
        if method != "GET" or path in OPEN or path.startswith("/api/"):
            continue
        filled = path.replace("{name}", "faces").replace("{run_id:int}", str(made.run_id))
        answer = asks.get(re.sub(r"\{sample_id(:int)?\}", str(made.sample_ids[0]), filled))
        if "text/html" in answer.headers.get("content-type", "") and answer.status_code == 200:
            found |= dict.fromkeys(re.findall(r'href="(/[^"#]*)', answer.text), path)
    assert len(found) > 40
    followed = {link.partition("?")[0]: page for link, page in found.items()}
    assert [(page, link) for link, page in followed.items() if asks.get(link).status_code == 403] == []


def test_a_viewer_is_told_who_reviews(
    settings: Settings, database: Database, people: People, made: Made
) -> None:
    asks = client(settings, database, "vera, signed in")
    assert "Annotators review; an admin can make you one." in asks.get("/d/faces").text
    refusal = asks.get("/d/faces/review")
    assert refusal.status_code == 403
    assert "Only annotators, reviewers and admins can do this" in refusal.text
    form = {"sample": made.ranked[0], "answer": "keep", "client_id": "1"}
    assert asks.post("/d/faces/review/decisions", data=form).status_code == 403
    model = f"/d/faces/models/{made.run_id}"
    assert "Try it on a photo" not in asks.get(model).text
    assert "Annotators can send some." in asks.get(f"{model}/photos").text
    assert "Review some labels" not in asks.get("/d/faces/results").text


def test_a_reviewer_finds_what_is_disputed(
    settings: Settings, database: Database, people: People, made: Made
) -> None:
    shown = {
        name: "/d/faces/images/disputed"
        in client(settings, database, f"{name}, signed in").get("/d/faces").text
        for name in ("vera", "ann", "rey")
    }
    assert shown == {"vera": False, "ann": False, "rey": True}


def test_a_token_that_may_only_read_records_no_answer(
    settings: Settings, database: Database, people: People, made: Made
) -> None:
    asks = client(settings, database, "a token of ann, read")
    form = {"sample": made.ranked[0], "answer": "keep", "client_id": "1"}
    assert asks.post("/d/faces/review/decisions", data=form).status_code == 403
    model = f"/d/faces/models/{made.run_id}"
    assert "Try it on a photo" not in asks.get(model).text
    assert "Annotators can send some." in asks.get(f"{model}/photos").text
    assert "Review some labels" not in asks.get("/d/faces/results").text
    body = {"sample": made.ranked[0], "verdict": "keep", "client_id": "2"}
    assert asks.post("/api/v1/datasets/faces/decisions", json=body).status_code == 403
    assert asks.get("/api/v1/datasets/faces/samples").status_code == 200
    with database.read() as session:
        assert session.query(Decision).count() == 0


def test_a_token_makes_no_other_token_and_lets_nobody_in(
    settings: Settings, database: Database, people: People
) -> None:
    asks = client(settings, database, "a token of ada, admin")
    person = {"name": "eve", "role": "admin"}
    for path, form in (("/account/tokens", {"name": "another"}), ("/people", person)):
        answer = asks.post(path, data=form)
        assert (answer.status_code, "sign in with a password" in answer.text) == (403, True)


def test_a_use_of_a_token_is_shown_and_reading_stays_reading(
    settings: Settings, database: Database, people: People, made: Made
) -> None:
    asks = client(settings, database, "a token of ann, read")
    for _ in range(3):
        assert asks.get("/api/v1/datasets").status_code == 200
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.01)
        with database.read() as session:
            used = {
                each.scope: each.last_used_at for each in list_tokens(session, user_id=people.annotator.id)
            }
        if used["read"]:
            break
    assert used["read"] is not None
    assert used["annotate"] is None
