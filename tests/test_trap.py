"""What `benchmarks/trap.py` counts, on images whose answer is known."""

from benchmarks.trap import Image, by_share, error, figure


def images() -> list[Image]:
    """Ten held-out images, the most suspicious first.

    Two wrong labels that the network sees through, a right one that it errs about, one that is no image, and
    six that are right.
    """
    seen_through = [Image("cat", "dog", "dog", is_held_out=True)] * 2
    erred = [Image("cat", "cat", "dog", is_held_out=True)]
    no_image = [Image("cat", "", "dog", is_held_out=True)]
    return [*seen_through, *erred, *no_image, *[Image("cat", "cat", "cat", is_held_out=True)] * 6]


def test_errors_are_counted_on_the_labels_as_reviewed_so_far() -> None:
    assert error(images(), set()) == 40
    assert error(images(), {0}) == 30
    assert error(images(), {0, 1, 2}) == 20
    assert round(error(images(), {0, 1, 2, 3}), 1) == 11.1  # a deleted image does not count


def test_the_order_of_top_losses_finds_what_chance_does_not_and_the_truth_stands_still() -> None:
    errors = by_share(images())
    assert errors["own"][0] == errors["random"][0] == 40
    assert errors["own"][-1] == 20
    assert errors["own"][-1] < errors["random"][-1]
    assert len(set(errors["truth"])) == 1


def test_the_figure_has_a_line_and_a_name_for_each() -> None:
    drawn = figure(by_share(images()))
    assert drawn.count("<polyline") == 3
    assert "20.0 % its own top losses reviewed" in drawn
