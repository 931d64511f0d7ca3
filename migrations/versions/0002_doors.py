"""One door for many installations: an app's key in the webhook URL, and the account by which they are told apart.

Revision: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

# Only what code at 0001 can live with. The table has as many rows as there are CRM tenants: an index takes no time.

_UP = """
ALTER TABLE installations ADD COLUMN door text, ADD COLUMN account text;
CREATE UNIQUE INDEX installations_at_door ON installations (door, account) WHERE status <> 'removed';
CREATE INDEX installations_by_door ON installations (door, seq) WHERE door IS NOT NULL;
"""

_DOWN = """
DROP INDEX installations_by_door;
DROP INDEX installations_at_door;
ALTER TABLE installations DROP COLUMN account, DROP COLUMN door;
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute(_DOWN)
