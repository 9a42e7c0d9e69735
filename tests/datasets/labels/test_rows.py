"""The rows of Label Studio's and FiftyOne's files."""

import pytest

from app.datasets.labels.rows import LabelRow, fiftyone_rows, kind_of, label_studio_rows
from app.errors import Invalid


def test_the_kind_of_a_json_is_known_by_its_form() -> None:
    assert kind_of(b'[{"data": {}, "annotations": []}]', name="a.json")[0] == "label-studio"
    assert kind_of(b'{"classes": [], "labels": {}}', name="labels.json")[0] == "fiftyone"
    for content in (b'[{"data": 1}]', b"{", b"[]", b'{"labels": []}'):
        assert kind_of(content, name="a.json")[0] == "table"


def test_annotations_that_differ_are_several_labels_and_broken_ones_none() -> None:
    def said(*choices: object) -> tuple[str, ...]:
        annotations = [{"result": [{"value": {"choices": each}}]} for each in choices]
        [row] = label_studio_rows([{"data": {"image": "a.png"}, "annotations": annotations}])
        return row.labels

    assert said(["a"], ["a"]) == ("a",)
    assert said(["a"], ["b"]) == ("a", "b")
    assert said("a", None, 5) == ()
    [row] = label_studio_rows([{"data": "x", "annotations": [None, {"result": [7]}]}])
    assert row == LabelRow("", ())


def test_a_number_that_is_no_class_is_no_label() -> None:
    content = {"classes": ["a"], "labels": {"1": 0, "2": 5, "3": {"label": "a"}, "4": None, "5": ["a", "b"]}}
    assert [row.labels for row in fiftyone_rows(content, part=None)] == [("a",), (), ("a",), (), ("a", "b")]


@pytest.mark.parametrize(
    "broken", [{"annotations": 5}, {"annotations": [{"result": 7}]}, {"completions": "x"}]
)
def test_a_task_whose_annotations_are_no_list_is_named(broken: dict[str, object]) -> None:
    tasks = [{"data": {}, "annotations": None}, {"data": {}} | broken]
    with pytest.raises(
        Invalid, match=r"Task 2 of the export of Label Studio is damaged: its “.*” is no list"
    ):
        list(label_studio_rows(tasks))
