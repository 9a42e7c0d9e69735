"""`toploss backup FOLDER --every`, in a process of its own."""

import os
import signal
import time
from pathlib import Path

from app.backup.schedule import backups_in
from tests.forked import fork_command, toploss
from tests.servers import environment


def test_the_schedule_makes_its_first_backup_at_once_refuses_a_second_schedule_and_stops_when_asked(
    tmp_path: Path,
) -> None:
    folder, env = tmp_path / "backups", environment(tmp_path / "data")
    folder.mkdir()
    toploss("user", "add", "ada", "--password-stdin", env=env, stdin="a long password\n")
    out, err = tmp_path / "out", tmp_path / "err"
    arguments = ("backup", str(folder), "--every", "6h", "--keep", "2")
    process = fork_command(*arguments, env=env, output=(out, err))
    try:
        until = time.monotonic() + 120
        while len(backups_in(folder)) < 1 and time.monotonic() < until:
            time.sleep(0.05)
        refused = toploss(*arguments, env=env, check=False)
        assert (refused.returncode, "Another process makes backups" in refused.stderr) == (1, True)
    finally:
        assert process.pid
        os.kill(process.pid, signal.SIGTERM)
        process.join(60)
    assert (process.exitcode, err.read_text()) == (0, "")
    first, second = out.read_text().splitlines()
    assert first == f"A backup every 6 hours in {folder}; the newest 2 are kept. Ctrl+C stops."
    assert second.startswith(str(next(iter(backups_in(folder)))))
