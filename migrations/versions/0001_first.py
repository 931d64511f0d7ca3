"""The first tables.

Revision: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

# Written out, not taken from the code's tables: those move on, and this is what was true at 0001.

_PEOPLE = """
CREATE TABLE installations (
    id text NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    key text NOT NULL,
    name text NOT NULL,
    adapter text NOT NULL,
    base_url text NOT NULL,
    status text NOT NULL,
    paused_reason text,
    settings jsonb NOT NULL DEFAULT '{}',
    credentials bytea,
    webhook_secrets bytea,
    api_token_hash bytea NOT NULL,
    caught_up_at timestamptz,
    PRIMARY KEY (id),
    UNIQUE (key),
    UNIQUE (api_token_hash)
);

CREATE TABLE connections (
    installation_id text NOT NULL,
    id text NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    user_id text NOT NULL,
    provider text NOT NULL,
    status text NOT NULL,
    mode text NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    email text NOT NULL,
    tag text NOT NULL,
    calendar_id text,
    calendar_name text,
    calendar_zone text,
    credential bytea,
    credential_version bigint NOT NULL DEFAULT 0,
    refresh_number bigint,
    refresh_until timestamptz,
    reason text,
    connected_at timestamptz,
    heard_at timestamptz,
    read_at timestamptz,
    next_read_at timestamptz,
    since timestamptz,
    PRIMARY KEY (installation_id, id),
    FOREIGN KEY (installation_id) REFERENCES installations (id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX connections_of_account ON connections (issuer, subject)
    WHERE NOT (status IN ('disconnected', 'revoked'));
CREATE INDEX connections_of_user ON connections (installation_id, user_id, seq);
CREATE UNIQUE INDEX connections_one_live_per_user ON connections (installation_id, user_id)
    WHERE NOT (status IN ('disconnected', 'revoked'));
CREATE INDEX connections_to_read ON connections (next_read_at)
    WHERE status IN ('connected', 'suspect') AND next_read_at IS NOT NULL;

CREATE TABLE connection_ledger (
    installation_id text NOT NULL,
    connection_id text NOT NULL,
    pushes bigint NOT NULL DEFAULT 0,
    dropped bigint NOT NULL DEFAULT 0,
    read bigint NOT NULL DEFAULT 0,
    written bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (installation_id, connection_id),
    FOREIGN KEY (installation_id, connection_id) REFERENCES connections (installation_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);

CREATE TABLE subscriptions (
    id text NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    installation_id text NOT NULL,
    connection_id text NOT NULL,
    provider text NOT NULL,
    calendar_id text NOT NULL,
    secret_hash bytea NOT NULL,
    state text NOT NULL,
    resource text,
    created_at timestamptz,
    expires_at timestamptz,
    renew_at timestamptz,
    verified_at timestamptz,
    last_number bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    FOREIGN KEY (installation_id, connection_id) REFERENCES connections (installation_id, id) ON DELETE CASCADE
);
CREATE INDEX subscriptions_of_connection ON subscriptions (installation_id, connection_id, seq);
CREATE INDEX subscriptions_to_renew ON subscriptions (renew_at) WHERE state = 'live' AND renew_at IS NOT NULL;
"""

_LINKS = """
CREATE TABLE links (
    installation_id text NOT NULL,
    id text NOT NULL,
    task_id text NOT NULL,
    owner_id text,
    status text NOT NULL,
    state text NOT NULL,
    reason text,
    reason_fields text[] NOT NULL DEFAULT '{}',
    connection_id text,
    calendar_id text,
    event_id text,
    generation bigint NOT NULL DEFAULT 0,
    memory bytea,
    memory_rev bigint NOT NULL DEFAULT 0,
    task_hint bytea,
    task_seq bigint NOT NULL DEFAULT 0,
    event_hint bytea,
    event_seq bigint NOT NULL DEFAULT 0,
    task_version bigint,
    leaving jsonb NOT NULL DEFAULT '[]',
    event_url text,
    synced_at timestamptz,
    reported text,
    switched_on_before boolean NOT NULL DEFAULT false,
    last_number bigint NOT NULL DEFAULT 0,
    seen_etag text,
    seen_number bigint,
    ends_at timestamptz,
    PRIMARY KEY (installation_id, id),
    UNIQUE (installation_id, task_id),
    FOREIGN KEY (installation_id) REFERENCES installations (id) ON DELETE CASCADE
) WITH (fillfactor = 70, toast_tuple_target = 4096);
CREATE INDEX links_of_connection ON links (installation_id, connection_id) WHERE connection_id IS NOT NULL;
CREATE INDEX links_of_owner ON links (installation_id, owner_id) WHERE owner_id IS NOT NULL;
CREATE UNIQUE INDEX links_one_per_event ON links (installation_id, connection_id, event_id) WHERE event_id <> '';

CREATE TABLE conflicts (
    installation_id text NOT NULL,
    id text NOT NULL,
    link_id text NOT NULL,
    task_id text NOT NULL,
    user_id text,
    field text NOT NULL,
    content bytea,
    version bigint NOT NULL DEFAULT 0,
    detected_at timestamptz NOT NULL,
    closed_at timestamptz,
    closed_by text,
    PRIMARY KEY (installation_id, id),
    FOREIGN KEY (installation_id, link_id) REFERENCES links (installation_id, id) ON DELETE CASCADE
);
CREATE INDEX conflicts_in_order ON conflicts (installation_id, detected_at, id);
CREATE INDEX conflicts_of_link ON conflicts (installation_id, link_id);
CREATE UNIQUE INDEX conflicts_one_open_per_field ON conflicts (installation_id, link_id, field)
    WHERE closed_at IS NULL;
CREATE INDEX conflicts_open_by_age ON conflicts (detected_at) WHERE closed_at IS NULL;

CREATE TABLE timeline (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    installation_id text NOT NULL,
    task_id text NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    code text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (installation_id, task_id, seq)
);
CREATE INDEX timeline_by_age ON timeline USING brin (at);
"""

_WORK = """
CREATE TABLE inbox (
    id text NOT NULL,
    installation_id text NOT NULL,
    door text NOT NULL,
    dedupe_id text,
    digest bytea NOT NULL,
    at timestamptz NOT NULL,
    tasks text[] NOT NULL DEFAULT '{}',
    detail jsonb NOT NULL DEFAULT '{}',
    raw bytea,
    PRIMARY KEY (id)
);
CREATE INDEX inbox_bodies_by_age ON inbox (at) WHERE raw IS NOT NULL;
CREATE INDEX inbox_by_age ON inbox USING brin (at);
CREATE UNIQUE INDEX inbox_once ON inbox (installation_id, door, dedupe_id) WHERE dedupe_id IS NOT NULL;

CREATE TABLE inbox_bodies (
    installation_id text NOT NULL,
    task_id text NOT NULL,
    inbox_id text NOT NULL,
    PRIMARY KEY (installation_id, task_id, inbox_id)
);

CREATE TABLE outbox (
    installation_id text NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    mailbox text NOT NULL,
    lane text NOT NULL,
    generation bigint NOT NULL DEFAULT 0,
    due_at timestamptz,
    again_at timestamptz,
    first_owed_at timestamptz NOT NULL,
    attempts bigint NOT NULL DEFAULT 0,
    reason text,
    lease_no bigint,
    lease_until timestamptz,
    settled_at timestamptz,
    parked_at timestamptz,
    PRIMARY KEY (installation_id, topic, key)
) WITH (fillfactor = 70);
CREATE INDEX outbox_due ON outbox (installation_id, mailbox, lane, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_parked ON outbox (parked_at) WHERE parked_at IS NOT NULL;
CREATE INDEX outbox_taken ON outbox (mailbox) WHERE lease_until IS NOT NULL;

CREATE TABLE mailbox_pauses (
    mailbox text NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (mailbox)
);

CREATE TABLE one_use (
    kind text NOT NULL,
    token_hash bytea NOT NULL,
    installation_id text NOT NULL,
    payload bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (kind, token_hash)
);
CREATE INDEX one_use_by_expiry ON one_use (expires_at);
"""

_TABLES = (
    "one_use",
    "mailbox_pauses",
    "outbox",
    "inbox_bodies",
    "inbox",
    "timeline",
    "conflicts",
    "links",
    "subscriptions",
    "connection_ledger",
    "connections",
    "installations",
)


def upgrade() -> None:
    op.execute("CREATE SEQUENCE lease_numbers")
    for part in (_PEOPLE, _LINKS, _WORK):
        op.execute(part)


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
    op.execute("DROP SEQUENCE lease_numbers")
