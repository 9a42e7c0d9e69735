"""kill -9 of the web server, commands and the worker while people and scripts use them."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import func, select, text

from app.datasets.models import Dataset, Sample
from app.training.models import Epoch, Run
from benchmarks.endurance.clients import Clients, check_log
from benchmarks.endurance.places import MODULES, Killable, Part, Place, Places, tokens_of, work
from tests.factories import make_dataset, write_images
from tests.forked import fork
from tests.small_worker import SMALL

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = {"ada": "admin", "ann": "annotator", "bob": "annotator", "cyd": "annotator", "dan": "annotator"}
LONGEST = 0.6  # seconds of work before a kill
UNFINISHED = ("queued", "running")  # a training may also finish before the last kill
TRIES = 600.0  # seconds in which a job may get further by one epoch


def kill_web(places: Places, *, kills: int, draw: random.Random, seed: int) -> Part:
    """The web server under four annotators, a script that freezes and one that exports."""
    part, meant = Part("kills of the web server", places.kind), {"freezing": 0, "exporting": 0}
    with places.empty("web") as place:
        place.command("datasets", "list")  # makes the database
        with place.database() as database:
            made = make_dataset(database, place.folder / "images", per_class=40)
        tokens, server = tokens_of(place, PEOPLE), Killable(place)
        part.expect(server.start(), "the first start failed")
        with Clients(server.address, tokens, list(made.sample_ids), seed=seed) as clients:
            done = 0
            while done < kills and not part.problems:
                part.expect(clients.wait_for_more(60), "no decision was acknowledged within a minute")
                time.sleep(draw.uniform(0, LONGEST))
                wanted = draw.choice(("freezing", "exporting", ""))
                until = time.monotonic() + 1
                while wanted and wanted not in clients.log.doing and time.monotonic() < until:
                    time.sleep(0.0005)
                time.sleep(draw.uniform(0, 0.03))
                for each in set(clients.log.doing):
                    meant[each] += 1
                server.kill()
                done += 1
                part.expect(server.start(), f"it does not start again after kill {done}")
            part.expect(clients.wait_for_more(60), "no decision was acknowledged after the last start")
        server.kill()
        part.figures = {"kills": done, "during a freeze": meant["freezing"]}
        part.figures |= {"during an export": meant["exporting"]}
        check_log(place, clients.log, part)
        check_file(place, part)
    return part


def check_file(place: Place, part: Part) -> None:
    """SQLite finds its file whole."""
    if place.kind == "sqlite":
        with place.database() as database, database.read() as session:
            said = session.scalar(text("PRAGMA integrity_check"))
        part.expect(said == "ok", f"SQLite finds: {said}")


def kill_imports(places: Places, *, kills: int, draw: random.Random) -> Part:
    """`toploss import`, killed up to three times, then repeated to its end."""
    part, killed, trials = Part("kills of an import", places.kind), 0, 0
    with places.empty("imports") as place:
        images = write_images(place.folder.parent / "to_import", per_class=100)
        files = len(list(images.rglob("*.png")))
        place.command("import", str(images), "--name", "whole")
        began = time.monotonic()
        place.command("import", str(images), "--name", "timed")
        took = time.monotonic() - began
        while killed < kills and trials < 4 * kills:
            name = f"trial{trials}"
            trials += 1
            for _ in range(min(kills - killed, draw.choice((1, 2, 3)))):
                process = place.start_command("import", str(images), "--name", name)
                process.join(draw.uniform(0.1, 1) * took)
                process.kill()
                process.join()
                killed += process.exitcode == -9  # noqa: PLR2004
            said = place.command("import", str(images), "--name", name, check=False)
            with place.database() as database, database.read() as session:
                dataset = session.scalar(select(Dataset).where(Dataset.name == name))
                query = select(func.count(), func.count(Sample.path.distinct()))
                if dataset is None or dataset.state != "ready":
                    part.expect(False, f"a killed import cannot be repeated: {said[-200:]}")
                    continue
                rows, paths = session.execute(query.where(Sample.dataset_id == dataset.id)).one()
            part.expect(rows == paths == files, f"{rows} images with {paths} paths of {files} files")
        part.figures = {"kills": killed, "data sets": trials, "images each": files}
        check_file(place, part)
    return part


def kill_exports(places: Places, *, kills: int, draw: random.Random) -> Part:
    """`toploss export --freeze -o FILE`, killed: the file is absent, the old one or the whole new one."""
    part, killed, kept = Part("kills of an export", places.kind), 0, 0
    with places.empty("exports") as place:
        images = write_images(place.folder.parent / "to_export", per_class=300)
        place.command("import", str(images), "--name", "faces")
        target = place.folder.parent / "exported" / "faces.zip"
        target.parent.mkdir()
        arguments = ("export", "faces", "--format", "imagefolder", "--freeze", "-o", str(target))
        place.command(*arguments)
        whole = target.read_bytes()
        began = time.monotonic()
        place.command(*arguments)
        took, tries = time.monotonic() - began, 0
        while killed < kills and tries < 4 * kills:
            tries += 1
            if draw.random() < 0.5:  # noqa: PLR2004
                target.unlink(missing_ok=True)
            was_there = target.exists()
            process = place.start_command(*arguments)
            process.join(draw.uniform(0.2, 1) * took)
            process.kill()
            process.join()
            killed += process.exitcode == -9  # noqa: PLR2004
            kept += was_there
            part.expect(target.exists() or not was_there, "an export that was killed removed the old file")
            part.expect(not target.exists() or target.read_bytes() == whole, "a file is there in part")
        place.command(*arguments)
        part.expect(target.read_bytes() == whole, "the export after the kills is another one")
        left = [path.name for path in target.parent.iterdir() if path != target]
        part.expect(not left, f"left beside it: {left}")
        part.figures = {"kills": killed, "over an older file": kept, "bytes of the file": len(whole)}
    return part


def kill_worker(places: Places, *, kills: int, draw: random.Random) -> Part:
    """The worker during a training, each time after it has saved another epoch."""
    part, killed = Part("kills of the worker", places.kind), 0
    with places.empty("worker") as place:
        images = write_images(place.folder.parent / "to_train", per_class=6)
        place.command("import", str(images), "--name", "faces")
        epochs = 2 * kills + 2  # several may be saved before one kill
        place.command("train", "faces", *SMALL, "--epochs", str(epochs))
        sidecar = place.folder / "runs" / "1" / "main" / "checkpoint.json"

        def saved() -> list[float]:
            """Seconds of each epoch in the checkpoint."""
            history = json.loads(sidecar.read_text())["history"] if sidecar.exists() else []
            return [each["seconds"] for each in history]

        def state() -> str:
            with place.database() as database, database.read() as session:
                return str(session.scalar(select(Run.state)))

        while not part.problems and state() in UNFINISHED:
            before, until = saved(), time.monotonic() + TRIES
            worker = fork(work, env=place.env, output=(place.log, place.log), modules=MODULES)
            is_last = killed == kills
            while (is_last or saved() == before) and state() in UNFINISHED:
                if not worker.is_alive() or time.monotonic() > until:
                    part.expect(False, f"the training got no further after kill {killed}: {state()}")
                    break
                time.sleep(0.2 if is_last else 0.05)
            time.sleep(0 if is_last else draw.uniform(0, LONGEST))
            worker.kill()
            worker.join()
            part.expect(saved()[: len(before)] == before, "an epoch that was saved was trained again")
            killed += not is_last and worker.exitcode == -9  # noqa: PLR2004
        with place.database() as database, database.read() as session:
            query = select(Epoch.epoch).where(Epoch.fold == -1).order_by(Epoch.epoch)
            kept = list(session.scalars(query))
        part.expect(state() == "finished", f"the training ends as {state()}")
        part.expect(len(kept) == len(set(kept)) == epochs, f"{len(kept)} of {epochs} epochs are kept")
        part.figures = {"kills": killed, "epochs": len(kept), "saved epochs trained twice": 0}
        check_file(place, part)
    return part


def kill_migrations(kind: str, *, kills: int, seed: int) -> Part:
    """First starts and upgrades: benchmarks/kills.py."""
    part = Part("kills of an upgrade", kind)
    command = [sys.executable, "benchmarks/kills.py", "--kills", str(kills), "--seed", str(seed)]
    done = subprocess.run(
        [*command, "--database", kind], capture_output=True, text=True, cwd=ROOT, check=False
    )
    part.expect(done.returncode == 0, f"{done.stdout[-500:]}{done.stderr[-500:]}")
    totals = [line.split() for line in done.stdout.splitlines() if line.startswith("all")]
    if totals:
        part.figures = {"kills": int(totals[0][2]), "trials": int(totals[0][1])}
        part.figures |= {"started again, all there": int(totals[0][3])}
    return part
