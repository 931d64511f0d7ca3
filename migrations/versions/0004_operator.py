"""The operator's page: how long changes took, sign-ins that failed, and indexes for what is looked up there.

Revision: 0004
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

# Only what code at 0003 can live with.

_UP = """
CREATE TABLE reflections (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    provider text NOT NULL,
    direction text NOT NULL,
    step bigint NOT NULL DEFAULT 0,
    count bigint NOT NULL DEFAULT 0,
    folded boolean NOT NULL DEFAULT false,
    PRIMARY KEY (seq)
);
CREATE INDEX reflections_by_age ON reflections (at);
CREATE INDEX reflections_to_fold ON reflections (at) WHERE NOT folded;

CREATE TABLE failed_sign_ins (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    who text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (seq)
);
CREATE INDEX failed_sign_ins_by_age ON failed_sign_ins (at);
CREATE INDEX failed_sign_ins_of ON failed_sign_ins (who, at);

ALTER TABLE outbox ADD COLUMN again_since timestamptz;

CREATE INDEX connections_in_trouble ON connections (status, since)
    WHERE status IN ('reauthorize', 'suspect', 'calendar_gone', 'choosing_calendar', 'paused');
CREATE INDEX connections_by_person ON connections (user_id);
CREATE INDEX connections_by_email ON connections (lower(email) text_pattern_ops);
CREATE INDEX links_by_task ON links (task_id);
CREATE INDEX links_by_event ON links (event_id) WHERE event_id <> '';
CREATE INDEX subscriptions_by_expiry ON subscriptions (expires_at) WHERE state = 'live';
"""

_DOWN = """
DROP INDEX subscriptions_by_expiry;
DROP INDEX links_by_event;
DROP INDEX links_by_task;
DROP INDEX connections_by_email;
DROP INDEX connections_by_person;
DROP INDEX connections_in_trouble;
ALTER TABLE outbox DROP COLUMN again_since;
DROP TABLE failed_sign_ins;
DROP TABLE reflections;
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute(_DOWN)
