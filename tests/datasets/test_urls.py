"""Images behind URLs: buckets, web servers, lists of URLs; who may name them, and that twice is once."""

import functools
import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer
from starlette.testclient import TestClient

from app.datasets.label_reading import StatedColumns
from app.datasets.missing import files_of, look
from app.datasets.sources import resolve_list, resolve_source
from app.datasets.urls import check_url, is_list
from app.db.engine import Database
from app.errors import Forbidden, Invalid, NotFound
from app.settings import Settings
from app.storage import Unreadable, open_source
from tests.datasets.labels.test_placing import bring
from tests.datasets.test_importing import imported, pets, samples, write

FILES = {path.replace("cat", "käse & 50%"): content for path, content in pets().items()}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a web server on this machine, and its folder."""
    root = tmp_path / "web"
    root.mkdir()
    handler = functools.partial(Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", root
        server.shutdown()
        thread.join()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, bytes]], None]]:
    """A bucket named toploss-pets of an S3 server on this machine; the function puts files into it."""
    import boto3
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()  # they keep the address of an earlier test's server
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # servers of a process share their buckets
    httpx.post(f"http://{host}:{port}/moto-api/reset", timeout=60).raise_for_status()
    keys = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in (keys | {"AWS_ENDPOINT_URL": f"http://{host}:{port}"}).items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="toploss-pets")

    def put(files: dict[str, bytes]) -> None:
        for path, content in files.items():
            client.put_object(Bucket="toploss-pets", Key=f"images/{path}", Body=content)

    yield put
    client.close()
    server.stop()


def is_whole(database: Database, url: str) -> None:
    """Every sample can be read again, as a training does."""
    source = open_source(url)
    with database.read() as session:
        recorded = files_of(session, dataset_id=1)
    assert recorded
    assert not any(look(source, file, content=True) for file in recorded)


def test_a_bucket_is_imported_once_and_read_again(
    database: Database, bucket: Callable[[dict[str, bytes]], None]
) -> None:
    bucket(FILES)
    url = "s3://toploss-pets/images"
    assert imported(database, url).added == 10
    again = imported(database, url)
    assert (again.added, again.known) == (0, 10)
    bucket({"dog/new.png": FILES["dog/0.png"]})
    assert imported(database, url).added == 1  # listings are not remembered
    assert sorted(samples(database)) == sorted([*FILES, "dog/new.png"])
    is_whole(database, url)
    with pytest.raises((Invalid, NotFound), match=r"cannot be listed|nothing at"):
        imported(database, "s3://toploss-none/images", name="none")


def test_index_pages_of_a_web_server_are_a_folder(database: Database, web: tuple[str, Path]) -> None:
    address, root = web
    write(root / "pets", FILES)
    assert imported(database, f"{address}/pets").added == 10
    again = imported(database, f"{address}/pets")
    assert (again.added, again.known, again.rejected) == (0, 10, 0)
    assert sorted(samples(database)) == sorted(FILES)
    is_whole(database, f"{address}/pets")
    with pytest.raises(NotFound, match="There is nothing at"):
        imported(database, f"{address}/none", name="none")


def test_a_label_file_beside_images_on_a_web_server_gives_the_classes(
    database: Database, web: tuple[str, Path]
) -> None:
    address, root = web
    rows = "".join(f"{i}.png,{'ab'[i % 2]}\n" for i in range(5))
    write(root / "pets", {f"{i}.png": FILES[f"dog/{i}.png"] for i in range(5)})
    (root / "pets" / "labels.csv").write_text(f"path,label\n{rows}")
    imported(database, f"{address}/pets")
    assert {sample.given_label for sample in samples(database).values()} == {0, 1}


@pytest.mark.parametrize("kind", ["a file of URLs", "the URL of a file with paths"])
def test_a_label_file_of_urls_is_a_source_without_any_listing(
    database: Database, web: tuple[str, Path], tmp_path: Path, kind: str
) -> None:
    address, root = web
    write(root / "a", {f"{i}.png": FILES[f"dog/{i}.png"] for i in range(5)})
    where = f"{address}/a/" if kind == "a file of URLs" else "a/"
    rows = "".join(f"{where}{i}.png,{'ab'[i % 2]}\n" for i in range(6))
    (root / "list.csv").write_text(f"image_url,label\n{rows}")
    text = str(root / "list.csv") if kind == "a file of URLs" else f"{address}/list.csv"
    assert is_list(text)
    origin, labels = resolve_list(text, uploads_dir=tmp_path / "uploads", columns=StatedColumns())
    report = bring(database, Path(origin.source), labels=labels)
    assert (report.added, report.classes, report.rejected) == (5, 2, 1)
    assert bring(database, Path(origin.source)).added == 0
    is_whole(database, origin.source)


def test_a_label_file_without_urls_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("path,label\na.png,x\n")
    with pytest.raises(Invalid, match=r"no column of URLs. Import the folder or zip of the images"):
        resolve_list(str(tmp_path / "l.csv"), uploads_dir=tmp_path, columns=StatedColumns())
    (tmp_path / "l.csv").write_text("path,label\nfile:///etc/passwd,x\n")
    with pytest.raises(Invalid, match="no URL that begins with"):
        resolve_list(str(tmp_path / "l.csv"), uploads_dir=tmp_path, columns=StatedColumns())


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ImportError("Install gcsfs")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(
        Invalid,
        match=r"gs:// needs a package .*: pip install gcsfs, or in a clone .* pip install gcsfs\.",
    ):
        open_source("gs://bucket/images")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "file:///etc",
            "memory://a",
            "ftp://h/a",
            "zip://a.zip::https://h/x",
            "links:///etc",
            "local:///etc",
        ),
        *("http://169.254.169.254/latest/", "http://[fe80::1]/x", "simplecache::s3://a/b"),
        *("http://[0:0:0:0:0:ffff:a9fe:a9fe]/", "http://[::ffff:169.254.169.254]/", "http://2852039166/"),
        *("http://[fd00:ec2::254]/", "http://[64:ff9b::a9fe:a9fe]/", "http://[2002:a9fe:a9fe::]/x"),
        *("http://[::a9fe:a9fe]/", "http://100.100.100.200/latest/"),
    ],
)
def test_of_urls_only_buckets_and_web_servers_are_open_to_a_browser(url: str) -> None:
    with pytest.raises(Forbidden):
        check_url(url, urls=True)


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]"])
def test_a_redirect_to_a_link_local_address_is_not_followed(host: str) -> None:
    class Redirects(Quiet):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("location", f"http://{host}:9/latest/")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirects) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with pytest.raises(Unreadable, match="network segment"):
                open_source(f"http://127.0.0.1:{server.server_port}/a").read("1.png")
        finally:
            server.shutdown()


def test_a_name_of_a_link_local_address_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 9))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: there)
    with pytest.raises(Unreadable, match="network segment"):
        open_source("http://later.example.org/a").read("1.png")


def test_an_admin_may_name_a_url_where_the_operator_permits_it(
    api: dict[str, TestClient], browser_of: dict[str, TestClient], settings: Settings, web: tuple[str, Path]
) -> None:
    address, root = web
    write(root / "pets", pets())
    said = {"name": "pets", "path": f"{address}/pets/"}
    assert api["bob"].post("/api/v1/datasets", data=said).status_code == 403
    settings.import_urls = "off"
    refused = api["ada"].post("/api/v1/datasets", data=said)
    assert (refused.status_code, "switched off" in refused.json()["message"]) == (403, True)
    assert "s3://" not in browser_of["ada"].get("/datasets/new").text
    settings.import_urls = "on"
    accepted = api["ada"].post("/api/v1/datasets", data=said)
    assert accepted.status_code == 202, accepted.text
    assert accepted.json()["layout"]["classes"] == {"cat": {"train": 5}, "dog": {"train": 5}}
    assert "s3://" in browser_of["ada"].get("/datasets/new").text
    page = browser_of["ada"].post("/datasets/new", data=said | {"name": "b"}, follow_redirects=True)
    assert "2 classes: cat, dog" in page.text
    (root / "l.csv").write_text("url,label\nhttp://169.254.169.254/1.png,x\n")
    listed = {"name": "c", "path": f"{address}/l.csv"}
    assert api["ada"].post("/api/v1/datasets", data=listed).status_code == 403


def test_links_are_followed_only_where_this_is_said(database: Database, tmp_path: Path) -> None:
    cache = write(tmp_path / "cache", pets())
    root = tmp_path / "pets"
    root.mkdir()
    for name in ("cat", "dog"):
        (root / name).symlink_to(cache / name)
    with pytest.raises(Invalid):
        imported(database, root)
    origin = resolve_source(str(root), uploads_dir=tmp_path / "d" / "uploads", follow_links=True)
    assert str(origin) == f"{root} (with links)"
    assert imported(database, origin, name="linked").added == 10
    again = imported(database, origin, name="linked")
    assert (again.added, again.known, again.notes) == (0, 10, ())
    (cache / "cat" / "0.png").unlink()
    assert "1 image is left out" in imported(database, origin, name="linked").notes[-1]
    with pytest.raises(Invalid, match="no links to follow"):
        resolve_source(str(cache / "none.zip"), uploads_dir=tmp_path, follow_links=True)
