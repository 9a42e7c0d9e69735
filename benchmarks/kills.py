"""Kills first starts and upgrades of the database at random moments, and starts again.

    .venv/bin/python benchmarks/kills.py [--kills 200] [--seed 1] [--database sqlite|postgresql|both]
    [--postgres URL]

Each trial takes an empty database, or one of an older revision with rows in every table; starts the migration
in a process of its own, on its own or two at once as web and worker do; kills it with SIGKILL at a moment
drawn evenly from the time that a whole one takes; sometimes kills the next start too; then starts for good.
What is there then must be what an upgrade that nobody killed makes: the same tables, the same rows.
"""

import argparse
import multiprocessing
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from sqlalchemy.pool import NullPool

import app.db.tables  # noqa: F401 - registers them
from app.db import migrating
from app.errors import ToplossError
from tests import postgres

FORK = multiprocessing.get_context("fork")  # a start costs no second import
NEW = "none"  # the revision of a database that is not there yet
ROWS = 60  # in each table
MOST_SECONDS = 120
VALUES = {"verdict": ("keep", "relabel", "unsure"), "state": ("finished",), "split": ("train", "valid")}


@dataclass(frozen=True)
class Trial:
    """What is to be killed."""

    database: str  # sqlite or postgresql
    revision: str  # from which it is upgraded
    at_once: int  # starts beside each other; one of them is killed
    kills: int  # one after the other


@dataclass(frozen=True)
class Outcome:
    """How a trial ended."""

    trial: Trial
    kills: int
    too_late: int  # starts that had ended when their moment came
    before_the_commit: int  # kills after which the old revision was there
    problem: str  # empty when the last start was right


class Kind(ABC):
    """A kind of database: makes copies of a database of a revision."""

    name: str

    def __init__(self, revisions: list[str]) -> None:
        self.revisions = revisions  # to upgrade from
        self.expected: dict[str, Any] = {}  # contents after an upgrade that nobody killed
        self.seconds: dict[str, float] = {}  # that it takes
        for revision in revisions:
            self.make(revision)
            for _ in range(2):  # the first is slower: files are read from the disk
                url = self.copy(revision, f"unkilled_{revision}")
                began = time.monotonic()
                code = _end(_begin(url))
                self.seconds[revision] = time.monotonic() - began
                if code != 0:
                    raise SystemExit(f"An upgrade of {self.name} from {revision} fails without any kill.")
                self.expected[revision] = contents(url)
                self.drop(url)

    @abstractmethod
    def make(self, revision: str) -> None:
        """A database of the revision, to be copied."""

    @abstractmethod
    def copy(self, revision: str, name: str) -> str:
        """The URL of a copy of it."""

    @abstractmethod
    def drop(self, url: str) -> None:
        """Remove a copy."""

    def problem_beside(self, _url: str, _revision: str) -> str:
        """What is wrong with files beside the database; empty when nothing is."""
        return ""

    def close(self) -> None:  # noqa: B027 - a folder is removed as a whole
        """Remove what was made."""


class Sqlite(Kind):
    """Files of a folder."""

    name = "sqlite"

    def __init__(self, folder: Path, revisions: list[str]) -> None:
        self.folder = folder
        super().__init__(revisions)

    def make(self, revision: str) -> None:
        """One with its last rows in the write-ahead log, as a killed server leaves it."""
        folder = self.folder / f"at_{revision}"
        folder.mkdir()
        if revision == NEW:
            return
        made = self.folder / "made.db"
        with closing(sqlite3.connect(made)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        make_rows(f"sqlite:///{made}", revision)
        with closing(sqlite3.connect(made)) as connection:
            connection.execute("UPDATE user_account SET name = name || '!'")
            connection.commit()
            for suffix in ("", "-wal"):
                shutil.copy(f"{made}{suffix}", folder / f"toploss.db{suffix}")
        for path in self.folder.glob("made.db*"):
            path.unlink()

    def copy(self, revision: str, name: str) -> str:
        """A folder of its own with the files."""
        shutil.copytree(self.folder / f"at_{revision}", self.folder / name)
        return f"sqlite:///{self.folder / name / 'toploss.db'}"

    def drop(self, url: str) -> None:
        """The folder too."""
        shutil.rmtree(_path(url).parent)

    def problem_beside(self, url: str, revision: str) -> str:
        """One copy of before the upgrade, complete, and nothing half-written."""
        path = _path(url)
        known = {path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}.lock"}
        others = sorted(other.name for other in path.parent.iterdir() if other.name not in known)
        with closing(sqlite3.connect(path)) as connection:
            said = connection.execute("PRAGMA integrity_check").fetchall()
            said += connection.execute("PRAGMA foreign_key_check").fetchall()
        if said != [("ok",)]:
            return f"SQLite finds {said}"
        if revision == NEW:
            return f"left beside it: {others}" if others else ""
        if len(others) != 1:
            return f"not one copy beside it, but {others}"
        before = self.copy(revision, f"{path.parent.name}_before")
        same = contents(f"sqlite:///{path.parent / others[0]}") == contents(before)
        self.drop(before)
        return "" if same else f"{others[0]} is not what was there before"


class Postgres(Kind):
    """Databases of a server, made from templates."""

    name = "postgresql"

    def __init__(self, url: str, revisions: list[str]) -> None:
        self.server = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        super().__init__(revisions)

    def make(self, revision: str) -> None:
        """A template."""
        self._do(f"CREATE DATABASE at_{revision} TEMPLATE template0")
        if revision != NEW:
            make_rows(self._url(f"at_{revision}"), revision)

    def copy(self, revision: str, name: str) -> str:
        """From its template."""
        self._do(f"CREATE DATABASE {name} TEMPLATE at_{revision}")
        return self._url(name)

    def drop(self, url: str) -> None:
        """Also where a killed start's connection lingers."""
        self._do(f"DROP DATABASE {sa.make_url(url).database} WITH (FORCE)")

    def close(self) -> None:
        """Leave nothing on a server that was given."""
        for revision in self.revisions:
            self.drop(self._url(f"at_{revision}"))

    def _do(self, statement: str) -> None:
        with self.server.connect() as connection:
            connection.execute(sa.text(statement))

    def _url(self, name: str) -> str:
        return self.server.url.set(database=name).render_as_string(hide_password=False)


def make_rows(url: str, revision: str) -> None:
    """A database of this revision with rows in every table."""
    engine = migrating.migrating_engine(url)
    with engine.begin() as connection:
        command.upgrade(migrating.alembic_config(connection), revision)
        tables = sa.MetaData()
        tables.reflect(connection)
        made: dict[str, list[dict[str, Any]]] = {}
        for table in tables.sorted_tables:
            if table.name == "alembic_version":
                continue
            made[table.name] = []
            for i in range(ROWS):
                made[table.name].append(_row(table, i, made))
            connection.execute(table.insert(), made[table.name])
            if connection.dialect.name == "postgresql" and "id" in table.c:
                connection.execute(
                    sa.text(
                        "SELECT setval(s, :n) FROM pg_get_serial_sequence(:t, 'id') AS s WHERE s IS NOT NULL"
                    ),
                    {"n": ROWS, "t": table.name},
                )
    engine.dispose()


def _row(table: sa.Table, i: int, made: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Row `i`, which refers to row `i` of the other tables, and to the row before of its own."""
    row = {column.name: _value(column, i) for column in table.columns}
    for constraint in table.foreign_key_constraints:
        of_itself = constraint.referred_table is table
        others = made[constraint.referred_table.name]
        for element in constraint.elements:
            name = element.parent.name
            row[name] = (
                (others[i - 1][element.column.name] if i % 2 else None)
                if of_itself
                else others[i][element.column.name]
            )
    return row


def _value(column: "sa.Column[Any]", i: int) -> Any:
    if column.nullable and i % 3 == 0:
        return None
    if column.name in VALUES:
        return VALUES[column.name][i % len(VALUES[column.name])]
    zone = UTC if getattr(column.type, "timezone", False) else None
    by_type: tuple[tuple[Any, Any], ...] = (
        (sa.Boolean, bool(i % 2)),
        (sa.Integer, i + 1),
        (sa.Float | sa.Numeric, (i + 1) / 7),
        (sa.DateTime, datetime(2026, 1, 1, tzinfo=zone) + timedelta(minutes=i)),
        (sa.JSON, {"row": i, "words": "é “quoted” 'too'"}),
        (sa.LargeBinary, bytes([i, 0, 63, 128]) * 3),
    )
    words = f"{column.name} {i} é'"
    return next((value for kind, value in by_type if isinstance(column.type, kind)), words)


RANDOM = "random_key"  # drawn anew by every upgrade


def contents(url: str) -> dict[str, Any]:
    """Everything in a database: of each table its columns, keys, indexes and rows."""
    engine = sa.create_engine(url, poolclass=NullPool)
    found: dict[str, Any] = {}
    with engine.connect() as connection:
        inspector = sa.inspect(connection)
        for name in inspector.get_table_names():
            columns = [each["name"] for each in inspector.get_columns(name) if each["name"] != RANDOM]
            rows = sa.select(sa.table(name, *map(sa.column, columns)))
            found[name] = {
                "columns": [str(column) for column in inspector.get_columns(name)],
                "keys": sorted(map(str, inspector.get_foreign_keys(name))),
                "unique": sorted(map(str, inspector.get_unique_constraints(name))),
                "indexes": sorted(map(_index, inspector.get_indexes(name))),
                "rows": sorted(map(repr, connection.execute(rows))),
            }
    engine.dispose()
    return found


def _index(found: Any) -> str:
    condition = [str(value) for key, value in found["dialect_options"].items() if key.endswith("_where")]
    return f"{found['name']} {found['column_names']} {found['unique']} {condition}"


def _path(url: str) -> Path:
    return Path(str(sa.make_url(url).database))


def _migrate(url: str) -> None:
    try:
        migrating.migrate(url)
    except ToplossError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from error


def _begin(url: str) -> Any:
    process = FORK.Process(target=_migrate, args=(url,))
    process.start()
    return process


def _end(process: Any) -> int:
    process.join(MOST_SECONDS)
    if process.exitcode is None:
        process.kill()
        process.join()
    return int(process.exitcode)


def _revision(url: str) -> str:
    try:
        return migrating.revision_of(url) or NEW
    except sa.exc.SQLAlchemyError:
        return NEW


def run_trial(kind: Kind, trial: Trial, *, name: str, draw: random.Random) -> Outcome:
    """Kill, start again, compare."""
    url = kind.copy(trial.revision, name)
    killed = too_late = before = 0
    problem = ""
    for _ in range(trial.kills):
        starts = [_begin(url) for _ in range(trial.at_once)]
        time.sleep(draw.uniform(0, kind.seconds[trial.revision]))
        starts[0].kill()
        if _end(starts[0]) == -signal.SIGKILL:
            killed += 1
        else:
            too_late += 1
        if trial.at_once == 1:
            before += _revision(url) == trial.revision
        elif any(_end(start) != 0 for start in starts[1:]):
            problem = "the start beside the killed one failed"
    code = _end(_begin(url))
    if code != 0:
        problem = problem or f"it never starts again (exit code {code})"
    elif contents(url) != kind.expected[trial.revision]:
        problem = problem or "its tables or rows differ from those of an upgrade that nobody killed"
    else:
        problem = problem or kind.problem_beside(url, trial.revision)
    kind.drop(url)
    return Outcome(trial, killed, too_late, before, problem)


def run_trials(kinds: list[Kind], *, kills: int, draw: random.Random) -> list[Outcome]:
    """As many trials as it takes for this many kills, every revision in turn."""
    outcomes: list[Outcome] = []
    done = 0
    while done < kills:
        kind = kinds[len(outcomes) % len(kinds)]
        trial = Trial(
            kind.name,
            kind.revisions[len(outcomes) // len(kinds) % len(kind.revisions)],
            at_once=draw.choice((1, 1, 1, 2)),
            kills=min(kills - done, draw.choice((1, 1, 2))),
        )
        outcome = run_trial(kind, trial, name=f"trial_{len(outcomes)}", draw=draw)
        done += outcome.kills
        outcomes.append(outcome)
        if outcome.problem:
            print(f"{trial}: {outcome.problem}", flush=True)
    return outcomes


@contextmanager
def databases(chosen: str, url: str, revisions: list[str]) -> Iterator[list[Kind]]:
    """The kinds of databases, in a folder and on a server of our own where none is given."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="toploss-kills-")))
        kinds: list[Kind] = []
        if chosen != "postgresql":
            kinds.append(Sqlite(folder, revisions))
        if chosen != "sqlite":
            kinds.append(Postgres(url or stack.enter_context(postgres.run()), revisions))
            stack.callback(kinds[-1].close)
        yield kinds


def report(outcomes: list[Outcome]) -> str:
    """A line for each kind of database and revision."""
    lines = [f"{'database':<12}{'from':<8}{'trials':>7}{'kills':>7}{'started again, all there':>26}"]
    trials, kills, right = Counter[Any](), Counter[Any](), Counter[Any]()
    for outcome in outcomes:
        for key in ((outcome.trial.database, outcome.trial.revision), ("all", "")):
            trials[key] += 1
            kills[key] += outcome.kills
            right[key] += not outcome.problem
    lines += [
        f"{database:<12}{revision:<8}{trials[database, revision]:>7}{kills[database, revision]:>7}"
        f"{right[database, revision]:>19} of {trials[database, revision]}"
        for database, revision in sorted(
            trials, key=lambda key: (key[0] == "all", key[0], key[1] != NEW, key[1])
        )
    ]
    alone = [outcome for outcome in outcomes if outcome.trial.at_once == 1]
    lines.append(
        f"{sum(o.before_the_commit for o in alone)} of {sum(o.kills for o in alone)} kills of a start on "
        f"its own came before its commit; {sum(o.trial.at_once > 1 for o in outcomes)} trials had two "
        f"starts at once; {sum(o.too_late for o in outcomes)} starts had ended when their moment came and "
        "are no kills."
    )
    return "\n".join(lines)


def main() -> None:
    """Run the trials; exit code 1 when one of them went wrong."""
    parser = argparse.ArgumentParser(description="Kill starts of Toploss while they upgrade the database.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--postgres", default="", help="URL of a server; without one we start our own")
    parser.add_argument(
        "--revisions", nargs="+", default=[NEW, *migrating.all_revisions()[:-1]], help="to upgrade from"
    )
    options = parser.parse_args()
    began = time.monotonic()
    with databases(options.database, options.postgres, options.revisions) as kinds:
        outcomes = run_trials(kinds, kills=options.kills, draw=random.Random(options.seed))  # noqa: S311
    print(report(outcomes))
    print(f"{time.monotonic() - began:.0f} seconds, seed {options.seed}.")
    if any(outcome.problem for outcome in outcomes):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
