"""Processes of their own that start at once: each is forked from a process that has loaded the modules.

Loading them takes most of the time of a short command.
"""

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def _main_there(folder: str, *arguments: str) -> None:
    os.chdir(folder)
    _main(*arguments)


CALL = """#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    line.sendall(json.dumps([os.getpid(), os.getcwd(), dict(os.environ), sys.argv[1:]]).encode())
    line.shutdown(socket.SHUT_WR)
    code = line.recv(16)
sys.exit(int(code))
"""


@contextmanager
def toploss_on_the_path(folder: Path) -> Iterator[Path]:
    """A folder with a program `toploss` for scripts, which is forked, not started, until the block ends.

    It has the working folder, the environment and the open files of its caller.
    """
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as listening:
        address = f"{short}/toploss"  # an address has 107 characters at most
        listening.bind(address)
        listening.listen()

        def answer() -> None:
            while True:
                try:
                    line, _ = listening.accept()
                except OSError:  # the block has ended
                    return
                with line, line.makefile("rb") as said:
                    if not (asked := said.read()):
                        return
                    pid, there, env, arguments = json.loads(asked)
                    stdin, out, err = (Path(f"/proc/{pid}/fd/{number}") for number in range(3))
                    process = fork(_main_there, there, *arguments, env=env, output=(out, err), stdin=stdin)
                    process.join()
                    line.sendall(str(process.exitcode).encode())
                    process.close()

        thread = threading.Thread(target=answer)
        thread.start()
        program = folder / "toploss"
        program.write_text(CALL.format(python=sys.executable, address=address))
        program.chmod(0o755)
        try:
            yield folder
        finally:
            with socket.socket(socket.AF_UNIX) as line:  # an empty call ends the thread
                line.connect(address)
            thread.join()
