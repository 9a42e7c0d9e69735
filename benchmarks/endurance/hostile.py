"""Inputs that nobody should send, drawn by code: each is refused for its own reason; the server stays up."""

import io
import json
import random
import socket
import zipfile
from collections import Counter
from typing import Any

import httpx
import numpy as np
from PIL import Image
from sqlalchemy import select

from app.accounts.passwords import hash_password
from app.accounts.users import add_user
from app.datasets.models import Dataset, RejectedFile, Sample
from benchmarks.endurance.places import Killable, Part, Place, Places, tokens_of
from tests.factories import make_dataset, write_images

ODD: tuple[Any, ...] = (2**70, -(2**63) - 1, 1e308, True, [], {}, "a\0b", "\ud800", "x" * 5000, [[]], "1e999")
NEXT = ("//evil", "/\\evil", "https://evil", "\\\\evil", "/\t/evil", "javascript:1", "%2f%2fevil", "///evil")
NAMES = ("../../evil.png", "/evil.png", "..\\evil.png", "train/cat/../../../evil.png")
PASSWORD = "correct horse"  # noqa: S105 - of users that live as long as a benchmark


class Attack:
    """Sends the inputs, and counts how they were answered."""

    def __init__(self, place: Place, server: Killable, token: str, sample: int, draw: random.Random) -> None:
        self.part, self.place, self.server, self.draw = (
            Part("hostile inputs", place.kind),
            place,
            server,
            draw,
        )
        self.sample, self.counts = sample, Counter[str]()
        url = f"http://{server.address}"
        self.script = httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=60)
        self.browser = httpx.Client(base_url=url, headers={"sec-fetch-site": "same-origin"}, timeout=60)

    def check(self, kind: str, holds: bool, said: str) -> None:
        """Count an input of this kind."""
        self.counts[kind] += 1
        self.part.expect(holds, f"{kind}: {said[:200]}")

    def bodies(self) -> None:
        """A decision with one odd field, or with a field that there is not."""
        body: dict[str, Any] = {"sample": self.sample, "verdict": "keep", "client_id": "c"}
        name = self.draw.choice(
            ("sample", "verdict", "client_id", "run", "milliseconds", "clas", "__proto__")
        )
        value = self.draw.choice(ODD)
        content = json.dumps(body | {name: value})
        kind = {"content-type": "application/json"}
        answer = self.script.post("/api/v1/datasets/faces/decisions", content=content, headers=kind)
        said = answer.json().get("message", "") if answer.status_code >= 400 else ""  # noqa: PLR2004
        is_usable = (name, value) == ("client_id", "1e999") or (name == "milliseconds" and value == 2**70)
        allowed = {404, 409, 422} | ({200, 201} if is_usable else set())  # a longer time counts as one day
        reasons = (name, "label", "verdict", "NUL", "stored", "JSON")
        is_right = answer.status_code in allowed and (
            answer.status_code != 422 or any(reason in said for reason in reasons)  # noqa: PLR2004
        )
        self.check("fields of a decision", is_right, f"{name}={value!r:.40}: {answer.status_code} {said}")

    def addresses(self) -> None:
        """Numbers and texts in the parts of an address and in parameters."""
        odd = self.draw.choice(("a%00b", str(2**70), "9" * 4000, "%ED%A0%80", "-1", "nan", "%2e%2e"))
        path = self.draw.choice(
            (
                "/api/v1/datasets/{}",
                "/api/v1/samples/{}/image",
                "/api/v1/runs/{}",
                "/api/v1/jobs/{}",
                "/api/v1/datasets/faces/export?version={}",
                "/api/v1/datasets/faces/samples?cursor={}",
                "/api/v1/datasets/faces/samples?clas={}",
            )
        ).format(odd)
        answer = self.script.get(path)
        self.check("addresses", answer.status_code in (404, 422), f"{path[:80]}: {answer.status_code}")

    def next_pages(self) -> None:
        """A log-in that would lead to another server."""
        target = self.draw.choice(NEXT) + self.draw.choice(("", ".example", "/path", "?a=b"))
        form = {"name": "eve", "password": PASSWORD, "next": target}
        answer = self.browser.post("/login", data=form)
        where = answer.headers.get("location", "")
        is_local = where.startswith("/") and where[1:2] not in ("/", "\\", "\t")
        is_right = (answer.status_code == 303 and is_local) or answer.status_code == 429  # noqa: PLR2004
        self.check("pages after a log-in", is_right, f"{target!r}: {answer.status_code} {where!r}")

    def other_sites(self) -> None:
        """A form of another site."""
        site = self.draw.choice(("cross-site", "same-site"))
        headers = {"sec-fetch-site": site, "origin": "https://evil.example"}
        path = self.draw.choice(("/logout", "/d/faces/review/decisions", "/people", "/account/password"))
        answer = self.browser.post(path, headers=headers, data={"sample": "1"})
        self.check("forms of other sites", answer.status_code == 403, f"{path}: {answer.status_code}")  # noqa: PLR2004

    def raw(self) -> None:
        """Bytes that are no request, or too much of one."""
        head = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
        content, allowed = self.draw.choice(
            (
                (head + b"X: " + b"a" * 80_000 + b"\r\n\r\n", {431}),
                (head + b"".join(b"X%d: a\r\n" % i for i in range(200)) + b"\r\n", {431}),
                (b"GET /" + b"a" * 80_000 + b" HTTP/1.1\r\n\r\n", {431}),
                (self.draw.randbytes(200) + b"\r\n\r\n", {400}),
                (b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", {400}),
                (b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n", {413}),
                (b"POST /login HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", {400}),
                (b"GET / HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n", {400}),
            )
        )
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as line:
            try:
                line.sendall(content)
                said = line.recv(4096)
            except ConnectionError:  # it was refused before all of it was sent
                said = b"HTTP/1.1 431"
        status = int(said.split(b" ")[1]) if said.startswith(b"HTTP/1.1 ") else 0
        self.check("raw requests", status in allowed, f"{content[:40]!r}: {said[:40]!r}")

    def photos(self) -> None:
        """A damaged image, or a file that is none, as a photo for a model."""
        picture = Image.fromarray(
            np.random.default_rng(self.draw.getrandbits(32)).integers(0, 255, (40, 40, 3), np.uint8)
        )
        kind = self.draw.choice(("PNG", "JPEG", "GIF", "BMP", "WEBP"))
        out = io.BytesIO()
        picture.save(out, kind)
        whole = out.getvalue()
        how = self.draw.choice(("cut", "text", "empty", "zip", "size", "flipped"))
        content = {
            "cut": whole[: self.draw.randrange(1, len(whole) // 2)],
            "text": b"<?php system($_GET['c']); ?>" * 9,
            "empty": b"",
            "zip": _zip({"a.png": whole}),
            "size": _huge_png(),
            "flipped": _flip(whole, self.draw),
        }[how]
        answer = self.script.post("/api/v1/runs/1/photos", files={"files": ("<b>.png", content)})
        allowed = {202, 422} if how == "flipped" else {422}
        said = answer.text if answer.status_code >= 400 else ""  # noqa: PLR2004
        is_right = answer.status_code in allowed and (not said or "<b>.png" in json.loads(said)["message"])
        self.check("damaged photos", is_right, f"{kind} {how}: {answer.status_code} {said}")


def hostile(places: Places, *, inputs: int, zips: int, draw: random.Random) -> Part:
    """All kinds in turn."""
    with places.empty("hostile") as place:
        place.command("datasets", "list")  # makes the database
        with place.database() as database:
            made = make_dataset(database, place.folder / "images", per_class=6)
            with database.write() as session:
                add_user(session, name="eve", role="annotator", password_hash=hash_password(PASSWORD))
        token, server = tokens_of(place, {"ada": "admin"})["ada"], Killable(place)
        started = server.start()
        attack = Attack(place, server, token, made.sample_ids[0], draw)
        attack.part.expect(started, "the server did not start")
        ways = (attack.bodies, attack.addresses, attack.other_sites, attack.raw, attack.photos)
        attack.browser.get("/login")
        for number in range(inputs):
            ways[number % len(ways)]()
            if number % 25 == 0:  # each is a password to be checked
                attack.next_pages()
        alive = httpx.get(f"http://{server.address}/healthz", timeout=60).is_success
        attack.part.expect(alive, "the server does not answer after all this")
        log = place.log.read_text()
        attack.part.expect("Traceback" not in log, "a stack trace is in the server's log")
        server.kill()
        for number in range(zips):
            _import_zip(place, f"zip{number}", attack, draw)
    attack.part.figures = {"inputs": attack.counts.total(), **attack.counts}
    return attack.part


def _import_zip(place: Place, name: str, attack: Attack, draw: random.Random) -> None:
    """A zip with one bad entry: the good ones are imported, the bad one is refused with a reason."""
    images = write_images(place.folder.parent / "good", per_class=3)
    good = {path.relative_to(images).as_posix(): path.read_bytes() for path in images.rglob("*.png")}
    how = draw.choice(("slip", "link", "bomb", "cut", "text"))
    bad = {
        "slip": (draw.choice(NAMES), next(iter(good.values()))),
        "link": ("train/cat/link.png", b"/etc/passwd"),
        "bomb": ("train/cat/bomb.png", _huge_png()),
        "cut": ("train/cat/cut.png", next(iter(good.values()))[:60]),
        "text": ("train/cat/text.png", b"no image at all"),
    }[how]
    path = place.folder.parent / f"{name}.zip"
    path.write_bytes(_zip(good | dict([bad]), link=bad[0] if how == "link" else ""))
    said = place.command("import", str(path), "--name", name, "--yes", check=False)
    with place.database() as database, database.read() as session:
        dataset = session.scalar(select(Dataset).where(Dataset.name == name))
        rows = (
            list(session.scalars(select(Sample.path).where(Sample.dataset_id == dataset.id)))
            if dataset
            else []
        )
        query = select(RejectedFile.path, RejectedFile.reason)
        refused = (
            dict(session.execute(query.where(RejectedFile.dataset_id == dataset.id)).all()) if dataset else {}
        )
    escaped = list(place.folder.parent.parent.rglob("evil*"))
    is_named = len(refused) == 1 and all(refused.values())
    is_whole = len(rows) == len(good) and (is_named or "evil" in said)
    is_refused = dataset is None and "evil" in said  # a zip with such a name is refused as a whole
    attack.check(
        "zips",
        not escaped and (is_whole or is_refused),
        f"{how} {bad[0]}: {len(rows)} {refused} {said[-150:]}",
    )
    path.unlink()


def _zip(files: dict[str, bytes], *, link: str = "") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            if name == link:
                entry.create_system, entry.external_attr = 3, 0o120777 << 16
            made.writestr(entry, content)
    return out.getvalue()


def _huge_png() -> bytes:
    """A PNG that says it has 3,600 million pixels."""
    out = io.BytesIO()
    Image.new("L", (1, 1)).save(out, "PNG")
    content = bytearray(out.getvalue())
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    import zlib

    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


def _flip(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.randrange(1, 20)):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)
