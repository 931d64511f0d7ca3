"""Sums of what the processes have counted.

Revision: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE counts (
            name text NOT NULL,
            labels text NOT NULL,
            value bigint NOT NULL DEFAULT 0,
            PRIMARY KEY (name, labels)
        ) WITH (fillfactor = 70)
    """)


def downgrade() -> None:
    op.execute("DROP TABLE counts")
