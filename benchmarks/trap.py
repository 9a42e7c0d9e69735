"""A network that is never retrained seems to improve when its own top losses are cleaned.

    .venv/bin/python benchmarks/trap.py [--images 1500] [--svg docs/pictures/trap.svg]

Draws the demo, has the product train one network on it, and exports what this network predicts. Then labels
are reviewed in the order of the network's ranking, with the answers of the demo's truth file. The network
stays as it is. After each share of the images the script counts its errors on the hold-out images three
times: by the labels as reviewed so far, by the same labels where images were reviewed in a random order, and
by the truth. Images that are no face are deleted in the review, and left out of the truth. Prints a table and
draws it as SVG.
"""

import argparse
import csv
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.training.evaluation import rate
from benchmarks.demo import AT, ROOT, serve_demo, wait_for_training

SHARES = (0, 5, 10, 15, 20)  # per cent of all images
DRAWS = 20  # random orders, of which the mean is shown
LEFT, TOP, WIDE, HIGH = 64, 30, 380, 240  # the axes of the figure, in pixels
TITLE = "Hold-out error of one network that is never retrained"
COLOURS = {"own": "#c2410c", "random": "#6b7280", "truth": "#1d4ed8"}
WORDS = {
    "own": "its own top losses reviewed",
    "random": "as many at random",
    "truth": "true labels",
}


@dataclass(frozen=True)
class Image:
    """An image of the ranking; `true` is empty for one that is no face."""

    given: str
    true: str
    predicted: str
    is_held_out: bool


def error(images: Sequence[Image], reviewed: set[int]) -> float:
    """Share of the hold-out images, in per cent, whose label the network does not predict.

    `reviewed` are the places of the images whose label is the true one by now; deleted ones do not count.
    """
    labels = [image.true if place in reviewed else image.given for place, image in enumerate(images)]
    counted = [
        image.predicted != label
        for image, label in zip(images, labels, strict=True)
        if image.is_held_out and label
    ]
    return 100 * sum(counted) / len(counted)


def by_share(images: Sequence[Image]) -> dict[str, list[float]]:
    """The errors after each share of the images, by what was reviewed; `images` in the ranking's order."""
    counts = [len(images) * share // 100 for share in SHARES]
    orders = [random.Random(seed).sample(range(len(images)), len(images)) for seed in range(DRAWS)]  # noqa: S311
    return {
        "own": [error(images, set(range(count))) for count in counts],
        "random": [sum(error(images, set(order[:count])) for order in orders) / DRAWS for count in counts],
        "truth": [error(images, set(range(len(images))))] * len(counts),
    }


def ranked_images(number: int) -> list[Image]:
    """Have one network trained on a demo of so many images; its images, the most suspicious first."""
    with serve_demo(number, TOPLOSS_FIRST_LOOK="off") as demo, demo.client("admin") as client:
        run = wait_for_training(client)
        asked = {"format": "csv", "run": run}
        table = client.get(f"{AT}/export", params=asked).raise_for_status().text
        truth = demo.truth()
    rows = sorted(csv.DictReader(io.StringIO(table)), key=lambda row: int(row["rank"]))
    return [
        Image(row["given_label"], truth[row["path"]], row["predicted_label"], row["split"] == "valid")
        for row in rows
    ]


def text(x: float, y: float, words: str, *, colour: str = "#374151", anchor: str = "start") -> str:
    """Words of the figure."""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{words}</text>'


def figure(errors: dict[str, list[float]]) -> str:
    """The lines as SVG, on a white ground that a dark page has as well."""
    most = 5 * (int(max(errors["own"])) // 5 + 1)
    bottom = TOP + HIGH

    def x(share: float) -> float:
        return LEFT + WIDE * share / SHARES[-1]

    def y(value: float) -> float:
        return TOP + HIGH * (1 - value / most)

    size = f'viewBox="0 0 720 {bottom + 50}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="sans-serif" font-size="13">'
    )
    parts = [
        head,
        f"<title>{TITLE}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        text(LEFT, 18, TITLE),
        text(x(10), bottom + 40, "images reviewed", anchor="middle"),
    ]
    for value in range(0, most + 1, 5):
        parts.append(f'<path d="M{LEFT} {y(value):.1f}h{WIDE}" stroke="#e5e7eb"/>')
        parts.append(text(LEFT - 8, y(value) + 4, f"{value} %", anchor="end"))
    parts += [text(x(share), bottom + 20, f"{share} %", anchor="middle") for share in SHARES]
    at = float(bottom)
    for last, name in sorted((values[-1], name) for name, values in errors.items()):
        at = min(at, y(last) + 4)  # names never lie on each other
        corners = zip(SHARES, errors[name], strict=True)
        points = " ".join(f"{x(share):.1f},{y(value):.1f}" for share, value in corners)
        dashed = 'stroke-dasharray="6 4" ' if name == "random" else ""
        line = f'fill="none" stroke="{COLOURS[name]}" stroke-width="2.5" {dashed}'
        parts.append(f'<polyline points="{points}" {line}/>')
        parts.append(text(LEFT + WIDE + 10, at, f"{last:.1f} % {WORDS[name]}", colour=COLOURS[name]))
        at -= 18
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Measure, print and draw."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--svg", type=Path, default=ROOT / "docs" / "pictures" / "trap.svg")
    asked = parser.parse_args()
    images = ranked_images(asked.images)
    errors = by_share(images)
    held_out = sum(image.is_held_out for image in images)
    print(f"{len(images)} images, {held_out} of them held out; one network, trained once")
    print(f"{'reviewed':>10} {'by its top losses':>18} {'at random':>10} {'true labels':>12}")
    for share, own, chance, true in zip(SHARES, *errors.values(), strict=True):
        print(f"{share:9d}% {own:17.1f}% {chance:9.1f}% {true:11.1f}%")
    first, last = (rate(round(errors["own"][at] * held_out / 100), held_out) for at in (0, -1))
    print(
        f"intervals of the first and the last: {100 * first.low:.1f} to {100 * first.high:.1f} %, "
        f"{100 * last.low:.1f} to {100 * last.high:.1f} %"
    )
    asked.svg.parent.mkdir(parents=True, exist_ok=True)
    asked.svg.write_text(figure(errors))


if __name__ == "__main__":
    main()
