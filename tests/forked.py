"""Processes of their own that start at once: each is forked from a process that has loaded the modules.

Loading them takes most of the time of a short command.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

COMMAND = (  # what most commands load; torch is not among it
    "tests.forked",
    "app.cli",
    "app.commands.exporting",
    "app.commands.importing",
    "app.commands.training",
    "app.db.tables",
    "app.db.migrating",
    "app.datasets.importing",
    "app.export.exporting",
    "app.jobs.engine",
    "app.rounds.retraining",
)

_loaded: list[tuple[str, ...]] = [()]  # by the process that others are forked from


def fork(
    work: Callable[..., None],
    *arguments: Any,
    env: dict[str, str],
    output: tuple[Path, Path],
    stdin: Path = Path(os.devnull),
    modules: tuple[str, ...] = COMMAND,
) -> BaseProcess:
    """Start a process that has `modules` loaded and does `work`, a function of a module.

    Standard output and errors are appended to the files of `output`.
    """
    if _loaded[0] != modules:
        forkserver._forkserver._stop()
        forkserver.set_forkserver_preload(list(modules))
        _loaded[0] = modules
    process = multiprocessing.get_context("forkserver").Process(
        target=_begin, args=(work, arguments, env, _umask(), (stdin, *output))
    )
    process.start()
    return process


def _umask() -> int:
    now = os.umask(0o022)
    os.umask(now)
    return now


def _begin(
    work: Callable[..., None],
    arguments: tuple[Any, ...],
    env: dict[str, str],
    umask: int,
    files: tuple[Path, ...],
) -> None:
    os.umask(umask)
    for number, path in enumerate(files):
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT if number else os.O_RDONLY
        os.dup2(os.open(path, flags, 0o600), number)
    sys.stdin = os.fdopen(0)
    os.environ.clear()
    os.environ.update(env)
    work(*arguments)


def _main(*arguments: str) -> None:
    from app.cli import main

    sys.argv = ["toploss", *arguments]
    main()


def fork_command(*arguments: str, env: dict[str, str], output: tuple[Path, Path]) -> BaseProcess:
    """Start a command and do not wait for its end."""
    return fork(_main, *arguments, env=env, output=output)


def toploss(
    *arguments: str, env: dict[str, str], stdin: str = "", check: bool = True, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as `subprocess.run` does."""
    with tempfile.TemporaryDirectory() as folder:
        given, out, err = (Path(folder) / name for name in ("in", "out", "err"))
        given.write_text(stdin)
        process = fork(_main, *arguments, env=env, output=(out, err), stdin=given)
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, timeout, out.read_text(), err.read_text())
        done = subprocess.CompletedProcess(arguments, process.exitcode, out.read_text(), err.read_text())
        process.close()
    if check:
        done.check_returncode()
    return done
