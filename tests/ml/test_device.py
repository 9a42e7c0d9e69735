import os
import platform
from pathlib import Path

import pytest
import torch

from app.ml import device


def test_the_threads_asked_for_are_used_and_none_means_all_usable_cores(monkeypatch):
    monkeypatch.setattr(device, "_limit", [])
    before = torch.get_num_threads()
    try:
        assert device.use_threads(1) == 1 == torch.get_num_threads()
        assert device.use_threads() == device.usable_cores() == torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("150000 100000", 1), ("400000 100000", 4), ("50000 100000", 1), ("max 100000", 8)],
)
def test_a_containers_quota_counts_and_not_the_size_of_the_machine(monkeypatch, quota, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(Path, "read_text", lambda *_: quota)
    assert device.usable_cores() == expected


def test_openmp_is_told_not_to_spin():
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_memory_freed_in_a_training_is_kept_until_its_end_and_not_longer():
    with device.keep_freed_memory():
        pass  # what earlier tests freed goes back
    before = resident()
    with device.keep_freed_memory():
        tensors = [torch.ones(250_000) for _ in range(200)]
        pieces = tensors[::50]  # so that what is free lies between what is not
        del tensors
        assert resident() > before + 150_000_000
    assert resident() < before + 50_000_000
    assert len(pieces) == 4
