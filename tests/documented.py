"""The fenced blocks of the documentation, and what a page says of those that no test of the pages runs."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = ("sh", "python")
FENCE = re.compile(
    r"^(?:<!-- (?P<mark>(?:not run|run by|every [a-z ]*of this page is run by)[^>]*) -->\n\n)?"
    r"^```(?P<language>\w+)\n(?P<code>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
WHOLE_PAGE = re.compile(r"every (?:(\w+) )?block of this page is run by (\S+)")


@dataclass(frozen=True)
class Block:
    """Some lines of a page; `reason` says why they are not run as they stand, and is empty if they are."""

    page: str  # from the root of the repository
    line: int  # of the fence
    language: str
    code: str
    reason: str


def pages() -> list[Path]:
    """Everything that is written for readers, the tutorial first: other pages use what it makes."""
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return sorted(documents, key=lambda path: path.name != "tutorial.md")


def blocks_of(page: Path) -> list[Block]:
    """The blocks in `sh` and `python` of a page, in their order."""
    text = page.read_text()
    found, of_page = [], {}
    for match in FENCE.finditer(text):
        reason = match["mark"] or ""
        if whole := WHOLE_PAGE.match(reason):
            of_page = dict.fromkeys([whole[1]] if whole[1] else LANGUAGES, reason)
        if match["language"] in LANGUAGES:
            line = text.count("\n", 0, match.start("code"))
            reason = reason or of_page.get(match["language"], "")
            name = page.relative_to(ROOT).as_posix()
            found.append(Block(name, line, match["language"], match["code"], reason))
    return found
