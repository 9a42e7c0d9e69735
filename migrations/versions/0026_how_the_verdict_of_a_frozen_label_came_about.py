"""A frozen label says how its verdict came about: by one person, by several who agree, or by an admin."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("version_label", sa.Column("status", sa.String(), nullable=False, server_default="single"))


def downgrade() -> None:
    op.drop_column("version_label", "status")
