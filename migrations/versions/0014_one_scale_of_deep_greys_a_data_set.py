"""A data set keeps the scale of its deep greys.

What was imported before is measured by the next import or training.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dataset", sa.Column("grey_scales", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("dataset", "grey_scales")
