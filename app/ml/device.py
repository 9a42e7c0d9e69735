"""The device, precision and threads for computing on this machine."""

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names in glibc's malloc.h
_NEVER = 2**31 - 1  # bytes, the largest number it takes
_USUAL = 128 * 1024  # bytes, the default of both
_limit: list[int] = []  # of this process; trainings change torch's own number


def choose_device() -> torch.device:
    """CUDA before Apple's GPU before the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def low_precision(device: torch.device) -> torch.dtype | None:
    """The type that autocast may use there, None for plain float32.

    bfloat16 where the hardware multiplies it (measured on Zen 4: 1.7 x in training, probabilities moved by at
    most 0.006); emulated it is slower than float32. float16 needs a loss scaler in training.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        for question in (
            "_is_avx512_bf16_supported",
            "_is_amx_tile_supported",
        ):  # private: may go with any version
            if getattr(torch.cpu, question, lambda: False)():
                return torch.bfloat16
    return None


def autocast(device: torch.device) -> AbstractContextManager[Any]:
    """A context in which this thread computes in `low_precision`, if there is one."""
    dtype = low_precision(device)
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype=dtype)


def send(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy the values to the device without waiting for a GPU's pending work, as a plain copy would."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Reuse the memory of freed tensors during the block, then return all of it to the system.

    Every activation of a training is larger than the 128 kB from which glibc asks the system for fresh pages,
    and these come zeroed, page by page. Measured on ResNet34 with batches of 128: 8 % more images per second.
    A worker that trains one run after another would otherwise keep the pieces of all of them. Only glibc has
    these switches.
    """
    try:
        libc = ctypes.CDLL("libc.so.6")
        mallopt, malloc_trim = libc.mallopt, libc.malloc_trim
    except (OSError, AttributeError):
        yield
        return
    for name in (_MMAP_THRESHOLD, _TRIM_THRESHOLD):
        mallopt(name, _NEVER)
    try:
        yield
    finally:
        for name in (_MMAP_THRESHOLD, _TRIM_THRESHOLD):
            mallopt(name, _USUAL)
        gc.collect()  # a learner and its callbacks refer to each other
        malloc_trim(0)


def use_threads(threads: int = 0) -> int:
    """Set the number of CPU threads for torch in this process, 0 for all usable cores; return it."""
    count = threads or usable_cores()
    torch.set_num_threads(count)
    _limit[:] = [count]
    return count


def thread_limit() -> int:
    """How many threads a training may use: the number of `use_threads`, else torch's default."""
    if not _limit:
        _limit.append(torch.get_num_threads())
    return _limit[0]


def usable_cores() -> int:
    """The cores that this process may use, by its affinity and the container's quota."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        cores = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no cgroup v2, or "max"
        return cores
