"""Settles where a run's network starts, before it trains: it may copy or download ImageNet weights."""

from app.jobs.engine import JobContext
from app.ml.errors import WeightsUnavailable
from app.ml.imagenet import MEGABYTES
from app.ml.recipes import StartFrom, has_own_weights, recipe_from_json
from app.ml.weights import ADVICE, obtain_imagenet
from app.training.models import Run
from app.training.phases import DOWNLOADS
from app.training.runs import get_run
from app.training.starts import FROM_AUTO, WHY

DOWNLOADING = f"{DOWNLOADS}, {MEGABYTES} MB"


def settle_start(context: JobContext, started: Run, *, has_begun: bool) -> StartFrom:
    """The start of a run without a parent; what `auto` means is stored with the run, for when it is resumed.

    `has_begun`: there is a checkpoint, so that the start cannot be another one any more. Raises
    WeightsUnavailable for weights that were asked for and cannot be had, and Cancelled.
    """
    start = StartFrom.from_setting(started.weights)
    if start.kind == "none":
        return StartFrom("none", why=str(started.facts.get(WHY, "")))
    if start.kind == "file" or has_own_weights(recipe_from_json(started.recipe)):
        return start
    try:
        path = obtain_imagenet(
            context.settings.weights_dir,
            report=lambda done, total: context.report(DOWNLOADING, done, total),
            should_stop=context.should_stop,
        )
    except WeightsUnavailable as error:
        if has_begun or not started.facts.get(FROM_AUTO):
            raise
        found = StartFrom("none", why=str(error).removesuffix(ADVICE).strip().removesuffix("."))
    else:
        found = StartFrom("imagenet", path)
    with context.database.write() as session:
        run = get_run(session, run_id=started.id)
        run.weights, run.facts = found.kind, run.facts | ({WHY: found.why} if found.why else {})
    return found
