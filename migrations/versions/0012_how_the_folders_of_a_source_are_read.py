"""How the folders of a source are read, kept with its data set, and what a person may choose from."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dataset", sa.Column("layout", sa.JSON(), nullable=True))
    op.add_column("dataset", sa.Column("proposals", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("dataset", "proposals")
    op.drop_column("dataset", "layout")
