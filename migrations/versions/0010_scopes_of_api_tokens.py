"""API tokens have a scope, an end and a last use.

Those that are there keep what their owner's role allows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_token", sa.Column("scope", sa.String(), nullable=False, server_default="annotate"))
    op.add_column("api_token", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_token", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE api_token SET scope = 'admin' WHERE user_id IN (SELECT id FROM user_account WHERE role = "
        "'admin')"
    )
    with op.batch_alter_table("api_token") as batch_op:
        batch_op.alter_column("scope", server_default=None)


def downgrade() -> None:
    for name in ("last_used_at", "expires_at", "scope"):
        op.drop_column("api_token", name)
