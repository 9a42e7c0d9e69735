"""ImageNet weights as a file: found, copied, downloaded, verified; never waited for without a network."""

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from torchvision.models import ResNet34_Weights

from app.errors import Cancelled
from app.ml import imagenet
from app.ml.errors import WeightsUnavailable
from app.ml.imagenet import NAME, Offer, is_whole, obtain, offer, torch_cache
from tests.imagenet import without_network

NOWHERE = f"https://{imagenet.HOST}/models/{NAME}"
CONTENT = bytes(range(256)) * 20_000  # 5 MB
FILE = f"resnet34-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """No cache but the test's, and nothing is known of the network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(imagenet, "_REACH", imagenet._Reach())


@pytest.fixture
def offline(monkeypatch, tmp_path):
    without_network(monkeypatch, tmp_path / "torch")


def put(folder: Path, content: bytes = CONTENT) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(content)
    return folder / FILE


@contextmanager
def serving(monkeypatch, content: bytes, *, claimed: int | None = None, status: int = 200) -> Iterator[str]:
    """The address of a file that a web server sends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content) if claimed is None else claimed))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("urllib.request._opener", None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/models/{FILE}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_names_are_torchvisions_and_the_cache_is_torchs(monkeypatch, tmp_path):
    assert ResNet34_Weights.IMAGENET1K_V1.url == NOWHERE
    assert round(ResNet34_Weights.IMAGENET1K_V1.meta["_file_size"]) == imagenet.MEGABYTES
    assert torch_cache() == Path(torch.hub.get_dir()) / "checkpoints"
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert torch_cache() == Path(torch.hub.get_dir()) / "checkpoints"


def test_a_file_of_the_data_folder_is_used_as_it_is(offline, tmp_path):
    file = put(tmp_path / "weights")
    assert offer(tmp_path / "weights") == Offer("here")
    assert obtain(tmp_path / "weights", url=NOWHERE) == file


def test_a_file_of_torchs_cache_is_kept_in_the_data_folder(offline, tmp_path):
    cached = put(torch_cache())
    assert offer(tmp_path / "weights") == Offer("here")
    found = obtain(tmp_path / "weights", url=NOWHERE)
    assert (found.parent, found.read_bytes()) == (tmp_path / "weights", CONTENT)
    cached.unlink()
    assert obtain(tmp_path / "weights", url=NOWHERE) == found


@pytest.mark.parametrize(
    "content", [b"", CONTENT[:-1], CONTENT[:-1] + b"x"], ids=["empty", "part", "changed"]
)
def test_a_damaged_file_is_never_used_and_a_whole_one_elsewhere_is(offline, tmp_path, content):
    file = put(tmp_path / "weights", content)
    with pytest.raises(WeightsUnavailable, match="is damaged: its sha256 does not begin with"):
        obtain(tmp_path / "weights", url=NOWHERE)
    put(torch_cache())
    assert obtain(tmp_path / "weights", url=NOWHERE) == file
    assert file.read_bytes() == CONTENT


def test_a_damaged_file_is_replaced_by_a_download(tmp_path, monkeypatch):
    file = put(tmp_path / "weights", CONTENT[:-1])
    with serving(monkeypatch, CONTENT) as url:
        assert obtain(tmp_path / "weights", url=url) == file
    assert is_whole(file)


def test_a_download_reports_its_bytes_and_leaves_one_file(tmp_path, monkeypatch):
    seen: list[tuple[int, int]] = []
    with serving(monkeypatch, CONTENT) as url:
        file = obtain(tmp_path / "weights", url=url, report=lambda *numbers: seen.append(numbers))
    assert file.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert list((tmp_path / "weights").iterdir()) == [file]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"content": CONTENT[:-100], "claimed": len(CONTENT)}, "cannot be downloaded"),
        ({"content": CONTENT[:-100]}, "sha256"),
        ({"content": b"<html>Please log in</html>"}, "sha256"),
        ({"content": b"", "status": 404}, "404"),
    ],
    ids=["cut off", "part", "a page", "missing"],
)
def test_what_is_not_the_whole_file_is_refused_and_leaves_nothing(tmp_path, monkeypatch, answer, words):
    with serving(monkeypatch, **answer) as url, pytest.raises(WeightsUnavailable, match=words):
        obtain(tmp_path / "weights", url=url)
    assert list((tmp_path / "weights").iterdir()) == []


def test_a_download_can_be_stopped_and_leaves_nothing(tmp_path, monkeypatch):
    with serving(monkeypatch, CONTENT) as url, pytest.raises(Cancelled):
        obtain(tmp_path / "weights", url=url, should_stop=lambda: True)
    assert list((tmp_path / "weights").iterdir()) == []


def test_workers_that_download_at_once_do_not_damage_each_others_file(tmp_path, monkeypatch):
    together = threading.Barrier(4)
    waits: list[int] = []

    def meet(done: int, _total: int) -> None:
        if done <= imagenet._CHUNK:  # all have begun to write
            waits.append(together.wait(60))

    with serving(monkeypatch, CONTENT) as url, ThreadPoolExecutor(4) as workers:
        work = [workers.submit(obtain, tmp_path / "weights", url=url, report=meet) for _ in range(4)]
        files = {each.result() for each in work}
    assert len(waits) == 4
    assert list((tmp_path / "weights").iterdir()) == list(files)
    assert is_whole(files.pop())


def fails(*_: object, **__: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def direct(monkeypatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def ask_both(folder: Path) -> tuple[Offer, str]:
    with pytest.raises(WeightsUnavailable) as refused:
        obtain(folder, url=NOWHERE)
    return offer(folder), str(refused.value)


def test_without_a_name_server_it_says_so_and_the_log_has_the_words_of_the_system(
    tmp_path, monkeypatch, caplog
):
    direct(monkeypatch)
    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with caplog.at_level("INFO"):
        offered, words = ask_both(tmp_path)
    assert offered == Offer("absent", "no internet")
    unreached = f"no internet: {imagenet.HOST} cannot be reached"
    assert words == f"they are not on this machine, and cannot be downloaded: {unreached}"
    assert f"no connection to {imagenet.HOST}: Name or service not known" in caplog.text


def test_without_its_proxy_it_names_the_proxy(offline, tmp_path):
    offered, words = ask_both(tmp_path)
    assert "no internet: the proxy 127.0.0.1 cannot be reached" in words
    assert (offered.state, offered.can_be) == ("absent", False)


def test_a_name_server_that_never_answers_is_not_waited_for(tmp_path, monkeypatch):
    direct(monkeypatch)
    over = threading.Event()
    hang: Callable[..., object] = lambda *_, **__: over.wait(60) and fails()  # noqa: E731
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(imagenet, "_CONNECT", 0.2)
    try:
        with pytest.raises(WeightsUnavailable, match="does not answer within"):
            obtain(tmp_path, url=NOWHERE)
        assert offer(tmp_path, patience=0.01).state in ("unknown", "absent")
    finally:
        over.set()


def test_the_network_is_looked_at_once_in_a_while(tmp_path, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(imagenet, "_reached", lambda host: asked.append(host) or "")
    assert {offer(tmp_path, patience=10).state for _ in range(5)} == {"download"}
    assert asked == [imagenet.HOST]
