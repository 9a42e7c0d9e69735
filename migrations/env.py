"""Alembic's environment: the tables are those of the app's models."""

from importlib import import_module

from alembic import context

from app.schema import Base

for package in ("accounts", "datasets", "jobs", "ranking", "review", "training"):
    import_module(f"app.{package}.models")

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    # SQLite cannot alter most things in place; batch mode copies the table.
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    # The job engine keeps its tables in a schema of its own.
    include_object=lambda _object, name, kind, reflected, _compare: not (kind == "table" and reflected and name not in Base.metadata.tables),
)
with context.begin_transaction():
    context.run_migrations()
