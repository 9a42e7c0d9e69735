"""A folder behind a URL: a bucket, or the index pages of a web server."""

import errno
import os
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import fsspec

from app.addresses import is_link_local
from app.errors import Invalid, NotFound
from app.storage import entries
from app.storage.entries import UNKNOWN_SIZE, SourceFile, Unreadable, too_large, unreadable, why

PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "http": "aiohttp", "https": "aiohttp"}
WEB = ("http", "https")


async def _client(*, named: str, **options: Any) -> Any:
    """A client that connects to no link-local address, wherever a redirect or the name of a server leads.

    Such an address may be reached only if it is `named` in the URL itself, which a browser or script may not.
    """
    import aiohttp

    def checked(info: Any) -> socket.socket:
        family, kind, protocol, _, target = info
        if is_link_local(str(target[0])) and target[0] != named:
            said = f"{target[0]} answers only on this machine or its network segment"
            raise PermissionError(errno.EACCES, said)
        return socket.socket(family=family, type=kind, proto=protocol)

    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=checked), **options)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


class RemoteSource:
    """A folder behind any URL that fsspec opens, such as `s3://bucket/images` or `https://host/images/`.

    Paths are those below the folder; on the web they are the decoded parts of the addresses.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._scheme = url.partition("://")[0].casefold()
        (self._files, root), self._pid = self._open(), os.getpid()
        self._root = str(root).rstrip("/")

    def _open(self) -> tuple[Any, str]:
        try:
            is_web = self._scheme in WEB and "::" not in self._url.partition("://")[0]
            options = {"get_client": _client, "client_kwargs": {"named": _host(self._url)}} if is_web else {}
            files, root = fsspec.core.url_to_fs(self._url, **options)
        except ImportError as error:
            package = PACKAGES.get(self._scheme)
            how = (
                f": pip install {package}, or in a clone .venv/bin/uv pip install {package}"
                if package
                else f" ({error})"
            )
            raise Invalid(f"{self._scheme}:// needs a package that is not installed{how}.") from error
        except Exception as error:
            raise Invalid(
                f"{self._url} cannot be opened ({why(error)}); check the address, or import from a folder."
            ) from error
        return files, root

    @property
    def _fs(self) -> Any:
        """The file system of this process: after a fork the threads of the old one are gone."""
        if self._pid != os.getpid():
            fsspec.asyn.reset_lock()
            (self._files, _), self._pid = self._open(), os.getpid()
        return self._files

    def _address(self, path: str) -> str:
        return f"{self._root}/{quote(path) if self._scheme in WEB else path}"

    def read(self, path: str) -> bytes:
        """The whole file."""
        try:
            content: bytes = self._fs.cat_file(self._address(path), start=0, end=entries.MAX_FILE_BYTES + 1)
        except FileNotFoundError as error:
            raise NotFound(f"The image file {path} is no longer where it was imported from.") from error
        except Exception as error:
            raise unreadable(path, error) from error
        if len(content) > entries.MAX_FILE_BYTES:
            raise Unreadable(path, too_large())
        return content

    def has(self, path: str) -> bool:
        """Whether there is anything at this path."""
        return self._exists(self._address(path))

    def size(self, path: str) -> int:
        """The bytes of the file."""
        try:
            size = self._fs.size(self._address(path))
            return UNKNOWN_SIZE if size is None else int(size)
        except FileNotFoundError as error:
            raise NotFound(f"The image file {path} is no longer where it was imported from.") from error
        except Exception as error:
            raise unreadable(path, error) from error

    def is_there(self) -> bool:
        """Whether the folder can be reached."""
        return self._exists(f"{self._root}/" if self._scheme in WEB else self._root)

    def _exists(self, address: str) -> bool:
        try:
            return bool(self._fs.exists(address))
        except Exception as error:  # noqa: BLE001 - each file system raises errors of its own
            if isinstance(error, OSError):
                entries.problem_of(error)
            return False

    def walk(self) -> Iterator[SourceFile]:
        """Every file below the folder, as it is listed now."""
        root = f"{self._root}/" if self._scheme in WEB else self._root
        try:
            self._fs.invalidate_cache()
            found = self._fs.find(root, detail=True)
        except Exception as error:
            if isinstance(error, OSError):
                entries.problem_of(error)
            raise Invalid(
                f"{self._url} cannot be listed ({why(error)}); check the address and the credentials."
            ) from error
        if not found and not self.is_there():
            raise NotFound(f"There is nothing at {self._url}; check the address.")
        start = f"{self._root}/"
        for path, info in found.items():
            inside = path.removeprefix(start)
            if not path.startswith(start) or not inside or inside.endswith("/"):
                continue
            if self._scheme in WEB:
                if "?" in inside or "#" in inside:  # an index page that can be sorted
                    continue
                inside = unquote(inside)
            size = UNKNOWN_SIZE if info.get("size") is None else int(info["size"])
            yield SourceFile(inside, size, too_large() if size > entries.MAX_FILE_BYTES else "")

    def close(self) -> None:
        """Nothing stays open."""
