"""The columns of a file of predictions by class, and how names are listed."""

import pytest

from app.errors import Invalid
from app.ranking.prediction_parts import columns_of, listed


def test_a_column_is_found_for_each_class_by_its_name_in_any_spelling() -> None:
    assert columns_of(["OWL", " cat", "dog"], ["cat", "dog", "owl"]) == [1, 2, 0]


def test_a_name_that_may_mean_two_classes_is_refused() -> None:
    with pytest.raises(Invalid, match="The column “CAT” may mean several classes"):
        columns_of(["CAT", "cat"], ["cat", "Cat"])


def test_few_names_are_listed_and_many_counted() -> None:
    assert listed(["a"]) == "“a”"
    assert listed(["a", "b", "c"]) == "“a”, “b” and “c”"
    assert listed(["a", "b", "c"], limit=1) == "“a” and 2 more"
