"""What `make docs` adds to the pages and takes away from them.

The list of the decisions is written from their headings. Scripts inside of pages become files, since Toploss
serves the site under a policy that runs no others. The search works from a folder, too.
"""

import hashlib
import json
import re
import shutil
from importlib.metadata import files
from pathlib import Path
from typing import Any

PLACE = "<!-- list of decisions -->"
SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
# Of other languages and of a public site.
UNUSED = ("assets/javascripts/lunr", "404.html", "sitemap.xml", "sitemap.xml.gz")


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


def on_post_build(*, config: Any, **_: Any) -> None:
    """Make the site one that runs by its files alone; called by MkDocs."""
    site = Path(config.site_dir)
    for name in UNUSED:
        path = site / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for path in site.rglob("*.map"):
        path.unlink()
    for path in site.rglob("*.html"):
        path.write_text(_with_files(path.read_text(), site, "../" * (len(path.relative_to(site).parts) - 1)))
    index = json.loads((site / "search" / "search_index.json").read_text())
    (site / "search" / "search_index.js").write_text(f"var __index = {json.dumps(index)}")
    [licence] = (
        each for each in files("mkdocs-material") or () if str(each).endswith("dist-info/licenses/LICENSE")
    )
    shutil.copy(str(licence.locate()), site / "assets" / "mkdocs-material.LICENSE")


def _with_files(html: str, site: Path, up: str) -> str:
    """The page with a file for each script that stood in it; `up` leads from the page to the site."""

    def named(found: re.Match[str]) -> str:
        name = f"assets/javascripts/part-{hashlib.sha256(found[1].encode()).hexdigest()[:12]}.js"
        (site / name).write_text(found[1])
        return f'<script src="{up}{name}"></script>'

    return SCRIPT.sub(named, html)
