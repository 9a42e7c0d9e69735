"""`toploss serve` keeps a worker running."""

import subprocess
import sys
import time
from pathlib import Path

from tests.servers import environment


def test_a_module_in_the_folder_of_the_command_is_not_taken_for_a_library(tmp_path: Path) -> None:
    (tmp_path / "sqlalchemy.py").write_text("raise SystemExit('a script of somebody’s own')")
    log, until = tmp_path / "server.log", time.monotonic() + 300
    command = [str(Path(sys.executable).parent / "toploss"), "serve", "--worker"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=tmp_path, env=environment(tmp_path / "data"), stdout=output, stderr=subprocess.STDOUT
        )
    try:
        while "is ready" not in log.read_text():
            assert "the worker ended with exit code" not in log.read_text(), log.read_text()
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
    finally:
        server.terminate()
        server.wait(120)
