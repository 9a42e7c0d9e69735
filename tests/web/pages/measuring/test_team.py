"""How far people agree, in a sentence."""

import pytest

from app.measuring.agreement import Agreement, AnnotatorFigures
from app.web.pages.measuring.team import answer_in_words

ANN = AnnotatorFigures("ann", 3, 0, None, 0, None, None)


@pytest.mark.parametrize(
    ("shared", "alpha", "people", "words"),
    [
        (0, None, (), "Nobody has decided anything yet."),
        (0, None, (ANN,), "No image has two answers yet."),
        (1, 1.0, (ANN,), "Only 1 image has two answers: too few to tell how far people agree."),
        (19, 0.8, (ANN,), "Only 19 images have two answers: too few to tell how far people agree."),
        (20, 0.816, (ANN,), "Agreement on 20 images: 0.82 (1 is full, 0 is chance)."),
        (20, -0.1, (ANN,), "Agreement on 20 images: −0.10 (1 is full, 0 is chance)."),
        (20, None, (ANN,), "20 images have two answers, and all are one and the same class."),
    ],
)
def test_agreement_is_a_sentence_that_says_when_the_images_are_too_few(
    shared: int, alpha: float | None, people: tuple[AnnotatorFigures, ...], words: str
) -> None:
    assert answer_in_words(Agreement(shared, alpha, (), (), people, ())) == words
