"""The routes of all pages, area by area."""

from fastapi import APIRouter
from starlette.routing import Route

from app.web.pages import docs, documentation, export, going, helping, jobs, moved, photos, remaining, server
from app.web.pages.accounts import account, activity, choosing, first_admin, openid, people, signing_in, theme
from app.web.pages.datasets import (
    audience,
    classes,
    folders,
    home,
    imports,
    managing,
    new_dataset,
    overview,
    version_changes,
)
from app.web.pages.deck import duplicates, grid, image_map, labels, problems, review, samples
from app.web.pages.measuring import compare, team
from app.web.pages.review import gold, opinions
from app.web.pages.rounds import card, retrain, rounds
from app.web.pages.training import own_model, run, run_files, run_images, runs, train

_AREAS = (
    signing_in,
    account,
    openid,
    people,
    activity,
    theme,
    home,
    overview,
    new_dataset,
    imports,
    folders,
    classes,
    managing,
    audience,
    version_changes,
    review,
    grid,
    image_map,
    labels,
    duplicates,
    problems,
    opinions,
    gold,
    samples,
    retrain,
    runs,
    train,
    own_model,
    run,
    run_images,
    run_files,
    photos,
    compare,
    team,
    rounds,
    card,
    remaining,
    export,
    jobs,
    server,
    going,
    docs,
    documentation,
    helping,
    moved,
)

quick_routes: tuple[Route, ...] = review.quick  # these check the log-in themselves
public_routers: tuple[APIRouter, ...] = (
    signing_in.public,
    choosing.public,
    first_admin.public,
    openid.public,
)
routers: tuple[APIRouter, ...] = tuple(area.router for area in _AREAS)
