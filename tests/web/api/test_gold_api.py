"""The gold part as a script uses it."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.db.engine import Database
from tests.factories import Made, make_dataset

GOLD = "/api/v1/datasets/faces/gold"
Scripts = dict[str, TestClient]


@pytest.fixture
def made(database: Database, tmp_path: Path) -> Made:
    """A data set of 120 images, 30 of them in the hold-out."""
    return make_dataset(database, tmp_path / "images", per_class=30)


def answer(script: TestClient, sample: int, label: str, client_id: str = "c") -> dict:
    body = {"sample": sample, "verdict": "relabel", "label": label, "client_id": client_id}
    sent = script.post("/api/v1/datasets/faces/decisions", json=body)
    assert sent.status_code == 201, sent.text
    return sent.json()


def test_an_admin_draws_a_gold_part_once_and_everybody_reads_it(api: Scripts, made: Made) -> None:
    assert api["ann"].get(GOLD).status_code == 404
    assert api["ann"].post(GOLD, json={"size": 20}).status_code == 403
    assert api["ada"].post(GOLD, json={"size": 2}).status_code == 422
    drawn = api["ada"].post(GOLD, json={"size": 20, "seed": 5})
    assert drawn.status_code == 201
    assert api["ada"].post(GOLD, json={"size": 20}).json()["error"] == "conflict"
    read = api["ann"].get(GOLD).json()
    assert (read["size"], read["seed"], read["looks"], len(read["samples"]), read["after_run"]) == (
        20,
        5,
        2,
        20,
        made.run_id,
    )
    assert (read["settled"], read["waiting"], read["for_me"], read["best"]) == (0, 20, 20, None)
    assert read["digest"] == drawn.json()["digest"]


def test_scripts_claim_gold_cards_and_get_the_image_alone(api: Scripts, made: Made) -> None:
    members = api["ada"].post(GOLD, json={"size": 20}).json()["samples"]
    held = (
        api["ann"]
        .post("/api/v1/datasets/faces/worklist/claims", json={"count": 5, "queue": {"order": "gold"}})
        .json()["items"]
    )
    assert {card["sample"] for card in held} < set(members)
    for card in held:
        assert card["blind"]
        told = [
            card[name]
            for name in ("path", "split", "given_label", "label", "predicted_label", "loss", "rank")
        ]
        assert (told, card["probabilities"]) == ([None] * 7, {})
    listed = api["ann"].get("/api/v1/datasets/faces/samples", params={"limit": 1000}).json()["items"]
    assert not {each["sample"] for each in listed} & set(members)


def test_no_answer_to_a_script_tells_the_given_label_of_a_gold_image(api: Scripts, made: Made) -> None:
    members = api["ada"].post(GOLD, json={"size": 20}).json()["samples"]
    path = made.paths[made.sample_ids.index(members[0])]
    given = path.split("/")[1]
    said = answer(api["ann"], members[0], given)
    assert (said["verdict"], said["label"]) == ("relabel", given)  # and not “keep”
    taken_back = api["ann"].delete(f"/api/v1/decisions/{said['id']}").json()
    assert (taken_back["verdict"], taken_back["label"]) == (None, None)


def test_the_best_runs_figures_come_with_the_settled_images(api: Scripts, made: Made) -> None:
    members = api["ada"].post(GOLD, json={"size": 20}).json()["samples"]
    for name in ("ann", "bob"):
        answer(api[name], members[0], "owl")
    read = api["ada"].get(GOLD).json()
    assert (
        read["settled"],
        read["best"]["run_id"],
        read["best"]["error_rate"]["n"],
        read["best"]["knew"],
    ) == (1, made.run_id, 1, False)


def test_the_description_of_the_api_types_the_gold_part(api: Scripts) -> None:
    described = api["ann"].get("/api/v1/openapi.json").json()
    assert {"get", "post"} <= described["paths"]["/api/v1/datasets/{name}/gold"].keys()
    assert "error_rate" in described["components"]["schemas"]["GoldEvaluationOut"]["properties"]
