"""The REST API under /api/v1: the same domain functions as the pages, as JSON."""

from app.web.api import datasets, jobs, openapi, photos, review, runs, samples, versions

routers = tuple(module.router for module in (datasets, samples, runs, photos, review, versions, jobs, openapi))
