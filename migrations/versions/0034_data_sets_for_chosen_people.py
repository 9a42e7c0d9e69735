"""Data sets for chosen people."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dataset", sa.Column("for_chosen", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "chosen_person",
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["dataset.id"],
            name=op.f("fk_chosen_person_dataset_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_chosen_person_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dataset_id", "user_id", name=op.f("pk_chosen_person")),
    )
    op.create_index(op.f("ix_chosen_person_user_id"), "chosen_person", ["user_id"])


def downgrade() -> None:
    op.drop_table("chosen_person")
    op.drop_column("dataset", "for_chosen")
