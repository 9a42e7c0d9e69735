"""Whether Toploss keeps what it acknowledged: kills, crowds, log-ins, hostile inputs, backups.

    make endurance [SEED=1] [KILLS=500] [PEOPLE=100] [MINUTES=10] [DATABASE=both] [PARTS="kills crowd …"]

Runs the parts one after the other on SQLite and PostgreSQL, prints and writes a report. A part that does not
hold is named there, and the exit code is 1.
"""

import argparse
import random
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.endurance import killing
from benchmarks.endurance.crowd import crowd, log_ins
from benchmarks.endurance.hostile import hostile
from benchmarks.endurance.places import Part, Places
from benchmarks.endurance.report import about, write_report
from benchmarks.endurance.saving import backup

PARTS = ("upgrades", "kills", "hostile", "backups", "log-ins", "crowd")
SHARES = {"upgrade": 0.4, "web": 0.3, "import": 0.1, "export": 0.1, "worker": 0.1}  # of the kills


def options() -> argparse.Namespace:
    """The sizes."""
    parser = argparse.ArgumentParser(description="Run the long tests of reliability, and write a report.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--kills", type=int, default=500, help="of everything, on all databases together")
    parser.add_argument("--people", type=int, default=100, help="annotators at once")
    parser.add_argument("--minutes", type=float, default=10.0, help="that they work on each database")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two answers of one")
    parser.add_argument("--samples", type=int, default=100_000, help="images that they decide about")
    parser.add_argument("--rounds", type=int, default=5, help="of the orders, by turns; 0: none")
    parser.add_argument("--log-ins", type=int, default=60, help="at once")
    parser.add_argument("--inputs", type=int, default=2000, help="hostile ones, on each database")
    parser.add_argument("--zips", type=int, default=20, help="hostile ones, on each database")
    parser.add_argument("--backups", type=int, default=5, help="under load, on each database")
    parser.add_argument("--output", type=Path, default=Path("data/endurance"))
    parser.add_argument("--note", default="", help="what the report says of the machine at this time")
    return parser.parse_args()


def works(given: argparse.Namespace, places: Places) -> Iterator[Callable[[], Part | list[Part]]]:
    """The parts on one kind of database."""
    draw = random.Random(f"{given.seed} {places.kind}")  # noqa: S311
    kinds = 2 if given.database == "both" else 1
    kills = {what: max(1, round(share * given.kills / kinds)) for what, share in SHARES.items()}
    if "upgrades" in given.parts:
        yield lambda: killing.kill_migrations(places.kind, kills=kills["upgrade"], seed=given.seed)
    if "kills" in given.parts:
        yield lambda: killing.kill_web(places, kills=kills["web"], draw=draw, seed=given.seed)
        yield lambda: killing.kill_imports(places, kills=kills["import"], draw=draw)
        yield lambda: killing.kill_exports(places, kills=kills["export"], draw=draw)
        yield lambda: killing.kill_worker(places, kills=kills["worker"], draw=draw)
    if "hostile" in given.parts:
        yield lambda: hostile(places, inputs=given.inputs, zips=given.zips, draw=draw)
    if "backups" in given.parts:
        yield lambda: backup(places, backups=given.backups, seed=given.seed)
    if "log-ins" in given.parts and places.kind == "sqlite":  # the same on both: no database is asked
        yield lambda: log_ins(count=given.log_ins)
    if "crowd" in given.parts:
        yield lambda: crowd(
            places,
            people=given.people,
            minutes=given.minutes,
            pause=given.pause,
            samples=given.samples,
            rounds=given.rounds,
            seed=given.seed,
        )


def main() -> None:
    """Run the parts; exit code 1 when one does not hold."""
    given = options()
    facts, parts, kinds = about(given.note), [], ("sqlite", "postgresql")
    for kind in kinds if given.database == "both" else (given.database,):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="toploss-endurance-")))
            for work in works(given, Places(kind, folder / kind, stack)):
                began = time.monotonic()
                try:
                    done = work()
                except Exception as error:  # noqa: BLE001 - the other parts run, and the report shows it
                    traceback.print_exc()
                    done = Part("a part that broke", kind, problems=[repr(error)])
                for part in done if isinstance(done, list) else [done]:
                    part.seconds = time.monotonic() - began
                    parts.append(part)
                    print(f"{part.name}, {kind}: {part.figures}", flush=True)
                    text = write_report(given.output, facts, parts)  # also if a later part never ends
    print(text)
    if any(part.problems for part in parts):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
