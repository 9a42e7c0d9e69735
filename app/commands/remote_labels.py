"""Labels from a file that a server records, as decisions of the person of the token."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.commands.client import open_api
from app.commands.remote_changes import stored_name


def apply_there(
    server: str, name: str, file: Path, form: Mapping[str, str], *, person: str | None
) -> dict[str, Any]:
    """Send a label file; what the API says about its rows, those of the first thousand by path."""
    with open_api(server, person=person) as api, file.open("rb") as content:
        path = f"/datasets/{stored_name(api, name)}/labels"
        done: dict[str, Any] = api.send("POST", path, form=form, files={"file": (file.name, content)})
    done["rows"].sort(key=lambda row: str(row["path"]))
    return done


def undo_there(server: str, name: str, *, person: str | None) -> int:
    """Undo the newest labels from a file; how many decisions that were. Raises NotFound if none stand."""
    from app.deck.corrected import nothing_stands

    with open_api(server, person=person) as api:
        action = api.get(f"/datasets/{stored_name(api, name)}/labels")["action"]
        if action is None:
            raise nothing_stands(name)
        return int(api.send("DELETE", f"/bulk-decisions/{action}")["samples"])
