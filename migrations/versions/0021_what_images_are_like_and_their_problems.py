"""What the pixels of each image are like, and the images that may be no use whatever their labels."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "image_appearance",
        sa.Column("sample_id", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("brightness", sa.Double(), nullable=False),
        sa.Column("contrast", sa.Double(), nullable=False),
        sa.Column("sharpness", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("fk_image_appearance_dataset_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sample_id"], ["sample.id"], name=op.f("fk_image_appearance_sample_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sample_id", name=op.f("pk_image_appearance")),
    )
    op.create_index(op.f("ix_image_appearance_dataset_id"), "image_appearance", ["dataset_id"])
    op.create_table(
        "image_problem",
        sa.Column("sample_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("usual", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("fk_image_problem_dataset_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sample_id"], ["sample.id"], name=op.f("fk_image_problem_sample_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sample_id", "kind", name=op.f("pk_image_problem")),
    )
    op.create_index(
        op.f("ix_image_problem_dataset_id_kind_score"), "image_problem", ["dataset_id", "kind", "score"]
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_image_problem_dataset_id_kind_score"), table_name="image_problem")
    op.drop_table("image_problem")
    op.drop_index(op.f("ix_image_appearance_dataset_id"), table_name="image_appearance")
    op.drop_table("image_appearance")
