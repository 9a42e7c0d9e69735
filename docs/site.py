"""What `make docs` adds to the pages: the list of the decisions, from their headings."""

import re
from pathlib import Path
from typing import Any

PLACE = "<!-- list of decisions -->"


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Put the list where the page of the decisions has its place; called by MkDocs."""
    if PLACE not in markdown:
        return markdown
    folder = Path(page.file.abs_src_path).parent
    lines = []
    for path in sorted(folder.glob("0*.md")):
        heading = re.match(r"# (.+)", path.read_text())
        lines.append(f"- [{path.name[:4]}: {heading[1] if heading else path.stem}]({path.name})")
    return markdown.replace(PLACE, "\n".join(lines))
