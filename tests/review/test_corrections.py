"""One count of corrections on every page, in REST and on the shell."""

import re
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from app.cli import cli
from app.datasets.gold import gold_ids
from app.db.engine import Database
from app.deck.bulk import decide_many, undo_many
from app.deck.progress import review_progress
from app.review.checks import Answer
from app.review.corrections import Corrections, count_corrections
from app.review.decisions import decide
from app.review.fold import Policy
from app.review.gold import draw_gold
from app.review.standing import set_policy
from app.review.undoing import undo_last
from app.rounds.retraining import freeze_labels
from app.settings import Settings
from tests.conftest import People
from tests.factories import Made, make_dataset, make_run

Say = Callable[..., None]


@pytest.fixture
def made(database: Database, tmp_path: Path) -> Made:
    """As usual, with enough hold-out images for a gold part."""
    return make_dataset(database, tmp_path / "images", per_class=30)


@pytest.fixture
def say(database: Database, made: Made) -> Say:
    """Decide on one sample."""

    def decided(user: int, sample: int, verdict: str, **how: object) -> None:
        with database.write() as session:
            answer = Answer(sample_id=sample, verdict=verdict, client_id=str(uuid.uuid4()), **how)  # type: ignore[arg-type]
            decide(session, answer, dataset_id=made.dataset_id, user_id=user)

    return decided


def many(database: Database, made: Made, user: int, samples: tuple[int, ...]) -> int:
    with database.write() as session:
        done = decide_many(
            session,
            dataset_id=made.dataset_id,
            user_id=user,
            samples=samples,
            expected=None,
            verdict="delete",
            label=None,
            client_id=str(uuid.uuid4()),
            selection="",
        )
        return done.action_id


def shown(browser: TestClient) -> list[tuple[int, str]]:
    """The errors found and what waits, by each page and each answer of REST."""
    pages = {
        name: " ".join(browser.get(f"/d/faces{name}").text.split())
        for name in ("", "/results/history", "/results/errors-left")
    }
    wait = re.compile(r"(\d+) more corrections? waits? for another look")
    words = {name: found[1] if (found := wait.search(page)) else "0" for name, page in pages.items()}
    overview = re.search(
        r"<dt>[^/]*errors? found<.*?</dt>\s*<dd>\s*(\d+)\s*</dd>\s*<dd class=.more.>"
        r"\s*(\d+) relabelled, (\d+) deleted(?:, (\d+) waits? for another look)?",
        pages[""],
    )
    assert overview, pages[""]
    assert int(overview[1]) == int(overview[2]) + int(overview[3])
    rest = browser.get("/api/v1/datasets/faces").json()
    left = browser.get("/api/v1/datasets/faces/remaining").json()
    rounds = browser.get("/api/v1/datasets/faces/rounds").json()["items"]
    waiting = [str(answer["corrections_waiting"]) for answer in (rest, left)]
    return [
        (int(overview[1]), overview[4] or "0"),
        (
            int(re.findall(r"(\d+) errors? found in", pages["/results/history"])[0]),
            words["/results/history"],
        ),
        (
            int(re.findall(r"(\d+) errors? found in", pages["/results/errors-left"])[0]),
            words["/results/errors-left"],
        ),
        (rest["errors_found"], waiting[0]),
        (left["errors_found"], waiting[1]),
        (left["budget_curve"][-1]["errors"], waiting[1]),
        (
            sum(each["relabelled"] + each["deleted"] for each in rounds),
            str(sum(each["waiting"] for each in rounds)),
        ),
    ]


def test_the_same_number_of_errors_found_stands_on_every_page(
    browser_of: dict[str, TestClient], database: Database, made: Made, people: People, say: Say
) -> None:
    ada, ann, bob = people.admin.id, people.annotator.id, people.other.id
    browser = browser_of["ada"]

    def same(found: int, waiting: int = 0) -> None:
        assert shown(browser) == [(found, str(waiting))] * 7
        with database.read() as session:
            assert review_progress(session, dataset_id=made.dataset_id).found == found

    with database.write() as session:
        draw_gold(session, dataset_id=made.dataset_id, size=20, looks=1)
        gold = gold_ids(session, dataset_id=made.dataset_id).tolist()
    cards = [sample for sample in made.ranked if sample not in gold]
    same(0)
    say(ann, cards[0], "relabel", label="owl")
    say(ann, cards[1], "delete")
    say(ann, cards[2], "keep")
    same(2)
    say(bob, cards[0], "relabel", label="owl")  # the same again, by another person
    same(2)
    say(bob, cards[1], "keep")  # disagrees, and is the last one
    same(1)
    first = many(database, made, bob, tuple(cards[3:6]))
    same(4)
    say(ann, gold[0], "delete", origin="gold", blind=True)
    same(5)
    say(ann, cards[6], "delete")
    with database.write() as session:
        undo_last(session, dataset_id=made.dataset_id, user_id=ann)
    same(5)
    with database.write() as session:  # another round
        version, _ = freeze_labels(session, dataset_id=made.dataset_id)
    make_run(database, made.dataset_id, version.id, wrong=4, parent_id=made.run_id)
    say(ada, cards[0], "keep")  # takes back what was found in the round before
    say(ada, cards[8], "delete")
    same(5)
    with database.write() as session:
        set_policy(session, dataset_id=made.dataset_id, policy=Policy(annotators=2, which="changes"))
    # the first card has two against one; bob's three, ada's last one and the second card, on which people
    # differ, wait
    same(2, 5)
    say(ann, cards[8], "delete")
    say(ann, cards[3], "keep")  # outweighs the bulk action, and is no correction
    same(3, 3)
    with database.write() as session:
        undo_many(session, user_id=bob, action_id=first, client_id="undone")
    same(3, 1)
    say(ada, cards[1], "delete", origin="adjudication")
    same(4)


def test_the_shell_prints_the_same_number(
    settings: Settings,
    made: Made,
    people: People,
    database: Database,
    say: Say,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with database.write() as session:
        set_policy(session, dataset_id=made.dataset_id, policy=Policy(annotators=2, which="changes"))
    for user in (people.annotator.id, people.other.id):
        say(user, made.ranked[0], "delete")
    say(people.annotator.id, made.ranked[1], "relabel", label="owl")
    monkeypatch.setenv("TOPLOSS_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("TOPLOSS_DATABASE_URL", database.url.render_as_string(hide_password=False))
    told = CliRunner().invoke(cli, ["retrain", "faces"])
    assert told.exit_code == 0, told.output
    assert "1 error found: 0 relabelled, 1 deleted. 1 more correction waits for another look" in told.output
    exported = CliRunner().invoke(
        cli, ["export", "faces", "--format", "csv", "-o", f"{settings.data_dir}/x.csv"]
    )
    assert exported.exit_code == 0, exported.output
    assert "1 more correction waits for another look" in exported.output


def test_the_last_answer_of_each_annotator_says_whether_a_correction_waits(
    database: Database, made: Made, people: People, say: Say
) -> None:
    with database.write() as session:
        set_policy(session, dataset_id=made.dataset_id, policy=Policy(annotators=3, which="all"))
    ann, bob, sample = people.annotator.id, people.other.id, made.ranked[0]
    for user, verdict, waiting in (
        (ann, "delete", 1),
        (bob, "keep", 1),
        (ann, "keep", 0),
        (bob, "unsure", 0),
        (bob, "delete", 1),
    ):
        say(user, sample, verdict)
        with database.read() as session:
            assert count_corrections(session, dataset_id=made.dataset_id) == Corrections(0, 0, waiting), (
                verdict
            )
