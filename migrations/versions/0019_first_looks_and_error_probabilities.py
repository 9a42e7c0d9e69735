"""Runs have a kind, so that a first look is one; predictions have the probability that the label is wrong."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

PREDICTIONS = ("prediction", "staged_prediction")


def upgrade() -> None:
    op.add_column("run", sa.Column("kind", sa.String(), nullable=False, server_default="training"))
    for table in PREDICTIONS:
        op.add_column(table, sa.Column("error_probability", sa.Double()))


def downgrade() -> None:
    """A first look cannot be told from a training any more, so it goes with its predictions."""
    op.execute("DELETE FROM run WHERE kind = 'first look'")
    for table in PREDICTIONS:
        op.drop_column(table, "error_probability")
    op.drop_column("run", "kind")
