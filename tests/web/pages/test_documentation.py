"""The documentation as the product shows it."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.web import documentation

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LINK = "Read about this page"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed program with documentation, and a file beside it."""
    folder = tmp_path / "app" / "_docs"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<h1>Toploss</h1>")
    (tmp_path / "app" / "secret.py").write_text("not for readers")
    monkeypatch.setattr(documentation, "APP", tmp_path / "app")
    return folder


@ON_SQLITE
def test_the_help_leads_to_the_documentation(browser_of: dict[str, TestClient], site: Path) -> None:
    ann = browser_of["ann"]
    assert 'href="/help/docs"' in ann.get("/help").text
    first = ann.get("/help/docs")
    assert (first.status_code, first.headers["location"]) == (303, "/help/docs/index.html")
    shown = ann.get("/help/docs/index.html")
    assert shown.text == "<h1>Toploss</h1>"
    assert shown.headers["cache-control"] == "private, no-cache"
    kept = ann.get("/help/docs/index.html", headers={"if-none-match": shown.headers["etag"]})
    assert (kept.status_code, kept.text) == (304, "")


@ON_SQLITE
@pytest.mark.parametrize(
    "path", ["%2e%2e/secret.py", "..%2fsecret.py", "/etc/passwd", "none.html", "x" * 3000]
)
def test_nothing_outside_of_it_is_shown(browser_of: dict[str, TestClient], site: Path, path: str) -> None:
    answer = browser_of["ann"].get(f"/help/docs/{path}")
    assert answer.status_code == 404
    assert "not for readers" not in answer.text


@ON_SQLITE
def test_a_checkout_without_it_says_how_to_build_it_and_has_no_link(
    browser_of: dict[str, TestClient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documentation, "APP", tmp_path)
    answer = browser_of["ann"].get("/help/docs/index.html")
    assert answer.status_code == 404
    assert "make docs" in answer.text
    assert "/help/docs" not in browser_of["ann"].get("/help").text
    assert LINK not in browser_of["ann"].get("/account").text


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("/", "tutorial"),
        ("/d/faces/export?format=csv", "exporting"),
        ("/d/faces/models/3", "ranking"),
        ("/d/faces/models/import", "own-model"),
        ("/d/faces/results", "trap"),
        ("/d/export/review", "keys"),
    ],
)
def test_a_page_leads_to_what_is_written_about_it(site: Path, url: str, page: str) -> None:
    assert documentation.about(url) == f"/help/docs/{page}.html"


@ON_SQLITE
def test_a_page_of_which_nothing_is_written_leads_nowhere(
    browser_of: dict[str, TestClient], site: Path
) -> None:
    assert documentation.about("/d/faces/nothing") == ""
    assert LINK in browser_of["ann"].get("/account").text
    assert LINK not in browser_of["ann"].get("/help").text


@pytest.mark.parametrize("page", sorted(set(documentation.PAGES.values())))
def test_what_pages_lead_to_is_written(page: str) -> None:
    assert Path(f"docs/{page}.md").exists()
