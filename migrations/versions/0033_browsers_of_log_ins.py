"""The browser of a log-in, and when it was last used."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("login_session", sa.Column("browser", sa.String(), nullable=False, server_default=""))
    op.add_column("login_session", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("login_session", "last_used_at")
    op.drop_column("login_session", "browser")
