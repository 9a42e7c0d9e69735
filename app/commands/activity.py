"""`toploss activity`."""

from typing import Annotated

import typer

from app.commands.shared import Json, open_own_database, print_list


def activity(
    *,
    person: Annotated[str, typer.Option(help="Only what this person did.")] = "",
    dataset: Annotated[str, typer.Option(help="Only what was done to this data set.")] = "",
    kind: Annotated[str, typer.Option(help="Only this kind.")] = "",
    json: Json = False,
) -> None:
    """Show who did what and when, the oldest first."""
    from app.accounts.activity import Wanted, as_json, each_activity

    with open_own_database() as database:
        print_list(
            map(as_json, each_activity(database, Wanted(person, dataset, kind))),
            header="time\tperson\tkind\tdata set\tabout\tfrom",
            line=lambda row: (
                str(row["at"])[:16],
                row["person"],
                row["kind"],
                row["dataset"] or "-",
                row["about"] or "-",
                " ".join(str(row[name]) for name in ("via", "address") if row[name]),
            ),
            json=json,
            nothing=lambda: "Nothing is written down yet.",
        )
