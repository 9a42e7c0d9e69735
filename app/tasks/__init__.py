"""The tasks of the worker: one module per kind of job."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

from app.jobs.engine import JobContext, Progress, Task
from app.ml.recipes import LITE, Network
from app.tasks import progress

# Jobs of several kinds run in threads of one worker. torchvision and fastai import each other's parts in a
# circle, so a second thread would find them half loaded.
_LOADING = threading.RLock()


def load(module: str) -> ModuleType:
    """A module of this package, which may load torch: seconds that an idle worker need not spend."""
    with _LOADING:
        return import_module(f"app.tasks.{module}")


def load_network(network: Network) -> None:
    """Load what this network needs beside torch, while no other job loads anything."""
    if network == LITE:
        with _LOADING:
            import_module("app.ml.backbone").load_timm()


@contextmanager
def nothing_loads() -> Iterator[None]:
    """While no module is loaded, for what computes without torch.

    scipy asks for the types of torch once another thread has begun to load it, and fails where they are not
    there yet.
    """
    with _LOADING:
        yield


def _task(module: str) -> Task:
    def run(context: JobContext) -> None:
        load(module).run(context)

    return run


PROGRESS: dict[str, Progress] = {
    "import": progress.of_import,
    "look": progress.of_first_look,
    "train": progress.of_training,
    "predict": progress.of_prediction,
    "own model": progress.of_own_model,
}
TASKS: dict[str, Task] = {
    "import": _task("import_images"),
    "look": _task("first_look"),
    "train": _task("train"),
    "predict": _task("predict"),
    "own model": _task("own_model"),
    "map": _task("image_map"),
    "webhook": _task("webhook"),
}
