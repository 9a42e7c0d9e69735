"""Alembic's environment: the tables are those of the app's models."""

from alembic import context

import app.db.tables  # noqa: F401 - registers them
from app.db.types import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    # SQLite cannot alter most things in place; batch mode copies the table.
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    # The job engine keeps its tables in a schema of its own.
    include_object=lambda _object, name, kind, reflected, _compare: (
        not (kind == "table" and reflected and name not in Base.metadata.tables)
    ),
)
with context.begin_transaction():
    context.run_migrations()
