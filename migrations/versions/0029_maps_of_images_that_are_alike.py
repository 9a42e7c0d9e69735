"""Maps on which images that are alike lie near each other."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "image_map",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("is_ready", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("fk_image_map_dataset_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_image_map_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image_map")),
    )
    op.create_index(op.f("ix_image_map_dataset_id_id"), "image_map", ["dataset_id", "id"])
    op.create_index(op.f("ix_image_map_run_id"), "image_map", ["run_id"])
    op.create_table(
        "map_place",
        sa.Column("map_id", sa.Integer(), nullable=False),
        sa.Column("sample_id", sa.Integer(), nullable=False),
        sa.Column("x", sa.Integer(), nullable=False),
        sa.Column("y", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["map_id"], ["image_map.id"], name=op.f("fk_map_place_map_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sample_id"], ["sample.id"], name=op.f("fk_map_place_sample_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("map_id", "sample_id", name=op.f("pk_map_place")),
    )
    op.create_index(op.f("ix_map_place_sample_id"), "map_place", ["sample_id"])


def downgrade() -> None:
    op.drop_table("map_place")
    op.drop_table("image_map")
