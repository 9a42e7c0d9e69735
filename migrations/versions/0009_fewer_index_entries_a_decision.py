"""Fewer index entries per decision: partial indexes for rare rows, and open issues are their own key."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NAMES = {
    "fk": "fk_%(table_name)s_%(column_0_N_name)s"
}  # SQLite does not tell those that came with their column
UNDONE, IN_BULK, WAITING = (
    sa.text("undoes_id IS NOT NULL"),
    sa.text("bulk_id IS NOT NULL"),
    sa.text("waits > ''"),
)


def upgrade() -> None:
    with op.batch_alter_table("decision", naming_convention=NAMES) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_decision_undoes_id"), type_="unique")
        batch_op.drop_index(batch_op.f("ix_decision_bulk_id"))
    for name, condition in (("undoes_id", UNDONE), ("bulk_id", IN_BULK)):
        op.create_index(
            op.f(f"ix_decision_{name}"),
            "decision",
            [name],
            unique=name == "undoes_id",
            sqlite_where=condition,
            postgresql_where=condition,
        )
    op.drop_index(op.f("ix_sample_review_dataset_id_waits"), "sample_review")
    op.create_index(
        op.f("ix_sample_review_dataset_id_waits"),
        "sample_review",
        ["dataset_id", "waits"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.drop_index(op.f("ix_claim_dataset_id_lease_until"), "claim")
    if op.get_bind().dialect.name == "sqlite":
        _copy_open_issues(with_rowid=False)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _copy_open_issues(with_rowid=True)
    op.create_index(op.f("ix_claim_dataset_id_lease_until"), "claim", ["dataset_id", "lease_until"])
    op.drop_index(op.f("ix_sample_review_dataset_id_waits"), "sample_review")
    op.create_index(op.f("ix_sample_review_dataset_id_waits"), "sample_review", ["dataset_id", "waits"])
    op.drop_index(op.f("ix_decision_undoes_id"), "decision")
    op.drop_index(op.f("ix_decision_bulk_id"), "decision")
    with op.batch_alter_table("decision", naming_convention=NAMES) as batch_op:
        batch_op.create_unique_constraint(batch_op.f("uq_decision_undoes_id"), ["undoes_id"])
        batch_op.create_index(batch_op.f("ix_decision_bulk_id"), ["bulk_id"], unique=False)


def _copy_open_issues(*, with_rowid: bool) -> None:
    """Into a table that has row numbers of its own beside its key, or has none."""
    op.drop_index("ix_open_issue_sample_id_run_id", "open_issue")
    op.rename_table("open_issue", "open_issue_before")
    op.create_table(
        "open_issue",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sample_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_open_issue_run_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sample_id"], ["sample.id"], name=op.f("fk_open_issue_sample_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "rank", name=op.f("pk_open_issue")),
        sqlite_with_rowid=with_rowid,
    )
    op.execute(
        "INSERT INTO open_issue (run_id, rank, sample_id) SELECT run_id, rank, sample_id FROM "
        "open_issue_before ORDER BY run_id, rank"
    )
    op.drop_table("open_issue_before")
    op.create_index("ix_open_issue_sample_id_run_id", "open_issue", ["sample_id", "run_id"])
