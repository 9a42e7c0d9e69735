"""What cleaning brings to photographs: the first look, a review, and a look again; or trainings around it.

    .venv/bin/python benchmarks/look_again.py FOLDER… [--review 60] [--train]

FOLDER has `images/<part>/<class>/…` and `truth.csv` with the columns path (below images) and true, as for
photographs whose labels were made wrong by chance. Each is imported into a data folder of its own and looked
at; a person who knows the truth answers the first images of the worklist; then the labels as they stand are
looked at again. With `--train` the recommended training comes before the review and its retrain after it.
Prints the errors of each by the truth, on the held-out images and on all, the average precision (AP) of its
ranking at finding the labels that are wrong then, and seconds.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

from sklearn.metrics import average_precision_score
from sqlalchemy import select

from app.accounts.users import add_user
from app.commands.shared import open_database, read_settings
from app.commands.training import wait_for
from app.datasets.catalog import class_names, get_dataset
from app.datasets.models import Sample
from app.datasets.versions import latest_version
from app.db.engine import Database
from app.ranking.models import Prediction
from app.ranking.rankings import top_losses
from app.review.checks import Answer
from app.review.decisions import decide
from app.rounds.first_look import look_again
from app.rounds.retraining import retrain
from app.training.first_looks import newest_first_look
from app.training.recommending import recommend
from app.training.requesting import train_anew
from app.training.runs import get_run
from app.training.starts import weights_now


def review(database: Database, truth: dict[str, str], *, most: int) -> int:
    """Answer the first images of the first look by the truth; how many labels were wrong."""
    with database.write() as session:
        dataset = get_dataset(session, name="photos")
        names = class_names(session, dataset_id=dataset.id)
        look = newest_first_look(session, dataset_id=dataset.id)
        assert look
        user = add_user(session, name="knows", role="admin", password_hash="")
        wrong = 0
        for card in top_losses(session, run_id=look.id, limit=most):
            sample = session.get_one(Sample, card.sample_id)
            true, given = truth[sample.path], names[sample.given_label]
            wrong += true != given
            answer = Answer(
                sample_id=sample.id,
                verdict="keep" if true == given else "relabel",
                label=None if true == given else true,
                client_id=str(uuid.uuid4()),
            )
            decide(session, answer, dataset_id=dataset.id, user_id=user.id)
    return wrong


def told(database: Database, run_id: int, truth: dict[str, str]) -> str:
    """The errors of a look by the truth."""
    with database.read() as session:
        run = get_run(session, run_id=run_id)
        names = class_names(session, dataset_id=run.dataset_id)
        query = select(
            Sample.path, Sample.split, Prediction.predicted_label, Prediction.label, Prediction.rank
        ).join(Prediction, Prediction.sample_id == Sample.id)
        rows = session.execute(query.where(Prediction.run_id == run_id)).all()
        seconds = (
            (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else 0
        )
    errors = [(split, truth[path] != names[said]) for path, split, said, _, _ in rows]
    labels = [truth[path] != names[label] for path, _, _, label, _ in rows]
    found = f", AP {average_precision_score(labels, [-row.rank for row in rows]):.3f}" if any(labels) else ""
    held = [wrong for split, wrong in errors if split != "train"]
    everything = [wrong for _, wrong in errors]
    return (
        f"held out {sum(held)} of {len(held)} wrong ({sum(held) / len(held):.1%}), all {sum(everything)} of "
        f"{len(everything)} ({sum(everything) / len(everything):.1%}){found}, {seconds:.1f} s"
    )


def train(database: Database, *, parent: int | None = None) -> int:
    """The recommended training of the labels as they stand, or a retrain; the run when it has finished."""
    settings = read_settings()
    starting = weights_now(settings)
    with database.write() as session:
        dataset = get_dataset(session, name="photos")
        if parent is None:
            advice = recommend(session, dataset_id=dataset.id, starting=starting)
            print(f"  {advice.told}", flush=True)
            run_id = train_anew(
                session,
                dataset_id=dataset.id,
                version_id=latest_version(session, dataset_id=dataset.id).id,
                weights=settings.weights,
                recipe=advice.recipe,
                changes=advice.changes,
            ).id
        else:
            run_id = retrain(
                session,
                dataset_id=dataset.id,
                user_id=None,
                weights=settings.weights,
                parent_id=parent,
            ).run.id
    wait_for(database, settings, run_id)
    return run_id


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--review", type=int, default=60, help="images that are answered")
    parser.add_argument("--train", action="store_true")
    asked = parser.parse_args()
    for folder in asked.folders:
        with (folder / "truth.csv").open(newline="") as file:
            truth = {row["path"]: row["true"] for row in csv.DictReader(file)}
        with tempfile.TemporaryDirectory() as data:
            os.environ["TOPLOSS_DATA_DIR"] = data
            command = [
                sys.executable,
                "-m",
                "app.cli",
                "import",
                folder / "images",
                "--name",
                "photos",
                "--yes",
            ]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            with open_database() as database:
                wait_for(database, read_settings(), 1)
                print(f"{folder.name}", flush=True)
                print(f"  first look: {told(database, 1, truth)}", flush=True)
                if asked.train:
                    trained = train(database)
                    print(f"  training: {told(database, trained, truth)}", flush=True)
                wrong = review(database, truth, most=asked.review)
                with database.write() as session:
                    again, _ = look_again(session, dataset_id=get_dataset(session, name="photos").id)
                wait_for(database, read_settings(), again.id)
                print(f"  {asked.review} answered, {wrong} labels corrected")
                print(f"  look again: {told(database, again.id, truth)}", flush=True)
                if asked.train:
                    print(f"  retrain: {told(database, train(database, parent=trained), truth)}", flush=True)


if __name__ == "__main__":
    main()
