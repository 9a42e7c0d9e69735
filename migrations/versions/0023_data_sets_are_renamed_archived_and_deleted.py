"""Data sets can be archived, and their former names lead to them."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dataset", sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "former_name",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("fk_former_name_dataset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_former_name")),
    )
    op.create_index(op.f("ix_former_name_dataset_id"), "former_name", ["dataset_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_former_name_dataset_id"), table_name="former_name")
    op.drop_table("former_name")
    op.drop_column("dataset", "archived_at")
