"""Every table.

A process imports this once before it uses the database: foreign keys name tables of other packages.
"""

from importlib import import_module

for package in ("accounts", "datasets", "jobs", "ranking", "review", "training"):
    import_module(f"app.{package}.models")
