"""Each image has a random key, by which the random order goes; it was a part of the content's digest."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KEYS = {
    "sqlite": sa.literal_column("random() & 4611686018427387903"),
    "postgresql": sa.literal_column("floor(random() * 4611686018427387903)::bigint"),
}


def upgrade() -> None:
    op.add_column("sample", sa.Column("random_key", sa.BigInteger(), nullable=False, server_default="0"))
    sample = sa.table("sample", sa.column("id"), sa.column("random_key", sa.BigInteger()))
    drawn = sa.select(sa.column("sample_id")).select_from(sa.table("audit_sample"))
    key = KEYS[op.get_bind().dialect.name]
    op.execute(sample.update().values(random_key=key))
    # What an audit has drawn comes first.
    op.execute(sample.update().where(sample.c.id.in_(drawn)).values(random_key=-1 - sample.c.random_key))
    op.create_index(op.f("ix_sample_dataset_id_random_key"), "sample", ["dataset_id", "random_key"])


def downgrade() -> None:
    op.drop_index(op.f("ix_sample_dataset_id_random_key"), table_name="sample")
    op.drop_column("sample", "random_key")
