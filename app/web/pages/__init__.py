"""HTML pages and fragments: one module per area."""

from fastapi import APIRouter

from app.web.pages import (
    accounts,
    compare,
    datasets,
    duplicates,
    export,
    gold,
    grid,
    imports,
    jobs,
    opinions,
    people,
    review,
    run,
    runs,
    samples,
)

_AREAS = (accounts, people, datasets, imports, review, grid, duplicates, opinions, gold, samples, runs, run, compare, export, jobs)

public_routers: tuple[APIRouter, ...] = (accounts.public,)
routers: tuple[APIRouter, ...] = tuple(area.router for area in _AREAS)
