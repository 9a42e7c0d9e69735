"""HTML pages and fragments: one module per area."""

from fastapi import APIRouter
from starlette.routing import Route

from app.web.pages import (
    accounts,
    compare,
    datasets,
    duplicates,
    export,
    folders,
    gold,
    grid,
    imports,
    jobs,
    new_dataset,
    opinions,
    people,
    photos,
    retrain,
    review,
    rounds,
    run,
    runs,
    samples,
    stop,
)

_AREAS = (
    accounts,
    people,
    datasets,
    new_dataset,
    imports,
    folders,
    review,
    grid,
    duplicates,
    opinions,
    gold,
    samples,
    retrain,
    runs,
    run,
    photos,
    compare,
    rounds,
    stop,
    export,
    jobs,
)

quick_routes: tuple[Route, ...] = review.quick  # these ask by themselves who is signed in
public_routers: tuple[APIRouter, ...] = (accounts.public,)
routers: tuple[APIRouter, ...] = tuple(area.router for area in _AREAS)
