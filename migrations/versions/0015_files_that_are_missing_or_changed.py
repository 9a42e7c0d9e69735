"""Samples whose file is missing or has changed, why, and since when."""

import sqlalchemy as sa
from alembic import op

import app.db.types

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "missing_file",
        sa.Column("sample_id", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("noticed_at", app.db.types.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("fk_missing_file_dataset_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sample_id"], ["sample.id"], name=op.f("fk_missing_file_sample_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sample_id", name=op.f("pk_missing_file")),
    )
    op.create_index(op.f("ix_missing_file_dataset_id"), "missing_file", ["dataset_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_missing_file_dataset_id"), table_name="missing_file")
    op.drop_table("missing_file")
