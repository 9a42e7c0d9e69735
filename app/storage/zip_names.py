"""The names of the files in a zip, as their maker saw them.

A zip stores names as bytes. They are text only where the entry is marked as UTF-8 or brings its name a second
time in UTF-8 (Info-ZIP's Unicode Path field); else they are in the code page of the computer that made the
zip, which is written nowhere.
"""

import codecs
import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from app.errors import Invalid

UTF8_FLAG = 0x800
UNICODE_PATH = 0x7075
PLAIN = "utf-8"
MOST_EXAMPLES = 5
# Usual encodings of names without a mark: UTF-8 and the code pages of Windows and DOS, by Python's name.
# If two of them give the same names for a zip, the first one is used.
CODE_PAGES = {
    PLAIN: "UTF-8",
    "gb18030": "GBK, simplified Chinese",
    "cp950": "Big5, traditional Chinese",
    "cp932": "Shift JIS, Japanese",
    "cp949": "Korean",
    "euc_jp": "EUC, Japanese",
    "cp866": "DOS, Cyrillic",
    "cp1251": "Windows, Cyrillic",
    "cp850": "DOS, western European",
    "cp437": "DOS, English",
    "cp1252": "Windows, western European",
    "cp852": "DOS, central European",
    "cp1250": "Windows, central European",
}
_OF_CHARDET = {
    "cp950": "big5hkscs",
    "euc_jp": "euc_jis_2004",
}  # what it calls the larger sets of the same code page

# Words in any code page: ASCII letters, and other bytes with the next one, which may be part of the letter.
_WORDS = re.compile(rb"(?:[\x80-\xff][\x40-\x7e\x80-\xff]?|[A-Za-z])+")


@dataclass(frozen=True)
class ZipNames:
    """The POSIX path of each entry; `encoding` is the code page of those that do not tell, if there are any.

    `examples` are some of the names that hang on it.
    """

    paths: tuple[str, ...]
    encoding: str | None
    examples: tuple[str, ...]


def check_encoding(name: str) -> str:
    """A code page's name as Python writes it. Raises Invalid for what is none."""
    try:
        info = codecs.lookup(name.strip())
        "a/".encode(info.name)
    except (LookupError, UnicodeError, ValueError, TypeError) as error:
        raise Invalid(
            f"“{name[:40]}” is no code page; choose one such as {', '.join(CODE_PAGES)}, or leave it out."
        ) from error
    return info.name


def in_words(encoding: str) -> str:
    """A code page for people."""
    about = CODE_PAGES.get(encoding, "")
    return f"{encoding} ({about})" if about else encoding


def decode_names(entries: Sequence[zipfile.ZipInfo], *, encoding: str | None = None) -> ZipNames:
    """The names of a zip's entries; without an `encoding` it is guessed where it matters.

    Backslashes are separators, whatever system the entry says it comes from: old programs for Windows write
    them. Raises Invalid when a name is not in the given code page.
    """
    told = [_told(entry) for entry in entries]
    raw = [b"" if text is not None else _raw(entry) for text, entry in zip(told, entries, strict=True)]
    unknown = [name for name in raw if name]
    page = (encoding or guess_encoding(unknown)) if unknown else None
    try:
        texts = [
            text if text is not None else name.decode(page or PLAIN)
            for text, name in zip(told, raw, strict=True)
        ]
    except UnicodeDecodeError as error:
        raise Invalid(
            f"Some names in the zip are not in the code page {page}; give another one, or leave it out."
        ) from error
    paths = tuple(_path(text) for text in texts)
    guessed = (path for path, name in zip(paths, raw, strict=True) if name)
    names = (name for path in guessed for name in path.split("/") if not name.isascii())
    return ZipNames(paths, page, tuple(islice(dict.fromkeys(names), MOST_EXAMPLES)))


def guess_encoding(names: Sequence[bytes]) -> str:
    """The code page of names that are not all ASCII: UTF-8 if valid, else the most likely of `CODE_PAGES`."""
    if _reads_as(PLAIN, names):
        return PLAIN
    possible = [page for page in CODE_PAGES if page != PLAIN and _reads_as(page, names)]
    if len(possible) > 1:
        import chardet  # tables of 3 MB that few imports need

        asked = {_OF_CHARDET.get(page, page): page for page in possible}
        words = {word for name in names for word in _WORDS.findall(name) if not word.isascii()}
        text = b"\n".join(sorted(words))
        found = chardet.detect(text, include_encodings=asked, compat_names=False)["encoding"]
        if found in asked:
            read = [name.decode(asked[found]) for name in names]
            return next(page for page in possible if [name.decode(page) for name in names] == read)
    return possible[0] if possible else "cp437"  # which reads every byte


def _told(entry: zipfile.ZipInfo) -> str | None:
    """An entry's name, if it is certain."""
    if entry.flag_bits & UTF8_FLAG or entry.orig_filename.isascii():
        return _unicode_path(entry) or entry.orig_filename
    return _unicode_path(entry)


def _raw(entry: zipfile.ZipInfo) -> bytes:
    """The stored bytes of an unmarked name: Python decodes them as code page 437, where all are valid."""
    return entry.orig_filename.encode("cp437")


def _unicode_path(entry: zipfile.ZipInfo) -> str | None:
    """The name in the Unicode Path field if it matches the stored name, otherwise the entry was renamed."""
    stored = entry.orig_filename.encode(PLAIN if entry.flag_bits & UTF8_FLAG else "cp437")
    for tag, data in _extra_fields(entry.extra):
        if tag == UNICODE_PATH and len(data) > 5 and data[0] == 1:  # noqa: PLR2004 - version and checksum
            [checksum] = struct.unpack_from("<I", data, 1)
            try:
                return data[5:].decode(PLAIN) if checksum == zlib.crc32(stored) else None
            except UnicodeDecodeError:
                return None
    return None


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 4 <= len(extra):
        tag, size = struct.unpack_from("<HH", extra, place)
        yield tag, extra[place + 4 : place + 4 + size]
        place += 4 + size


def _path(name: str) -> str:
    """The POSIX path without empty parts and `.`; slashes at its start and end stay."""
    posix = name.partition("\0")[0].replace("\\", "/")
    root = posix[: len(posix) - len(posix.lstrip("/"))]
    first, *parts = posix.removeprefix(root).split("/")
    kept = [part for part in (first, *parts) if part not in ("", ".")]
    is_folder = bool(parts) and parts[-1] in ("", ".")
    return f"{root}{'/'.join(kept)}{'/' if is_folder else ''}"


def _reads_as(encoding: str, names: Sequence[bytes]) -> bool:
    """Whether all names are text in a code page: no control characters and none that stand for nothing."""
    try:
        texts = [name.decode(encoding) for name in names]
    except UnicodeDecodeError:
        return False
    letters = {character for text in texts for character in text if not character.isascii()}
    return all(unicodedata.category(character)[0] != "C" for character in letters)
