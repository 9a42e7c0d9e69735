"""Classes can be added, renamed, merged and retired; each version keeps the names it was frozen with."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("label_class", sa.Column("former_names", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("label_class", sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("label_class", sa.Column("merged_into", sa.Integer(), nullable=True))
    op.add_column("dataset_version", sa.Column("classes", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("decision", sa.Column("moved_from", sa.Integer(), nullable=True))
    op.create_table(
        "class_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("was", sa.JSON(), nullable=False),
        sa.Column("action_id", sa.Integer(), nullable=True),
        sa.Column("undoes_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("fk_class_change_dataset_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_class_change_user_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["undoes_id"], ["class_change.id"], name=op.f("fk_class_change_undoes_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_class_change")),
        sa.UniqueConstraint("undoes_id", name=op.f("uq_class_change_undoes_id")),
    )
    op.create_index(op.f("ix_class_change_dataset_id"), "class_change", ["dataset_id"])
    connection = op.get_bind()
    rows = connection.execute(
        sa.text("SELECT dataset_id, name FROM label_class ORDER BY dataset_id, position")
    )
    names: dict[int, list[str]] = {}
    for dataset_id, name in rows:
        names.setdefault(dataset_id, []).append(name)
    version = sa.table("dataset_version", sa.column("dataset_id"), sa.column("classes", sa.JSON()))
    for dataset_id, classes in names.items():
        mine = version.c.dataset_id == dataset_id
        connection.execute(sa.update(version).where(mine).values(classes=classes))


def downgrade() -> None:
    op.drop_index(op.f("ix_class_change_dataset_id"), table_name="class_change")
    op.drop_table("class_change")
    op.drop_column("decision", "moved_from")
    op.drop_column("dataset_version", "classes")
    op.drop_column("label_class", "merged_into")
    op.drop_column("label_class", "retired_at")
    op.drop_column("label_class", "former_names")
