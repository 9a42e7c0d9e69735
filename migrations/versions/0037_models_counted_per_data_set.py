"""Each data set counts its models from 1."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dataset", sa.Column("runs_made", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE dataset SET runs_made = (SELECT count(*) FROM run WHERE run.dataset_id = dataset.id)")
    op.add_column("run", sa.Column("number", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE run SET number = (SELECT count(*) FROM run AS other "
        "WHERE other.dataset_id = run.dataset_id AND other.id <= run.id)"
    )
    with op.batch_alter_table("run") as batch:
        batch.alter_column("number", nullable=False)
        batch.create_unique_constraint(op.f("uq_run_dataset_id_number"), ["dataset_id", "number"])


def downgrade() -> None:
    with op.batch_alter_table("run") as batch:
        batch.drop_constraint(op.f("uq_run_dataset_id_number"), type_="unique")
        batch.drop_column("number")
    op.drop_column("dataset", "runs_made")
