"""HTML pages and fragments: one module per area."""

from fastapi import APIRouter

from app.web.pages import (
    accounts,
    compare,
    datasets,
    duplicates,
    export,
    grid,
    imports,
    jobs,
    opinions,
    people,
    photos,
    review,
    runs,
    samples,
)

_AREAS = (accounts, people, datasets, imports, review, grid, duplicates, opinions, samples, runs, photos, compare, export, jobs)

public_routers: tuple[APIRouter, ...] = (accounts.public,)
routers: tuple[APIRouter, ...] = tuple(area.router for area in _AREAS)
