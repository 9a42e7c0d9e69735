"""The paper's tables and figures, made by Toploss: one page with our figures beside the paper's.

    .venv/bin/python benchmarks/cleaning_fer2013.py --images fer2013 --votes votes.csv --work /tmp/paper
    --only table .venv/bin/python benchmarks/paper.py --work /tmp/paper --output docs/paper.md [--outside
    photos/]

The first command trains, reviews and retrains through the product (`make paper` runs both). This one asks the
product for what it keeps of that and writes two pages: `--output` (Markdown, numbers only) and, in `--work`,
`paper.html` with the images. `--outside` is a folder of photos for the last table; without it drawn faces
stand in. The paper: Zhao, Yu and Dai, "Deep Facial Expression Recognition Using ResNet34".
"""

import argparse
import base64
import json
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from app.faces.folder import write_demo_folder
from app.training.evaluation import rate
from benchmarks.cleaning_fer2013 import NAME, Product, product, wrong
from benchmarks.ranking_fer2013 import CLASSES, crowd_answers

PAPER_IMAGES = {"train": 28_279, "valid": 7_073}
PAPER_ERRORS = {
    "0-trained": 40.62,
    "0-tuned": 36.70,
    "cleaned-trained": 38.47,
    "cleaned-tuned": 30.03,
}  # its Table 2, in %
PAPER_CONFUSED = "sad, neutral and fear"
LOSSES = 20  # its Fig. 5 shows as many
MOST_OUTSIDE = 20


@dataclass(frozen=True)
class Cell:
    """A line of Table 2."""

    labels: str
    network: str
    paper: str
    own: str
    given: str
    crowd: str
    share: int


@dataclass(frozen=True)
class Outside:
    """An image from outside and what the network says of it, by class position."""

    name: str
    probabilities: tuple[float, ...]
    image: str  # base64


def cells_of(work: Path, crowd: dict[str, str]) -> tuple[list[Cell], list[Cell]]:
    """The lines of Table 2 that were made, and run 1 on the labels after each review, nothing retrained."""
    lines, still = [], []
    for share in (0, 10, 20):
        for network in ("old", "trained", "tuned"):
            path = work / "cells" / f"table-{share}-{network}.json"
            if not path.exists():
                continue
            made = json.loads(path.read_text())
            said = [_rate(made, crowd, by) for by in ("reviewed", "given", "crowd")]
            labels = f"{made['said'].get('cards', 0):,} cards reviewed ({share} %)" if share else "as given"
            words = {"trained": "trained", "tuned": "fine-tuned", "old": "run 1, not retrained"}[network]
            paper = PAPER_ERRORS.get(f"{'cleaned' if share else 0}-{network}")
            cell = Cell(labels, words, f"{paper:.2f} %" if paper else "", *said, share)
            (still if network == "old" else lines).append(cell)
    return lines, still


def _rate(made: dict[str, Any], crowd: dict[str, str], by: str) -> str:
    errors = wrong(made, crowd, by)
    found = rate(sum(errors.values()), len(errors))
    return f"{100 * found.value:.2f} % ({100 * found.low:.1f} to {100 * found.high:.1f})" if found else "–"


def learning_rate_svg(curve: dict[str, Any], *, width: int = 640, height: int = 320) -> str:
    """Loss by learning rate (logarithmic), the suggestion as a dashed line."""
    from math import log10

    top = min(max(curve["losses"]), 2 * curve["losses"][0])
    points = [
        (log10(rate_), loss) for rate_, loss in zip(curve["lrs"], curve["losses"], strict=True) if loss <= top
    ]
    left, right = points[0][0], points[-1][0]
    low, high = min(loss for _, loss in points), max(loss for _, loss in points)

    def at(x: float, y: float) -> tuple[float, float]:
        return 60 + (x - left) / (right - left) * (width - 80), 20 + (high - y) / ((high - low) or 1) * (
            height - 70
        )

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in points))
    ticks = "".join(
        f'<text x="{at(e, low)[0]:.0f}" y="{height - 30}" text-anchor="middle">1e{e}</text>'
        for e in range(round(left), round(right) + 1)
    )
    marks = "".join(
        f'<text x="52" y="{at(left, y)[1] + 4:.0f}" text-anchor="end">{y:.2f}</text>'
        for y in (low, (low + high) / 2, high)
    )
    suggested = at(log10(curve["suggestion"]), low)[0] if curve.get("suggestion") else None
    dashed = (
        f'<path d="M{suggested:.1f} 20V{height - 50}" stroke="#888" stroke-dasharray="5 4"/>'
        if suggested
        else ""
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        'font-family="system-ui" font-size="12" role="img" aria-label="Loss by learning rate">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{dashed}'
        f'<polyline points="{line}" fill="none" stroke="#2563eb" stroke-width="2"/>{ticks}{marks}'
        f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">learning rate</text>'
        f'<text x="16" y="{height / 2}" text-anchor="middle" '
        f'transform="rotate(-90 16 {height / 2})">loss</text></svg>'
    )


def outside_images(folder: Path | None, checkpoint: Path) -> list[Outside]:
    """What the network says of photos, or of drawn faces where there are none."""
    from app.ml.scorer import predict_image

    with tempfile.TemporaryDirectory() as drawn:
        if folder is None:
            write_demo_folder(Path(drawn) / "faces", images=60, seed=1)
            found = [min(each.iterdir()) for each in sorted((Path(drawn) / "faces/images/valid").iterdir())]
        else:
            found = sorted(
                path for path in folder.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg")
            )[:MOST_OUTSIDE]
        said = [(path.name, path.read_bytes()) for path in found]
    rows = []
    for name, content in said:
        probabilities = predict_image(checkpoint, content)
        rows.append(
            Outside(name, tuple(probabilities[each] for each in CLASSES), base64.b64encode(content).decode())
        )
    return rows


def write(at: Product, work: Path, output: Path, crowd: dict[str, str], outside: Path | None) -> None:
    """Both pages."""
    run = at.ask("GET", "/runs/1")
    classes = at.ask("GET", f"/datasets/{NAME}/classes")["items"]
    losses = at.ask("GET", f"/runs/1/top-losses?limit={LOSSES}")["items"]
    cells, still = cells_of(work, crowd)
    names, matrix = run["classes"], run["confusion"]
    mixed = sorted(
        ((matrix[i][j], a, b) for i, a in enumerate(names) for j, b in enumerate(names) if i != j),
        reverse=True,
    )[:3]
    total = {split: sum(row["given"].get(split, 0) for row in classes) for split in PAPER_IMAGES}
    checkpoint = next(
        path for path in sorted((at.folder / "runs").glob("1/*")) if (path / "model.safetensors").exists()
    )
    rows = outside_images(outside, checkpoint)
    if run["lr_curve"] is None:
        raise SystemExit("Run 1 has no learning-rate curve; its job says why.")
    svg = learning_rate_svg(run["lr_curve"])
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined)  # noqa: S701 - Markdown
    text = environment.get_template("paper.md.jinja").render(
        images=f"{total['train']:,} training and {total['valid']:,} validation",
        made=datetime.now(UTC).date(),
        facts=run["facts"],
        note=f"Recipe {run['recipe']['name']}, {sum(phase['epochs'] for phase in run['recipe']['phases'])} "
        f"epochs, from {'random weights' if run['weights'] == 'none' else run['weights']}, seed "
        f"{run['seed']}.",
        classes=classes,
        total=total,
        paper_images=PAPER_IMAGES,
        curve=run["lr_curve"],
        peak=max(phase["lr_max"] for phase in run["recipe"]["phases"]),
        losses=losses,
        crowd=crowd,
        names=names,
        matrix=matrix,
        confused=", ".join(f"{a} taken for {b} ({n})" for n, a, b in mixed),
        paper_confused=PAPER_CONFUSED,
        cells=cells,
        still=still,
        outside=rows,
        outside_note="Photos of the folder."
        if outside
        else "Drawn faces, because no photos were given (`--outside`): nothing like them was trained on.",
    )
    output.write_text(
        "\n".join(line.rstrip() for line in text.splitlines())
        .replace("\n\n\n", "\n\n")
        .replace("|\n\n|", "|\n|")
        + "\n"
    )
    output.with_name("paper-learning-rate.svg").write_text(svg)
    pictures = [
        (card, base64.b64encode(at.http.get(card["image_url"].removeprefix("/api/v1")).content).decode())
        for card in losses
    ]
    page = environment.get_template("paper.html.jinja").render(
        svg=svg, pictures=pictures, outside=rows, names=names, text=text
    )
    (work / "paper.html").write_text(page)
    print(f"written: {output}, {work / 'paper.html'}")


def main() -> None:
    """Write the pages."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="of cleaning_fer2013.py")
    parser.add_argument("--votes", type=Path, help="the crowd's votes, as for cleaning_fer2013.py")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown page")
    parser.add_argument("--outside", type=Path, help="a folder of photos")
    options = parser.parse_args()
    with product(options.work / "table") as at:
        write(
            at,
            options.work,
            options.output,
            crowd_answers(options.votes) if options.votes else {},
            options.outside,
        )


if __name__ == "__main__":
    main()
