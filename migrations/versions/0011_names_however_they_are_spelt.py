"""Names are found however they are spelt.

A data set knows what its source is called, and what its import has to say.
"""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

AT_ONCE = 1000


def upgrade() -> None:
    op.add_column("dataset", sa.Column("source_name", sa.String(), nullable=True))
    op.add_column("dataset", sa.Column("zip_encoding", sa.String(), nullable=True))
    op.add_column("dataset", sa.Column("notes", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("sample", sa.Column("folded_path", sa.String(), nullable=True))
    # Zips imported so far: names that are not marked as UTF-8 were taken for this code page.
    op.execute("UPDATE dataset SET zip_encoding = 'cp437' WHERE lower(source) LIKE '%.zip'")
    _fold_paths()


def downgrade() -> None:
    op.drop_column("sample", "folded_path")
    op.drop_column("dataset", "notes")
    op.drop_column("dataset", "zip_encoding")
    op.drop_column("dataset", "source_name")


def _fold_paths() -> None:
    """Store what a search goes by, where that is more than the path in lower case."""
    connection = op.get_bind()
    sample = sa.table("sample", sa.column("id"), sa.column("path"), sa.column("folded_path"))
    store = (
        sa.update(sample)
        .where(sample.c.id == sa.bindparam("sample_id"))
        .values(folded_path=sa.bindparam("key"))
    )
    last = 0
    while rows := connection.execute(
        sa.select(sample.c.id, sample.c.path).where(sample.c.id > last).order_by(sample.c.id).limit(AT_ONCE)
    ).all():
        last = rows[-1][0]
        keys = [(sample_id, path, _folded(path)) for sample_id, path in rows]
        if changes := [
            {"sample_id": sample_id, "key": key}
            for sample_id, path, key in keys
            if not path.isascii() or key != path.lower()
        ]:
            connection.execute(store, changes)


def _folded(path: str) -> str:
    return "/".join(_tidy(unicodedata.normalize("NFD", _tidy(part)).casefold()) for part in path.split("/"))


def _tidy(name: str) -> str:
    shown = name.translate(dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff")))
    return " ".join(unicodedata.normalize("NFC", shown).split()) or name
