"""Every address of the application, from its table of routes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Route

from app.web.forms import SentForm
from app.web.pages.deck.review import DecisionForm
from app.web.strict import ReadsItself, names_of, of_route


@dataclass(frozen=True)
class Address:
    """A method and a path, and how its body is sent."""

    method: str
    path: str
    body: str = "none"  # or form, json, own (a form that the route reads itself)
    query: frozenset[str] = frozenset()
    form: frozenset[str] = frozenset()
    models: tuple[Any, ...] = field(default=(), compare=False)

    def at(self, **values: object) -> str:
        """The address with values in it; a number where none is given."""
        return re.sub(r"\{(\w+)(?::\w+)?\}", lambda name: str(values.get(name[1], 1)), self.path)

    def takes(self, name: str) -> bool:
        """Whether a form may have a field of this name."""
        return name in self.form or bool(
            re.fullmatch(r"weight\.[0-9]+", name) and "class_weights" in self.form
        )

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def addresses(app: FastAPI) -> Iterator[Address]:
    """Every route, those inside of routers too."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if not isinstance(route, Route):
            continue  # the static files
        for method in sorted(context.methods or ()):
            yield _address(method, str(context.path), route)


def _own(dependant: Dependant) -> frozenset[str]:
    """The names of a form that a dependency reads."""
    for each in dependant.dependencies:
        call: Any = each.call
        if isinstance(call, ReadsItself) and call.place == "form":
            return names_of(call.model).all if isinstance(call, SentForm) else frozenset(call.names)
    return frozenset()


def _address(method: str, path: str, route: Route) -> Address:
    if not isinstance(route, APIRoute):
        return Address(method, path, "own", form=names_of(DecisionForm).all)
    declared = of_route(route)
    body = "json" if declared.is_json else "form" if declared.form else "own" if declared.is_read else "none"
    models = tuple(
        each.field_info.annotation for each in route.dependant.body_params + route.dependant.query_params
    )
    return Address(
        method,
        path,
        body,
        declared.query.all if declared.query else frozenset(),
        declared.form.all if declared.form else _own(route.dependant),
        models,
    )
