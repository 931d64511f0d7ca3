"""Held mass changes, writes without an echo, whose database this is.

Revision: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

# Only what code at 0002 can live with: columns with a default, new tables, new indexes. Old and new run side by side.

_UP = """
ALTER TABLE links ADD COLUMN doubted boolean NOT NULL DEFAULT false, ADD COLUMN held_id text;
CREATE INDEX links_held ON links (installation_id, held_id) WHERE held_id IS NOT NULL;
ALTER TABLE connections ADD COLUMN unechoed_since timestamptz;
CREATE INDEX connections_unechoed ON connections (unechoed_since)
    WHERE status = 'connected' AND unechoed_since IS NOT NULL;
CREATE TABLE held (
    installation_id text NOT NULL,
    id text NOT NULL,
    connection_id text NOT NULL,
    user_id text NOT NULL,
    state text NOT NULL,
    made_at timestamptz NOT NULL,
    decided_at timestamptz,
    decided_by text,
    PRIMARY KEY (installation_id, id),
    FOREIGN KEY (installation_id, connection_id) REFERENCES connections (installation_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX held_one_open_per_connection ON held (installation_id, connection_id) WHERE state = 'open';
CREATE TABLE deployment (
    id text NOT NULL,
    paused_at timestamptz,
    paused_reason text,
    PRIMARY KEY (id)
);
"""

_DOWN = """
DROP TABLE deployment;
DROP TABLE held;
DROP INDEX connections_unechoed;
ALTER TABLE connections DROP COLUMN unechoed_since;
DROP INDEX links_held;
ALTER TABLE links DROP COLUMN held_id, DROP COLUMN doubted;
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute(_DOWN)
