"""The page that creates the first admin: only while there is nobody, and for nobody from elsewhere."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from app.accounts.users import list_users
from app.db.engine import Database
from app.main import create_app
from app.settings import Settings
from app.web.pages.accounts.first_admin import FirstAdmin
from tests.conftest import PASSWORD, People

CODE = "7kfq-m2xw-9hda-tv4c"
ADA = {"name": "ada", "password": PASSWORD}
Asks = Callable[..., TestClient]


@pytest.fixture
def asks(settings: Settings, database: Database) -> Asks:
    """A browser at an address, of a server that is reached from this machine alone or from elsewhere."""

    def made(
        address: str = "127.0.0.1", *, only_here: bool = True, base: str = "http://127.0.0.1:8000"
    ) -> TestClient:
        app = create_app(settings, database, first_admin=FirstAdmin(CODE, only_here=only_here))
        return TestClient(app, base_url=base, client=(address, 50000), follow_redirects=False)

    return made


def names(database: Database) -> list[str]:
    with database.read() as session:
        return [user.name for user in list_users(session)]


def test_without_anybody_the_log_in_leads_to_the_first_admin_who_is_then_signed_in(
    asks: Asks, database: Database
) -> None:
    browser = asks()
    assert browser.get("/").headers["location"] == "/login?next=/"
    assert browser.get("/login?next=/").headers["location"] == "/first-admin"
    page = browser.get("/first-admin").text
    assert "Create the first admin" in page
    assert 'name="code"' not in page
    answer = browser.post("/first-admin", data=ADA)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "ada" in browser.get("/").text
    assert browser.get("/people").status_code == 200
    assert browser.get("/first-admin").headers["location"] == "/login"


@pytest.mark.parametrize(
    ("address", "only_here", "base", "headers"),
    [
        ("192.0.2.7", False, "http://toploss.example", {}),
        ("127.0.0.1", False, "http://127.0.0.1:8000", {}),  # a server that others reach too
        ("192.0.2.7", True, "http://127.0.0.1:8000", {}),
        ("127.0.0.1", True, "http://evil.example:8000", {}),  # a name that another site points here
        ("127.0.0.1", True, "http://127.0.0.1:8000", {"x-forwarded-for": "192.0.2.7"}),
        ("127.0.0.1", True, "http://127.0.0.1:8000", {"via": "1.1 proxy"}),
        ("testclient", True, "http://127.0.0.1:8000", {}),
    ],
)
def test_from_elsewhere_it_takes_the_code_of_the_terminal(
    asks: Asks, database: Database, address: str, only_here: bool, base: str, headers: dict[str, str]
) -> None:
    browser = asks(address, only_here=only_here, base=base)
    assert 'name="code"' in browser.get("/first-admin", headers=headers).text
    for wrong in ({}, {"code": ""}, {"code": "7kfq-m2xw-9hda-tv4d"}):
        answer = browser.post("/first-admin", data=ADA | wrong, headers=headers)
        assert answer.status_code == 403
        assert "not the code" in answer.text
        assert "set-cookie" not in answer.headers
    assert names(database) == []
    answer = browser.post("/first-admin", data=ADA | {"code": CODE.upper()}, headers=headers)
    assert (answer.status_code, "set-cookie" in answer.headers) == (303, True)
    assert names(database) == ["ada"]


@pytest.mark.parametrize("base", ["http://localhost:8000", "http://[::1]:8000"])
def test_other_names_of_this_machine_take_no_code_either(asks: Asks, base: str) -> None:
    assert 'name="code"' not in asks("::1", base=base).get("/first-admin").text


def test_a_page_of_another_site_creates_nobody(asks: Asks, database: Database) -> None:
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "http://evil.example"}):
        assert asks().post("/first-admin", data=ADA, headers=headers).status_code == 403
    assert names(database) == []


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"name": "ada", "password": "short"}, "at least 8 characters"),
        ({"name": "ada", "password": "x" * 257}, "at most 256 characters"),
        ({"name": "a b", "password": PASSWORD}, "1 to 64 letters"),
    ],
)
def test_a_bad_name_or_password_shows_the_form_again(
    asks: Asks, database: Database, form: dict[str, str], words: str
) -> None:
    answer = asks("192.0.2.7").post("/first-admin", data=form | {"code": CODE})
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{form["name"]}"' in answer.text
    assert f'value="{CODE}"' in answer.text
    assert form["password"] not in answer.text
    assert names(database) == []


def test_who_comes_second_is_led_to_the_log_in(asks: Asks, database: Database) -> None:
    assert asks().post("/first-admin", data=ADA).status_code == 303
    late = asks().post("/first-admin", data={"name": "eve", "password": PASSWORD, "code": CODE})
    assert late.status_code == 409
    assert "created already" in late.text
    assert 'action="/login"' in late.text
    assert "set-cookie" not in late.headers
    assert names(database) == ["ada"]


def test_with_people_there_is_a_log_in_only(visitor: TestClient, people: People) -> None:
    assert visitor.get("/login").status_code == 200
    assert visitor.get("/first-admin").headers["location"] == "/login"
    assert visitor.post("/first-admin", data=ADA | {"name": "eve"}).status_code == 409
