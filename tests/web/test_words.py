"""Words of the pages: counts with what they count."""

import re

from hypothesis import given
from hypothesis import strategies as st

from app.web.rendering import bundled, count, environment, plural


@given(number=st.integers(min_value=0))
def test_one_is_singular_and_every_other_number_plural(number: int) -> None:
    assert plural(number, "image") == f"{count(number)} {'image' if number == 1 else 'images'}"
    assert plural(number, "class", "classes") == f"{count(number)} {'class' if number == 1 else 'classes'}"


def test_a_template_writes_a_count_with_its_thousands() -> None:
    template = environment().from_string(
        '{{ 0|plural("image") }}, {{ 1|plural("image") }}, {{ 1240|plural("image") }}'
    )
    assert template.render() == "0 images, 1 image, 1,240 images"


def test_no_template_makes_a_plural_by_hand() -> None:
    endings = re.compile(
        r"[a-z]\{\{ *[\"']|[\"']s?[\"'] if [^}]*== 1|!= 1 else|else [\"']s[\"']|[\"']s[\"'] if"
    )
    counted = re.compile(
        r"(?<!of )\{\{ [^{}]*\|count \}\} "
        r"(?:images|labels|samples|classes|files|photos|errors|runs|corrections)\b"
    )
    folder = bundled("templates")
    templates = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.*")}
    assert "layout.html" in templates
    by_hand = [(name, found[0]) for name, text in templates.items() for found in endings.finditer(text)]
    always_many = [(name, found[0]) for name, text in templates.items() for found in counted.finditer(text)]
    assert (by_hand, always_many) == ([], [])
