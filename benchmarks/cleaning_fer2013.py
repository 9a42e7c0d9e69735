"""Did cleaning help? FER2013 is reviewed by its ten votes through REST, retrained, and measured.

    .venv/bin/python benchmarks/cleaning_fer2013.py --images half/ --votes votes.csv --work /tmp/cleaning
    --epochs 10

`--images` is a folder or zip with train/<class>/… and valid/<class>/… whose images all have votes; `--votes`
as in `ranking_fer2013.py`. The reviewer is the crowd: a card whose votes have one top answer of at least five
is kept, relabelled or (an answer outside the six classes) deleted; of every other card it is unsure, and that
card counts as looked at too. Everything goes through a real server and worker, as a script of an annotator's
would; measured is on the hold-out against the votes, whether or not a card of it was reviewed.

- table: the paper's four cells, trained and fine-tuned, on the given labels and after reviewing the top 10 %
and 20 % of all
  images, hold-out included, as the paper did
- gain: the same budget of cards of the training part in top-loss order, at random and half of each, and no
review at all;
  each retrained from the same network with every seed

What was trained stays in `--work`; a run that was cut off goes on.
"""

import argparse
import csv
import io
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.ranking_fer2013 import CLASSES, crowd_answers
from tests.servers import start_server

NAME = "fer2013"
CARDS = 50  # claimed at a time
ARMS: dict[str, tuple[dict[str, str], ...]] = {  # the queues that a reviewer takes cards from in turn
    "none": (),
    "top": ({"split": "train"},),
    "random": ({"split": "train", "order": "random"},),
    "mixed": ({"split": "train"}, {"split": "train", "order": "random"}),
}


class Product:
    """A running Toploss, as a script sees it."""

    def __init__(self, url: str, token: str, folder: Path) -> None:
        self.http = httpx.Client(
            base_url=f"{url}/api/v1", headers={"authorization": f"Bearer {token}"}, timeout=120
        )
        self.folder = folder

    def ask(self, method: str, path: str, **json_body: Any) -> Any:
        """The answer; an error is told as the server tells it."""
        response = self.http.request(method, path, json=json_body or None)
        if response.is_error:
            raise SystemExit(f"{method} {path}: {response.status_code} {response.text}")
        return response.json()

    def train(self, **asked: Any) -> int:
        """Train to the end, unless a run that was asked for with the very same words has been; its id."""
        known = self.folder / "asked.json"
        runs: dict[str, int] = json.loads(known.read_text()) if known.exists() else {}
        key = json.dumps(asked, sort_keys=True)
        if key not in runs:
            runs[key] = self.ask("POST", f"/datasets/{NAME}/runs", **asked)["id"]
            known.write_text(json.dumps(runs))
        while (run := self.ask("GET", f"/runs/{runs[key]}"))["state"] in ("queued", "running"):
            time.sleep(1)
        while (
            self.ask("GET", f"/jobs/{run['job']}")["state"] == "running"
        ):  # the learning-rate curve comes last
            time.sleep(1)
        if run["state"] != "finished":
            raise SystemExit(f"run {run['id']} {run['state']}: {run['note']}")
        print(
            f"  run {run['id']} {key}: error {100 * run['error_rate']['value']:.2f} % of its own labels",
            flush=True,
        )
        return int(run["id"])

    def review(
        self, answers: Mapping[str, str], budget: int, queues: tuple[dict[str, str], ...]
    ) -> Counter[str]:
        """Decide until `budget` cards are decided in all: `cards`.

        Of those decided now, how many of each verdict.
        """
        known = self.folder / f"decided-{budget}.json"
        if known.exists():
            return Counter(json.loads(known.read_text()))
        before = self.ask("GET", f"/datasets/{NAME}")["reviewed"]
        said: Counter[str] = Counter(cards=before)
        turn = 0
        while (left := budget - said["cards"]) > 0:
            queue = queues[turn % len(queues)]
            cards = self.ask(
                "POST", f"/datasets/{NAME}/worklist/claims", count=min(CARDS, left), queue=queue
            )["items"]
            if not cards:
                raise SystemExit(f"no card is left of {queue}")
            for card in cards:
                verdict, label = answer(card, answers)
                self.ask(
                    "POST",
                    f"/datasets/{NAME}/decisions",
                    sample=card["sample"],
                    verdict=verdict,
                    label=label,
                    client_id=f"{card['sample']}",
                    milliseconds=1000,
                )
                said.update(("cards", verdict, f"{card['split']} {verdict}"))
            turn += 1
        known.write_text(json.dumps(said))
        return said

    def rows(self, run: int, version: str = "0") -> list[dict[str, str]]:
        """The manifest of a version with what a run predicted."""
        response = self.http.get(
            f"/datasets/{NAME}/export", params={"format": "csv", "version": version, "run": run}
        )
        response.raise_for_status()
        return list(csv.DictReader(io.StringIO(response.text)))


def answer(card: Mapping[str, Any], answers: Mapping[str, str]) -> tuple[str, str | None]:
    """What the crowd says of a card."""
    crowd = answers.get(card["path"])
    if crowd is None:
        return "unsure", None
    if crowd not in CLASSES:
        return "delete", None
    return ("keep", None) if crowd == card["given_label"] else ("relabel", crowd)


@contextmanager
def product(folder: Path) -> Iterator[Product]:
    """The server and worker on this data folder, with an admin's token."""
    with start_server(folder, worker=True, TOPLOSS_WORKER_THREADS="0") as server:
        token = folder / "token.txt"
        if not token.exists():
            server.command(
                "user", "add", "crowd", "--role", "admin", "--password-stdin", stdin="ten votes a face\n"
            )
            token.write_text(server.command("token", "create", "--user", "crowd").stdout.split()[-1])
        yield Product(server.url, token.read_text().strip(), folder)


def copied(base: Path, folder: Path) -> Path:
    """A copy of a data folder: what was trained there is not trained again."""
    if not (folder / "copied").exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(
            base, folder, ignore=shutil.ignore_patterns("server.log")
        )  # it tells the port of another server
        (folder / "copied").touch()
    return folder


def keep(work: Path, name: str, **facts: Any) -> None:
    """Write down what one cell came to."""
    (work / "cells").mkdir(exist_ok=True)
    (work / "cells" / f"{name}.json").write_text(json.dumps(facts))


def predictions(rows: list[dict[str, str]]) -> dict[str, list[str]]:
    """Of each hold-out image that a run predicted: what, its given label and its label in the version."""
    return {
        row["path"]: [row["predicted_label"], row["given_label"], row["label"]]
        for row in rows
        if row["split"] == "valid" and row["predicted_label"]
    }


def make_base(work: Path, images: Path, epochs: int, seed: int) -> None:
    """Import and train the network that every cell starts from."""
    with product(work / "base") as at:
        known = {item["name"] for item in at.ask("GET", "/datasets")["items"]}
        if NAME not in known:
            with start_server(work / "base") as beside:
                beside.command("import", str(images), "--name", NAME, timeout=900)
        run = at.train(recipe="default", epochs=epochs, seed=seed)
        keep(
            work, "base", images=at.ask("GET", f"/datasets/{NAME}")["samples"], held=predictions(at.rows(run))
        )


def gain(
    work: Path, answers: Mapping[str, str], budget: int, seeds: list[int], tune: int | None, arms: list[str]
) -> None:
    """The arms: review, retrain with every seed, write down."""
    for arm in arms:
        left = [seed for seed in seeds if not (work / "cells" / f"gain-{arm}-{seed}.json").exists()]
        if not left:
            continue
        with product(copied(work / "base", work / arm)) as at:
            said = at.review(answers, budget, ARMS[arm]) if ARMS[arm] else Counter()
            for seed in left:
                print(f"gain-{arm}-{seed}", flush=True)
                run = at.train(retrain=True, parent=1, seed=seed, epochs=tune)
                keep(work, f"gain-{arm}-{seed}", said=said, held=predictions(at.rows(run)))


def table(
    work: Path,
    answers: Mapping[str, str],
    images: int,
    epochs: int,
    seed: int,
    tune: int | None,
    shares: tuple[int, ...],
) -> None:
    """The paper's cells on the given labels, and after so many per cent of all images were looked at."""
    with product(copied(work / "base", work / "table")) as at:
        tuned = at.train(retrain=True, parent=1, seed=seed, epochs=tune) if 0 in shares else None
        if tuned is not None:
            keep(work, "table-0-trained", said={}, held=predictions(at.rows(1)))
            keep(work, "table-0-tuned", said={}, held=predictions(at.rows(tuned)))
        for share in shares if answers else ():
            if not share:
                continue
            said = at.review(answers, images * share // 100, ({},))
            version = at.ask("POST", f"/datasets/{NAME}/versions")["number"]
            keep(work, f"table-{share}-old", said=said, held=predictions(at.rows(1, str(version))))
            trained = at.train(version=version, recipe="default", epochs=epochs, seed=seed)
            keep(work, f"table-{share}-trained", said=said, held=predictions(at.rows(trained, str(version))))
            tuned = at.train(retrain=True, parent=trained, seed=seed, epochs=tune)
            keep(work, f"table-{share}-tuned", said=said, held=predictions(at.rows(tuned, str(version))))


def wrong(cell: Mapping[str, Any], answers: Mapping[str, str], by: str) -> dict[str, int]:
    """Whether the prediction for each hold-out image is wrong: by `given`, `reviewed` or `crowd` label."""
    truth = {
        path: {"given": given, "reviewed": label, "crowd": answers.get(path, "")}[by]
        for path, (_, given, label) in cell["held"].items()
    }
    return {path: int(cell["held"][path][0] != label) for path, label in truth.items() if label in CLASSES}


def rate_of(errors: Mapping[str, int]) -> str:
    """Error rate with Wilson's interval."""
    from app.training.evaluation import rate

    found = rate(sum(errors.values()), len(errors))
    return f"{100 * found.value:.2f} % ({100 * found.low:.1f} to {100 * found.high:.1f})" if found else "–"


def difference(ours: list[dict[str, int]], theirs: list[dict[str, int]], draws: int = 2000) -> str:
    """Points by which the error differs, mean over seeds, with a bootstrap interval over images (paired)."""
    paths = sorted(set.intersection(*(set(each) for each in (*ours, *theirs))))
    gap = np.mean([[a[p] for p in paths] for a in ours], axis=0) - np.mean(
        [[b[p] for p in paths] for b in theirs], axis=0
    )
    random = np.random.default_rng(0)
    means = [gap[random.integers(0, len(gap), len(gap))].mean() for _ in range(draws)]
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{100 * gap.mean():+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"


def tell(work: Path, answers: Mapping[str, str], budget: int) -> None:
    """Print what is there so far."""
    cells = {path.stem: json.loads(path.read_text()) for path in sorted((work / "cells").glob("*.json"))}
    for name, cell in cells.items():
        print(
            name,
            "|",
            " | ".join(f"{by} {rate_of(wrong(cell, answers, by))}" for by in ("given", "reviewed", "crowd")),
            "|",
            json.dumps(cell.get("said", {})),
            flush=True,
        )
    for by in ("crowd", "given"):
        arms = {
            arm: [wrong(cell, answers, by) for name, cell in cells.items() if name.startswith(f"gain-{arm}-")]
            for arm in ARMS
        }
        for arm, of_seeds in arms.items():
            if of_seeds and arms["none"] and arm != "none":
                n = min(len(of_seeds), len(arms["none"]))
                print(
                    f"{by}: {arm} against no review, {n} seeds, {budget} cards: "
                    f"{difference(of_seeds[:n], arms['none'][:n])} points"
                )
        for arm in ("random", "mixed"):
            n = min(len(arms[arm]), len(arms["top"]))
            if n:
                print(f"{by}: {arm} against top: {difference(arms[arm][:n], arms['top'][:n])} points")


def main() -> None:
    """Run what is not there yet and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument(
        "--votes", type=Path, help="left out: nobody reviews, and the table has its first two cells only"
    )
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=18)
    parser.add_argument("--tune", type=int, help="epochs of a fine-tuning; left out: the recipe's own")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--budget", type=int, default=2800, help="cards an arm")
    parser.add_argument("--only", choices=["gain", "table"], help="not the other one")
    parser.add_argument(
        "--arms",
        nargs="+",
        default=list(ARMS),
        choices=list(ARMS),
        help="only these; a machine with room runs several beside each other",
    )
    parser.add_argument("--tell", action="store_true", help="only print what is there")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    answers = crowd_answers(options.votes) if options.votes else {}
    if not answers:
        options.only = "table"
    if not options.tell:
        made = options.work / "cells" / "base.json"
        if not made.exists():
            make_base(options.work, options.images, options.epochs, options.seeds[0])
        images = json.loads(made.read_text())["images"]
        for only, seeds, shares in (
            ("gain", options.seeds[:1], ()),
            ("table", (), (0, 10)),
            ("gain", options.seeds, ()),
            ("table", (), (20,)),
        ):
            if options.only in (None, "gain") and only == "gain":  # the first figures of each first
                gain(options.work, answers, options.budget, list(seeds), options.tune, options.arms)
            if options.only in (None, "table") and only == "table":
                table(options.work, answers, images, options.epochs, options.seeds[0], options.tune, shares)
    tell(options.work, answers, options.budget)


if __name__ == "__main__":
    main()
