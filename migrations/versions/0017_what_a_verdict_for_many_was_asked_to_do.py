"""A verdict for many samples keeps a digest of what was asked, and how many samples it left alone."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bulk_action", sa.Column("asked", sa.String(), nullable=True))
    op.add_column("bulk_action", sa.Column("left_alone", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("bulk_action", "left_alone")
    op.drop_column("bulk_action", "asked")
