"""A backup of a server that people use, by the commands, into a server that goes on from it."""

import threading
import uuid
from pathlib import Path

import httpx
from sqlalchemy import select

from app.accounts.passwords import hash_password
from app.accounts.tokens import create_token
from app.accounts.users import add_user
from app.db.engine import Database
from app.review.models import Decision
from app.settings import Settings
from tests.backup.conftest import Elsewhere
from tests.backup.networks import load_epoch, save_epoch
from tests.factories import Made
from tests.servers import Server, start_server

PASSWORD = "correct horse"  # noqa: S105 - of users that live as long as a test
CLIENTS = 4


def sign_in(url: str, name: str) -> dict[str, str]:
    """The cookies of a log-in."""
    form, headers = {"name": name, "password": PASSWORD}, {"sec-fetch-site": "same-origin"}
    answer = httpx.post(f"{url}/login", data=form, headers=headers, timeout=60)
    assert answer.status_code == 303, answer.text
    return dict(answer.cookies)


def test_every_decision_acknowledged_before_a_backup_began_is_in_the_server_that_is_restored_from_it(
    settings: Settings, database: Database, made: Made, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    save_epoch(settings.runs_dir / str(made.run_id) / "main", 1)
    tokens = []
    with start_server(settings.data_dir, database_url=settings.database_url) as server:
        key = (settings.data_dir / "secret.key").read_bytes().strip()
        for number in range(CLIENTS):
            with database.write() as session:
                user = add_user(
                    session, name=f"ann{number}", role="annotator", password_hash=hash_password(PASSWORD)
                )
                tokens.append(create_token(session, user=user, name="test", key=key))
        cookies = sign_in(server.url, "ann0")
        acknowledged: set[int] = set()
        enough, stop = threading.Event(), threading.Event()

        def work(token: str) -> None:
            headers = {"authorization": f"Bearer {token}"}
            with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
                while not stop.is_set():
                    for sample in made.sample_ids:
                        answer = client.post(
                            f"/api/v1/datasets/{made.name}/decisions",
                            json={"sample": sample, "verdict": "keep", "client_id": str(uuid.uuid4())},
                        )
                        if answer.status_code == 201:
                            acknowledged.add(answer.json()["id"])
                            if len(acknowledged) >= 120:
                                enough.set()

        people = [threading.Thread(target=work, args=(token,)) for token in tokens]
        for person in people:
            person.start()
        try:
            assert enough.wait(300)
            before = set(acknowledged)
            said = server.command("backup", str(tmp_path / "backup.tar")).stdout
            meanwhile = len(acknowledged) - len(before)
        finally:
            stop.set()
            for person in people:
                person.join()
    assert meanwhile > 0, "people decided while it was made"
    assert "secret.key" in said
    assert "Not in it: the images of faces" in said

    there = elsewhere("there")
    empty = Server(server.process, "", there.data_dir, server.env, server.log)
    empty.env = empty.env | {
        "TOPLOSS_DATA_DIR": str(there.data_dir),
        "TOPLOSS_DATABASE_URL": there.database_url,
    }
    assert "Every file is what was saved" in empty.command("restore", str(tmp_path / "backup.tar")).stdout
    refused = empty.command("restore", str(tmp_path / "backup.tar"), check=False)
    assert refused.returncode == 1
    assert "is not empty" in refused.stderr

    copy = Database(there.database)
    with copy.read() as session:
        assert before <= set(session.scalars(select(Decision.id)))
    copy.close()
    assert load_epoch(there.runs_dir / str(made.run_id) / "main") == 1
    with start_server(there.data_dir, database_url=there.database_url) as restored:
        assert (
            httpx.get(f"{restored.url}/", cookies=cookies, timeout=60).status_code == 200
        )  # not sent to the log-in
        sign_in(restored.url, "ann1")
        for token in tokens:
            headers = {"authorization": f"Bearer {token}"}
            assert httpx.get(f"{restored.url}/api/v1/datasets", headers=headers, timeout=60).is_success
