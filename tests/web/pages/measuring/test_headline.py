"""The answer of a comparison: nothing is said that the figures do not bear."""

from dataclasses import replace

import pytest

from app.measuring.comparison import Comparison, PredictionChanges, RunFacts
from app.measuring.seed_twins import SeedRun, Seeds
from app.measuring.selection import Selection
from app.training.evaluation import Rate, rate
from app.web.pages.measuring.headline import headline
from tests.web.pages.measuring.test_conclusions import column_of

OLD = RunFacts(1, "Model 1", "quick", 3, "none", None, 0, 0, "", is_own=False, in_sample=False)
NEW = replace(OLD, id=2, name="Model 2", version=1)
UNSELECTED = Selection(0, 0, 0, 0, 0, None, None, None, None)


def known(wrong: int, n: int) -> Rate:
    found = rate(wrong, n)
    assert found
    return found


def compared(old_wrong: int, new_wrong: int, n: int = 300, *, seeds: tuple[int, ...] = ()) -> Comparison:
    """Two runs with so many errors on the same images; `seeds`: errors of the new run's seed twins."""
    twins = tuple(SeedRun(10 + i, f"Model {10 + i}", i, known(wrong, n)) for i, wrong in enumerate(seeds))
    return Comparison(
        old=OLD,
        new=NEW,
        version=1,
        columns=(column_of(old_wrong, new_wrong, n),),
        left_out=0,
        changes=PredictionChanges(0, 0, 0),
        selection=UNSELECTED,
        seeds=Seeds((), twins),
    )


@pytest.mark.parametrize(
    ("old", "new", "seeds", "answer"),
    [
        (47, 43, (), "No clear change: 14.3 % against 15.7 %; 300 images are too few to tell."),
        (43, 43, (), "No change: both models get 43 of 300 images wrong."),
        (60, 20, (), "Fewer errors: 6.7 % against 20.0 % on the same 300 images."),
        (20, 60, (), "More errors: 20.0 % against 6.7 % on the same 300 images."),
        (60, 20, (20, 90), "No clear change: 6.7 % against 20.0 %; another seed changes as much."),
        (60, 20, (20, 22), "Fewer errors: 6.7 % against 20.0 % on the same 300 images."),
    ],
)
def test_the_answer_goes_by_chance_then_by_the_seed(
    old: int, new: int, seeds: tuple[int, ...], answer: str
) -> None:
    assert headline(compared(old, new, seeds=seeds)).answer.replace("\u00a0", " ") == answer


def test_without_a_common_image_nothing_is_told() -> None:
    assert headline(compared(0, 0, 0)).answer.startswith("It cannot be told")


def test_a_model_that_may_have_learnt_the_images_is_not_praised() -> None:
    found = compared(60, 20)
    learnt = replace(found, new=replace(NEW, is_own=True, in_sample=True))
    assert headline(learnt).answer == "It cannot be told: Model 2 may have learnt these images."


def test_what_limits_an_answer_is_said_beside_it() -> None:
    unknown = "Another seed may change as much: train once more to know."
    assert headline(compared(60, 20)).notes == (unknown,)
    assert headline(compared(60, 20, seeds=(20, 22))).notes == ()
    assert headline(compared(47, 43)).notes == ()  # where nothing is claimed, nothing limits it
    further = replace(compared(60, 20), new=replace(NEW, parent_id=1))
    assert headline(further).notes[1] == "The labels are not the only cause: the trainings differ in more."
    same = replace(compared(47, 43), new=replace(NEW, version=0))
    assert headline(same).notes == ("Both models learnt the same labels, so this says nothing of cleaning.",)
    chosen = replace(compared(47, 43), selection=replace(UNSELECTED, relabelled=2))
    assert "a model chose what was reviewed" in headline(chosen).notes[0]


def test_a_first_look_has_no_seed_and_is_no_equal_of_a_training() -> None:
    looks = replace(compared(60, 20), old=replace(OLD, is_look=True), new=replace(NEW, is_look=True))
    assert headline(looks).notes == ()
    mixed = replace(compared(47, 43), old=replace(OLD, is_look=True))
    kinds = "A first look and a training are two kinds of models: this says nothing of corrections."
    assert headline(mixed).notes == (
        kinds,
        "A first look also learns from the other held-out images; a training does not.",
    )
    assert headline(replace(mixed, new=replace(NEW, version=0))).notes[0] == kinds  # said once
    clear = headline(replace(compared(20, 60), old=replace(OLD, is_look=True)))
    assert clear.answer == f"{NEW.name} errs more than {OLD.name}: 20.0\u00a0% against 6.7\u00a0%."
    assert clear.notes[0] == kinds
    fewer = headline(replace(compared(60, 20), old=replace(OLD, is_look=True)))
    assert fewer.answer.startswith(f"{NEW.name} errs less than")
