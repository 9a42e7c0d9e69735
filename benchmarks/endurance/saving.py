"""A backup that is made while people decide and the labels are frozen, restored into an empty server."""

from sqlalchemy import select

from app.review.models import Decision
from benchmarks.endurance.clients import Clients, Log, check_log
from benchmarks.endurance.killing import PEOPLE, check_file
from benchmarks.endurance.places import Killable, Part, Places, tokens_of
from tests.factories import make_dataset


def backup(places: Places, *, backups: int, seed: int) -> Part:
    """Every decision that was acknowledged before a backup began is in the server restored from it."""
    part = Part("backups under load", places.kind)
    with places.empty("saved") as place:
        place.command("datasets", "list")  # makes the database
        with place.database() as database:
            made = make_dataset(database, place.folder / "images", per_class=40)
        tokens, server = tokens_of(place, PEOPLE), Killable(place)
        part.expect(server.start(), "the server did not start")
        saved: list[Log] = []
        with Clients(server.address, tokens, list(made.sample_ids), seed=seed) as clients:
            for number in range(backups):
                part.expect(clients.wait_for_more(60), "no decision was acknowledged within a minute")
                log = clients.log
                saved.append(Log(decisions=dict(log.decisions), versions=dict(log.versions)))
                place.command("backup", str(place.folder.parent / f"backup{number}.tar"))
        server.kill()
        part.figures = {"backups": backups}
        check_log(place, clients.log, part)
        later = 0
        for number, log in enumerate(saved):
            log.sent = set(clients.log.sent)
            with places.empty(f"restored{number}") as copy:
                copy.command("restore", str(place.folder.parent / f"backup{number}.tar"))
                checked = Part("a restored server", places.kind)
                check_log(copy, log, checked)
                check_file(copy, checked)
                again = Killable(copy)
                checked.expect(again.start(), "a restored server does not start")
                with Clients(again.address, tokens, list(made.sample_ids), seed=seed + 1) as more:
                    checked.expect(more.wait_for_more(60), "a restored server takes no decisions")
                again.kill()
                part.problems += checked.problems
                with copy.database() as database, database.read() as session:
                    there = set(session.scalars(select(Decision.client_id)))
                later += len(there & log.sent - log.decisions.keys())
        part.figures |= {
            "acknowledged before a backup": sum(len(log.decisions) for log in saved),
            "of these restored": sum(len(log.decisions) for log in saved)
            if not part.problems
            else "see below",
            "acknowledged meanwhile and restored too": later,
        }
    return part
