"""Labels corrected elsewhere, in the browser and by REST: shown first, then recorded, once."""

import re

from starlette.testclient import TestClient

from tests.factories import Made
from tests.web.html import flat


def table(made: Made) -> bytes:
    rows = [(made.paths[0], "dog", "owl"), (made.paths[1], "cat", "cat"), ("none.png", "cat", "cat")]
    return ("path,label,other\n" + "".join(",".join(row) + "\n" for row in rows)).encode()


def hidden(page: str) -> dict[str, str]:
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', flat(page))
    return {name: value for name, value in found if name in ("stored", "stored_name", "shown_column")}


def test_what_would_change_is_shown_then_recorded_once(made: Made, browser_of: dict[str, TestClient]) -> None:
    ada, address = browser_of["ada"], "/d/faces/images/labels"
    assert "Show what would change" in ada.get(address).text
    sent = ada.post(address, files={"file": ("mine.csv", table(made), "text/csv")})
    page = flat(sent.text)
    assert "1 label of mine.csv would change" in page
    assert "there is no such image" in page
    form = hidden(sent.text)
    other = ada.post(address, data=form | {"label_column": "other", "act": "apply"})  # not what was shown
    assert '<td data-label="In the file">owl</td>' in other.text
    assert "Record these decisions" in other.text
    done = ada.post(address, data=form | {"label_column": "label", "act": "apply"})
    assert "1 label changed" in flat(done.text)
    again = ada.post(address, data=form | {"label_column": "label"})
    assert "0 labels of mine.csv would change" in flat(again.text)
    assert "labelled by a file" in ada.get("/d/faces/images").text
    assert "label file" in ada.get(f"/d/faces/images/{made.sample_ids[0]}").text


def test_a_file_that_is_none_is_refused_on_the_page(made: Made, browser_of: dict[str, TestClient]) -> None:
    ada, address = browser_of["ada"], "/d/faces/images/labels"
    for files in ({"file": ("a.csv", b"a,b\n1,2\n")}, {"file": ("a.png", b"x")}, {"file": ("a.json", b"{")}):
        refused = ada.post(address, files=files)
        assert refused.status_code == 422
        assert 'role="alert"' in refused.text
    assert "Choose a label file." in ada.post(address, data={"stored": "../../x"}).text
    assert browser_of["bob"].get(address).status_code == 403


def test_by_rest_a_dry_run_and_the_decisions(made: Made, api: dict[str, TestClient]) -> None:
    ada, address = api["ada"], "/api/v1/datasets/faces/labels"

    def post(**fields: str) -> dict[str, object]:
        answer = ada.post(address, data=fields, files={"file": ("mine.csv", table(made))})
        assert answer.status_code == 200, answer.text
        said: dict[str, object] = answer.json()
        return said

    dry = post(dry_run="true")
    assert (dry["action"], dry["changes"], dry["counts"]) == (None, 1, {"change": 1, "same": 1})
    assert dry["rows"] == [
        {
            "sample": made.sample_ids[0],
            "path": made.paths[0],
            "label": "cat",
            "new": "dog",
            "effect": "change",
            "words": "changes",
        },
        {
            "sample": made.sample_ids[1],
            "path": made.paths[1],
            "label": "cat",
            "new": "cat",
            "effect": "same",
            "words": "has this label already",
        },
    ]
    done = post(label_column="label")
    assert done["changes"] == 1
    assert post()["action"] is None
    assert ada.delete(f"/api/v1/bulk-decisions/{done['action']}").status_code == 200
    assert post(dry_run="true")["changes"] == 1
    assert ada.post(address, files={"file": ("mine.csv", b"x,y\n1,2\n")}).status_code == 422
    assert api["bob"].post(address, files={"file": ("mine.csv", table(made))}).status_code == 403
