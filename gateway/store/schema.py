"""The tables. Every uniqueness is a constraint, every hot query has its (mostly partial) index.

All times are ``timestamptz``. The columns that ``rotation.ENCRYPTED`` lists hold ciphertext of the vault and nothing
else; all people's words are in them. The tables owe their shape to PostgreSQL: no other database is meant.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Index, MetaData, PrimaryKeyConstraint, Sequence, Table, UniqueConstraint, text

from gateway.store.columns import a_json, a_switch, a_text, a_time, a_whole, belongs_to, in_order, some_bytes, texts

metadata = MetaData()

REVISION: Final = "0008"
"""The migration that these tables are at."""

LEASE_NUMBERS = Sequence("lease_numbers", metadata=metadata)
"""One row of numbers for all leases: a number is never given twice."""

_GONE = "status IN ('disconnected', 'revoked')"
_ROOM = {"fillfactor": "70"}  # rows that are often updated in place find room beside themselves


INSTALLATIONS = Table(
    "installations",
    metadata,
    a_text("id"),
    in_order(),
    a_text("key"),
    a_text("name"),
    a_text("adapter"),
    a_text("base_url"),
    a_text("status"),
    a_text("paused_reason", empty=True),
    a_json("settings"),
    some_bytes("credentials"),
    some_bytes("webhook_secrets"),
    some_bytes("api_token_hash", empty=False),
    a_time("caught_up_at"),
    a_text("door", empty=True),
    a_text("account", empty=True),
    a_time("existence_at"),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("key"),
    UniqueConstraint("api_token_hash"),
    Index("installations_at_door", "door", "account", unique=True, postgresql_where=text("status <> 'removed'")),
    Index("installations_by_door", "door", "seq", postgresql_where=text("door IS NOT NULL")),
)

CONNECTIONS = Table(
    "connections",
    metadata,
    a_text("installation_id"),
    a_text("id"),
    in_order(),
    a_text("user_id"),
    a_text("provider"),
    a_text("status"),
    a_text("mode"),
    a_text("issuer"),
    a_text("subject"),
    a_text("email"),
    a_text("tag"),
    a_text("calendar_id", empty=True),
    a_text("calendar_name", empty=True),
    a_text("calendar_zone", empty=True),
    some_bytes("credential"),
    a_whole("credential_version"),
    a_whole("refresh_number", empty=True),
    a_time("refresh_until"),
    a_text("reason", empty=True),
    a_time("connected_at"),
    a_time("heard_at"),
    a_time("read_at"),
    a_time("next_read_at"),
    a_time("since"),
    a_time("unechoed_since"),  # our first write since the last push
    PrimaryKeyConstraint("installation_id", "id"),
    belongs_to("installations"),
    Index(
        "connections_unechoed",
        "unechoed_since",
        postgresql_where=text("status = 'connected' AND unechoed_since IS NOT NULL"),
    ),
    Index(
        "connections_one_live_per_user",
        "installation_id",
        "user_id",
        unique=True,
        postgresql_where=text(f"NOT ({_GONE})"),
    ),
    Index("connections_of_user", "installation_id", "user_id", "seq"),
    Index(
        "connections_in_trouble",
        "status",
        "since",
        postgresql_where=text("status IN ('reauthorize', 'suspect', 'calendar_gone', 'choosing_calendar', 'paused')"),
    ),
    Index("connections_by_person", "user_id"),
    Index("connections_by_email", text("lower(email) text_pattern_ops")),
    Index("connections_of_account", "issuer", "subject", postgresql_where=text(f"NOT ({_GONE})")),
    Index(
        "connections_to_read",
        "next_read_at",
        postgresql_where=text("status IN ('connected', 'suspect') AND next_read_at IS NOT NULL"),
    ),
    postgresql_with=_ROOM,
)

LEDGER = Table(
    "connection_ledger",
    metadata,
    a_text("installation_id"),
    a_text("connection_id"),
    a_whole("pushes"),
    a_whole("dropped"),
    a_whole("read"),
    a_whole("written"),
    PrimaryKeyConstraint("installation_id", "connection_id"),
    belongs_to("connections", "connection_id"),
    postgresql_with=_ROOM,
)

LINKS = Table(
    "links",
    metadata,
    a_text("installation_id"),
    a_text("id"),
    a_text("task_id"),
    a_text("owner_id", empty=True),
    a_text("status"),
    a_text("state"),
    a_text("reason", empty=True),
    texts("reason_fields"),
    a_text("connection_id", empty=True),
    a_text("calendar_id", empty=True),
    a_text("event_id", empty=True),
    a_whole("generation"),
    some_bytes("memory"),
    a_whole("memory_rev"),
    some_bytes("task_hint"),
    a_whole("task_seq"),
    some_bytes("event_hint"),
    a_whole("event_seq"),
    a_whole("task_version", empty=True),
    a_json("leaving", "[]"),
    a_text("event_url", empty=True),
    a_time("synced_at"),
    a_text("reported", empty=True),
    a_switch("switched_on_before"),
    a_switch("doubted"),
    a_text("held_id", empty=True),
    # Copied out of the memory at each save: a pull need not open hundreds of memories, and numbers outlive the text.
    a_whole("last_number"),
    a_text("seen_etag", empty=True),
    a_whole("seen_number", empty=True),
    a_time("ends_at"),
    a_whole("echoed_number", empty=True),  # our last write that came back; awaited: one seen since
    PrimaryKeyConstraint("installation_id", "id"),
    UniqueConstraint("installation_id", "task_id"),
    belongs_to("installations"),
    Index(
        "links_one_per_event",
        "installation_id",
        "connection_id",
        "event_id",
        unique=True,
        postgresql_where=text("event_id <> ''"),
    ),
    Index(
        "links_of_connection",
        "installation_id",
        "connection_id",
        postgresql_where=text("connection_id IS NOT NULL"),
    ),
    Index("links_by_task", "task_id"),
    Index("links_by_event", "event_id", postgresql_where=text("event_id <> ''")),
    Index("links_of_owner", "installation_id", "owner_id", postgresql_where=text("owner_id IS NOT NULL")),
    Index("links_held", "installation_id", "held_id", postgresql_where=text("held_id IS NOT NULL")),
    # Ciphertext does not compress: a memory of usual size stays in its row instead of being tried, cut and moved out.
    postgresql_with={**_ROOM, "toast_tuple_target": "4096"},
)

SUBSCRIPTIONS = Table(
    "subscriptions",
    metadata,
    a_text("id"),
    in_order(),
    a_text("installation_id"),
    a_text("connection_id"),
    a_text("provider"),
    a_text("calendar_id"),
    some_bytes("secret_hash", empty=False),
    a_text("state"),
    a_text("resource", empty=True),
    a_time("created_at"),
    a_time("expires_at"),
    a_time("renew_at"),
    a_time("verified_at"),
    a_whole("last_number"),
    PrimaryKeyConstraint("id"),
    belongs_to("connections", "connection_id"),
    Index("subscriptions_of_connection", "installation_id", "connection_id", "seq"),
    Index("subscriptions_by_expiry", "expires_at", postgresql_where=text("state = 'live'")),
    Index("subscriptions_to_renew", "renew_at", postgresql_where=text("state = 'live' AND renew_at IS NOT NULL")),
)

INBOX = Table(
    "inbox",
    metadata,
    a_text("id"),
    a_text("installation_id"),  # '' where the door serves many; a NULL would escape the unique index
    a_text("door"),
    a_text("dedupe_id", empty=True),
    some_bytes("digest", empty=False),
    a_time("at", empty=False),
    texts("tasks"),
    a_json("detail"),
    some_bytes("raw"),
    PrimaryKeyConstraint("id"),
    Index(
        "inbox_once",
        "installation_id",
        "door",
        "dedupe_id",
        unique=True,
        postgresql_where=text("dedupe_id IS NOT NULL"),
    ),
    Index("inbox_bodies_by_age", "at", postgresql_where=text("raw IS NOT NULL")),
    Index("inbox_by_age", "at", postgresql_using="brin"),
)

INBOX_BODIES = Table(  # which kept raw bodies hold words of a task; a GIN index costs more at each arrival
    "inbox_bodies",
    metadata,
    a_text("installation_id"),
    a_text("task_id"),
    a_text("inbox_id"),
    PrimaryKeyConstraint("installation_id", "task_id", "inbox_id"),
)

OUTBOX = Table(
    "outbox",
    metadata,
    a_text("installation_id"),
    a_text("topic"),
    a_text("key"),
    a_text("mailbox"),
    a_text("lane"),
    a_whole("generation"),
    a_time("due_at"),  # empty: owes nothing, or is parked
    a_time("again_at"),  # asked for again while it ran: not before then
    a_time("first_owed_at", empty=False),
    a_whole("attempts"),
    a_text("reason", empty=True),
    a_whole("lease_no", empty=True),
    a_time("lease_until"),
    a_time("settled_at"),
    a_time("parked_at"),
    a_time("again_since"),  # asked for again while it ran: when that was
    PrimaryKeyConstraint("installation_id", "topic", "key"),
    # One index finds the next row of a mailbox, and holds nothing but what is owed when the sweep reads all of it.
    Index(
        "outbox_due", "installation_id", "mailbox", "lane", "due_at", postgresql_where=text("due_at IS NOT NULL")
    ),
    Index("outbox_taken", "mailbox", postgresql_where=text("lease_until IS NOT NULL")),
    Index("outbox_parked", "parked_at", postgresql_where=text("parked_at IS NOT NULL")),
    postgresql_with=_ROOM,
)

MAILBOX_PAUSES = Table(
    "mailbox_pauses",
    metadata,
    a_text("mailbox"),
    a_time("until", empty=False),
    PrimaryKeyConstraint("mailbox"),
)

TIMELINE = Table(
    "timeline",
    metadata,
    in_order(),
    a_text("installation_id"),
    a_text("task_id"),
    a_time("at", empty=False),
    a_text("actor"),
    a_text("code"),
    a_json("detail"),
    PrimaryKeyConstraint("installation_id", "task_id", "seq"),
    Index("timeline_by_age", "at", postgresql_using="brin"),
)

CONFLICTS = Table(
    "conflicts",
    metadata,
    a_text("installation_id"),
    a_text("id"),
    a_text("link_id"),
    a_text("task_id"),
    a_text("user_id", empty=True),
    a_text("field"),
    some_bytes("content"),  # both values; empty once the task's text was wiped
    a_whole("version"),
    a_time("detected_at", empty=False),
    a_time("closed_at"),
    a_text("closed_by", empty=True),
    PrimaryKeyConstraint("installation_id", "id"),
    belongs_to("links", "link_id"),
    Index(
        "conflicts_one_open_per_field",
        "installation_id",
        "link_id",
        "field",
        unique=True,
        postgresql_where=text("closed_at IS NULL"),
    ),
    Index("conflicts_of_link", "installation_id", "link_id"),
    Index("conflicts_in_order", "installation_id", "detected_at", "id"),
    Index("conflicts_open_by_age", "detected_at", postgresql_where=text("closed_at IS NULL")),
)

HELD = Table(
    "held",
    metadata,
    a_text("installation_id"),
    a_text("id"),
    a_text("connection_id"),
    a_text("user_id"),
    a_text("state"),
    a_time("made_at", empty=False),
    a_time("decided_at"),
    a_text("decided_by", empty=True),
    PrimaryKeyConstraint("installation_id", "id"),
    belongs_to("connections", "connection_id"),
    Index(
        "held_one_open_per_connection",
        "installation_id",
        "connection_id",
        unique=True,
        postgresql_where=text("state = 'open'"),
    ),
)

DEPLOYMENT = Table(  # whose rows these are; at most one row
    "deployment",
    metadata,
    a_text("id"),
    a_time("paused_at"),
    a_text("paused_reason", empty=True),
    a_time("beat_at"),
    PrimaryKeyConstraint("id"),
)

ONE_USE = Table(
    "one_use",
    metadata,
    a_text("kind"),
    some_bytes("token_hash", empty=False),
    a_text("installation_id"),
    some_bytes("payload", empty=False),
    a_time("expires_at", empty=False),
    PrimaryKeyConstraint("kind", "token_hash"),
    Index("one_use_by_expiry", "expires_at"),
)

REFLECTIONS = Table(  # how long changes took to reach the other side: one row each, then one for many
    "reflections",
    metadata,
    in_order(),
    a_time("at", empty=False),
    a_text("provider"),
    a_text("direction"),
    a_whole("step"),
    a_whole("count"),
    a_switch("folded"),
    PrimaryKeyConstraint("seq"),
    Index("reflections_by_age", "at"),
    Index("reflections_to_fold", "at", postgresql_where=text("NOT folded")),
)

COUNTS = Table(  # sums of what the processes have counted: ``labels`` as JSON in one form, so that it can be a key
    "counts",
    metadata,
    a_text("name"),
    a_text("labels"),
    a_whole("value"),
    PrimaryKeyConstraint("name", "labels"),
    postgresql_with=_ROOM,
)

FAILED_SIGN_INS = Table(
    "failed_sign_ins",
    metadata,
    in_order(),
    a_text("who"),
    a_time("at", empty=False),
    PrimaryKeyConstraint("seq"),
    Index("failed_sign_ins_by_age", "at"),
    Index("failed_sign_ins_of", "who", "at"),
)
