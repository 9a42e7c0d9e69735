"""A run's numbers as charts and tables: what a page shows and what a CSV file holds. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.measuring.evaluations import Evaluation
from app.ranking.rankings import RankedSample
from app.training.evaluation import rate
from app.training.folds import WHOLE
from app.training.models import OWN_MODEL, Epoch, Run
from app.training.runs import BESIDE_FIRST_LOOK
from app.training.starts import WHY, stored_words
from app.training.statistics import Reliability
from app.web.pages.charts import Chart, line_chart
from app.web.rendering import count, duration, moment, percent, plural

Row = Sequence[object]
Table = tuple[Sequence[str], Iterable[Row]]  # header and rows

_STARTS = (  # notes of older runs have their older words
    r"The network(?:'s body)? starts from "
    r"(?:its parent run|the model before it|ImageNet weights \([^)]*\)|the ImageNet weights of [^.]*)\."
)

FACTS = {
    WHY: "Why random weights",
    "device": "Device",
    "precision": "Precision",
    "threads": "Threads",
    "torch": "torch",
    "fastai": "fastai",
    "python": "Python",
    "toploss": "Toploss",
    "code": "Code, sha256",
}


def charts_of(run: Run, epochs: Iterable[Epoch], *, held_out: int) -> tuple[Chart, ...]:
    """Losses and error by epoch of the main network, and the learning-rate finder's curve.

    `held_out` is the number of images that the errors were counted on.
    """
    main = [epoch for epoch in epochs if epoch.fold == WHOLE]
    charts = []
    if main:
        numbers = [epoch.epoch + 1 for epoch in main]
        charts.append(
            line_chart(
                "Loss by epoch",
                "epoch",
                numbers,
                {
                    "training": [epoch.train_loss for epoch in main],
                    "held-out images": [epoch.valid_loss for epoch in main],
                },
                csv="epochs",
            )
        )
        if any(epoch.error_rate is not None for epoch in main):
            rates = [None if epoch.error_rate is None else 100 * epoch.error_rate for epoch in main]
            charts.append(
                line_chart(
                    "Error by epoch, in %",
                    "epoch",
                    numbers,
                    {"error": rates},
                    bands={"error": [_range_of(epoch.error_rate, held_out) for epoch in main]},
                    low=0,
                    unit=" %",
                    csv="epochs",
                )
            )
    curve = run.lr_curve
    if curve:
        charts.append(
            line_chart(
                "Learning-rate finder: loss by rate",
                "learning rate",
                curve["lrs"],
                {"loss": curve["losses"]},
                log=True,
                mark=curve.get("suggestion"),
                csv="learning-rate",
            )
        )
    return tuple(charts)


def _range_of(share: float | None, n: int) -> tuple[float, float] | None:
    """The 95 % interval, in per cent, of an error that was counted on so many images."""
    found = None if share is None else rate(round(share * n), n)
    return (100 * found.low, 100 * found.high) if found else None


def facts_of(run: Run, *, version: int, digest: str) -> tuple[tuple[str, str], ...]:
    """Everything that made the run what it is, in words; what it does not know is left out."""
    facts = run.facts
    noise: dict[str, float] = facts.get("class_noise", {})
    took = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None
    known = [
        ("Labels", f"version {version}, sha256 {digest}"),
        ("Recipe", _recipe_words(run)),
        *_origin(run),
        ("Requested", moment(run.created_at)),
        ("Started", moment(run.started_at)),
        ("Ended", moment(run.finished_at)),
        ("Took", duration(took)),
        *((words, str(facts[name])) for name, words in FACTS.items() if name in facts),
        ("Images described by", _description_words(run)),
        ("Mirrored and cropped copies", _copies_words(facts.get("copies"))),
        # all 0: too little was seen to say more than that some are wrong
        (
            "Wrong labels by class, estimated",
            ", ".join(f"{name} {percent(share)}" for name, share in noise.items() if any(noise.values())),
        ),
    ]
    return tuple((words, value) for words, value in known if value not in ("", "–"))


def behind_of(run: Run | None) -> str:
    """Why the review does not go by a training's ranking; nothing where it may."""
    if run is None or not run.is_behind:
        return ""
    found = run.facts[BESIDE_FIRST_LOOK]
    own, look = (percent(found[which] / found["images"]) for which in ("network", "first_look"))
    return (
        f"{run.name} errs more than the first look, {own} against {look} of the labels of the hold-out. "
        "So the review keeps the order and the opinions of the first look."
    )


def note_of(run: Run) -> str:
    """What a person should know of a run, without where its network starts, which is one of its facts."""
    because = f": {run.facts[WHY]}" if run.facts.get(WHY) else ""
    left = run.note.replace(f"The network starts from random weights{because}.", "")
    return re.sub(_STARTS, "", left).strip()


def _origin(run: Run) -> tuple[tuple[str, str], ...]:
    if run.kind == OWN_MODEL:
        said = "out of sample" if run.is_out_of_sample else "in sample"
        return ("File", f"{run.weights}, sha256 {run.recipe['sha256']}"), ("Predictions", said)
    start = run.parent_name or stored_words(run.weights, network=run.network)
    return ("Starts from", start), ("Seed", str(run.seed))


def _recipe_words(run: Run) -> str:
    recipe = run.recipe
    if run.kind == OWN_MODEL:
        return "own model, trained elsewhere"
    if not run.is_training:
        size = recipe.get("image_size")
        return f"{recipe['name']}{f': {size} pixels' if size else ''}, without any training"
    epochs = sum(phase["epochs"] for phase in recipe["fine_tune_phases" if run.parent_id else "phases"])
    batches = f"batches of {recipe['batch_size']}"
    return f"{recipe['name']}: {epochs} epochs, {recipe['image_size']} pixels, {batches}"


def _copies_words(copies: Mapping[str, int] | None) -> str:
    if copies is None:
        return ""
    compared = plural(copies["compared"], "pair") + " of similar images compared"
    if copies["compared"] < copies["candidates"]:
        compared += f", the most similar of {count(copies['candidates'])}"
    return f"{count(copies['found'])} found; {compared}"


def _description_words(run: Run) -> str:
    """What describes the images of a first look, and the losses out of fold that decided it."""
    description = run.recipe.get("features")
    if run.is_training or description is None:
        return ""
    figures = run.facts.get("patches")
    if figures is None:
        return f"{description} (patches are tried on small images only)"
    weights = ""
    if figures["used"]:
        weights = " with the weights {} and {}".format(*figures["weights"])
    return (
        f"{description}{weights}. Loss out of fold on {figures['images']:,} images: backbone "
        f"{figures['loss_of_backbone']}, patches {figures['loss_of_patches']}, both {figures['loss_of_both']}"
    )


def epochs_table(epochs: Iterable[Epoch]) -> Table:
    """Every epoch of every network; fold -1 is the one on the whole training part."""
    header = ("fold", "epoch", "train_loss", "valid_loss", "error_rate", "seconds")
    return header, (
        (e.fold, e.epoch + 1, e.train_loss, e.valid_loss, e.error_rate, e.seconds) for e in epochs
    )


def rates_table(curve: Mapping[str, Any] | None) -> Table:
    """The learning-rate finder's curve."""
    return ("learning_rate", "loss"), zip(
        *(curve[name] for name in ("lrs", "losses")), strict=True
    ) if curve else ()


def confusion_table(found: Evaluation | None) -> Table:
    """The matrix in long form: one row a cell."""
    names = found.class_names if found else ()
    rows = (
        [
            (names[i], names[j], number)
            for i, row in enumerate(found.confusion)
            for j, number in enumerate(row)
        ]
        if found
        else []
    )
    return ("label", "predicted", "images"), rows


def classes_table(found: Evaluation | None) -> Table:
    """Precision and recall of each class."""
    return ("class", "images", "precision", "recall"), [
        (c.name, c.support, c.precision, c.recall) for c in found.per_class
    ] if found else []


def calibration_table(found: Reliability | None) -> Table:
    """The reliability table."""
    header = ("confidence_from", "confidence_to", "images", "mean_confidence", "share_right")
    return header, [
        (each.low, each.high, each.n, each.confidence, each.right) for each in found.bins
    ] if found else []


def predictions_table(samples: Iterable[RankedSample], names: Sequence[str]) -> Table:
    """What a run says of samples, with the probability of every class."""
    header = (
        "rank",
        "sample",
        "path",
        "split",
        "given_label",
        "label",
        "predicted_label",
        "loss",
        "self_confidence",
        "confidence",
        "margin",
        "error_probability",
        *(f"p_{name}" for name in names),
    )
    return header, (
        (
            s.rank,
            s.sample_id,
            s.path,
            s.split,
            names[s.given_label],
            names[s.label],
            names[s.predicted_label],
            s.loss,
            s.self_confidence,
            s.confidence,
            s.margin,
            s.error_probability,
            *map(float, s.probabilities),
        )
        for s in samples
    )
