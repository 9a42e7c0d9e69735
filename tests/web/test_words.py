"""Words of the pages: counts with what they count."""

from hypothesis import given
from hypothesis import strategies as st

from app.web.rendering import count, environment, plural


@given(number=st.integers(min_value=0))
def test_one_is_singular_and_every_other_number_plural(number: int) -> None:
    assert plural(number, "image") == f"{count(number)} {'image' if number == 1 else 'images'}"
    assert plural(number, "class", "classes") == f"{count(number)} {'class' if number == 1 else 'classes'}"


def test_a_template_writes_a_count_with_its_thousands() -> None:
    template = environment().from_string(
        '{{ 0|plural("image") }}, {{ 1|plural("image") }}, {{ 1240|plural("image") }}'
    )
    assert template.render() == "0 images, 1 image, 1,240 images"
