"""Old addresses lead to today's pages."""

import pytest

from tests.conftest import People
from tests.factories import Made


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("grid?state=issues&page=2", "images?state=issues&page=2"),
        ("duplicates", "images/duplicates"),
        ("adjudication", "images/disputed"),
        ("problems", "images/problems"),
        ("labels", "images/labels"),
        ("samples/{sample}", "images/{sample}"),
        ("runs", "models"),
        ("runs/new", "models/train"),
        ("runs/1", "models/1"),
        ("runs/1/images?split=valid", "models/1/images?split=valid"),
        ("retrain", "models/retrain"),
        ("predictions", "models/import"),
        ("compare", "results"),
        ("stop", "results/errors-left"),
        ("rounds", "results/history"),
        ("gold", "results/test-set"),
        ("agreement", "results/team"),
        ("versions", "export/versions"),
    ],
)
def test_an_old_address_leads_to_the_page_with_its_query(
    browser_of: People, made: Made, old: str, new: str
) -> None:
    old, new = (place.format(sample=made.sample_ids[0]) for place in (old, new))
    moved = browser_of["ada"].get(f"/d/faces/{old}", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (308, f"/d/faces/{new}")
    assert browser_of["ada"].get(f"/d/faces/{old}", follow_redirects=True).status_code == 200


def test_an_old_address_needs_a_person(made: Made, browser_of: People) -> None:
    stranger = browser_of["ada"]
    stranger.cookies.clear()
    assert stranger.get("/d/faces/grid", follow_redirects=False).headers["location"].startswith("/login")
