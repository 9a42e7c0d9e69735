"""The REST API under /api/v1: the same domain functions as the pages, as JSON."""

from app.web.api import (
    activity,
    adding,
    audience,
    classes,
    compare,
    datasets,
    gold,
    image_map,
    jobs,
    labels,
    managing,
    openapi,
    photos,
    predictions,
    problems,
    remaining,
    review,
    runs,
    samples,
    version_changes,
    versions,
    webhooks,
)

routers = tuple(
    module.router
    for module in (
        datasets,
        managing,
        audience,
        adding,
        classes,
        samples,
        problems,
        image_map,
        runs,
        predictions,
        photos,
        compare,
        review,
        labels,
        gold,
        remaining,
        version_changes,
        versions,
        jobs,
        webhooks,
        activity,
        openapi,
    )
)
