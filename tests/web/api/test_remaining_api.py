"""How much is left, as a script asks."""

from fastapi.testclient import TestClient

from tests.factories import Made

FACES = "/api/v1/datasets/faces"
Scripts = dict[str, TestClient]


def decide(script: TestClient, sample: int, verdict: str) -> None:
    body = {"sample": sample, "verdict": verdict, "client_id": str(sample), "milliseconds": 2000}
    assert script.post(f"{FACES}/decisions", json=body).status_code == 201


def test_an_audit_from_its_draw_to_its_answer(api: Scripts, made: Made) -> None:
    ada, ann = api["ada"], api["ann"]
    assert ann.post(f"{FACES}/audits", json={"size": 20}).status_code == 403
    audit = ada.post(f"{FACES}/audits", json={"size": 20})
    assert audit.status_code == 201
    assert {
        "number": 1,
        "population": 24,
        "size": 20,
        "decided": 0,
        "errors": None,
    }.items() <= audit.json().items()
    assert ada.post(f"{FACES}/audits").status_code == 409
    assert ada.post(f"{FACES}/audits", json={"size": 1}).status_code == 422
    assert ann.get(f"{FACES}/remaining").json()["errors_left"] is None
    cards = ann.post(f"{FACES}/worklist/claims", json={"count": 20, "queue": {"order": "random"}}).json()[
        "items"
    ]
    for i, card in enumerate(cards):
        decide(ann, card["sample"], "delete" if i < 3 else "keep")
    answer = ann.get(f"{FACES}/remaining").json()
    assert (answer["samples"], answer["reviewed"], answer["errors_found"]) == (24, 20, 3)
    assert answer["errors_left"] == {"low": 0, "high": 3}
    assert answer["audits"][0]["errors"] == {"low": 3, "high": 6}
    assert answer["budget_curve"][-1] == {"cards": 20, "errors": 3}
    assert answer["hit_rates"][0]["window"] == 50
    assert answer["cross_check"]["undecided"] == 4


def test_a_stopping_rule_is_chosen_by_an_admin_and_judged(api: Scripts, made: Made) -> None:
    rule = {"kind": "keeps", "amount": 2}
    assert api["ann"].put(f"{FACES}/stopping-rule", json=rule).status_code == 403
    assert api["ada"].put(f"{FACES}/stopping-rule", json={"kind": "left", "amount": 2}).status_code == 422
    chosen = api["ada"].put(f"{FACES}/stopping-rule", json=rule).json()
    assert {"by": "ada", "reached": False, "so_far": 0, "after_cards": None}.items() <= chosen.items()
    for sample in made.ranked[:2]:
        decide(api["ann"], sample, "keep")
    judged = api["ann"].get(f"{FACES}/remaining").json()["stopping_rule"]
    assert {
        "kind": "keeps",
        "amount": 2,
        "reached": True,
        "so_far": 2,
        "after_cards": 2,
    }.items() <= judged.items()
    assert api["ada"].put(f"{FACES}/stopping-rule", json={"kind": "none"}).json() is None
    assert api["ann"].get(f"{FACES}/remaining").json()["stopping_rule"] is None


def test_the_rounds(api: Scripts, made: Made) -> None:
    decide(api["ann"], made.ranked[0], "delete")
    [only] = api["ann"].get(f"{FACES}/rounds").json()["items"]
    assert {
        "number": 1,
        "run_id": made.run_id,
        "single": 1,
        "deleted": 1,
        "ended": None,
        "audit": None,
    }.items() <= only.items()
    assert [measure["against"] for measure in only["measures"]] == [
        "given labels",
        "same model, labels of version 0, the newest version",
    ]
