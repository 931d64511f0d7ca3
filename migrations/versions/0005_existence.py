"""When it was last looked which tasks still exist: lists of changes show no deletions.

Revision: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

# Only what code at 0004 can live with: a column that may be empty.


def upgrade() -> None:
    op.execute("ALTER TABLE installations ADD COLUMN existence_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE installations DROP COLUMN existence_at")
