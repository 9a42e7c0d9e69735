"""Names in databases made before names were compared whatever their spelling."""

import unicodedata
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from app.db.migrating import bundled_migrations, migrate
from app.spelling import search_key


def test_search_keys_made_earlier_are_made_again_without_signs_that_are_not_shown(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'older.db'}"
    older = create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(bundled_migrations()))
    paths = {
        "İzmir/1.png": "i\u0307zmir/1.png",
        "cat\u200e/1.png": "cat\u200e/1.png",
        "Größe/1.png": "grösse/1.png",
    }
    with older.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0017")
        connection.execute(
            text(
                "INSERT INTO dataset (name, source, state, created_at) VALUES ('x', '/x.zip', 'ready', :now)"
            ),
            {"now": datetime.now(UTC)},
        )
        connection.execute(text("INSERT INTO label_class (dataset_id, position, name) VALUES (1, 0, 'a')"))
        for path, key in {**paths, "Cat/1.png": None}.items():
            connection.execute(
                text(
                    "INSERT INTO sample (dataset_id, path, folded_path, sha256, bytes, width, height, mode,"
                    " format, split, given_label) VALUES (1, :path, :key, '', 1, 1, 1, 'L', 'PNG',"
                    " 'train', 0)"
                ),
                {"path": path, "key": key},
            )
    migrate(url)
    with older.connect() as connection:
        keys = dict(connection.execute(text("SELECT path, folded_path FROM sample")).all())
    older.dispose()
    assert keys == {path: search_key(path) for path in keys}
    assert keys["İzmir/1.png"] == "izmir/1.png"


def test_images_imported_earlier_are_found_however_their_names_are_typed(
    empty_postgres: str, tmp_path: Path
) -> None:
    nfd = unicodedata.normalize("NFD", "Größe/1.png")
    engine = create_engine(empty_postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS older"))
        connection.execute(text("CREATE DATABASE older"))
    postgres = engine.url.set(database="older").render_as_string(hide_password=False)
    engine.dispose()
    for url in (postgres, f"sqlite:///{tmp_path / 'older.db'}"):
        older = create_engine(url)
        config = Config()
        config.set_main_option("script_location", str(bundled_migrations()))
        with older.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0010")
            connection.execute(
                text(
                    "INSERT INTO dataset (name, source, state, created_at) VALUES ('x', '/x.zip', "
                    "'ready', :now)"
                ),
                {"now": datetime.now(UTC)},
            )
            connection.execute(
                text("INSERT INTO label_class (dataset_id, position, name) VALUES (1, 0, 'a')")
            )
            for path in (nfd, "Cat/1.png"):
                connection.execute(
                    text(
                        "INSERT INTO sample (dataset_id, path, sha256, bytes, width, height, mode, "
                        "format, split, given_label) VALUES (1, :path, '', 1, 1, 1, 'L', 'PNG', 'train', "
                        "0)"
                    ),
                    {"path": path},
                )
        migrate(url)
        with older.connect() as connection:
            keys = dict(connection.execute(text("SELECT path, folded_path FROM sample")).all())
            [(encoding, notes)] = connection.execute(text("SELECT zip_encoding, notes FROM dataset")).all()
        older.dispose()
        assert keys == {nfd: "grösse/1.png", "Cat/1.png": None}
        assert (encoding, notes) == ("cp437", [] if url == postgres else "[]")
