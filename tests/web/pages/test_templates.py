"""Templates: all of them compile, and none of them can run a script or style of its own."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from app.web.rendering import bundled, environment

TEMPLATES = sorted(
    path.relative_to(bundled("templates")).as_posix() for path in bundled("templates").rglob("*.html")
)
WITH_DRAWINGS = sorted(
    path.relative_to(bundled("templates")).as_posix() for path in bundled("templates").rglob("*.*")
)
WIDEST = 110  # columns
BLOCKS = (
    "article|body|caption|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|footer|form|g|h[1-6]|head|header"
    "|html|legend|li|link|main|meta|nav|ol|option|p|pre|script|section|select|summary|table|tbody|td|th|thead|tr|ul"
)


def test_the_templates_are_found() -> None:
    assert {"layout.html", "errors/page.html", "deck/page.html"} <= set(TEMPLATES)
    assert "training/confusion.svg" in WITH_DRAWINGS


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


def test_a_page_with_a_part_that_is_fetched_again_loads_what_keeps_that_part_in_use() -> None:
    texts = {name: (bundled("templates") / name).read_text() for name in TEMPLATES}
    parts = {name for name, text in texts.items() if re.search(r'hx-trigger="every \d+s"', text)}
    assert len(parts) > 3
    for name, text in texts.items():
        included = set(re.findall(r'{% include "([^"]+)"', text))
        assert not included & parts or "static('live.js')" in text, name


@pytest.mark.parametrize("name", WITH_DRAWINGS)
def test_a_line_of_a_template_is_narrow_and_opens_one_block_at_most(name: str) -> None:
    lines = enumerate((bundled("templates") / name).read_text().splitlines(), start=1)
    crowded = [
        f"{name}:{number}: {line}"
        for number, line in lines
        if len(line) > WIDEST or len(re.findall(rf"<(?:{BLOCKS})\b", line)) > 1
    ]
    assert crowded == []


def test_scripts_and_styles_of_the_pages_are_light() -> None:
    static = bundled("static")
    shell = ["shell.js", "toasts.js", "keyboard.js"]  # the palette is loaded when somebody asks for it
    shared = ["app.css", "dark.css", *shell]
    # Loaded with the dialog and the panel that they are for; swipe.js only where there are fingers.
    on_demand = {static / "review" / name for name in ("finder.js", "why.js")}
    review = [static / "review.css", *({*(static / "review").glob("*.js")} - on_demand)]
    charts = ["pages.css", "models.css", "charts.js", "vendor/uplot.min.js", "vendor/htmx.min.js"]
    assert weight(shared) + weight(review) <= 80_000  # the review needs no htmx
    assert weight(shared) + weight(charts) <= 165_000  # a model with its charts


def test_the_colours_of_the_dark_theme_stand_in_their_own_file_with_every_colour_of_the_light_one() -> None:
    colour = re.compile(r"^  (--[\w-]+): (?:#|\d)", re.MULTILINE)
    light, dark = (
        set(colour.findall((bundled("static") / name).read_text())) for name in ("app.css", "dark.css")
    )
    assert len(light) > 10
    assert light - {"--radius"} == dark
    for path in bundled("static").glob("*.css"):
        assert "prefers-color-scheme" not in path.read_text(), path.name


def weight(names: Iterable[str | Path]) -> int:
    """Bytes of static files together."""
    files = [bundled("static") / name for name in names]
    assert files
    return sum(path.stat().st_size for path in files)


def test_pages_are_sent_without_the_indentation_of_their_templates() -> None:
    source = "<p>\n  {% if true %}\n    a\n  {% endif %}\n  <pre>\n  b</pre>\n  c</p>"
    assert environment().from_string(source).render() == "<p>\n a\n <pre>\n  b</pre>\n c</p>"


def test_the_words_of_two_lines_of_a_template_are_not_joined() -> None:
    source = """
      <input
        {% if True %}checked{% endif %}
        required
      >
      {% if True %}Zip{% endif %}
      of class folders
    """
    made = environment().from_string(source).render()
    assert " ".join(made.split()) == "<input checked required > Zip of class folders"


@pytest.mark.parametrize("name", WITH_DRAWINGS)
def test_lines_that_may_be_wider_than_the_screen_are_scrolled_with_keys(name: str) -> None:
    text = (bundled("templates") / name).read_text()
    assert [tag for tag in re.findall(r"<pre\b[^>]*>", text) if 'tabindex="0"' not in tag] == []
