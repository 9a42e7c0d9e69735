"""Which URLs may be imported from in a browser or by REST, and label files that are lists of URLs."""

import hashlib
import socket
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from app.addresses import is_link_local
from app.datasets.embedded import holds_images
from app.datasets.labels.tables import LOOKED_AT, read_table, suffix_of
from app.datasets.layout import IMAGE_SUFFIXES
from app.datasets.naming import name_problem
from app.errors import Forbidden, Invalid
from app.files import write_atomically
from app.storage import LIST, Origin, RemoteSource
from app.storage.remote import PACKAGES, WEB

NO_FOLDER = (
    "This address answers only on this machine or its own network segment (link-local), where no data set "
    "lies; import it on the command line if it does."
)


def check_url(url: str, *, urls: bool) -> None:
    """Raises Forbidden for a URL that an admin may not import from in a browser or by REST.

    Buckets and web servers are permitted where the operator permits URLs at all; link-local addresses, which
    in a cloud hand out the credentials of the machine, never are.
    """
    if not urls:
        raise Forbidden(
            "Imports from URLs are switched off here (TOPLOSS_IMPORT_URLS); use the command line: toploss "
            "import URL --name NAME."
        )
    scheme = url.partition("://")[0].casefold()
    if scheme not in PACKAGES or "::" in url:
        raise Forbidden(
            "URLs that begin with s3://, gs://, https:// or http:// can be imported here; use the command "
            "line for others."
        )
    if scheme in WEB and _leads_to_link_local(url):
        raise Forbidden(NO_FOLDER)


def _leads_to_link_local(url: str) -> bool:
    """Whether its server is link-local now; `app.storage.remote` looks at each connection again."""
    try:
        found = socket.getaddrinfo(urlsplit(url).hostname or "", None)
    except (OSError, ValueError):
        return False  # it cannot be opened either
    return any(is_link_local(str(each[4][0])) for each in found)


def is_list(text: str) -> bool:
    """Whether a source is a label file: its images lie behind the URLs, or beside the file."""
    if "://" not in text and holds_images(Path(text)):
        return False
    return bool(suffix_of(text.partition("?")[0]))


def source_of_list(
    content: bytes, *, name: str, url: str, uploads_dir: Path, check: Callable[[str], None]
) -> Origin:
    """The origin of the images that a label file names by URLs, or by paths beside its own `url`.

    `check` is called with an address of each server. Raises Invalid for a file without such a column.
    """
    table = read_table(content, name=name)
    rows = list(islice(table.rows(), LOOKED_AT))
    base = url.rpartition("/")[0]
    place = _column(rows, len(table.columns), relative=bool(base))
    if place is None:
        raise Invalid(
            f"{name} has no column of URLs. Import the folder or zip of the images, and name this file with "
            "--labels (or as “labels”)."
        )
    lines: dict[str, str] = {}
    for row in table.rows():
        value = row[place].strip()
        address = value if "://" in value else f"{base}/{value.lstrip('/')}" if base else ""
        path = _path(address)
        if path and address.partition("://")[0].casefold() in PACKAGES:
            lines.setdefault(path, address)
    if not lines:
        raise Invalid(f"{name} has no URL that begins with s3://, gs://, https:// or http://.")
    for server in {"/".join(address.split("/")[:3]) for address in lines.values()}:
        check(server)
    schemes = {address.partition("://")[0] for address in lines.values()}
    if len(schemes) > 1:
        raise Invalid(f"{name} has URLs of several kinds ({', '.join(sorted(schemes))}); split it by them.")
    text = "".join(f"{path}\t{address}\n" for path, address in lines.items())
    uploads_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    stored = uploads_dir.resolve() / f"{hashlib.sha256(text.encode()).hexdigest()}{LIST}"
    with write_atomically(stored) as partial:
        partial.write_text(text, "utf-8")
    return Origin(str(stored), name)


def download(url: str) -> bytes:
    """The content of a label file behind a URL. Raises NotFound, Invalid."""
    folder, _, name = url.rpartition("/")
    return RemoteSource(folder).read(name)


def _column(rows: list[tuple[str, ...]], width: int, *, relative: bool) -> int | None:
    """The column of URLs, else, with `relative`, the one with the names of images."""
    urls = [sum("://" in row[place] for row in rows) for place in range(width)]
    names = [sum(row[place].casefold().endswith(IMAGE_SUFFIXES) for row in rows) for place in range(width)]
    for counts in (urls, names) if relative else (urls,):
        if any(counts):
            return counts.index(max(counts))
    return None


def _path(address: str) -> str:
    """The path of a sample behind a URL: server and folders; empty if it cannot be one."""
    path = address.partition("://")[2].partition("?")[0].partition("#")[0].lstrip("/")
    return "" if "\t" in address or "\n" in address or name_problem(path) else path
