"""Many annotators beside a training: errors, doubles, times, memory; a random order beside the ranking."""

import http.client
import random
import re
import statistics
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlencode, urlsplit

from sqlalchemy import func, select

from app.accounts.models import User
from app.review.models import Decision
from app.training.models import Epoch, Run
from benchmarks.decide import annotate, make_review, measure
from benchmarks.endurance.places import Part, Place, Places, memory_mb
from benchmarks.log_ins import measure as measure_log_ins
from tests.factories import write_images
from tests.servers import Server, start_server
from tests.small_worker import SMALL

LEAST_SHARE = 0.6  # of the ranking's rate that a random order has to reach
WORST_CHECK = 5.0  # seconds that a health check may take beside log-ins
ROUND = 10.0  # seconds of each order
WATCH = 0.5  # seconds between two looks at the memory


@dataclass
class Seen:
    """What the annotators met."""

    took: list[float] = field(default_factory=list)  # seconds of each answer
    acknowledged: set[tuple[int, str]] = field(default_factory=set)  # annotator, client id
    errors: list[str] = field(default_factory=list)


def annotator(
    address: str, number: int, cookie: str, *, until: float, pause: float, seen: Seen, draw: random.Random
) -> None:
    """Claims cards and answers one after the other, thinking about `pause` seconds over each."""
    connection = http.client.HTTPConnection(address, timeout=120)
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "hx-request": "true",
        "cookie": f"toploss_session={cookie}",
    }

    def post(path: str, **form: object) -> str | None:
        began = time.perf_counter()
        try:
            connection.request("POST", path, urlencode(form), headers)
            answer = connection.getresponse()
            said = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            seen.errors.append(repr(error))
            connection.close()
            return None
        seen.took.append(time.perf_counter() - began)
        if answer.status == 200:  # noqa: PLR2004
            return said
        seen.errors.append(f"{answer.status} {said[:120]}")
        return None

    cards: list[str] = []
    time.sleep(draw.uniform(0, pause))
    while time.monotonic() < until:
        if not cards:
            cards = re.findall(r'data-sample="(\d+)"', post("/d/faces/review/claims", hold=6) or "")
            time.sleep(0 if cards else 1)
            continue
        card, client_id = cards.pop(0), f"{number}-{len(seen.took)}-{draw.getrandbits(64)}"
        said = post(
            "/d/faces/review/decisions",
            sample=card,
            answer="keep",
            client_id=client_id,
            milliseconds=900,
            hold=6,
            have=" ".join(cards),
        )
        if said is not None:
            seen.acknowledged.add((number, client_id))
            cards += [each for each in re.findall(r'data-sample="(\d+)"', said) if each not in cards]
        time.sleep(draw.uniform(0.5, 1.5) * pause)


def crowd(
    places: Places, *, people: int, minutes: float, pause: float, samples: int, rounds: int, seed: int
) -> list[Part]:
    """Two parts: the annotators beside a training, and a random order beside the ranking (with `rounds`)."""
    with places.empty("crowd") as place:
        cookies = make_review(place.folder, samples, people, database_url=place.url)
        images = write_images(place.folder.parent / "to_learn", per_class=20, size=32)
        with start_server(place.folder, database_url=place.url, worker=True) as server:
            beside = _beside_training(
                place, server, cookies, minutes=minutes, pause=pause, seed=seed, images=images
            )
            orders = [_orders(place, server, cookies, rounds=rounds)] if rounds else []
    return [beside, *orders]


def _beside_training(
    place: Place,
    server: Server,
    cookies: list[str],
    *,
    minutes: float,
    pause: float,
    seed: int,
    images: object,
) -> Part:
    part, seen, memory = Part("annotators beside a training", place.kind), Seen(), []
    server.command("import", str(images), "--name", "pets")
    server.command("train", "pets", *SMALL, "--epochs", "1000")
    part.expect(_wait_for_epoch(place, server), "the training does not begin")
    epochs = _epochs(place)
    until, address = time.monotonic() + 60 * minutes, urlsplit(server.url).netloc
    threads = [
        threading.Thread(
            target=annotator,
            args=(address, number, cookie),
            kwargs={
                "until": until,
                "pause": pause,
                "seen": seen,
                "draw": random.Random(f"{seed} {number}"),  # noqa: S311
            },
        )
        for number, cookie in enumerate(cookies)
    ]
    before = memory_mb(server.process.pid)
    for thread in threads:
        thread.start()
    while time.monotonic() < until:
        memory.append(memory_mb(server.process.pid))
        time.sleep(WATCH)
    for thread in threads:
        thread.join()
    with place.database() as database, database.read() as session:
        query = select(User.name, Decision.client_id, Decision.sample_id).join(
            User, User.id == Decision.user_id
        )
        rows = session.execute(query).all()
    found = {(int(name.removeprefix("annotator")), client_id) for name, client_id, _ in rows}
    lost = len(seen.acknowledged - found)
    twice = len(rows) - len({sample for _, _, sample in rows})
    took = sorted(seen.took)
    part.figures = {
        "annotators": len(cookies),
        "minutes": minutes,
        "seconds between two answers": pause,
        "decisions acknowledged": len(seen.acknowledged),
        "found": len(seen.acknowledged) - lost,
        "decisions per second": round(len(seen.acknowledged) / (60 * minutes), 1),
        "images that two people got": twice,
        "errors": len(seen.errors),
        "median ms": round(1000 * statistics.median(took), 1),
        "p95 ms": round(1000 * took[int(0.95 * len(took))], 1),
        "slowest ms": round(1000 * took[-1], 1),
        "memory MB before": round(before),
        "memory MB at most": round(max(memory)),
        "memory MB after": round(memory[-1]),
        "epochs trained meanwhile": _epochs(place) - epochs,
    }
    part.expect(not lost, f"{lost} acknowledged decisions are lost")
    part.expect(not twice, f"{twice} images were given to two people")
    part.expect(not seen.errors, f"{len(seen.errors)} errors, the first: {(seen.errors or [''])[0]}")
    part.expect(_is_training(place), "the training ended before the annotators")
    server.command("runs", "cancel", "pets", "2", check=False)
    return part


def _is_training(place: Place) -> bool:
    with place.database() as database, database.read() as session:
        return session.scalar(select(Run.state).where(Run.state == "running")) is not None


def _epochs(place: Place) -> int:
    with place.database() as database, database.read() as session:
        return session.scalar(select(func.count()).select_from(Epoch)) or 0


def _wait_for_epoch(place: Place, server: Server) -> bool:
    until, before = time.monotonic() + 300, _epochs(place)
    while _epochs(place) == before:
        if time.monotonic() > until or server.process.poll() is not None:
            return False
        time.sleep(0.2)
    return True


def _orders(place: Place, server: Server, cookies: list[str], *, rounds: int) -> Part:
    """By turns, so that both meet the same machine. Nobody thinks: as many answers as the server gives."""
    part, address = Part("random order beside the ranking", place.kind), urlsplit(server.url).netloc
    random_order = partial(annotate, order="random")
    measure(address, cookies[:1], 1.0, client=random_order)
    pairs = [
        (measure(address, cookies, ROUND).rate, measure(address, cookies, ROUND, client=random_order).rate)
        for _ in range(rounds)
    ]
    share = statistics.median(second / first if first else 0.0 for first, second in pairs)
    part.figures = {
        "annotators": len(cookies),
        "rounds": rounds,
        "per second by rank": round(statistics.median(first for first, _ in pairs), 1),
        "per second at random": round(statistics.median(second for _, second in pairs), 1),
        "share": round(share, 2),
        "goal": LEAST_SHARE,
    }
    part.expect(share >= LEAST_SHARE, f"a random order has {share:.2f} of the ranking's rate")
    return part


def log_ins(*, count: int) -> Part:
    """Many log-ins at once: benchmarks/log_ins.py."""
    part, found = Part("log-ins at once", "sqlite"), measure_log_ins(count)
    part.figures = {
        "log-ins": count,
        "answers": ", ".join(f"{number} x {code}" for code, number in found.answers.items()),
        "last answer s": round(found.last, 2),
        "health checks": found.checks,
        "slowest health check s": round(found.slowest_check, 3),
        "memory MB before": round(found.before),
        "memory MB at most": round(found.most),
        "memory MB after": round(found.after),
    }
    part.expect(set(found.answers) <= {401, 429}, "a log-in got another answer than 401 or 429")
    part.expect(found.slowest_check < WORST_CHECK, "a health check had to wait")
    return part
