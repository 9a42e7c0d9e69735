"""`toploss runs` and `toploss top-losses`."""

import json

from app.db.engine import Database
from app.errors import Conflict
from app.settings import Settings
from app.training.requesting import train_anew
from app.training.runs import get_run
from tests.commands.conftest import Shell
from tests.factories import Made


def test_the_runs_are_listed_shown_and_cancelled(shell: Shell, database: Database, made: Made) -> None:
    with database.write() as session:
        version = get_run(session, run_id=made.run_id).version_id
        waiting = train_anew(
            session, dataset_id=made.dataset_id, version_id=version, weights="none", recipe="quick"
        ).id
    lines = [line.split("\t") for line in shell("runs", "list", "faces").stdout.splitlines()]
    assert lines[0] == ["run", "model", "kind", "state", "recipe", "version", "hold-out error"]
    assert [line[:4] for line in lines[1:]] == [
        [str(waiting), "2", "training", "queued"],
        [str(made.run_id), "1", "training", "finished"],
    ]
    assert lines[2][6].endswith("%")
    listed = [json.loads(line) for line in shell("runs", "list", "faces", "--json").stdout.splitlines()]
    assert [(each["id"], each["number"]) for each in listed] == [(waiting, 2), (made.run_id, 1)]
    assert "finished" in shell("runs", "show", made.run_id).stdout
    assert json.loads(shell("runs", "show", made.run_id, "--json").stdout)["classes"] == ["cat", "dog", "owl"]
    assert shell("runs", "cancel", waiting).stdout == f"Model {waiting} (run {waiting}) is cancelled.\n"
    refused = shell("runs", "cancel", made.run_id)
    assert refused.exit_code == 1
    assert "ended" in str(refused.exception)


def test_top_losses_come_in_the_order_of_the_current_ranking(shell: Shell, made: Made) -> None:
    lines = shell("top-losses", "faces", "--limit", 3).stdout.splitlines()
    assert [line.split("\t")[1] for line in lines[1:]] == [str(sample) for sample in made.ranked[:3]]
    found = [json.loads(line) for line in shell("top-losses", "faces", "--json").stdout.splitlines()]
    assert len(found) == 20
    assert {"sample", "path", "label", "predicted_label", "loss", "rank"} <= found[0].keys()
    only = [
        json.loads(line)
        for line in shell("top-losses", "faces", "--label", "owl", "--json").stdout.splitlines()
    ]
    assert only
    assert {each["label"] for each in only} == {"owl"}


def test_top_losses_of_no_ranking_or_of_another_data_sets_run_are_refused(
    shell: Shell, database: Database, made: Made
) -> None:
    assert "no data set named none" in str(shell("top-losses", "none").exception)
    from app.datasets.creating import create_dataset
    from app.storage import Origin

    with database.write() as session:
        create_dataset(session, name="empty", source=Origin("folder", "/nowhere"))
    refused = shell("top-losses", "empty", "--run", made.run_id)
    assert isinstance(refused.exception, Conflict)
    assert "belongs to faces" in str(refused.exception)
    assert "no ranking yet" in str(shell("top-losses", "empty").exception)


def test_a_list_without_a_line_says_why_on_standard_error(
    shell: Shell, database: Database, made: Made
) -> None:
    from app.datasets.creating import create_dataset
    from app.storage import Origin

    with database.write() as session:
        create_dataset(session, name="empty", source=Origin("folder", "/nowhere"))
        waiting = train_anew(
            session, dataset_id=made.dataset_id, version_id=made.version_id, weights="none", recipe="quick"
        ).id
    for words, why in (
        (("runs", "list", "empty"), "empty has no models yet"),
        (("review", "list", "empty"), "empty has no ranking yet"),
        (("review", "list", "faces", "--state", "reviewed"), "is in the state reviewed"),
        (
            ("top-losses", "faces", "--run", waiting),
            f"Model {waiting} (run {waiting}) has no ranking that can be listed",
        ),
    ):
        told = shell(*words)
        assert (told.exit_code, len(told.stdout.splitlines()), why in told.stderr) == (0, 1, True), words
        assert shell(*words, "--json").stdout == ""


def test_the_checkpoints_of_a_run_are_deleted(shell: Shell, settings: Settings, made: Made) -> None:
    network = settings.runs_dir / str(made.run_id) / "main" / "checkpoint.json"
    network.parent.mkdir(parents=True)
    network.write_bytes(b"1234")
    told = shell("runs", "delete-checkpoints", made.run_id, "--yes").stdout
    assert f"The checkpoints of Model 1 (run {made.run_id}) are deleted" in told
    assert "cannot be trained further" in told
    assert not network.exists()
