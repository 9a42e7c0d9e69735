"""ImageNet weights of a ResNet34 as a file: looked for, copied or downloaded, and verified. No torch here.

The file's name ends with the first digits of its sha256, as torchvision publishes it. A file whose content
does not have them is never used.
"""

import hashlib
import logging
import os
import re
import shutil
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError
from urllib.parse import urlsplit

from app.errors import Cancelled
from app.files import write_atomically
from app.ml.errors import WeightsUnavailable

log = logging.getLogger(__name__)

NAME = "resnet34-b627a593.pth"  # torchvision's, of 2016; every version of torchvision has used these weights
HOST = "download.pytorch.org"
MEGABYTES = 83
_NAMES = re.compile(r"resnet34-([0-9a-f]{8,64})\.pth")
_CONNECT = 3.0  # seconds until a network counts as absent; a name that does not resolve fails at once
_SILENT = 10.0  # seconds without a byte that end a download
_LONGEST = 1800.0  # seconds of a whole download
_REMEMBERED = 300.0  # seconds for which the web process believes its last look at the network
_CHUNK = 1 << 20

Report = Callable[[int, int], None]  # bytes done, bytes in total


@dataclass(frozen=True)
class Offer:
    """Where ImageNet weights would come from now."""

    state: Literal["here", "download", "absent", "unknown"]  # unknown: the network has not answered yet
    why: str = ""  # if absent

    @property
    def can_be(self) -> bool:
        """Whether a training would get them, as far as is known."""
        return self.state != "absent"


def offer(folder: Path, *, patience: float = 1.0) -> Offer:
    """Whether weights are on this machine, unverified, or can be downloaded; it waits `patience` seconds.

    What is known of the network is remembered for minutes.
    """
    if any(_files(folder)):
        return Offer("here")
    reach = _REACH.ask(patience)
    if reach is None:
        return Offer("unknown")
    return Offer("absent", "no internet") if reach else Offer("download")


def obtain(
    folder: Path,
    *,
    url: str,
    report: Report = lambda _done, _total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Path:
    """A verified file in `folder`, which is copied from torch's cache or downloaded if it is not there yet.

    Several processes may do so at once: each writes a file of its own and renames it when it is whole and
    verified. Raises WeightsUnavailable, which says why, and Cancelled.
    """
    damaged = []
    for path in _files(folder):
        if not is_whole(path):
            damaged.append(f"{path} is damaged: its sha256 does not begin with {digits_of(path.name)}")
        elif path.parent == folder:
            return path
        else:
            return _copied(path, folder)
    try:
        return _download(url, folder, report, should_stop)
    except WeightsUnavailable as error:
        found = "; ".join(damaged) or "they are not on this machine"
        raise WeightsUnavailable(f"{found}, and {error}") from error


def is_whole(path: Path) -> bool:
    """Whether the sha256 of the file begins with the digits of its name, as torch.hub checks it."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest().startswith(digits_of(path.name))
    except OSError:
        return False


def digits_of(name: str) -> str:
    """The digits of the sha256 in a file's name."""
    found = _NAMES.fullmatch(name)
    if not found:
        raise ValueError(f"{name} is no name of ImageNet weights of a ResNet34")
    return found[1]


def torch_cache() -> Path:
    """The folder into which torchvision downloads weights."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return Path(os.environ.get("TORCH_HOME") or cache / "torch").expanduser() / "hub" / "checkpoints"


def _files(folder: Path) -> Iterator[Path]:
    """In the folder, then in torch's cache; torchvision's own name first."""
    for place in (folder, torch_cache()):
        with suppress(OSError):
            names = [path for path in place.iterdir() if _NAMES.fullmatch(path.name) and path.is_file()]
            yield from sorted(names, key=lambda path: (path.name != NAME, path.name))


def _copied(path: Path, folder: Path) -> Path:
    """A copy in the folder; the file itself if there is no room."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with write_atomically(folder / path.name) as partial:
            shutil.copyfile(path, partial)
    except OSError:
        return path
    return folder / path.name


def _download(url: str, folder: Path, report: Report, should_stop: Callable[[], bool]) -> Path:
    address = urlsplit(url)
    name = address.path.rsplit("/", 1)[-1]
    if problem := _reached(address.hostname or "", address.port, address.scheme):
        raise WeightsUnavailable(f"cannot be downloaded: {problem}")
    started = time.monotonic()
    digest, done = hashlib.sha256(), 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            write_atomically(folder / name) as partial,
            urllib.request.urlopen(url, timeout=_SILENT) as answer,  # noqa: S310 - https, by torchvision
            partial.open("wb") as file,
        ):
            total = int(answer.headers.get("Content-Length") or 0)
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                report(done, total)
                if should_stop():
                    raise Cancelled("The download of the start weights was stopped.")
                _check(time.monotonic() - started < _LONGEST, "it is too slow")
            right = digest.hexdigest().startswith(digits_of(name))
            _check(right, f"{done:,} bytes came, but not the right ones: their sha256 is another one")
    except (OSError, HTTPException) as error:  # urllib's errors are OSErrors
        if isinstance(error, HTTPError):
            error.close()  # it is the answer, and holds the connection
        reason = error if isinstance(error, HTTPError) else getattr(error, "reason", None) or error
        raise WeightsUnavailable(f"cannot be downloaded from {address.hostname}: {reason}") from error
    return folder / name


def _check(holds: bool, problem: str) -> None:
    if not holds:
        raise OSError(problem)


def _reached(host: str, port: int | None = None, scheme: str = "https") -> str:
    """Why a connection to the host, or to the proxy in front of it, fails; empty if it succeeds.

    The look-up of a name knows no time limit, so it happens in a thread.
    """
    proxy = urllib.request.getproxies().get(scheme)
    through = ""
    if proxy and not urllib.request.proxy_bypass(host):
        parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
        host, port = parts.hostname or host, parts.port
        through = "the proxy "
    to = (host, port or (443 if scheme == "https" and not through else 80))
    result = [f"no internet: {through}{host} does not answer within {_CONNECT:g} seconds"]

    def connect() -> None:
        try:
            socket.create_connection(to, timeout=_CONNECT).close()
            result[0] = ""
        except TimeoutError:
            pass
        except OSError as error:  # the log has the words of the system
            log.info("no connection to %s%s: %s", through, host, error.strerror or error)
            result[0] = f"no internet: {through}{host} cannot be reached"

    thread = threading.Thread(target=connect, name="start-weights-network", daemon=True)
    thread.start()
    thread.join(_CONNECT)
    return result[0]


class _Reach:
    """What this process knows of the way to the host; a look at it happens in the background."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._known: tuple[float, str] | None = None  # when, and why not; an empty reason: it is reached

    def ask(self, patience: float) -> str | None:
        """Why it is not reached, empty if it is; None if that is not known after `patience` seconds."""
        with self._lock:
            if self._known and time.monotonic() - self._known[0] < _REMEMBERED:
                return self._known[1]
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._look, name="start-weights-offer", daemon=True)
                self._thread.start()
            thread = self._thread
        thread.join(patience)
        return self._known[1] if self._known else None

    def _look(self) -> None:
        self._known = time.monotonic(), _reached(HOST)

    def forget(self) -> None:
        """Look again when asked next."""
        self._known = None


_REACH = _Reach()
