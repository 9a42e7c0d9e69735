"""Image problems that are planted and found again: how many, and what else is reported.

    .venv/bin/python benchmarks/image_problems.py --images insects.zip --others fer2013.zip
    .venv/bin/python benchmarks/image_problems.py --demo 600 --others insects.zip
    .venv/bin/python benchmarks/image_problems.py --images fer2013.zip --none --sheet dark.png --kind dark

`--images` is a folder or zip of …/<class>/<file>, of which `--most` images are taken at random; `--demo`
draws so many faces. A fifth is held out. `--planted` images of each kind replace ordinary ones (a leak is
added: a smaller copy of an image that networks learn from), and the whole is imported and looked at by the
product's own jobs. Recall is the share of the planted images among twice their number that the product lists
first. `--none` plants nothing, so whatever is listed is in the images as they came; `--sheet` draws what is
listed of `--kind`.
"""

import argparse
import io
import random
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

import app.db.tables  # noqa: F401 - registers them
from app.datasets.creating import create_dataset
from app.datasets.importing import import_images
from app.datasets.problems import KINDS, Kind
from app.datasets.sources import resolve_source
from app.db.engine import Database
from app.db.migrating import migrate
from app.deck.problems import Problem, count_problems, list_problems
from app.faces.folder import write_demo_folder
from app.jobs.engine import JobContext
from app.jobs.requests import get_job
from app.rounds.first_look import look_at_new_images
from app.settings import Settings
from app.storage import Origin, open_source
from app.tasks import first_look

SUFFIXES = (".png", ".jpg", ".jpeg")
TILE = 96  # pixels of an image on the sheet


def read_some(path: Path, most: int, rng: random.Random) -> list[tuple[str, Image.Image]]:
    """Classes and images, at most so many."""
    source = open_source(Origin(str(path)))
    paths = sorted(entry.path for entry in source.walk() if entry.path.lower().endswith(SUFFIXES))
    chosen = sorted(rng.sample(paths, min(most, len(paths))))
    return [
        (each.split("/")[-2], Image.open(io.BytesIO(source.read(each))).convert("RGB")) for each in chosen
    ]


def dark(image: Image.Image, rng: random.Random) -> Image.Image:
    """A twentieth to a fifth as bright."""
    factor = rng.uniform(0.05, 0.2)
    return image.point(lambda value: value * factor)


def bright(image: Image.Image, rng: random.Random) -> Image.Image:
    """Nearly white, or so many times brighter that most of it is."""
    if rng.random() < 0.5:  # noqa: PLR2004
        return Image.blend(image, Image.new("RGB", image.size, "white"), rng.uniform(0.75, 0.95))
    factor = rng.uniform(3, 6)
    return image.point(lambda value: min(255, value * factor))


def blank(image: Image.Image, rng: random.Random) -> Image.Image:
    """One colour with a little noise."""
    noise = np.random.default_rng(rng.randrange(10**6)).normal(0, rng.uniform(0, 8), (*image.size[::-1], 3))
    colour = [rng.randrange(256) for _ in range(3)]
    return Image.fromarray((noise + colour).clip(0, 255).astype(np.uint8))


def blurry(image: Image.Image, rng: random.Random) -> Image.Image:
    """Blurred by 1.3 to 4 pixels of an image of at most 256."""
    scale = max(1, max(image.size) / 256)
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(1.3, 4) * scale))


def odd_shape(image: Image.Image, rng: random.Random) -> Image.Image:
    """Three to five times as long as it was, with the same area."""
    stretch = rng.uniform(3, 5) ** 0.5
    stretch = stretch if image.width >= image.height else 1 / stretch
    return image.resize((max(1, round(image.width * stretch)), max(1, round(image.height / stretch))))


def odd_size(image: Image.Image, rng: random.Random) -> Image.Image:
    """Each side a third to a fifth, or three to four times as long."""
    factor = 1 / rng.uniform(3, 5) if rng.random() < 0.5 else rng.uniform(3, 4)  # noqa: PLR2004
    return image.resize((max(4, round(image.width * factor)), max(4, round(image.height * factor))))


SPOILERS = {
    "dark": dark,
    "bright": bright,
    "blank": blank,
    "blurry": blurry,
    "odd_shape": odd_shape,
    "odd_size": odd_size,
}


def write(folder: Path, options: argparse.Namespace, rng: random.Random) -> dict[str, list[str]]:
    """Write the images with what is planted; return the planted paths by kind."""
    if options.demo:
        write_demo_folder(folder / "drawn", images=options.demo)
        options.images = folder / "drawn" / "images"
    ordinary = read_some(options.images, options.most, rng)
    places = list(range(len(ordinary)))
    rng.shuffle(places)
    held_out = set(places[: len(places) // 5])
    rng.shuffle(places)
    planted: dict[int, str] = {}
    if not options.none:
        kinds = [*SPOILERS, "off_topic", "leak"]
        planted = {place: kind for kind in kinds for place in [places.pop() for _ in range(options.planted)]}
    others = [
        image
        for path in options.others
        for _, image in read_some(path, -(-options.planted // len(options.others)), rng)
    ]
    rng.shuffle(others)
    paths: dict[str, list[str]] = {}
    for place, (label, image) in enumerate(ordinary):
        kind = planted.get(place, "")
        part = "valid" if place in held_out and kind != "leak" else "train"
        path = f"{part}/{label}/{place:06}.{'jpg' if max(image.size) > 200 else 'png'}"  # noqa: PLR2004
        shown = image
        if kind in SPOILERS:
            shown = SPOILERS[kind](image, rng)
        elif kind == "off_topic":
            other = others.pop()
            shown = ImageOps.fit(other, image.size) if max(other.size) > max(image.size) else other
        elif kind == "leak":
            copy = f"valid/{label}/{place:06}-copy.jpg"
            save(folder / "images" / copy, image.resize([max(8, round(0.8 * side)) for side in image.size]))
            paths.setdefault(kind, []).append(copy)
        save(folder / "images" / path, shown)
        if kind and kind != "leak":
            paths.setdefault(kind, []).append(path)
    return paths


def save(path: Path, image: Image.Image) -> None:
    """Write it as its suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=92)


def through_the_product(folder: Path) -> tuple[dict[str, tuple[int, tuple[Problem, ...]]], float, float]:
    """By kind the number and the listed images; seconds of the import and of the first look."""
    settings = Settings(data_dir=folder / "data", database_url="")
    settings.data_dir.mkdir()
    migrate(settings.database)
    database = Database(settings.database)
    source = resolve_source(str(folder / "images"), uploads_dir=settings.uploads_dir)
    with database.write() as session:
        dataset_id = create_dataset(session, name="planted", source=source).id
    begun = time.monotonic()
    import_images(
        database, dataset_id=dataset_id, max_pixels=10**8, on_progress=_silent, should_stop=lambda: False
    )
    imported = time.monotonic()
    with database.write() as session:
        run = look_at_new_images(session, dataset_id=dataset_id)
        job = get_job(session, job_id=run.job_id) if run else None
    if job:
        first_look.run(JobContext(job, database, settings))
    looked = time.monotonic()
    with database.read() as session:
        counts = count_problems(session, dataset_id=dataset_id)
        listed = {
            each.kind: (
                each.images,
                list_problems(session, dataset_id=dataset_id, kind=each.kind, only_open=False, limit=10**6),
            )
            for each in counts
        }
    return listed, imported - begun, looked - imported


def _silent(*_: object) -> None:
    pass


def draw_sheet(folder: Path, problems: tuple[Problem, ...], out: Path) -> None:
    """The first hundred images of a list, ten in a row."""
    sheet = Image.new("RGB", (10 * TILE, 10 * TILE), "grey")
    for place, problem in enumerate(problems[:100]):
        with Image.open(folder / "images" / problem.tile.path) as image:
            sheet.paste(
                ImageOps.contain(image.convert("RGB"), (TILE, TILE)), (place % 10 * TILE, place // 10 * TILE)
            )
    sheet.save(out)


def main() -> None:
    """Print a line per kind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path)
    parser.add_argument("--demo", type=int, default=0, help="Draw so many faces instead.")
    parser.add_argument("--others", type=Path, nargs="*", default=[], help="Images of no class.")
    parser.add_argument("--planted", type=int, default=20, help="Images of each kind.")
    parser.add_argument("--most", type=int, default=10**6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--none", action="store_true")
    parser.add_argument("--kind", default="dark", choices=KINDS)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        planted = write(folder, options, random.Random(options.seed))  # noqa: S311
        listed, importing, looking = through_the_product(folder)
        print(f"import {importing:.0f} s, first look {looking:.0f} s")
        for kind, (count, problems) in listed.items():
            theirs = set(planted.get(kind, []))
            print(line(kind, count, [each.tile.path for each in problems], theirs))
        if options.sheet:
            draw_sheet(folder, listed[options.kind][1], options.sheet)


def line(kind: Kind, count: int, listed: list[str], planted: set[str]) -> str:
    """The figures of a kind."""
    if not planted:
        return f"{kind:10} {count:6} listed"
    first = listed[: 2 * len(planted)]
    return (
        f"{kind:10} {count:6} listed, {len(planted & set(listed))} of {len(planted)} planted are; "
        f"recall at twice their number {len(planted & set(first)) / len(planted):.2f}"
    )


if __name__ == "__main__":
    main()
