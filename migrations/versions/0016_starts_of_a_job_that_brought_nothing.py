"""A job knows what it had kept when it was last started, and how many starts in a row brought nothing new."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("progress_mark", sa.String(), nullable=True))
    op.add_column("job", sa.Column("fruitless_starts", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("job", "fruitless_starts")
    op.drop_column("job", "progress_mark")
