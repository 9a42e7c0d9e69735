"""The classes of a data set by REST: added, renamed, merged, retired and restored."""

from csv import DictReader
from io import StringIO
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db.engine import Database
from app.rounds.retraining import freeze_labels
from tests.factories import Made, make_run

API = "/api/v1/datasets/faces"


def classes(client: TestClient) -> dict[str, int]:
    """Cleaned labels by class."""
    found = client.get(f"{API}/classes").json()["items"]
    return {each["name"]: sum(each["cleaned"].values()) for each in found}


def samples(client: TestClient) -> list[dict[str, Any]]:
    return list(client.get(f"{API}/samples?limit=1000").json()["items"])


def decide(client: TestClient, sample: int, verdict: str, label: str | None = None) -> Any:
    body = {"sample": sample, "verdict": verdict, "client_id": f"{sample}-{verdict}-{label}"}
    return client.post(f"{API}/decisions", json=body | ({"label": label} if label else {}))


def undo(client: TestClient) -> Any:
    newest = client.get(f"{API}/class-changes").json()["items"]
    standing = next(each for each in newest if not each["is_undone"])
    return client.post(f"{API}/class-changes/{standing['id']}/undo")


def test_a_class_is_added_and_takes_answers(api: dict[str, TestClient], made: Made) -> None:
    ada = api["ada"]
    added = ada.post(f"{API}/classes", json={"name": "  emu "})
    assert (added.status_code, added.json()["name"], added.json()["position"]) == (201, "emu", 3)
    assert decide(ada, made.sample_ids[0], "relabel", "Emu").status_code == 201
    assert classes(ada)["emu"] == 1
    assert api["ann"].post(f"{API}/classes", json={"name": "gnu"}).status_code == 403


@pytest.mark.parametrize("name", ["", "   ", "a\tb", "\u200b", "x" * 201, "CAT", "cat "])
def test_a_name_that_cannot_be_is_refused(api: dict[str, TestClient], made: Made, name: str) -> None:
    answer = api["ada"].post(f"{API}/classes", json={"name": name})
    assert answer.status_code in (409, 422), answer.text
    assert list(classes(api["ada"])) == ["cat", "dog", "owl"]


def test_versions_and_runs_keep_the_names_of_then(
    api: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = api["ada"]
    exported = {
        form: ada.get(f"{API}/export?format={form}&version=0").content
        for form in ("csv", "jsonl", "cleanlab", "imagefolder")
    }
    top = ada.get(f"{API}/runs/{made.run_id}/top-losses").json()
    assert ada.patch(f"{API}/classes/cat", json={"name": "house cat"}).status_code == 200
    assert ada.post(f"{API}/classes", json={"name": "emu"}).status_code == 201
    assert list(classes(ada)) == ["house cat", "dog", "owl", "emu"]
    for form, content in exported.items():
        assert ada.get(f"{API}/export?format={form}&version=0").content == content, form
    assert ada.get(f"{API}/runs/{made.run_id}/top-losses").json() == top
    assert ada.get(f"/api/v1/runs/{made.run_id}").json()["classes"][:3] == ["cat", "dog", "owl"]
    with database.write() as session:
        version, is_new = freeze_labels(session, dataset_id=made.dataset_id)
        assert (version.number, is_new, version.classes) == (1, True, ["house cat", "dog", "owl", "emu"])
    assert b"house cat" in ada.get(f"{API}/export?format=csv").content


def test_a_merge_relabels_all_samples_and_is_undone_as_one(api: dict[str, TestClient], made: Made) -> None:
    ada, ann = api["ada"], api["ann"]
    before = samples(ada)
    cats = [each["sample"] for each in before if each["given_label"] == "cat"]
    dog = next(each["sample"] for each in before if each["given_label"] == "dog")
    owl = next(each["sample"] for each in before if each["given_label"] == "owl")
    assert decide(ann, cats[0], "keep").status_code == 201
    assert decide(ann, cats[1], "delete").status_code == 201
    assert decide(ann, dog, "relabel", "cat").status_code == 201
    assert decide(ann, owl, "relabel", "dog").status_code == 201
    counts = classes(ada)
    looked = ada.get(f"{API}/classes/cat").json()
    assert (looked["samples"], looked["answers"], looked["versions"], looked["runs"]) == (8, 1, 1, 1)
    wrong = ada.patch(f"{API}/classes/cat", json={"merge_into": "dog", "expected": 7})
    assert wrong.status_code == 409
    assert classes(ada) == counts
    merged = ada.patch(f"{API}/classes/cat", json={"merge_into": "dog", "expected": 8})
    assert (merged.status_code, merged.json()["state"], merged.json()["merged_into"]) == (
        200,
        "merged",
        "dog",
    )
    assert classes(ada) == {"dog": counts["cat"] + counts["dog"], "owl": counts["owl"]}
    refused = decide(ann, owl, "relabel", "cat")
    assert refused.status_code == 409
    assert "was merged into “dog”" in refused.json()["message"]
    assert undo(ada).status_code == 200
    assert set(classes(ada)) == {"cat", "dog", "owl"}
    assert classes(ada)["cat"] == counts["cat"]


def test_an_answer_that_is_undone_after_a_merge_does_not_lead_back(
    api: dict[str, TestClient], made: Made
) -> None:
    ada = api["ada"]
    cat = next(each["sample"] for each in samples(ada) if each["given_label"] == "cat")
    said = decide(ada, cat, "relabel", "owl").json()
    counts = classes(ada)
    assert ada.patch(f"{API}/classes/cat", json={"merge_into": "dog"}).status_code == 200
    assert classes(ada)["owl"] == counts["owl"]
    assert ada.delete(f"/api/v1/decisions/{said['id']}").status_code == 200
    assert classes(ada) == {"dog": counts["dog"] + counts["cat"] + 1, "owl": counts["owl"] - 1}


def test_merges_follow_one_another_and_are_undone_in_reverse(api: dict[str, TestClient], made: Made) -> None:
    ada = api["ada"]
    counts = classes(ada)
    assert ada.post(f"{API}/classes", json={"name": "pet"}).status_code == 201
    for name in ("cat", "dog"):
        assert ada.patch(f"{API}/classes/{name}", json={"merge_into": "pet"}).status_code == 200
    assert ada.patch(f"{API}/classes/pet", json={"merge_into": "owl"}).status_code == 200
    assert classes(ada) == {"owl": sum(counts.values())}
    first = ada.get(f"{API}/class-changes").json()["items"][-1]
    assert ada.post(f"{API}/class-changes/{first['id']}/undo").status_code == 409
    for _ in range(4):
        assert undo(ada).status_code == 200
    assert classes(ada) == counts


def test_only_an_empty_class_is_retired_and_it_comes_back(api: dict[str, TestClient], made: Made) -> None:
    ada = api["ada"]
    refused = ada.delete(f"{API}/classes/owl")
    assert refused.status_code == 409
    assert "8 images have this label" in refused.json()["message"]
    ada.post(f"{API}/classes", json={"name": "AC/DC"})
    assert ada.delete(f"{API}/classes/AC%2FDC").status_code == 204
    assert "AC/DC" not in classes(ada)
    assert decide(ada, made.sample_ids[0], "relabel", "AC/DC").status_code == 409
    assert ada.post(f"{API}/classes", json={"name": "ac/dc"}).json()["position"] == 3
    assert decide(ada, made.sample_ids[0], "relabel", "AC/DC").status_code == 201
    assert ada.delete(f"{API}/classes/owl?merge_into=dog").status_code == 204
    assert classes(ada)["dog"] >= 14


def test_a_prediction_of_a_merged_class_is_one_of_the_other(
    api: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = api["ada"]
    owl = [each["sample"] for each in samples(ada) if each["given_label"] == "owl"]
    cat = next(each["sample"] for each in samples(ada) if each["given_label"] == "cat")
    make_run(database, made.dataset_id, made.version_id, says={owl[0]: 0, cat: 1}, seed=3)
    assert ada.patch(f"{API}/classes/dog", json={"merge_into": "owl"}).status_code == 200
    body = {"samples": [cat], "verdict": "accept", "expected": 1, "client_id": "a"}
    assert ada.post(f"{API}/bulk-decisions", json=body).status_code == 201
    now = {each["sample"]: each for each in samples(ada)}
    assert classes(ada) == {"cat": 7, "owl": 17}
    assert now[cat]["given_label"] == "cat"


def test_a_merge_leaves_images_unreviewed_in_every_answer_and_export(
    api: dict[str, TestClient], database: Database, made: Made
) -> None:
    ada = api["ada"]
    first = ada.get(f"{API}/export?format=csv&version=0").content
    cats = {each["sample"] for each in samples(ada) if each["given_label"] == "cat"}
    assert ada.patch(f"{API}/classes/cat", json={"merge_into": "dog"}).status_code == 200
    now = [each for each in samples(ada) if each["sample"] in cats]
    assert {(each["label"], each["verdict"], each["status"]) for each in now} == {("dog", None, "unreviewed")}
    with database.write() as session:
        freeze_labels(session, dataset_id=made.dataset_id)
    exported = list(DictReader(StringIO(ada.get(f"{API}/export?format=csv").text.lstrip("\ufeff"))))
    rows = [each for each in exported if int(each["sample_id"]) in cats]
    said = {
        tuple(each[name] for name in ("label", "verdict", "status", "reviews", "decided_at")) for each in rows
    }
    assert said == {("dog", "", "unreviewed", "0", "")}
    assert decide(ada, min(cats), "keep").json()["verdict"] == "keep"
    assert ada.get(f"{API}/export?format=csv&version=0").content == first


def test_a_rename_is_undone_although_a_class_had_the_old_name_since(
    api: dict[str, TestClient], made: Made
) -> None:
    ada = api["ada"]
    before = classes(ada)
    assert ada.patch(f"{API}/classes/cat", json={"name": "kitty"}).status_code == 200
    for _ in range(2):  # a second class makes room as well
        assert ada.post(f"{API}/classes", json={"name": "cat"}).status_code == 201
        assert undo(ada).status_code == 200
    assert undo(ada).status_code == 200
    now = classes(ada)
    assert {name: now[name] for name in before} == before
    assert ada.patch(f"{API}/classes/cat", json={"name": "kitty"}).status_code == 200
