"""Figures that keep their meaning from one visit to the next."""

import re

from fastapi.testclient import TestClient
from sqlalchemy import select

from app.datasets.models import Sample
from app.db.engine import Database
from app.ranking.models import Prediction
from tests.factories import Made, make_run
from tests.web.html import flat


def wrong_hold_out(database: Database, made: Made) -> list[int]:
    """The hold-out images of which a run that says 0 of all differs from the given label.

    The run is in the data set.
    """
    run_id = make_run(
        database, made.dataset_id, made.version_id, seed=5, says=dict.fromkeys(made.sample_ids, 0)
    )
    with database.read() as session:
        rows = select(Prediction.sample_id).join(Sample, Sample.id == Prediction.sample_id)
        wrong = Prediction.predicted_label != Prediction.label
        query = rows.where(Prediction.run_id == run_id, Sample.split == "valid", wrong)
        return sorted(session.scalars(query.order_by(Prediction.sample_id)))


def figures(client: TestClient, made: Made, run_id: int) -> dict[str, str]:
    pages = {
        "overview": flat(client.get("/d/faces").text),
        "runs": flat(client.get("/d/faces/models").text).split(f"Model {run_id}</a>")[-1],
        "run": flat(client.get(f"/d/faces/models/{run_id}").text),
    }
    return {
        "overview": re.findall(r"error on the given labels<.*?<dd>(.*?)</dd>", pages["overview"])[0],
        "runs": re.findall(r"<b>([\d.]+ %)</b>", pages["runs"])[0],
        "run": re.findall(r"<b>([\d.]+ %) error</b>", pages["run"])[0],
    }


def test_a_runs_error_stays_as_it_is_while_labels_get_cleaner_and_the_other_figure_has_a_name(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    wrong = wrong_hold_out(database, made)
    run_id = 2
    ada = browser_of["ada"]
    with database.write() as session:  # the other run is not the best one
        for prediction in session.scalars(select(Prediction).where(Prediction.run_id == made.run_id)):
            prediction.predicted_label = (prediction.label + 1) % 3
    before = figures(ada, made, run_id)
    assert set(before.values()) == {"66.7 %"}
    rest = ada.get(f"/api/v1/runs/{run_id}").json()
    assert rest["error_rate"] == rest["newest_error_rate"]
    assert "cleaner labels" not in ada.get("/d/faces").text
    for number, sample_id in enumerate(wrong[:2]):
        data = {"sample": str(sample_id), "client_id": str(number), "answer": "relabel:cat"}
        assert ada.post("/d/faces/review/decisions", data=data).status_code in (200, 303)
    ada.post("/d/faces/export/versions")
    assert figures(ada, made, run_id) == before
    for page in ("", "/models", f"/models/{run_id}"):
        text = flat(ada.get(f"/d/faces{page}").text)
        assert "same model, cleaner labels (version 1)" in text, page
        assert "33.3 %" in text, page
    after = ada.get(f"/api/v1/runs/{run_id}").json()
    assert after["error_rate"] == rest["error_rate"]
    assert (after["newest_error_rate"]["wrong"], after["newest_version"], after["version"]) == (2, 1, 0)
    line = next(
        each for each in ada.get("/api/v1/datasets/faces/runs").json()["items"] if each["id"] == run_id
    )
    assert (line["error_rate"], line["newest_error_rate"]) == (
        after["error_rate"],
        after["newest_error_rate"],
    )


def test_no_number_of_errors_is_promised_for_cards_that_nobody_has_seen(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    """The hit rate of the last cards is what was counted.

    What comes later in the ranking holds fewer errors.
    """
    ada = browser_of["ada"]
    for number, sample_id in enumerate(made.ranked[:4]):
        data = {"sample": str(sample_id), "client_id": str(number), "answer": "delete"}
        ada.post("/d/faces/review/decisions", data=data)
    for page in ("/d/faces", "/d/faces/results/errors-left"):
        text = ada.get(page).text
        assert not re.search(r"about [\d,]+ errors?|≈|errors in the next|one further error", text), page
    told = ada.get("/api/v1/datasets/faces/remaining").json()["next_cards"]
    assert set(told) == {"cards", "seconds"}
