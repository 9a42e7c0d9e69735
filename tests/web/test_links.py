"""What a page links to and what its forms send is what the addresses take."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from fastapi.testclient import TestClient

from app.db.engine import Database
from app.main import create_app
from app.settings import Settings
from tests.factories import Made, make_run, photo, show_photo
from tests.web.addresses import Address, addresses

STARTS = (
    "/",
    "/d/faces",
    "/d/faces/review?order=random",
    "/d/faces/images?state=issues&size=12&page=2&order=loss",
)


@dataclass
class Form:
    """A form of a page: where it goes, and what it sends as it stands."""

    method: str
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class Reader(HTMLParser):
    """Links and forms of a page."""

    def __init__(self, here: str) -> None:
        super().__init__()
        self.here, self.links, self.forms = here, [], []
        self.select = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        for name in ("href", "src", "hx-get"):
            if name in given:
                self.links.append(urljoin(self.here, given[name]))
        if tag == "form":
            self.forms.append(Form(given.get("method", "get"), urljoin(self.here, given.get("action", ""))))
        if self.forms:
            self._control(tag, given, self.forms[-1])

    def _control(self, tag: str, given: dict[str, str], form: Form) -> None:
        name, value = given.get("name", ""), given.get("value", "")
        if tag in ("input", "textarea") and name and (given.get("type") != "radio" or "checked" in given):
            form.fields.append((name, value))
        if tag == "button" and name:
            form.buttons.append((name, value))
        if tag == "button" and given.get("formmethod") == "get":
            shown = Form("get", urljoin(self.here, given.get("formaction", form.action)), form.fields)
            self.forms.insert(-1, shown)
        if tag == "select":
            self.select = name
        if tag == "option" and self.select and ("selected" in given or self.select not in dict(form.fields)):
            form.fields[:] = [pair for pair in form.fields if pair[0] != self.select]
            form.fields.append((self.select, value))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self.select = ""


def target(everything: list[Address], path: str) -> Address | None:
    """The address that a form is sent to."""
    parts = path.split("/")
    for address in everything:
        pattern = address.path.split("/")
        fits = len(parts) == len(pattern) and all(
            want.startswith("{") or want == part for want, part in zip(pattern, parts, strict=True)
        )
        if address.method == "POST" and fits:
            return address
    return None


def test_no_link_and_no_form_of_a_page_says_what_its_address_refuses(
    browser_of: dict[str, TestClient],
    database: Database,
    settings: Settings,
    made: Made,
) -> None:
    make_run(database, made.dataset_id, made.version_id, wrong=4, parent_id=made.run_id)
    show_photo(database, settings, made.run_id, photo())
    ada = browser_of["ada"]
    ada.post("/d/faces/review/claims")
    ada.post("/account/tokens", data={"name": "a script"})
    everything = list(addresses(create_app(settings, database)))
    waiting, seen, sent = list(STARTS), set(), set()
    while waiting:
        link = waiting.pop()
        parts = urlsplit(link)
        key = (parts.path, tuple(sorted(each.partition("=")[0] for each in parts.query.split("&"))))
        if parts.netloc or key in seen or parts.path.startswith(("/static", "/help/docs")):
            continue
        seen.add(key)
        answer = ada.get(link, headers={"hx-request": "true"} if "moment=" in link else {})
        assert answer.status_code in (200, 204, 303), (link, answer.status_code, answer.text[-500:])
        if "html" not in answer.headers.get("content-type", ""):
            continue
        reader = Reader(link)
        reader.feed(answer.text)
        waiting += reader.links
        for form in reader.forms:
            if form.method == "get":
                waiting.append(f"{urlsplit(form.action).path}?{urlencode(form.fields)}")
                continue
            if form.method != "post":
                continue  # a dialog's, which is sent nowhere
            address = target(everything, urlsplit(form.action).path)
            assert address, (link, form.action)
            sent.add(address.path)
            extra = {name for name, _ in (*form.fields, *form.buttons) if not address.takes(name)}
            assert not extra, (link, form.action, extra)
    assert len(seen) > 60
    assert len(sent) > 12
