"""The grid without JavaScript: filters in the address, marks, one verdict, one undo."""

import re

from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from app.datasets.models import Sample
from app.db.engine import Database
from app.ranking.models import Prediction
from app.review.models import BulkAction, Decision, SampleReview
from tests.factories import Made
from tests.ranking.test_maps import draw
from tests.web.html import flat

URL = "/d/faces/images"


def tiles(html: str) -> list[int]:
    return [int(number) for number in re.findall(r'name="samples" value="(\d+)"', html)]


def hidden(html: str, form: str = "marks") -> dict[str, str]:
    [found] = re.findall(rf'<form id="{form}".*?</form>', html, flags=re.DOTALL)
    fields = dict(
        re.findall(r'<input type="hidden" name="(selection|matching|client_id)" value="([^"]*)"', found)
    )
    return {name: value.replace("&amp;", "&") for name, value in fields.items()}


def verdicts(database: Database) -> dict[int, str]:
    with database.read() as session:
        return dict(session.execute(select(SampleReview.sample_id, SampleReview.verdict)).all())


def test_the_most_suspicious_samples_come_first(browser_of: dict[str, TestClient], made: Made) -> None:
    page = browser_of["ann"].get(URL)
    assert page.status_code == 200
    assert tiles(page.text) == list(made.ranked)
    assert "24 images" in page.text


def test_a_filter_is_an_address(browser_of: dict[str, TestClient], made: Made) -> None:
    page = browser_of["ann"].get(f"{URL}?state=issues&class=cat&predicted=dog&size=12").text
    assert tiles(page) == list(made.ranked[:6])
    assert '<option value="cat" selected>' in page
    assert hidden(page)["selection"] == "class=cat&predicted=dog&state=issues&size=12"


def test_a_class_in_an_address_is_found_however_it_is_spelt(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    page = browser_of["ann"].get(f"{URL}?state=issues&class=%20CAT&predicted=Dog&size=12").text
    assert tiles(page) == list(made.ranked[:6])
    assert '<option value="cat" selected>' in page
    assert hidden(page)["selection"] == "class=cat&predicted=dog&state=issues&size=12"


def test_a_file_size_is_a_filter_of_the_form_and_of_the_review(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann, large = browser_of["ann"], made.ranked[:2]
    with database.write() as session:
        session.execute(update(Sample).where(Sample.id.in_(large)).values(bytes=70_000))
    page = ann.get(f"{URL}?class=&text=&min_kb=50&max_kb=&size=48").text  # a form sends empty fields, too
    assert tiles(page) == list(large)
    assert re.findall(r'name="(m.._kb)".*?value="(\d*)"', page, flags=re.DOTALL) == [
        ("min_kb", "50"),
        ("max_kb", ""),
    ]
    assert "<details open>" in page
    [one_by_one] = re.findall(r'href="(/d/faces/review[^"]*)"\s*>\s*One by one', page)
    assert one_by_one == "/d/faces/review?min_kb=50"
    ann.post("/d/faces/review/claims", data={"queue": one_by_one.partition("?")[2]})
    cards = re.findall(r'class="card"\s+data-sample="(\d+)"', ann.get(one_by_one).text)
    assert [int(card) for card in cards] == list(large)
    ann.post(f"{URL}/verdicts", data={**hidden(page), "everything": "true", "answer": "keep"})
    assert verdicts(database) == dict.fromkeys(large, "keep")


def test_pages_follow_one_another_and_one_too_far_is_the_last(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ann = browser_of["ann"]
    assert tiles(ann.get(f"{URL}?size=12&page=2").text) == list(made.ranked[12:])
    assert tiles(ann.get(f"{URL}?size=12&page=9").text) == list(made.ranked[12:])
    assert 'rel="next" href="/d/faces/images?size=12&amp;page=2"' in ann.get(f"{URL}?size=12").text


def test_one_verdict_for_what_is_marked_and_one_undo(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann = browser_of["ann"]
    form = hidden(ann.get(f"{URL}?state=open").text)
    answer = ann.post(f"{URL}/verdicts", data={**form, "samples": made.ranked[:3], "answer": "relabel:owl"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{URL}?state=open")
    assert verdicts(database) == dict.fromkeys(made.ranked[:3], "relabel")
    page = ann.get(answer.headers["location"]).text
    assert tiles(page) == list(made.ranked[3:10])
    assert "3 relabelled to owl" in " ".join(page.split())
    action = re.findall(r'name="action" value="(\d+)"', page)[0]
    assert (
        ann.post(
            f"{URL}/undo", data={"action": action, "client_id": "back", "selection": form["selection"]}
        ).status_code
        == 303
    )
    assert verdicts(database) == {}


def test_everything_that_matches_can_be_marked(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann = browser_of["ann"]
    form = hidden(ann.get(f"{URL}?state=issues&size=12").text)
    assert form["matching"] == "10"
    ann.post(f"{URL}/verdicts", data={**form, "everything": "true", "answer": "accept"})
    assert verdicts(database) == dict.fromkeys(made.ranked[:10], "relabel")


def test_nothing_changes_when_others_match_than_those_that_were_counted(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    form = hidden(browser_of["ann"].get(f"{URL}?state=open").text)
    other = hidden(browser_of["bob"].get(URL).text)
    browser_of["bob"].post(f"{URL}/verdicts", data={**other, "samples": made.ranked[:2], "answer": "keep"})
    answer = browser_of["ann"].post(
        f"{URL}/verdicts", data={**form, "everything": "true", "answer": "delete"}
    )
    assert answer.status_code == 409
    assert "8 images match by now, not 10; nothing was changed" in answer.text
    assert verdicts(database) == dict.fromkeys(made.ranked[:2], "keep")


def test_what_is_not_marked_is_right(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann = browser_of["ann"]
    page = ann.get(f"{URL}?size=12").text
    ann.post(
        f"{URL}/verdicts",
        data={**hidden(page), "shown": tiles(page), "samples": made.ranked[:2], "answer": "rest"},
    )
    assert verdicts(database) == dict.fromkeys(made.ranked[2:12], "keep")


def test_the_same_form_twice_is_one_action(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann = browser_of["ann"]
    form = hidden(ann.get(URL).text)
    for _ in range(2):
        assert (
            ann.post(
                f"{URL}/verdicts", data={**form, "samples": made.ranked[:3], "answer": "delete"}
            ).status_code
            == 303
        )
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(BulkAction)) == 1
        assert session.scalar(select(func.count()).select_from(Decision)) == 3


def test_what_was_left_alone_is_said(browser_of: dict[str, TestClient], made: Made) -> None:
    ann, sample = browser_of["ann"], made.ranked[0]
    ann.post(
        "/d/faces/review/decisions",
        data={"sample": sample, "answer": "keep", "client_id": "one", "alone": "true"},
    )
    answer = ann.post(
        f"{URL}/verdicts", data={**hidden(ann.get(URL).text), "samples": made.ranked[:3], "answer": "delete"}
    )
    assert answer.headers["location"] == f"{URL}?left=1"
    told = " ".join(ann.get(answer.headers["location"]).text.split())
    assert "1 of them was left alone: somebody looked at it alone." in told
    more = " ".join(ann.get(f"{URL}?left=4&left_gold=1&left_lost=2").text.split())
    words = "somebody looked at 1 alone, 1 belongs to the checked test set and the files of 2 are missing"
    assert words in more


def test_nonsense_is_refused_in_a_sentence(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann = browser_of["ann"]
    form = hidden(ann.get(URL).text)
    for change, status in (
        ({}, 422),
        ({"samples": "1", "answer": "unsure"}, 422),
        ({"samples": "1", "answer": "relabel"}, 422),
        ({"samples": "999999", "answer": "keep"}, 404),
        ({"samples": "x", "answer": "keep"}, 422),
        ({"samples": "1", "answer": "keep", "selection": "page=no"}, 422),
        ({"samples": "9" * 30, "answer": "keep"}, 422),
    ):
        answer = ann.post(f"{URL}/verdicts", data={**form, "answer": "keep", **change})
        assert answer.status_code == status, change
    for query in ("state=odd", "class=cow", "size=5000", "page=0", "text=%00"):
        assert ann.get(f"{URL}?{query}").status_code in (200, 422), query
    assert verdicts(database) == {}
    assert ann.post(f"{URL}/undo", data={"action": "77", "client_id": "u"}).status_code == 404
    assert ann.get("/d/none/images").status_code == 404


def test_a_data_set_without_a_ranking_has_a_grid_too(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    from tests.factories import import_folder

    import_folder(database, database_folder(made, database), name="bare")
    page = browser_of["ann"].get("/d/bare/images").text
    assert len(tiles(page)) == 24
    assert "no ranking yet" in page


def database_folder(made: Made, database: Database):
    from pathlib import Path

    from app.datasets.models import Dataset

    with database.read() as session:
        return Path(session.get_one(Dataset, made.dataset_id).source)


def test_each_filter_that_is_set_is_a_chip_that_removes_it(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    page = flat(browser_of["ann"].get(f"{URL}?state=issues&class=cat&size=12&page=1").text)
    chips = dict(re.findall(r'<a href="([^"]*)" title="Remove this filter">\s*(.*?)\s*<span', page))
    assert {words: href.replace("&amp;", "&") for href, words in chips.items()} == {
        "Class now: <b>cat</b>": f"{URL}?state=issues&size=12",
        "State: <b>suspicious labels</b>": f"{URL}?class=cat&size=12",
    }
    assert "Remove this filter" not in browser_of["ann"].get(URL).text


def test_the_page_has_a_number_and_pictures_a_size(browser_of: dict[str, TestClient], made: Made) -> None:
    page = flat(browser_of["ann"].get(f"{URL}?size=12&page=2&pictures=large").text)
    assert "Page 2 of 2" in page
    assert '<ul class="tiles large">' in page
    assert f'{URL}?pictures=large&amp;size=12"' in page.replace("&page=1", "")
    assert "Page 1 of" not in flat(browser_of["ann"].get(URL).text)


def test_a_filtered_page_that_a_boosted_form_loads_keeps_its_tabs(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    page = browser_of["ann"].get(f"{URL}?class=cat", headers={"hx-request": "true", "hx-boosted": "true"})
    assert '<nav class="tabs"' in page.text


def test_an_area_of_the_map_is_a_chip_that_can_be_removed(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    area = f"{draw(database, made)}_0.0_1000.0_1000.1000"
    page = flat(browser_of["ann"].get(f"{URL}?class=cat&within={area}").text)
    chips = dict(re.findall(r'<a href="([^"]*)" title="Remove this filter">\s*(.*?)\s*<span', page))
    assert chips == {
        f"{URL}?within={area}": "Class now: <b>cat</b>",
        f"{URL}?class=cat": "Selected on the map",
    }


def test_a_tile_gives_the_reason_of_its_card(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    ann, sample = browser_of["ann"], made.ranked[0]
    card = flat(ann.get(f"/d/faces/review?card={sample}").text)
    [reason] = re.findall(r'<p class="reason">\s*(Rank 1 of .*?\.)\s*<a', card)
    assert f'<label title="{reason}">' in flat(ann.get(URL).text)


def test_a_label_that_others_doubt_says_so_although_the_model_agrees(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    with database.write() as session:
        agreed = select(Prediction.sample_id).where(Prediction.predicted_label == Prediction.label).limit(1)
        doubted = update(Prediction).where(Prediction.sample_id == session.scalar(agreed))
        session.execute(doubted.values(error_probability=0.47))
    page = flat(browser_of["ann"].get(URL).text)
    assert page.count("<small>doubted: wrong 47 %</small>") == 1
    assert "by all that is known the label is wrong with 47 %." in page


def test_a_toast_says_what_became_of_the_images_and_undoes_it(
    browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    ann = browser_of["ann"]
    with database.read() as session:
        agreed = select(Prediction.sample_id).where(Prediction.predicted_label == Prediction.label).limit(2)
        kept = list(session.scalars(agreed))
    form = hidden(ann.get(URL).text)
    ann.post(f"{URL}/verdicts", data={**form, "samples": [*made.ranked[:3], *kept], "answer": "accept"})
    page = ann.get(URL).text
    words = "3 relabelled to what the model says, 2 kept, as the model agrees"
    assert flat(page).count(words) == 2  # the toast, and the list of the last actions
    [toast] = re.findall(r'<div class="toast">.*?</div>', page, flags=re.DOTALL)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', toast))
    [address] = re.findall(r'action="([^"]*)"', toast)
    assert verdicts(database)
    assert ann.post(address, data=fields).status_code == 303
    assert verdicts(database) == {}
    assert "<p>Undone for 5 images</p>" in flat(ann.get(URL).text)
