"""What the commands about backups print."""

from datetime import timedelta

import pytest

from app.commands.backups import left_out_words, queued_again_words, words_of


def test_one_job_and_one_folder_are_told_in_the_singular() -> None:
    assert queued_again_words(1).startswith("1 job that ran then is queued again")
    assert queued_again_words(2).startswith("2 jobs that ran then are queued again")
    assert left_out_words(1).startswith("1 folder of a model")
    assert left_out_words(2).startswith("2 folders of models")


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(1, "minute"), (90, "90 minutes"), (60, "hour"), (360, "6 hours"), (1440, "day"), (4320, "3 days")],
)
def test_an_interval_is_said_in_its_largest_whole_unit(minutes: int, words: str) -> None:
    assert words_of(timedelta(minutes=minutes)) == words
