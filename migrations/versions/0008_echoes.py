"""Which of our writes to an event have come back. Nothing is awaited of what was written before.

Revision: 0008
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.execute("ALTER TABLE links ADD COLUMN echoed_number bigint")


def downgrade() -> None:
    op.execute("ALTER TABLE links DROP COLUMN echoed_number")
