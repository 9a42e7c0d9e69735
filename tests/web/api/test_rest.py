"""The REST API as a script uses it, on both databases."""

import hashlib
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from app.datasets.models import Sample
from app.db.engine import Database
from app.ml.imagenet import Offer
from app.settings import Settings
from app.training.starts import Weights
from tests.conftest import People
from tests.factories import Made, import_folder, write_images

API = "/api/v1"
Scripts = dict[str, TestClient]


def decide(script: TestClient, sample: int, verdict: str, client_id: str = "c1", **more: object):
    body = {"sample": sample, "verdict": verdict, "client_id": client_id, **more}
    return script.post(f"{API}/datasets/faces/decisions", json=body)


def test_the_list_of_data_sets(api: Scripts, made: Made) -> None:
    answer = api["ann"].get(f"{API}/datasets").json()
    assert answer == {
        "items": [{"name": "faces", "state": "ready", "samples": 24, "classes": 3}],
        "next": None,
    }


def test_one_data_set_tells_how_far_its_review_is(api: Scripts, made: Made) -> None:
    answer = api["ann"].get(f"{API}/datasets/faces").json()
    assert (answer["version"], answer["run"], answer["label_issues"], answer["remaining"]) == (
        0,
        made.run_id,
        10,
        10,
    )


def test_samples_come_in_pages_that_join_without_gap_or_double(api: Scripts, made: Made) -> None:
    found, cursor = [], None
    while True:
        page = (
            api["ann"]
            .get(
                f"{API}/datasets/faces/samples", params={"limit": 7} | ({"cursor": cursor} if cursor else {})
            )
            .json()
        )
        found += [item["sample"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == list(made.sample_ids)


def test_a_cursor_from_nowhere_is_refused(api: Scripts, made: Made) -> None:
    for cursor in ("x", "-1", "9" * 40):
        answer = api["ann"].get(f"{API}/datasets/faces/samples", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid")


def test_classes_carry_given_and_cleaned_counts(api: Scripts, made: Made) -> None:
    decide(api["ann"], made.ranked[0], "relabel", label="owl")
    cat, _, owl = api["ann"].get(f"{API}/datasets/faces/classes").json()["items"]
    assert sum(cat["given"].values()) - sum(cat["cleaned"].values()) == 1
    assert sum(owl["cleaned"].values()) - sum(owl["given"].values()) == 1
    assert (cat["position"], owl["position"]) == (0, 2)


def test_a_claim_answers_what_scripts_rely_on(api: Scripts, made: Made) -> None:
    answer = api["ann"].post(f"{API}/datasets/faces/worklist/claims", json={"count": 2}).json()
    assert answer["run"] == made.run_id
    assert answer["lease_until"]
    first = answer["items"][0]
    assert {
        "sample",
        "path",
        "given_label",
        "predicted_label",
        "self_confidence",
        "loss",
        "rank",
        "image_url",
    } <= first.keys()
    assert (first["sample"], first["rank"], first["given_label"], first["predicted_label"]) == (
        made.ranked[0],
        1,
        "cat",
        "dog",
    )


def test_an_image_is_the_very_file_and_may_be_kept_for_a_while_by_who_asked(
    api: Scripts, made: Made, tmp_path: Path
) -> None:
    item = api["ann"].get(f"{API}/datasets/faces/samples", params={"limit": 1}).json()["items"][0]
    answer = api["ann"].get(item["image_url"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert hashlib.sha256(answer.content).hexdigest() == item["sha256"]
    assert answer.content == (tmp_path / "images" / item["path"]).read_bytes()
    assert answer.headers["cache-control"] == "private, max-age=900, must-revalidate"
    assert answer.headers["vary"] == "Cookie, Authorization"
    assert (
        api["ann"].get(item["image_url"], headers={"if-none-match": answer.headers["etag"]}).status_code
        == 304
    )


def test_an_image_whose_file_is_gone_says_so(api: Scripts, made: Made, tmp_path: Path) -> None:
    item = api["ann"].get(f"{API}/datasets/faces/samples", params={"limit": 1}).json()["items"][0]
    (tmp_path / "images" / item["path"]).unlink()
    answer = api["ann"].get(item["image_url"])
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_a_decision_is_created_once_per_client_id(api: Scripts, made: Made) -> None:
    first = decide(api["ann"], made.ranked[0], "delete")
    again = decide(api["ann"], made.ranked[0], "delete")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert decide(api["ann"], made.ranked[1], "delete").status_code == 409


def test_an_undo_gives_the_given_label_back(api: Scripts, made: Made) -> None:
    decision = decide(api["ann"], made.ranked[0], "relabel", label="owl").json()
    assert decision["label"] == "owl"
    answer = api["ann"].delete(f"{API}/decisions/{decision['id']}")
    assert answer.json() == {
        "id": decision["id"],
        "sample": made.ranked[0],
        "undone": True,
        "verdict": None,
        "label": None,
    }
    assert api["ann"].get(f"{API}/datasets/faces").json()["reviewed"] == 0


def test_nobody_undoes_anothers_decision(api: Scripts, made: Made) -> None:
    decision = decide(api["ann"], made.ranked[0], "keep").json()
    assert api["bob"].delete(f"{API}/decisions/{decision['id']}").status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"verdict": "keep", "client_id": "x"},
        {"sample": "one", "verdict": "keep", "client_id": "x"},
        {"sample": 1, "verdict": "burn", "client_id": "x"},
        {"sample": 1, "verdict": "keep", "client_id": ""},
        {"sample": 1, "verdict": "relabel", "label": "cow", "client_id": "x"},
        {"sample": 1, "verdict": "keep", "client_id": "x" * 65},
    ],
)
def test_a_senseless_decision_is_refused_in_a_sentence(
    api: Scripts, made: Made, body: dict[str, object]
) -> None:
    answer = api["ann"].post(f"{API}/datasets/faces/decisions", json=body)
    assert answer.status_code == 422
    assert answer.json().keys() == {"error", "message", "status"}


def test_one_verdict_for_all_samples_that_match_is_said_and_taken_back(api: Scripts, made: Made) -> None:
    ann, samples = api["ann"], f"{API}/datasets/faces/samples"
    body = {
        "where": {"state": "open", "class": "cat"},
        "expected": 6,
        "verdict": "relabel",
        "label": "owl",
        "client_id": "many",
    }
    first = ann.post(f"{API}/datasets/faces/bulk-decisions", json=body)
    assert (first.status_code, first.json()["samples"]) == (201, 6)
    assert ann.post(f"{API}/datasets/faces/bulk-decisions", json=body).json() == first.json()
    found = ann.get(samples, params={"class": "owl", "verdict": "relabel"}).json()["items"]
    assert [item["sample"] for item in found] == sorted(made.ranked[:6])
    refused = ann.post(f"{API}/datasets/faces/bulk-decisions", json={**body, "client_id": "again"})
    assert (refused.status_code, refused.json()["message"][:34]) == (
        409,
        "0 images match by now, not 6; noth",
    )
    action = first.json()["id"]
    assert api["bob"].delete(f"{API}/bulk-decisions/{action}").status_code == 403
    assert ann.delete(f"{API}/bulk-decisions/{action}").json()["samples"] == 6
    assert ann.get(samples, params={"state": "reviewed"}).json()["items"] == []


def test_the_same_version_is_exported_byte_for_byte_for_ever(api: Scripts, made: Made) -> None:
    first = api["ann"].get(f"{API}/datasets/faces/export", params={"format": "csv", "version": 0})
    decide(api["ann"], made.ranked[0], "delete")
    assert api["ada"].post(f"{API}/datasets/faces/versions").status_code == 201
    second = api["ann"].get(f"{API}/datasets/faces/export", params={"format": "csv", "version": 0})
    assert first.content == second.content
    newest = api["ann"].get(f"{API}/datasets/faces/export")
    assert newest.headers["x-toploss-version"] == "1"
    assert len(newest.text.splitlines()) == len(first.text.splitlines()) - 1
    assert (
        api["ann"]
        .get(f"{API}/datasets/faces/export", headers={"if-none-match": newest.headers["etag"]})
        .status_code
        == 304
    )


def test_freezing_unchanged_labels_gives_the_same_version(api: Scripts, made: Made) -> None:
    answer = api["ada"].post(f"{API}/datasets/faces/versions")
    assert (answer.status_code, answer.json()["number"]) == (200, 0)
    versions = api["ann"].get(f"{API}/datasets/faces/versions").json()["items"]
    assert [version["number"] for version in versions] == [0]


@pytest.mark.parametrize(
    ("query", "status"), [({"format": "xls"}, 422), ({"version": "7"}, 404), ({"version": "newest"}, 422)]
)
def test_an_export_that_cannot_be_made_is_refused(
    api: Scripts, made: Made, query: dict[str, str], status: int
) -> None:
    assert api["ann"].get(f"{API}/datasets/faces/export", params=query).status_code == status


def test_a_run_is_queued_followed_and_cancelled(api: Scripts, made: Made) -> None:
    answer = api["ada"].post(f"{API}/datasets/faces/runs", json={"recipe": "quick", "seed": 5})
    assert answer.status_code == 202
    run = answer.json()
    assert api["ann"].get(f"{API}/jobs/{run['job']}").json()["state"] == "queued"
    assert (
        api["ada"].post(f"{API}/datasets/faces/runs", json={"recipe": "quick", "seed": 5}).status_code == 409
    )
    assert api["ada"].post(f"{API}/runs/{run['id']}/cancel").json()["state"] == "cancelled"
    assert api["ann"].get(f"{API}/jobs/{run['job']}").json()["state"] == "cancelled"
    assert api["ada"].post(f"{API}/runs/{run['id']}/cancel").status_code == 409


def test_cancelling_the_job_of_a_run_cancels_the_run(api: Scripts, made: Made) -> None:
    run = api["ada"].post(f"{API}/datasets/faces/runs", json={"recipe": "quick", "seed": 5}).json()
    assert api["ada"].post(f"{API}/jobs/{run['job']}/cancel").json()["state"] == "cancelled"
    assert api["ann"].get(f"{API}/runs/{run['id']}").json()["state"] == "cancelled"


def test_a_retrain_freezes_what_was_decided_and_goes_on_from_the_best_run(api: Scripts, made: Made) -> None:
    decide(api["ann"], made.ranked[0], "delete")
    answer = api["ada"].post(f"{API}/datasets/faces/runs", json={"retrain": True}).json()
    run = api["ann"].get(f"{API}/runs/{answer['id']}").json()
    assert (answer["version"], answer["nothing_changed"], run["parent"], run["weights"]) == (
        1,
        False,
        made.run_id,
        "parent",
    )


def test_a_retrain_without_decisions_says_that_nothing_changed(api: Scripts, made: Made) -> None:
    answer = api["ada"].post(f"{API}/datasets/faces/runs", json={"retrain": True}).json()
    assert (answer["version"], answer["nothing_changed"]) == (0, True)


def test_a_run_that_repeats_a_finished_one_says_which(api: Scripts, made: Made) -> None:
    again = {"recipe": "quick", "start": "none"}
    for seed, repeats in [(0, made.run_id), (1, None)]:
        answer = api["ada"].post(f"{API}/datasets/faces/runs", json=again | {"seed": seed}).json()
        assert answer["repeats"] == repeats


def test_a_run_without_a_recipe_uses_the_recommended_one(
    api: Scripts, made: Made, database: Database
) -> None:
    with database.write() as session:
        session.execute(update(Sample).values(width=640, height=480))
    advice = api["ann"].get(f"{API}/datasets/faces/recommendation").json()
    assert (advice["recipe"], advice["width"], advice["height"]) == ("default", 640, 480)
    assert advice["words"].startswith(f"default: {advice['images']} images of about 640 x 480, random start")
    asked = api["ada"].post(f"{API}/datasets/faces/runs", json={"epochs": 2}).json()
    assert asked["recommended"] == f"{advice['words']}. {advice['reason']}"
    recipe = api["ann"].get(f"{API}/runs/{asked['id']}").json()["recipe"]
    assert (recipe["image_size"], recipe["phases"][-1]["epochs"]) == (advice["changes"]["image_size"], 2)
    named = api["ada"].post(f"{API}/datasets/faces/runs", json={"recipe": "default", "seed": 5}).json()
    assert named["recommended"] == ""


def test_what_is_recommended_may_be_another_network(
    api: Scripts, made: Made, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = Weights("auto", Offer("absent", "no internet"))
    monkeypatch.setattr("app.web.api.recipes.weights_now", lambda _settings: none)
    with database.write() as session:
        session.execute(update(Sample).values(width=640, height=480))
    advice = api["ann"].get(f"{API}/datasets/faces/recommendation").json()
    assert (advice["recipe"], advice["changes"]["network"]) == ("photos", "efficientnet-lite0")


def test_only_a_retrain_has_a_parent(api: Scripts, made: Made) -> None:
    refused = api["ada"].post(f"{API}/datasets/faces/runs", json={"parent": made.run_id})
    assert (refused.status_code, refused.json()["error"]) == (422, "invalid")
    assert "retrain" in refused.json()["message"]
    assert (
        api["ada"]
        .post(f"{API}/datasets/faces/runs", json={"parent": made.run_id, "retrain": True})
        .status_code
        == 202
    )


def test_a_recipe_is_changed_by_its_fields(api: Scripts, made: Made) -> None:
    known = api["ann"].get(f"{API}/recipes").json()
    assert {field["name"] for field in known["fields"]} == set(known["recipes"]["default"])
    body = {
        "recipe": "default",
        "changes": {"epochs": 4, "mixup": 0.2, "class_weights": {"cat": 2, "owl": 1}},
        "start": "imagenet",
    }
    asked = api["ada"].post(f"{API}/datasets/faces/runs", json=body).json()
    assert asked["start"].startswith("ImageNet weights, ")
    run = api["ann"].get(f"{API}/runs/{asked['id']}").json()
    assert (run["recipe"]["name"], run["recipe"]["mixup"], run["weights"]) == (
        "default, edited",
        0.2,
        "imagenet",
    )
    assert run["recipe"]["class_weights"] == [["cat", 2.0], ["owl", 1.0]]
    again = {"retrain": True, "changes": {"patience": 2}}
    child = (
        api["ann"]
        .get(f"{API}/runs/{api['ada'].post(f'{API}/datasets/faces/runs', json=again).json()['id']}")
        .json()
    )
    assert (child["recipe"]["name"], child["recipe"]["patience"], child["parent"]) == (
        "quick, edited",
        2,
        made.run_id,
    )
    for changes in (
        {"momentum": 1},
        {"epochs": 0},
        {"class_weights": {"cow": 1}},
        {"image_size": 10**400},
        {"flip": 1},
        {"lr": None},
    ):
        answer = api["ada"].post(f"{API}/datasets/faces/runs", json={"changes": changes})
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid"), changes
        assert next(iter(changes)) in answer.json()["message"]


def test_a_cancelled_run_is_gone_on_with_under_a_job_of_its_own(api: Scripts, made: Made) -> None:
    run = api["ada"].post(f"{API}/datasets/faces/runs", json={"recipe": "quick", "seed": 5}).json()
    assert api["ada"].post(f"{API}/runs/{run['id']}/resume").status_code == 409
    api["ada"].post(f"{API}/runs/{run['id']}/cancel")
    assert api["ann"].post(f"{API}/runs/{run['id']}/resume").status_code == 403
    again = api["ada"].post(f"{API}/runs/{run['id']}/resume")
    assert (again.status_code, again.json()["state"]) == (202, "queued")
    assert again.json()["job"] != run["job"]
    assert api["ann"].get(f"{API}/jobs/{again.json()['job']}").json()["state"] == "queued"


def test_a_finished_run_tells_its_error_rate_and_confusion_matrix(api: Scripts, made: Made) -> None:
    run = api["ann"].get(f"{API}/runs/{made.run_id}").json()
    assert sum(map(sum, run["confusion"])) == run["error_rate"]["n"] == 6
    assert run["error_rate"]["low"] <= run["error_rate"]["value"] <= run["error_rate"]["high"]
    assert api["ann"].get(f"{API}/datasets/faces/runs").json()["items"][0]["error_rate"] == run["error_rate"]


def test_top_losses_of_all_and_of_one_class(api: Scripts, made: Made) -> None:
    everything = api["ann"].get(f"{API}/runs/{made.run_id}/top-losses", params={"limit": 100}).json()["items"]
    assert [item["sample"] for item in everything] == list(made.ranked)
    losses = [item["loss"] for item in everything]
    assert losses == sorted(losses, reverse=True)
    dogs = api["ann"].get(f"{API}/runs/{made.run_id}/top-losses", params={"label": "dog"}).json()["items"]
    assert {item["label"] for item in dogs} == {"dog"}
    assert api["ann"].get(f"{API}/runs/{made.run_id}/top-losses", params={"label": "cow"}).status_code == 422


def test_a_zip_is_uploaded_stored_once_and_queued(api: Scripts, settings: Settings, tmp_path: Path) -> None:
    import shutil

    archive = Path(
        shutil.make_archive(str(tmp_path / "pets"), "zip", write_images(tmp_path / "pets", per_class=2))
    )
    for name in ("pets", "again"):
        answer = api["ada"].post(
            f"{API}/datasets", data={"name": name}, files={"file": ("pets.zip", archive.read_bytes())}
        )
        assert answer.status_code == 202, answer.text
        assert api["ann"].get(f"{API}/jobs/{answer.json()['job']}").json()["task"] == "import"
    assert len(list(settings.uploads_dir.glob("*.zip"))) == 1


@pytest.mark.parametrize("path", ["/etc", "/nowhere"])
def test_a_place_on_the_server_that_is_not_open_is_refused(api: Scripts, path: str) -> None:
    assert api["ada"].post(f"{API}/datasets", data={"name": "x", "path": path}).status_code == 403


def test_an_annotator_may_not_do_an_admins_work(api: Scripts, made: Made) -> None:
    for answer in (
        api["ann"].post(f"{API}/datasets", data={"name": "x"}),
        api["ann"].post(f"{API}/datasets/faces/runs", json={}),
        api["ann"].post(f"{API}/datasets/faces/versions"),
        api["ann"].post(f"{API}/runs/{made.run_id}/cancel"),
    ):
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")


def test_what_is_not_there_answers_404_in_the_same_shape(api: Scripts, made: Made) -> None:
    for path in (
        "/datasets/none",
        "/datasets/none/samples",
        "/runs/999",
        "/jobs/none",
        "/samples/999/image",
        "/nowhere",
    ):
        answer = api["ann"].get(API + path)
        assert (answer.status_code, answer.json()["error"], answer.json()["status"]) == (
            404,
            "not_found",
            404,
        ), path


def test_openapi_describes_every_route_that_the_product_promises(api: Scripts) -> None:
    paths = api["ann"].get(f"{API}/openapi.json").json()["paths"]
    promised = {
        "/datasets": {"get", "post"},
        "/datasets/{name}": {"get", "patch", "delete"},
        "/datasets/{name}/samples": {"get"},
        "/datasets/{name}/classes": {"get", "post"},
        "/datasets/{name}/runs": {"get", "post"},
        "/runs/{run_id}": {"get"},
        "/runs/{run_id}/top-losses": {"get"},
        "/runs/{run_id}/cancel": {"post"},
        "/datasets/{name}/worklist/claims": {"post"},
        "/datasets/{name}/decisions": {"post"},
        "/decisions/{decision_id}": {"delete"},
        "/datasets/{name}/versions": {"get", "post"},
        "/datasets/{name}/export": {"get"},
        "/datasets/{name}/bulk-decisions": {"post"},
        "/bulk-decisions/{action_id}": {"delete"},
        "/jobs/{job_id}": {"get"},
        "/samples/{sample_id}/image": {"get"},
        "/runs/{run_id}/photos": {"get", "post"},
        "/photos/{photo_id}": {"get", "delete"},
    }
    for path, methods in promised.items():
        assert methods <= paths[API + path].keys(), path


def test_a_wrong_token_is_refused_with_a_hint(visitor: TestClient, people: People) -> None:
    answer = visitor.get(f"{API}/datasets", headers={"authorization": "Bearer tl_nonsense"})
    assert (answer.status_code, answer.json()["error"], answer.headers["www-authenticate"]) == (
        401,
        "not_signed_in",
        "Bearer",
    )


def test_a_deactivated_persons_token_opens_nothing(api: Scripts, database: Database) -> None:
    from app.accounts.users import change_user

    with database.write() as session:
        change_user(session, name="ann", active=False)
    assert api["ann"].get(f"{API}/datasets").status_code == 401


def test_the_sizes_of_an_image_are_told_apart_and_may_be_kept(
    api: Scripts, database: Database, settings: Settings, tmp_path: Path
) -> None:
    folder = write_images(tmp_path / "large", size=700)
    import_folder(database, folder, name="large")
    [item, *_] = api["ann"].get(f"{API}/datasets/large/samples").json()["items"]
    answers = {
        size: api["ann"].get(item["image_url"], params={"size": size})
        for size in ("original", "thumbnail", "display")
    }
    assert [answer.headers["content-type"] for answer in answers.values()] == [
        "image/png",
        "image/jpeg",
        "image/png",
    ]
    assert answers["original"].content == answers["display"].content
    assert len({answer.headers["etag"] for answer in answers.values()}) == 3
    assert all("private, max-age=900" in answer.headers["cache-control"] for answer in answers.values())
    (folder / item["path"]).unlink()
    assert (
        api["ann"].get(item["image_url"], params={"size": "thumbnail"}).content
        == answers["thumbnail"].content
    )  # made once
    assert api["ann"].get(item["image_url"], params={"size": "huge"}).status_code == 422


def test_an_image_comes_without_its_path_which_names_the_class(api: Scripts, made: Made) -> None:
    for size in ("original", "display", "thumbnail"):
        answer = api["ann"].get(f"{API}/samples/{made.ranked[0]}/image", params={"size": size})
        assert not any(word in str(answer.headers) for word in ("cat", "dog", "owl", ".png")), size
