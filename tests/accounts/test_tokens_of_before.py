"""Tokens of a database that knew no scopes."""

import pytest
from alembic import command
from sqlalchemy import create_engine, text

from app.accounts.tokens import token_hash, user_of_token
from app.db.engine import Database
from app.db.migrating import alembic_config, migrate

KEY = b"of this test"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_they_keep_what_the_role_of_their_owner_allows(
    kind: str, request: pytest.FixtureRequest, tmp_path: object
) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    if kind == "postgresql":
        server = create_engine(request.getfixturevalue("postgres_server"), isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text("DROP DATABASE IF EXISTS before_scopes"))
            connection.execute(text("CREATE DATABASE before_scopes"))
        url = server.url.set(database="before_scopes").render_as_string(hide_password=False)
        server.dispose()
    engine = create_engine(url)
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0009")
        for number, (name, role) in enumerate((("ada", "admin"), ("ann", "annotator")), 1):
            values = {"id": number, "name": name, "role": role, "hash": token_hash(name, key=KEY)}
            connection.execute(
                text(
                    "INSERT INTO user_account (id, name, role, password_hash, active, created_at) "
                    "VALUES (:id, :name, :role, 'x', true, CURRENT_TIMESTAMP)"
                ),
                values,
            )
            connection.execute(
                text(
                    "INSERT INTO api_token (user_id, name, token_hash, created_at) "
                    "VALUES (:id, 'old', :hash, CURRENT_TIMESTAMP)"
                ),
                values,
            )
    engine.dispose()
    migrate(url)
    database = Database(url)
    with database.read() as session:
        people = [user_of_token(session, token=name, key=KEY) for name in ("ada", "ann")]
    database.close()
    assert [(each.role, each.may_change) for each in people] == [("admin", True), ("annotator", True)]
