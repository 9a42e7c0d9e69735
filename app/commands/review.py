"""`toploss review`: what the review page does, from the shell."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from app.commands.client import Api, As, Server, open_api
from app.commands.shared import DatasetName, Json, print_json, print_list

review = typer.Typer(help="List label issues, and decide about images.", no_args_is_help=True)

Samples = Annotated[
    list[str], typer.Argument(metavar="SAMPLE…", help="Numbers of images, or their paths in the data set.")
]


@review.callback()
def _group() -> None:
    """List label issues, and decide about images."""


@review.command("list")
def list_(
    name: DatasetName,
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many images.")] = 20,
    state: Annotated[
        str, typer.Option(help="open, issues, unreviewed, reviewed, waiting or bulk, as on the page Samples.")
    ] = "open",
    json: Json = False,
    server: Server = None,
) -> None:
    """List the label issues that nobody has decided about, the most suspicious first.

    A line is the image's number, its label, the predicted label, the verdict and the path, with tabs between.
    """
    with open_api(server) as api:
        print_list(
            api.pages(f"/datasets/{name}/samples", limit=limit, state=state, order="rank"),
            header="sample\tlabel\tpredicted\tverdict\tpath",
            line=lambda each: [
                each["sample"],
                each["label"] or "deleted",
                each["predicted_label"] or "",
                each["verdict"] or "",
                each["path"],
            ],
            json=json,
            nothing=lambda: _no_samples(api, name, state),
        )


@review.command("keep")
def keep(
    name: DatasetName, samples: Samples, *, person: As = None, json: Json = False, server: Server = None
) -> None:
    """Keep the labels of images: they are right."""
    _decide(name, samples, "keep", None, person=person, json=json, server=server)


@review.command("relabel")
def relabel(
    name: DatasetName,
    label: Annotated[str, typer.Argument(metavar="CLASS", help="The right class.")],
    samples: Samples,
    *,
    person: As = None,
    json: Json = False,
    server: Server = None,
) -> None:
    """Give images the right class."""
    _decide(name, samples, "relabel", label, person=person, json=json, server=server)


@review.command("delete")
def delete(
    name: DatasetName, samples: Samples, *, person: As = None, json: Json = False, server: Server = None
) -> None:
    """Take images out of the data set; their files stay."""
    _decide(name, samples, "delete", None, person=person, json=json, server=server)


@review.command("unsure")
def unsure(
    name: DatasetName, samples: Samples, *, person: As = None, json: Json = False, server: Server = None
) -> None:
    """Leave images to somebody else."""
    _decide(name, samples, "unsure", None, person=person, json=json, server=server)


@review.command("undo")
def undo(
    decisions: Annotated[
        list[int], typer.Argument(metavar="DECISION…", min=1, help="Numbers of one's own decisions.")
    ],
    *,
    person: As = None,
    json: Json = False,
    server: Server = None,
) -> None:
    """Undo one's own decisions, by their numbers."""
    with _api_of(person, server) as api:
        for number in decisions:
            done = api.send("DELETE", f"/decisions/{number}")
            if json:
                print_json(done)
            else:
                typer.echo(f"Decision {number} on image {done['sample']} is undone.")


def _decide(
    name: str,
    samples: Sequence[str],
    verdict: str,
    label: str | None,
    *,
    person: str | None,
    json: bool,
    server: str | None,
) -> None:
    with _api_of(person, server) as api:
        for sample in [_number(api, name, each) for each in samples]:  # all of them exist, or none is decided
            said = {"sample": sample, "verdict": verdict, "client_id": str(uuid.uuid4())}
            done = api.send(
                "POST", f"/datasets/{name}/decisions", json=said | ({"label": label} if label else {})
            )
            if json:
                print_json(done)
            else:
                to = f" as {done['label']}" if done["label"] else ""  # a relabel to its own class keeps it
                typer.echo(f"Decision {done['id']}: {done['verdict']} image {sample}{to}.")


def _number(api: Api, name: str, said: str) -> int:
    """The number of a sample that is named by number or path. Raises NotFound."""
    from app.errors import NotFound

    if said.isascii() and said.isdecimal():
        return int(said)
    found: Iterator[dict[str, Any]] = api.pages(f"/datasets/{name}/samples", text=said)
    for each in found:
        if each["path"] == said:
            return int(each["sample"])
    raise NotFound(
        f"There is no image {said} in {name}; `toploss review list {name}` shows paths and numbers."
    )


def _no_samples(api: Api, name: str, state: str) -> str:
    """Why there is no sample to list."""
    if api.get(f"/datasets/{name}")["run"] is None:
        return f"{name} has no ranking yet; a first look or `toploss train {name}` makes one."
    return f"No ranked image of {name} is in the state {state}; --state chooses another one."


@contextmanager
def _api_of(person: str | None, server: str | None) -> Iterator[Api]:
    """The API, asked by somebody who can decide. Raises Invalid."""
    from app.errors import Invalid

    if person is None and server is None:
        raise Invalid("Say who decides with --as NAME; `toploss user list` shows the people.")
    with open_api(server, person=person) as api:
        yield api
