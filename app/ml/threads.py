"""Threads that each compute a part of a batch.

OpenMP uses several threads inside every operation and synchronises them after each one. They wait in busy
loops, so one thread without a core delays all: measured six times slower than one thread when another process
ran. Here the threads synchronise once per part.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import torch

from app.ml.device import thread_limit


class Workers:
    """`count` threads that share torch's threads; a context manager that restores torch's number.

    One worker is the calling thread itself.
    """

    def __init__(self, count: int) -> None:
        self.count, self.before = count, torch.get_num_threads()
        self.share = max(1, thread_limit() // count)
        self.pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:  # noqa: D105
        torch.set_num_threads(self.share)
        if self.count > 1:
            self.pool = ThreadPoolExecutor(
                self.count, "batch-part", initializer=torch.set_num_threads, initargs=(self.share,)
            )
        return self

    def map(self, work: Callable[..., Any], *items: Any) -> list[Any]:
        """The results of `work` for each group of arguments; an error is raised when all have ended."""
        if self.pool is None:
            return [work(*arguments) for arguments in zip(*items, strict=False)]
        futures = [self.pool.submit(work, *arguments) for arguments in zip(*items, strict=False)]
        problems = [problem for future in futures if (problem := future.exception())]
        if problems:
            raise problems[0]
        return [future.result() for future in futures]

    def __exit__(self, *_: object) -> None:  # noqa: D105
        if self.pool is not None:
            self.pool.shutdown()
            self.pool = None
        torch.set_num_threads(self.before)
