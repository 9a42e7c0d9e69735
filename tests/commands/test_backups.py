"""What the commands about backups print."""

from app.commands.backups import left_out_words, queued_again_words


def test_one_job_and_one_folder_are_told_in_the_singular() -> None:
    assert queued_again_words(1).startswith("1 job that ran then is queued again")
    assert queued_again_words(2).startswith("2 jobs that ran then are queued again")
    assert left_out_words(1).startswith("1 folder of a run")
    assert left_out_words(2).startswith("2 folders of runs")
