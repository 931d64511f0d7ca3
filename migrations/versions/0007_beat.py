"""When a clock was last at work: after an absence everything is looked at.

Revision: 0007
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.execute("ALTER TABLE deployment ADD COLUMN beat_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE deployment DROP COLUMN beat_at")
