"""Writes what a person wants in a file: whole or not at all, and never in place of what is no file."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.errors import Invalid, StorageFull
from app.files import is_full, persons_mode, sweep, write_atomically


@contextmanager
def open_output(path: Path) -> Iterator[IO[bytes]]:
    """The file of this path, to write to; it is created or replaced when the block ends, not when it raises.

    `-` is standard output. A link is followed. A pipe or a device, such as /dev/stdout, is written to, never
    replaced.
    Raises Invalid, with what to do, where it cannot be written, and StorageFull.
    """
    if str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        if path.is_dir():
            raise Invalid(f"{path} is a folder; name a file in it.")
        target = Path(os.path.realpath(path)) if path.is_symlink() else path
        if path.exists() and not path.is_file():
            with path.open("wb") as stream:
                yield stream
            return
        if not target.parent.is_dir():
            raise Invalid(f"There is no folder {target.parent}; make it, or choose another place.")
        sweep(target.parent, name=target.name, older_than=0)  # temporary files of killed exports
        with write_atomically(target, mode=persons_mode()) as partial, partial.open("wb") as file:
            yield file
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> Invalid | StorageFull:
    if is_full(error):
        return StorageFull(f"The disk of {path} is full; make room there, or choose another place.")
    return Invalid(f"{path} cannot be written ({error.strerror or error}); choose another place.")
