"""The orders that the worklist has learnt from people's answers, and the probability of an open issue."""

import sqlalchemy as sa
from alembic import op

import app.db.types

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "worklist_order",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("wrong", sa.Double(), nullable=False),
        sa.Column("model", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("created_at", app.db.types.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_worklist_order_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worklist_order")),
        sa.UniqueConstraint("run_id", "number", name=op.f("uq_worklist_order_run_id_number")),
    )
    op.add_column("run", sa.Column("orders", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("open_issue", sa.Column("error_probability", sa.Double()))


def downgrade() -> None:
    """The places that were learnt go too: what they were before is the rank of the prediction."""
    op.execute("DELETE FROM open_issue WHERE rank < 0")
    op.drop_column("open_issue", "error_probability")
    op.drop_column("run", "orders")
    op.drop_table("worklist_order")
