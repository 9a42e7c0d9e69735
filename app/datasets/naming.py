"""Which file names are safe to read, and how class names become folder names and back (pure)."""

import re
import unicodedata
from urllib.parse import quote, unquote

from app.storage.zip_names import PLAIN, ZipNames, in_words

_UNSAFE = re.compile(r'[%/\\<>:"|?*\x00-\x1f\x7f-\x9f\u2028\u2029]|^[. ]|[. ]$')
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE
)  # devices on Windows
_CONTROLS = {"\t": "a tab", "\n": "a line break", "\r": "a line break", "\u2028": "a line break"}
# Letters and marks that are shown as nothing: variation selectors and other joiners, fillers, blank braille.
_UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
)
_CLUTTER = {"__macosx", "thumbs.db", "desktop.ini"}


def is_clutter(path: str) -> bool:
    """Whether it is a file of an operating system: hidden, or with one of the usual names.

    Such files are ignored without a note.
    """
    return any(
        part.casefold() in _CLUTTER or (part.startswith(".") and part not in (".", ".."))
        for part in path.split("/")
    )


def name_problem(path: str) -> str:
    """Why a relative POSIX path cannot be the name of a sample; empty when it can."""
    if any(part in ("", ".", "..") for part in path.split("/")):
        return "unsafe name: absolute, or with . or .. in it"
    *folders, name = path.split("/")
    for part in folders:
        if any(map(_is_control, part)):
            return f"unreadable name: the folder “{printable(part)}” {_why(part)}; rename the folder"
        if is_blank(class_name(part)):
            codes = " ".join(f"U+{ord(character):04X}" for character in class_name(part)[:8])
            shown = f"only characters that are not shown ({codes})"
            return f"unreadable name: a folder's name has {shown}; rename it"
    return f"unreadable name: it {_why(name)}; rename the file" if any(map(_is_control, name)) else ""


def is_blank(name: str) -> bool:
    """Whether no character of a name can be seen: spaces, marks of direction, joiners, fillers."""
    return not any(map(_is_seen, name))


def leads_away(name: str) -> bool:
    """Whether a part of a class name is only dots: clients shorten `classes/..` to another address."""
    return any(part.strip() and not part.strip(". ") for part in re.split(r"[/\\]", name))


def _is_seen(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Zs", "Zl", "Zp") and character not in _UNSEEN


def _why(name: str) -> str:
    """What is wrong with a name that has a control character."""
    kinds = [_CONTROLS.get(character, "a control character") for character in name if _is_control(character)]
    if any(unicodedata.category(character) == "Cs" for character in name):
        return "cannot be decoded as UTF-8"
    return f"has {kinds[0]} in it"


def printable(path: str) -> str:
    r"""A path that can be shown and stored: control characters and undecodable bytes as `\x…`."""
    return "".join(
        character.encode("unicode_escape").decode() if _is_control(character) else character
        for character in path
    )


def folder_name(class_name: str) -> str:
    """A folder name for a class that is safe on Linux, macOS and Windows; `class_name` reads it back.

    Unsafe characters are percent-encoded: separators, control characters, a dot or space at either end, and
    the first character of names that have a special meaning for an operating system or for our import.
    """
    escaped = _UNSAFE.sub(lambda match: _percent(match[0]), class_name)
    if _RESERVED.match(escaped) or escaped.casefold() in _CLUTTER:
        escaped = _percent(escaped[0]) + escaped[1:]
    return escaped


def class_name(folder: str) -> str:
    """The class name of a folder: the escapes of `folder_name` are decoded, other names are unchanged."""
    name = unquote(folder, errors="surrogateescape")
    return name if folder_name(name) == folder and not name_problem(name.replace("/", "_")) else folder


def zip_notes(names: ZipNames) -> list[str]:
    """A note about a zip whose file names have no certain code page; empty if it is certain."""
    if names.encoding in (None, PLAIN):
        return []
    examples = ", ".join(map(printable, names.examples))
    sentence = (
        "The file names in the zip have no marked code page. They were read as "
        f"{in_words(names.encoding)}: {examples}. If they look wrong, import the zip as a new data set "
        "with the code page of the computer that made it (--zip-encoding, or “Code page of the names” in "
        "the form)."
    )
    return [sentence]


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in (
        "Cc",
        "Cs",
        "Zl",
        "Zp",
    )  # controls, undecodable bytes, line separators


def _percent(character: str) -> str:
    encoded = quote(character, safe="", errors="surrogatepass")
    return (
        encoded if encoded != character else f"%{ord(character):02X}"
    )  # quote() leaves letters, digits, `.`, `_`, `-` alone
