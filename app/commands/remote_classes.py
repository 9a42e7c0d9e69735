"""Changes of the classes of a data set on a server, by the person of the token."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from app.commands.client import Api, open_api
from app.commands.remote_changes import stored_name

if TYPE_CHECKING:
    from app.review.merging import Preview


def add_there(server: str, name: str, class_name: str, *, person: str | None) -> str:
    """Add a class; its name as it is stored."""
    with open_api(server, person=person) as api:
        made = api.send("POST", f"/datasets/{stored_name(api, name)}/classes", json={"name": class_name})
    return str(made["name"])


def rename_there(
    server: str, name: str, class_name: str, new_name: str, *, person: str | None
) -> tuple[str, str]:
    """Rename a class; its names before and after."""
    with open_api(server, person=person) as api:
        path, found = _class(api, name, class_name)
        made = api.send("PATCH", path, json={"name": new_name})
    return found["name"], made["name"]


def merge_there(
    server: str,
    name: str,
    class_name: str,
    into: str,
    *,
    person: str | None,
    ask: "Callable[[Preview, str], None]",
) -> tuple[str, str, int]:
    """Merge a class into another one after `ask` was told what uses it; both names and how many images.

    Raises Conflict if both are one, or another number of images has the class by the time of the answer.
    """
    from app.review.merging import Preview, merged_into_itself

    with open_api(server, person=person) as api:
        path, found = _class(api, name, class_name)
        other = str(_class(api, name, into)[1]["name"])
        if other == found["name"]:
            raise merged_into_itself(other)
        counts = {each: found[each] for each in ("samples", "answers", "waiting", "versions", "runs")}
        ask(Preview(found["name"], given=sum(found["given"].values()), **counts), other)
        api.send("PATCH", path, json={"merge_into": other, "expected": found["samples"]})
    return found["name"], other, found["samples"]


def retire_there(server: str, name: str, class_name: str, *, person: str | None) -> str:
    """Retire a class; its name as it is stored."""
    with open_api(server, person=person) as api:
        path, found = _class(api, name, class_name)
        api.send("DELETE", path)
    return str(found["name"])


def undo_there(server: str, name: str, *, person: str | None) -> str:
    """Undo the newest change of the classes; what it was, as a clause. Raises NotFound if none stands."""
    from app.datasets.classes import PastChange
    from app.errors import NotFound

    with open_api(server, person=person) as api:
        name = stored_name(api, name)
        changes = api.get(f"/datasets/{name}/class-changes")["items"]
        last = next((each for each in changes if not each["is_undone"]), None)
        if last is None:
            raise NotFound(f"Nobody has changed the classes of {name}, or all of it is undone.")
        api.send("POST", f"/datasets/{name}/class-changes/{last['id']}/undo")
    return PastChange(**last).words


def _class(api: Api, name: str, class_name: str) -> tuple[str, dict[str, Any]]:
    """The address of a class and what the API says about it. Raises NotFound."""
    path = f"/datasets/{stored_name(api, name)}/classes/{quote(class_name, safe='')}"
    return path, api.get(path)
