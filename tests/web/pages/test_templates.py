"""Templates: all of them compile, and none of them can run a script or style of its own."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from app.web.rendering import bundled, environment

TEMPLATES = sorted(
    path.relative_to(bundled("templates")).as_posix() for path in bundled("templates").rglob("*.html")
)


def test_the_templates_are_found() -> None:
    assert {"layout.html", "errors/page.html", "deck/page.html"} <= set(TEMPLATES)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_compiles(name: str) -> None:
    environment().get_template(name)


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_has_what_the_content_security_policy_would_block(name: str) -> None:
    text = Path(bundled("templates") / name).read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:|hx-on", text)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_htmx_swap_names_its_target_itself(name: str) -> None:
    for tag in re.findall(r"<[^>]*\bhx-(?:get|post)=[^>]*>", (bundled("templates") / name).read_text()):
        assert "hx-target=" in tag, tag
        assert "hx-swap=" in tag, tag


def test_scripts_and_styles_of_the_pages_are_light() -> None:
    static = bundled("static")
    shared = ["app.css", "vendor/htmx.min.js"]
    review = [*(static / "review").glob("*.js"), static / "keyboard.js"]
    charts = ["charts.js", "vendor/uplot.min.js", "vendor/uplot.min.css"]
    assert weight(shared) + weight(review) <= 120_000
    assert weight(shared) + weight(charts) <= 150_000  # a run with its charts


def weight(names: Iterable[str | Path]) -> int:
    """Bytes of static files together."""
    files = [bundled("static") / name for name in names]
    assert files
    return sum(path.stat().st_size for path in files)
