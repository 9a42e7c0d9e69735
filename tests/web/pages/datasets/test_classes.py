"""The pages of the classes, without JavaScript."""

import re

from fastapi.testclient import TestClient

from tests.factories import Made
from tests.web.html import flat

HOME = "/d/faces/classes"


def post(client: TestClient, what: str, **fields: str) -> str:
    """The page after the form was sent, and its question confirmed."""
    answer = client.post(f"{HOME}/{what}", data=fields)
    if answer.status_code == 200 and (mark := re.search(r'name="confirmed" value="(\w+)"', answer.text)):
        answer = client.post(f"{HOME}/{what}", data=fields | {"confirmed": mark[1]})
    assert answer.status_code == 303, answer.text
    return client.get(HOME).text


def test_classes_are_added_found_renamed_merged_and_restored(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada = browser_of["ada"]
    assert "ada added “emu”" in post(ada, "add", class_name="emu")
    assert "big bird" in post(ada, "rename", class_name="emu", new_name="big bird")
    found = ada.get(f"{HOME}?q=BIRD").text
    assert "big bird" in found
    assert ">cat<" not in found
    question = ada.post(f"{HOME}/merge", data={"class_name": "cat", "into": "dog"}).text
    assert "8 images have the label “cat” now" in question
    merged = post(ada, "merge", class_name="cat", into="dog")
    assert "merged “cat” into “dog”" in merged
    assert "merged into dog" in ada.get(f"{HOME}?closed=true").text
    for left in ("renamed “emu”", "added “emu”", ""):
        change = re.search(r'name="change" value="(\d+)"', ada.get(HOME).text)
        assert change
        page = post(ada, "undo", change=change[1])
        assert left in page
    assert page.count("(undone)") == 3


def test_a_class_has_a_page_that_says_what_hangs_on_it(browser_of: dict[str, TestClient], made: Made) -> None:
    ada = browser_of["ada"]
    page = ada.get("/d/faces/class?of=cat").text
    assert "8 images have the label “cat” now" in page
    assert "cannot be retired" in page
    assert ada.get("/d/faces/class?of=gnu").status_code == 404
    assert browser_of["ann"].get("/d/faces/class?of=cat").status_code == 403
    assert "Change cat" not in browser_of["ann"].get(HOME).text


def test_what_is_refused_says_why(browser_of: dict[str, TestClient], made: Made) -> None:
    ada = browser_of["ada"]
    for what, fields, words in (
        ("add", {"class_name": "CAT"}, "There is the class “cat” already"),
        ("add", {"class_name": ""}, "needs a name"),
        ("retire", {"class_name": "cat"}, "cannot be retired"),
        ("merge", {"class_name": "cat", "into": "Cat"}, "cannot be merged into itself"),
    ):
        answer = ada.post(f"{HOME}/{what}", data=fields)
        assert answer.status_code in (409, 422)
        assert words in answer.text


def test_a_search_without_a_class_offers_to_add_it(browser_of: dict[str, TestClient], made: Made) -> None:
    page = browser_of["ada"].get(f"{HOME}?q=wombat").text
    assert "No class has “wombat” in its name." in page
    assert re.search(r'name="class_name"\s+value="wombat"', page)


def test_each_class_leads_to_its_images(browser_of: dict[str, TestClient], made: Made) -> None:
    ann = browser_of["ann"]
    links = re.findall(r'href="(/d/faces/images\?[^"]+)"', ann.get(HOME).text)
    assert links == [f"/d/faces/images?class={name}" for name in ("cat", "dog", "owl")]
    assert [ann.get(link).status_code for link in links] == [200, 200, 200]


def test_each_change_is_said_on_the_next_page_with_its_undo(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada = browser_of["ada"]
    for what, fields, words in (
        ("add", {"class_name": "emu"}, "Added “emu”"),
        ("rename", {"class_name": "emu", "new_name": "bird"}, "Renamed “emu” to “bird”"),
        ("retire", {"class_name": "bird"}, "Retired “bird”"),
    ):
        toast = flat(post(ada, what, **fields)).split('class="toast"')[1]
        assert f"<p>{words}</p>" in toast
        assert f'action="{HOME}/undo"' in toast
    change = re.search(r'name="change" value="(\d+)"', toast)
    assert change
    assert "<p>Undone</p>" in flat(post(ada, "undo", change=change[1]))
