"""Search keys of names with signs that are not shown, wide letters or a Turkish i are made again."""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

AT_ONCE = 1000
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_JOINERS = re.compile("[\u034f\u180b-\u180f\u200c\u200d\ufe00-\ufe0f]")
_WIDE = re.compile("[\uff01-\uffef]+")
_DOTS = re.compile("i\u0307+|\u0131")


def upgrade() -> None:
    connection = op.get_bind()
    sample = sa.table("sample", sa.column("id"), sa.column("path"), sa.column("folded_path"))
    store = (
        sa.update(sample)
        .where(sample.c.id == sa.bindparam("sample_id"))
        .values(folded_path=sa.bindparam("key"))
    )
    last = 0
    while rows := connection.execute(
        sa.select(sample.c.id, sample.c.path, sample.c.folded_path)
        .where(sample.c.id > last, sample.c.folded_path.is_not(None))
        .order_by(sample.c.id)
        .limit(AT_ONCE)
    ).all():
        last = rows[-1][0]
        keys = [(sample_id, before, _folded_path(path)) for sample_id, path, before in rows]
        if changes := [
            {"sample_id": sample_id, "key": key} for sample_id, before, key in keys if key != before
        ]:
            connection.execute(store, changes)


def downgrade() -> None:
    """Nothing: the keys stay good for a search."""


def _folded_path(path: str) -> str:
    return "/".join(_folded(part) if part else "" for part in path.split("/"))


def _folded(name: str) -> str:
    plain = _JOINERS.sub("", _tidy(name)) or name
    narrow = _WIDE.sub(lambda match: unicodedata.normalize("NFKC", match[0]), plain)
    small = unicodedata.normalize("NFD", unicodedata.normalize("NFD", _tidy(narrow)).casefold())
    return _tidy(_DOTS.sub("i", small))


def _tidy(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", _INVISIBLE.sub("", name)).split()) or name
