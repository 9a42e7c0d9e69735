"""What an act answers is shown once, by the next page, with a way to undo it."""

import json

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.web.deps import Admin
from app.web.toasts import MOST_BYTES, MOST_WORDS, TOAST_COOKIE, Undo, say
from tests.web.html import flat

UNDO = Undo("/d/faces/labels/undo", (("decision", "7"), ("words", 'a "b" <i>')))


@pytest.fixture
def ada(browser_of: dict[str, TestClient]) -> TestClient:
    """An admin's browser on an app with an act of its own."""
    client = browser_of["ada"]
    app = client.app
    assert isinstance(app, FastAPI)

    def act(request: Request, _admin: Admin, words: str = "Saved") -> Response:
        return say(request, RedirectResponse("/", status_code=303), words, undo=UNDO)

    app.add_api_route("/act", act, methods=["POST"])
    return client


def test_the_next_page_shows_it_once_with_a_form_that_undoes_it(ada: TestClient) -> None:
    assert '<div class="toast">' not in ada.get("/people").text
    assert ada.post("/act", params={"words": "fear → surprise <b>"}).status_code == 303
    page = flat(ada.get("/people").text)
    assert "<p>fear → surprise &lt;b&gt;</p>" in page
    assert '<form method="post" action="/d/faces/labels/undo">' in page
    assert '<input type="hidden" name="decision" value="7">' in page
    assert 'value="a &#34;b&#34; &lt;i&gt;"' in page
    assert "<button>Undo</button>" in page
    assert "surprise" not in ada.get("/people").text


def test_a_part_of_a_page_leaves_it_to_the_next_page(ada: TestClient) -> None:
    ada.post("/act")
    assert "Saved" not in ada.get("/jobs", headers={"hx-request": "true"}).text
    assert "<p>Saved</p>" in flat(ada.get("/people").text)


def test_an_answer_to_htmx_carries_it_in_its_headers(ada: TestClient) -> None:
    answer = ada.post("/act", params={"words": "fear → joy"}, headers={"hx-request": "true"})
    toast = json.loads(answer.headers["hx-trigger"])["toast"]
    assert toast["words"] == "fear → joy"
    assert toast["undo"] == {
        "action": UNDO.action,
        "fields": [list(each) for each in UNDO.fields],
        "words": "Undo",
    }
    assert TOAST_COOKIE not in answer.cookies


@pytest.mark.parametrize("value", ["nonsense", "eyJ3b3JkcyI6IkhhIn0.abc.def", "", "é"])
def test_what_somebody_else_wrote_is_not_shown(ada: TestClient, value: str) -> None:
    ada.cookies.set(TOAST_COOKIE, value.encode("ascii", "ignore").decode(), domain="testserver.local")
    assert ada.get("/people").status_code == 200
    assert '<div class="toast">' not in ada.get("/people").text


def test_a_sentence_that_a_cookie_cannot_hold_is_cut_and_never_lost(ada: TestClient) -> None:
    answer = ada.post("/act", params={"words": "ä" * 2000})
    assert len(answer.headers["set-cookie"]) < MOST_BYTES + 200
    assert f"<p>{'ä' * MOST_WORDS}</p>" in flat(ada.get("/people").text)


def test_a_boosted_form_leads_to_a_whole_page_that_says_it(ada: TestClient) -> None:
    boosted = {"hx-request": "true", "hx-boosted": "true"}
    answer = ada.post("/act", params={"words": "fear → joy"}, headers=boosted)
    assert "hx-trigger" not in answer.headers  # which a browser that follows a redirect does not show
    page = flat(ada.get("/people", headers=boosted).text)
    assert "<p>fear → joy</p>" in page
    assert 'class="menu account"' in page
