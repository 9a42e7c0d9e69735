"""A data set for chosen people does not exist for who is not chosen: no route leads there, no list names it.

Every route is walked. A new kind of address fails here until `app/web/visible.py` knows what it leads to.
"""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.accounts.tokens import create_token
from app.accounts.users import get_user
from app.datasets.chosen import choose_people
from app.datasets.models import Dataset
from app.db.engine import Database
from app.jobs.models import Job
from app.main import create_app
from app.review.models import BulkAction, Decision
from app.settings import Settings
from app.training.models import Photo
from app.web.visible import BY_ID
from tests.conftest import People
from tests.factories import Made, make_dataset
from tests.web.test_security import OPEN, routes

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

NAME = "hushed"
# What is of no data set, and so nobody is refused there for one.
ELSEWHERE = ("account", "people", "help", "api/v1/webhooks")


@pytest.fixture
def hushed(database: Database, people: People, api: dict[str, TestClient], tmp_path: Path) -> Made:
    """A data set with a decision, a decision for many, a job and a photo; then only bob is chosen."""
    made = make_dataset(database, tmp_path / "images", name=NAME)
    ann = api["ann"]
    said = {"sample": made.ranked[0], "verdict": "keep", "client_id": "1"}
    assert ann.post(f"/api/v1/datasets/{NAME}/decisions", json=said).status_code == 201
    many = {"samples": [made.ranked[1]], "expected": 1, "verdict": "keep", "client_id": "2"}
    assert ann.post(f"/api/v1/datasets/{NAME}/bulk-decisions", json=many).status_code == 201
    with database.write() as session:
        session.add(Job(id="hushed-job", task="train", dataset_id=made.dataset_id, arguments={}))
        session.add(
            Photo(
                run_id=made.run_id,
                user_id=people.annotator.id,
                name="x.png",
                width=1,
                height=1,
                sha256="0",
                bytes=1,
                mode="L",
                format="PNG",
            )
        )
        choose_people(session, session.get_one(Dataset, made.dataset_id), user_ids=[people.other.id])
    return made


def ids_of(database: Database, made: Made) -> dict[str, object]:
    with database.read() as session:
        first = {
            name: session.scalars(select(kind.id)).first()
            for name, kind in {"decisions": Decision, "bulk-decisions": BulkAction, "photos": Photo}.items()
        }
    return {**first, "samples": made.ranked[0], "runs": made.run_id, "jobs": "hushed-job"}


def filled(path: str, ids: dict[str, object]) -> str:
    """The path with what belongs to the data set."""
    parts = path.replace("{name}", NAME).split("/")
    kind = parts[3] if path.startswith("/api/v1/") and len(parts) > 4 else ""
    if kind in ids and parts[4].startswith("{"):
        parts[4] = str(ids[kind])
    path = re.sub(r"\{run_id[^}]*\}", str(ids["runs"]), "/".join(parts))
    path = re.sub(r"\{sample_id[^}]*\}", str(ids["samples"]), path)
    return re.sub(r"\{\w+(:\w+)?\}", "1", path)


def walk(settings: Settings, database: Database) -> list[tuple[str, str]]:
    found = [each for each in routes(create_app(settings, database)) if each[0] != "HEAD"]
    assert len(found) > 100
    return [each for each in found if each[1] not in OPEN and each[1] != "/logout"]


def test_every_address_with_a_name_or_id_is_of_a_known_kind(settings: Settings, database: Database) -> None:
    for _, path in walk(settings, database):
        if "{" not in path or path.startswith(("/d/{name}", "/api/v1/datasets/{name}")):
            continue
        kind = re.fullmatch(r"/api/v1/([\w-]+)/\{\w+\}.*", path)
        is_known = path.strip("/").startswith(ELSEWHERE) or (kind is not None and kind[1] in BY_ID)
        assert is_known, f"say in app/web/visible.py to which data set {path} leads"


def test_nothing_leads_who_is_not_chosen_there(
    settings: Settings, database: Database, api: dict[str, TestClient], hushed: Made
) -> None:
    ids, leads = ids_of(database, hushed), 0
    assert None not in ids.values()
    for method, path in walk(settings, database):
        address = filled(path, ids)
        answer = api["ann"].request(method, address)
        if "{" in path and not path.strip("/").startswith(ELSEWHERE):
            leads += 1
            assert answer.status_code == 404, (method, address, answer.status_code)
        elif method == "GET":
            assert NAME not in answer.text, address
    assert leads > 90


def test_lists_name_it_to_who_is_chosen_and_to_admins_only(
    api: dict[str, TestClient], browser_of: dict[str, TestClient], hushed: Made
) -> None:
    for path in ("/", "/go", "/go?text=hush", "/jobs/now?known=hushed-job", "/account"):
        part = {"hx-request": "true"} if path.startswith("/jobs") else {}
        shown = {
            name: NAME in browser_of[name].get(path, headers=part).text for name in ("ann", "bob", "ada")
        }
        assert shown == {"ann": False, "bob": True, "ada": True}, path
    for path in ("/api/v1/datasets", "/api/v1/jobs"):
        shown = {name: NAME in api[name].get(path).text for name in ("ann", "bob", "ada")}
        assert shown == {"ann": False, "bob": True, "ada": True}, path


def test_no_other_way_to_write_its_address_leads_there(api: dict[str, TestClient], hushed: Made) -> None:
    sample, run = hushed.ranked[0], hushed.run_id
    for path in (
        f"/d/{NAME.upper()}",
        f"/d/%68ushed/images/{sample}",
        f"/api/v1/samples/{sample}.0/image",
        f"/api/v1/samples/%20{sample}/image",
        f"/api/v1/runs/+{run}",
        f"/api/v1/jobs?dataset={NAME}",
        f"/go?dataset={NAME}",
    ):
        assert api["bob"].get(path).status_code != 404, path
        assert api["ann"].get(path).status_code in (404, 422), path


def test_it_is_refused_in_the_words_of_what_there_is_not(
    browser_of: dict[str, TestClient], hushed: Made
) -> None:
    refusals = [browser_of["ann"].get(f"/d/{name}").text for name in (NAME, "nobody")]
    assert refusals[0].replace(NAME, "nobody") == refusals[1]


def test_no_decision_reaches_it(database: Database, browser_of: dict[str, TestClient], hushed: Made) -> None:
    form = {"sample": hushed.ranked[2], "answer": "keep", "client_id": "3"}
    assert browser_of["ann"].post(f"/d/{NAME}/review/decisions", data=form).status_code == 404
    with database.read() as session:
        assert session.query(Decision).filter(Decision.sample_id == hushed.ranked[2]).count() == 0
    assert browser_of["bob"].post(f"/d/{NAME}/review/decisions", data=form).status_code == 303


def test_nothing_in_it_is_undone_from_another_data_set(
    database: Database, browser_of: dict[str, TestClient], hushed: Made, tmp_path: Path
) -> None:
    make_dataset(database, tmp_path / "seen", name="seen")
    ids = ids_of(database, hushed)
    acts = (
        ("review/undo", {"decision": ids["decisions"], "client_id": "u1"}),
        ("images/undo", {"action": ids["bulk-decisions"], "client_id": "u2", "selection": ""}),
        ("images/problems/undo", {"action": ids["bulk-decisions"], "client_id": "u3", "selection": ""}),
    )
    for address, form in acts:
        assert browser_of["ann"].post(f"/d/seen/{address}", data=form).status_code == 404, address
    with database.read() as session:
        assert session.query(Decision).filter(Decision.undoes_id.is_not(None)).count() == 0


def test_an_answer_of_before_is_not_repeated_to_who_was_put_out(
    database: Database, people: People, settings: Settings, tmp_path: Path
) -> None:
    made = make_dataset(database, tmp_path / "images", name=NAME)
    with database.write() as session:
        token = create_token(session, user=get_user(session, name="ann"), name="s", key=settings.secret())
    headers = {"authorization": f"Bearer {token}", "idempotency-key": "once"}
    said = {"sample": made.ranked[0], "verdict": "keep", "client_id": "1"}
    client = TestClient(create_app(settings, database), headers=headers)
    assert client.post(f"/api/v1/datasets/{NAME}/decisions", json=said).status_code == 201
    with database.write() as session:
        choose_people(session, session.get_one(Dataset, made.dataset_id), user_ids=[people.other.id])
    assert client.post(f"/api/v1/datasets/{NAME}/decisions", json=said).status_code == 404


def test_a_token_of_an_admin_that_only_reads_sees_it(
    database: Database, people: People, settings: Settings, hushed: Made
) -> None:
    with database.write() as session:
        ada = get_user(session, name="ada")
        token = create_token(session, user=ada, name="r", key=settings.secret(), scope="read")
    client = TestClient(create_app(settings, database), headers={"authorization": f"Bearer {token}"})
    assert client.get(f"/api/v1/datasets/{NAME}").status_code == 200
