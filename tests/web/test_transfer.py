"""HEAD, gzip and ranges, by real parts."""

import re

import pytest
from fastapi.testclient import TestClient

from app.web.transfer import SMALLEST
from tests.factories import Made
from tests.web.test_access import address
from tests.web.test_security import routes

API = "/api/v1"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NOT_COMPRESSED = {"accept-encoding": "identity"}


def test_head_of_every_address_is_its_get_without_the_body(api: dict[str, TestClient], made: Made) -> None:
    ada = api["ada"]
    ada.follow_redirects = False
    asked = {path for method, path in routes(ada.app) if method == "GET" and path != "/metrics"}
    there = {"name": "faces", "run_id": made.run_id, "sample_id": made.ranked[0], "class_name": "cat"}

    def filled(path: str) -> str:
        """The address of something that is there, as far as the data set has it."""
        return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: str(there.get(found[1], 1)), path)

    statuses = []
    for path in sorted(
        {*map(address, asked), *map(filled, asked), f"{API}/datasets/faces/export?format=csv"}
    ):
        got, head = ada.get(path), ada.head(path)
        statuses.append(got.status_code)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        for name in ("content-type", "etag", "location", "content-encoding", "vary"):
            assert head.headers.get(name) == got.headers.get(name), (path, name)
    assert statuses.count(200) > 40
    assert max(statuses) < 500


def test_what_a_script_reads_is_compressed_where_it_says_so_and_keeps_its_tag(
    api: dict[str, TestClient], made: Made
) -> None:
    for path in (
        "/datasets/faces/samples",
        "/datasets/faces/export?format=csv",
        "/datasets/faces/export?format=jsonl",
    ):
        plain = api["ann"].get(API + path, headers=NOT_COMPRESSED)
        packed = api["ann"].get(API + path, headers={"accept-encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert "accept-encoding" in packed.headers["vary"].lower()
        assert packed.content == plain.content
        assert len(plain.content) > SMALLEST
        if tag := plain.headers.get("etag"):
            assert packed.headers["etag"] == f"W/{tag}"
            again = api["ann"].get(API + path, headers={"if-none-match": packed.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/datasets/faces/export?format=imagefolder", "/samples/{sample}/image"])
def test_zips_and_images_are_not_compressed_again(api: dict[str, TestClient], made: Made, path: str) -> None:
    answer = api["ann"].get(API + path.format(sample=made.sample_ids[0]))
    assert (answer.status_code, answer.headers.get("content-encoding")) == (200, None)


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=10-", slice(10, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=5-99999999", slice(5, None)),
    ],
)
def test_a_part_of_an_image_is_sent_by_its_range(
    api: dict[str, TestClient], made: Made, asked: str, part: slice
) -> None:
    path = f"{API}/samples/{made.sample_ids[0]}/image"
    whole = api["ann"].get(path)
    assert whole.headers["accept-ranges"] == "bytes"
    answer = api["ann"].get(path, headers={"range": asked})
    assert (answer.status_code, answer.content) == (206, whole.content[part])
    first = range(len(whole.content))[part][0]
    last = range(len(whole.content))[part][-1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(whole.content)}"
    same = api["ann"].get(path, headers={"range": asked, "if-range": whole.headers["etag"]})
    other = api["ann"].get(path, headers={"range": asked, "if-range": '"another"'})
    assert (same.status_code, other.status_code, other.content) == (206, 200, whole.content)


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "bytes=-", "bytes=9-3", "lines=1-2", "bytes=a-b"])
def test_a_range_that_is_none_gets_all_of_it_and_one_beyond_the_end_says_so(
    api: dict[str, TestClient], made: Made, asked: str
) -> None:
    path = f"{API}/samples/{made.sample_ids[0]}/image"
    assert api["ann"].get(path, headers={"range": asked}).status_code == 200
    beyond = api["ann"].get(path, headers={"range": "bytes=99999999-"})
    size = len(api["ann"].get(path).content)
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")


def test_a_browser_that_opens_an_address_of_a_form_lands_on_a_page(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    browser = browser_of["ada"]
    assert browser.get("/d/faces/results/audits").headers["location"] == "/d/faces/results/errors-left"
    forms = {
        path for method, path in routes(browser.app) if method == "POST" and not path.startswith("/api/")
    }
    shown = {path for method, path in routes(browser.app) if method == "GET"}
    assert len(forms - shown) > 10
    for path in sorted(forms - shown):
        filled = address(path).replace("/d/nothing", "/d/faces").replace("999", "1")
        answer = browser.get(filled)
        assert answer.status_code == 303, filled
        assert browser.get(answer.headers["location"]).status_code != 405, filled


@pytest.mark.parametrize("accepted", ["gzip;q=0", "deflate, GZIP; q=0.0", "br", "*;q=0", ""])
def test_who_refuses_gzip_gets_the_bytes_as_they_are(
    api: dict[str, TestClient], made: Made, accepted: str
) -> None:
    path = f"{API}/datasets/faces/export?format=csv"
    plain = api["ann"].get(path, headers={"accept-encoding": accepted})
    assert "content-encoding" not in plain.headers
    packed = api["ann"].get(path, headers={"accept-encoding": "br;q=1, gzip;q=0.5"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content


def test_a_star_says_that_any_content_is_known(api: dict[str, TestClient], made: Made) -> None:
    for path in ("/datasets/faces/export?format=csv", f"/samples/{made.sample_ids[0]}/image"):
        assert api["ann"].get(API + path, headers={"if-none-match": "*"}).status_code == 304, path


def test_a_script_that_asks_the_wrong_way_is_told_the_right_one(
    api: dict[str, TestClient], made: Made
) -> None:
    lost = api["ada"].get(f"{API}/datsets")
    assert lost.status_code == 404
    assert "/api/v1/openapi.json lists" in lost.json()["message"]
    wrong = api["ada"].put(f"{API}/datasets", json={})
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
    assert wrong.json()["message"] == "This address does not take PUT, but GET and POST."
