from hypothesis import given
from hypothesis import strategies as st

from app.training.phases import (
    CHECKS,
    COMPARES,
    DOWNLOADS,
    DRAWS,
    FINDS_COPIES,
    LOOKS,
    LOOKS_AT_PATCHES,
    PREDICTS,
    READS,
    TRAINS,
    share_done,
)

shares = st.floats(0, 1)


def test_phases_follow_one_another_without_a_gap_to_go_back_over() -> None:
    for phases in (
        (DOWNLOADS, CHECKS, READS, TRAINS, PREDICTS, DRAWS),
        (LOOKS, COMPARES, LOOKS_AT_PATCHES, FINDS_COPIES),
    ):
        ends = [share_done(phase, 5, 5) for phase in phases]
        begins = [share_done(phase, 0, 5) for phase in phases]
        assert begins == [0.0, *ends[:-1]]
        assert ends[-1] == 1.0


@given(epochs=shares, done=st.integers(0, 100))
def test_finished_epochs_are_never_lost_whatever_is_reported(epochs: float, done: int) -> None:
    assert share_done("something else", done, 100, epochs=epochs) == share_done("", 0, 0, epochs=epochs)
    assert share_done(READS, done, 100, epochs=epochs) >= share_done("", 0, 0, epochs=epochs)
    assert 0 <= share_done(TRAINS, done, 100, epochs=epochs) <= 1


def test_nothing_is_done_before_anything_is_reported() -> None:
    assert share_done("", 0, 0) == 0
    assert share_done(TRAINS, 0, 0) == share_done(READS, 1, 1)


def test_a_job_is_not_done_while_its_curve_is_drawn() -> None:
    assert share_done(PREDICTS, 5, 5, epochs=1.0) == share_done(DRAWS, 0, 60, epochs=1.0) < 1
    assert share_done(DRAWS, 59, 60, epochs=1.0) < share_done(DRAWS, 60, 60, epochs=1.0) == 1.0
