"""Two versions compared row by row, by the function, REST, the page and the shell."""

import csv
import io
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.datasets.comparing import all_changes, compare_versions, list_changes
from app.datasets.versions import get_version
from app.db.engine import Database
from app.errors import Invalid
from tests.factories import Made
from tests.web.api.test_adding_api import noise

API = "/api/v1/datasets/faces"


@pytest.fixture
def changed(api: dict[str, TestClient], made: Made) -> Made:
    """A version 1 with a relabel, a deletion, an added image and a class with another name."""
    ada = api["ada"]
    cat, dog = made.sample_ids[0], made.sample_ids[7]
    for sample, verdict, label in ((cat, "relabel", "owl"), (dog, "delete", None)):
        body = {"sample": sample, "verdict": verdict, "client_id": verdict}
        sent = ada.post(f"{API}/decisions", json=body | ({"label": label} if label else {}))
        assert sent.status_code == 201
    added = ada.post(f"{API}/images", files=[("file", ("a.png", noise(1)))], data={"class": "dog"})
    assert added.status_code == 201
    assert ada.patch(f"{API}/classes/dog", json={"name": "hound"}).status_code == 200
    assert ada.post(f"{API}/versions").status_code == 201
    return made


def test_each_row_that_differs_is_listed_once_with_its_kind(database: Database, changed: Made) -> None:
    with database.read() as session:
        old, new = (get_version(session, dataset_id=changed.dataset_id, number=each) for each in (0, 1))
        found = compare_versions(session, old, new)
        assert (found.changed, found.added, found.removed, found.unchanged) == (1, 1, 1, 22)
        assert found.renamed == (("dog", "hound"),)
        rows = {row.kind: (row.before, row.after) for row in all_changes(session, old, new)}
        assert rows == {"changed": ("cat", "owl"), "removed": ("dog", None), "added": (None, "hound")}
        back = {row.kind: (row.before, row.after) for row in all_changes(session, new, old)}
        assert back == {"changed": ("owl", "cat"), "added": (None, "dog"), "removed": ("hound", None)}
        assert compare_versions(session, new, new).count("") == 0
        with pytest.raises(Invalid):
            list_changes(session, old, new, kind="other")


def test_rest_has_counts_a_filter_pages_and_a_csv(api: dict[str, TestClient], changed: Made) -> None:
    first = api["ann"].get(f"{API}/versions/changes?old=0&new=1&limit=2").json()
    assert (first["changed"], first["added"], first["removed"]) == (1, 1, 1)
    assert len(first["items"]) == 2
    rest = api["ann"].get(f"{API}/versions/changes?old=0&new=1&limit=2&cursor={first['next']}").json()
    assert [each["kind"] for each in rest["items"]] == ["added"]
    only = api["ann"].get(f"{API}/versions/changes?old=0&new=1&kind=removed").json()["items"]
    assert [(each["before"], each["after"]) for each in only] == [("dog", None)]
    text = api["ann"].get(f"{API}/versions/changes.csv?old=0&new=1").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["kind"] for row in rows} == {"changed", "added", "removed"}
    assert api["ann"].get(f"{API}/versions/changes?old=0&new=9").status_code == 404
    assert api["ann"].get(f"{API}/versions/changes?old=0&new=1&kind=x").status_code == 422


def test_the_page_shows_the_newest_changes_and_filters(
    browser_of: dict[str, TestClient], changed: Made
) -> None:
    page = browser_of["ann"].get("/d/faces/export/versions").text
    assert "label changed" in page
    assert "“dog” is named “hound” in version 1" in page
    only = browser_of["ann"].get("/d/faces/export/versions?old=0&new=1&kind=added").text
    assert "added-1/dog/a.png" in only
    assert changed.paths[0] not in only
    assert "/d/faces/export/versions" in browser_of["ann"].get("/d/faces/export").text


def test_the_shell_prints_a_line_per_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from app.cli import cli
    from tests.factories import write_images

    monkeypatch.setenv("TOPLOSS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TOPLOSS_FIRST_LOOK", "off")
    runner = CliRunner()
    folder = write_images(tmp_path / "images", per_class=3)
    for more in (3, 4):
        write_images(folder, per_class=more, splits=("train",), seed=more)
        write_images(folder, per_class=3, splits=("train",))
        assert runner.invoke(cli, ["import", str(folder), "--name", "pets"]).exit_code == 0
    out = str(tmp_path / "a.csv")
    assert runner.invoke(cli, ["export", "pets", "--freeze", "-o", out]).exit_code == 0
    got = runner.invoke(cli, ["datasets", "compare", "pets", "0", "1"])
    assert got.exit_code == 0, got.output
    assert got.stdout.count("\tadded\t\t") == 3
    assert "0 labels changed, 3 images added, 0 removed, 12 the same." in got.stderr
