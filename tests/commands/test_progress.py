"""Progress of a long command: a line that is rewritten on a terminal, lines that tell something in a log."""

import io

from app.commands.progress import progress_line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_for_each_stage_and_then_every_ten_seconds_or_5_percent() -> None:
    moment, out = [0.0], io.StringIO()
    show = progress_line(out, clock=lambda: moment[0])

    def said(seconds: float, stage: str, done: int, total: int) -> str:
        before, moment[0] = len(out.getvalue()), moment[0] + seconds
        show(stage, done, total)
        return out.getvalue()[before:]

    assert said(0, "Looking for files", 0, 0) == "Looking for files\n"
    assert said(1, "Looking for files", 5000, 0) == ""
    assert said(10, "Looking for files", 9000, 0) == "Looking for files, 9,000\n"
    assert said(0, "Reading images", 0, 1000) == "  0.0 % Reading images, 0 of 1,000\n"
    assert said(2, "Reading images", 40, 1000) == ""
    assert said(2, "Reading images", 50, 1000) == "  5.0 % Reading images, 50 of 1,000\n"
    assert said(0.5, "Reading images", 150, 1000) == ""  # no more than one a second
    assert said(9.5, "Reading images", 160, 1000) == " 16.0 % Reading images, 160 of 1,000\n"
    assert said(0.1, "Reading images", 1000, 1000) == "100.0 % Reading images, 1,000 of 1,000\n"
    assert said(0.1, "Reading images", 1000, 1000) == ""
    assert said(0, "Training epoch 1, batch 1 of 9", 1, 9).endswith("Training epoch 1, 1 of 9\n")
    assert said(0.1, "Training epoch 1, batch 2 of 9", 2, 9) == ""
    assert said(11, "Training epoch 1, batch 2 of 9", 2, 9).endswith("Training epoch 1, 2 of 9\n")


def test_a_terminal_has_one_line_that_is_rewritten() -> None:
    out = Terminal()
    show = progress_line(out)
    show("Reading images", 1, 2)
    show("Reading images", 2, 2)
    assert out.getvalue() == "\r\x1b[K 50.0 % Reading images\r\x1b[K100.0 % Reading images"
