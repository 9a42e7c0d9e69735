"""The worklist that learns, as a reviewer meets it: import, first look and review through the product.

    .venv/bin/python benchmarks/learning_by_rest.py IMAGES TRUTH.csv [--true true] [--cards 500]
        [--slips 0.15] [--seconds 0.5]
    .venv/bin/python benchmarks/learning_by_rest.py FOLDER TRUTH.csv --ranked …

Starts `toploss serve` with its worker on a data folder of its own, imports the class folders, waits for the
first look and answers one card after another by the truth file (columns path, and `--true` with the true
class; of an image that is not in it the answer is "unsure", and it does not count). A share of `--slips` of
the answers is wrong. `--seconds` is the time per card, in which the worker learns. Prints the seconds from
the end of the import to the first ranking, its average precision, and the errors found after 100, 250, 500…
cards and a tenth of all, beside those of the ranking's own order.

With `--ranked` FOLDER is a data folder with one data set that nobody has reviewed and a finished training
(`toploss import`, `toploss train --wait`); a copy of it is reviewed.
"""

import argparse
import csv
import random
import shutil
import sys
import tempfile
import time
import uuid
from itertools import accumulate
from pathlib import Path

import httpx
from sqlalchemy import select

import app.db.tables  # noqa: F401 - registers them
from app.accounts.tokens import create_token
from app.accounts.users import add_user, find_user
from app.datasets.models import Dataset
from app.db.engine import Database
from app.settings import Settings
from tests.servers import start_server

MARKS = (100, 250, 500, 1000, 2000, 3000)
CARDS_AT_ONCE = 5


def true_classes(path: Path, column: str) -> dict[str, str]:
    """The true class by path."""
    with path.open(newline="") as file:
        return {row["path"]: row[column] for row in csv.DictReader(file)}


def average_precision(wrong: list[bool]) -> float:
    """Of a ranking, from whether each label is wrong, the most suspicious first."""
    places = [place for place, is_wrong in enumerate(wrong, start=1) if is_wrong]
    return sum(found / place for found, place in enumerate(places, start=1)) / max(1, len(places))


def wait_for_ranking(client: httpx.Client, dataset: str) -> dict:
    """The newest training, or the first look, once it is finished."""
    while True:
        runs = client.get(f"/api/v1/datasets/{dataset}/runs").json()["items"]
        done = [run for run in runs if run["state"] == "finished"]
        if done:
            return max(done, key=lambda run: (run["kind"] == "training", run["id"]))
        if runs and runs[0]["state"] == "failed":
            sys.exit(runs[0]["note"])
        time.sleep(0.2)


def ranking_of(client: httpx.Client, run: int) -> list[dict]:
    """Every sample of a run's ranking."""
    items, cursor = [], None
    while True:
        asked = {"limit": 500} | ({"cursor": cursor} if cursor else {})
        page = client.get(f"/api/v1/runs/{run}/top-losses", params=asked).json()
        items += page["items"]
        if not (cursor := page["next"]):
            return items


def review(
    client: httpx.Client, dataset: str, true: dict[str, str], asked: argparse.Namespace
) -> list[tuple[bool, float]]:
    """Of each card in its order whether its label was wrong, and the probability that the card gave."""
    chance, seen = random.Random(0), []  # noqa: S311 - no secret
    at = f"/api/v1/datasets/{dataset}"
    while len(seen) < asked.cards:
        items = client.post(f"{at}/worklist/claims", json={"count": CARDS_AT_ONCE}).json()["items"]
        if not items:
            break
        for card in items:
            is_wrong = true.get(card["path"], card["given_label"]) != card["given_label"]
            said = is_wrong != (chance.random() < asked.slips)
            verdict = "delete" if said else "keep"
            if card["path"] not in true:
                verdict = "unsure"
            decision = {"sample": card["sample"], "verdict": verdict, "client_id": uuid.uuid4().hex}
            client.post(f"{at}/decisions", json=decision).raise_for_status()
            if card["path"] in true:
                seen.append((is_wrong, card["error_probability"]))
            time.sleep(asked.seconds)
    return seen


def main() -> None:
    """Measure and print."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("images", type=Path, metavar="IMAGES or FOLDER")
    parser.add_argument("truth", type=Path)
    parser.add_argument("--ranked", action="store_true")
    parser.add_argument("--true", default="true")
    parser.add_argument("--cards", type=int, default=500)
    parser.add_argument("--slips", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=0.5)
    asked = parser.parse_args()
    true = true_classes(asked.truth, asked.true)
    folder = Path(tempfile.mkdtemp()) / "data"
    if asked.ranked:
        shutil.copytree(asked.images, folder)
    with start_server(folder, worker=True, TOPLOSS_FIRST_LOOK="on") as server:
        if not asked.ranked:
            server.command("import", str(asked.images.resolve()), "--name", "bench", "--yes")
        began = time.monotonic()
        database = Database(f"sqlite:///{folder / 'toploss.db'}")
        with database.write() as session:
            add_user(session, name="benchmark", role="annotator", password_hash="")
            user = find_user(session, name="benchmark")
            token = create_token(session, user=user, name="bench", key=Settings(data_dir=folder).secret())
            [dataset] = session.scalars(select(Dataset.name))
        with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {token}"}) as client:
            run = wait_for_ranking(client, dataset)
            print(f"ranking of a {run['kind']}, {time.monotonic() - began:.0f} s after the import's end")
            ranking = [each for each in ranking_of(client, run["id"]) if each["path"] in true]
            ranked = [true[each["path"]] != each["given_label"] for each in ranking]
            print(f"{len(ranked)} samples, {sum(ranked)} wrong, AP {average_precision(ranked):.3f}")
            seen = review(client, dataset, true, asked)
    found, before = (list(accumulate(each)) for each in ([wrong for wrong, _ in seen], ranked))
    for mark in sorted({*(mark for mark in (*MARKS, len(ranked) // 10) if mark < len(seen)), len(seen)}):
        first = before[mark - 1]
        print(f"{mark:5d} cards: {found[mark - 1]} errors found, {first} in the ranking's own order")
    expected, came = sum(p for _, p in seen), sum(wrong for wrong, _ in seen)
    print(f"expected on the cards {expected:.0f}, found {came}")


if __name__ == "__main__":
    main()
