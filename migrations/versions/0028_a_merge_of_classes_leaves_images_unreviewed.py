"""A merge of classes moves given labels along and leaves images that nobody reviewed unreviewed."""

from collections import defaultdict

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

AT_ONCE = 5_000
_MERGES = """
    SELECT decision.sample_id, decision.moved_from, decision.label, sample.given_label
    FROM decision JOIN sample ON sample.id = decision.sample_id
    WHERE decision.moved_from IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM decision AS undo WHERE undo.undoes_id = decision.id)
    ORDER BY decision.id
"""
_FORGET = """
    DELETE FROM sample_review WHERE sample_id IN (
    SELECT sample_review.sample_id
    FROM sample_review JOIN decision ON decision.id = sample_review.decision_id
    WHERE decision.moved_from IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM decision AS answer
        WHERE answer.sample_id = sample_review.sample_id
        AND answer.moved_from IS NULL AND answer.verdict <> 'undo'
        AND NOT EXISTS (SELECT 1 FROM decision AS undo WHERE undo.undoes_id = answer.id)
        AND (
            answer.blind OR answer.origin = 'adjudication'
            OR NOT EXISTS (SELECT 1 FROM gold_member WHERE gold_member.sample_id = answer.sample_id)
        )
    ))
"""


def upgrade() -> None:
    op.add_column("sample", sa.Column("given_now", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE sample SET given_now = given_label")
    connection = op.get_bind()
    now: dict[int, int] = {}
    for sample_id, moved_from, label, given in connection.execute(sa.text(_MERGES)):
        if now.setdefault(sample_id, given) == moved_from:
            now[sample_id] = label
    samples: defaultdict[int, list[int]] = defaultdict(list)
    for sample_id, label in now.items():
        samples[label].append(sample_id)
    sample = sa.table("sample", sa.column("id"), sa.column("given_now"))
    for label, ids in samples.items():
        for start in range(0, len(ids), AT_ONCE):
            these = sample.c.id.in_(ids[start : start + AT_ONCE])
            connection.execute(sa.update(sample).where(these).values(given_now=label))
    # Their issues open again with the next ranking.
    op.execute(_FORGET)


def downgrade() -> None:
    op.drop_column("sample", "given_now")
