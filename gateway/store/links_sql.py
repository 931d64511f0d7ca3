"""The statements on links."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Executable, bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB, insert

from gateway.store.schema import LINKS

Statement = Executable

_L = LINKS.c
_BESIDE = {"seen_etag", "seen_number", "ends_at"}
_SELECT_ALL: Any = select(*(column for column in LINKS.columns if column.name not in _BESIDE))
_SELECT: Any = _SELECT_ALL.where(_L.installation_id == bindparam("installation"))

GET = _SELECT.where(_L.id == bindparam("link"))
BY_TASK = _SELECT.where(_L.task_id == bindparam("task")).with_for_update(key_share=True)
BY_TASKS = (
    _SELECT_ALL.where(
        text("(installation_id, task_id) IN (SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:tasks AS text[])))")
    )
    .order_by(_L.id)
    .with_for_update(key_share=True)
)
BY_EVENTS = _SELECT.where(
    _L.connection_id == bindparam("connection"),
    _L.event_id.in_(bindparam("events", expanding=True)),
    text("event_id <> ''"),
)

ADD = insert(LINKS).on_conflict_do_nothing(index_elements=[_L.installation_id, _L.task_id]).returning(_L.id)

HINT_TASK = text("""
UPDATE links SET
    task_hint = :hint, task_seq = task_seq + 1, status = :status,
    task_version = coalesce(:version, task_version), owner_id = coalesce(:owner, owner_id)
WHERE installation_id = :installation AND id = :link
""")

HINT_EVENT = text("""
UPDATE links SET event_hint = :hint, event_seq = event_seq + 1, doubted = doubted OR :doubted
WHERE installation_id = :installation AND id = :link
  AND (CAST(:rev AS bigint) IS NULL OR memory_rev = CAST(:rev AS bigint))
""")

SAVE = text("""
UPDATE links SET
    owner_id = CASE WHEN task_seq = :read_task_seq THEN :owner_id ELSE owner_id END,
    status = CASE WHEN task_seq = :read_task_seq THEN :status ELSE status END,
    task_version = CASE WHEN task_seq = :read_task_seq THEN :task_version ELSE task_version END,
    task_hint = CASE WHEN task_seq <> :read_task_seq THEN task_hint END,
    -- A newer one was compared with a memory that is no more.
    event_hint = CASE WHEN event_seq <> :read_event_seq AND event_hint IS NOT NULL
        THEN CAST(:read_again AS bytea) END,
    state = :state, reason = :reason, reason_fields = :reason_fields,
    connection_id = :connection_id, calendar_id = :calendar_id, event_id = :event_id, generation = :generation,
    memory = :memory, memory_rev = memory_rev + 1, leaving = :leaving,
    event_url = :event_url, synced_at = :synced_at, switched_on_before = :switched_on_before,
    last_number = greatest(last_number, :last_number),
    echoed_number = greatest(coalesce(echoed_number, seen_number, 0), :echoed_number), -- of the row as it was
    seen_etag = :seen_etag, seen_number = :seen_number, ends_at = :ends_at,
    doubted = CASE WHEN event_seq <> :read_event_seq THEN doubted ELSE :doubted END, held_id = :held_id
WHERE installation_id = :installation AND id = :link
  AND NOT (status = 'dormant' AND task_seq <> :read_task_seq) -- gone dormant since it was read
RETURNING memory_rev, task_seq, event_seq, task_version, owner_id, status, reported, task_hint, event_hint
""").bindparams(bindparam("leaving", type_=JSONB))

SET_STATE = text("""
UPDATE links SET state = :state, reason = :reason, reason_fields = :fields
WHERE installation_id = :installation AND id = :link
""")

MARK_REPORTED = text("""
UPDATE links SET reported = :digest WHERE installation_id = :installation AND id = :link
""")

# What is forgotten with a link's text: the memory (its numbers go on), raw deliveries, the values of conflicts.
WIPE = text("""
WITH link AS (
    UPDATE links SET
        memory = NULL, memory_rev = memory_rev + 1, task_hint = NULL, event_hint = NULL,
        connection_id = NULL, calendar_id = NULL, event_id = NULL, event_url = NULL,
        seen_etag = NULL, seen_number = NULL, ends_at = NULL, doubted = false, held_id = NULL
    WHERE installation_id = :installation AND id = :link
    RETURNING installation_id, id, task_id
), bodies AS (
    DELETE FROM inbox_bodies AS b USING link
    WHERE b.installation_id = link.installation_id AND b.task_id = link.task_id
    RETURNING b.installation_id, b.inbox_id
), arrivals AS (
    UPDATE inbox SET raw = NULL WHERE id IN (
        SELECT i.id FROM inbox AS i JOIN bodies ON i.id = bodies.inbox_id AND i.installation_id = bodies.installation_id
        ORDER BY i.id FOR NO KEY UPDATE OF i -- one delivery may hold words of several tasks
    )
), said AS (
    UPDATE conflicts SET content = NULL FROM link
    WHERE conflicts.installation_id = link.installation_id AND conflicts.link_id = link.id
)
SELECT id, task_id FROM link
""")

GLANCES = text("""
SELECT id, task_id, event_id, seen_etag, seen_number, memory_rev, ends_at, held_id IS NOT NULL AS held,
    coalesce(seen_number > echoed_number, false) AS awaits_echo
FROM links
WHERE installation_id = :installation AND connection_id = :connection AND event_id <> '' AND status = 'live'
""")

TELL_ECHOES = text("""
WITH seen AS (
    SELECT l.installation_id, l.id, l.seen_number,
        coalesce(l.seen_number > l.echoed_number AND l.seen_etag = sighting.etag, false) AS is_echo
    FROM links AS l
    JOIN unnest(CAST(:tenants AS text[]), CAST(:links AS text[]), CAST(:etags AS text[]))
        AS sighting (installation_id, link_id, etag)
        ON l.installation_id = sighting.installation_id AND l.id = sighting.link_id AND l.status = 'live'
    ORDER BY l.id COLLATE "C" FOR NO KEY UPDATE
), told AS (
    UPDATE links SET echoed_number = seen.seen_number FROM seen
    WHERE links.installation_id = seen.installation_id AND links.id = seen.id AND seen.is_echo
    RETURNING links.installation_id, links.task_id, seen.seen_number
)
INSERT INTO timeline (installation_id, task_id, at, actor, code, detail)
SELECT installation_id, task_id, :at, :actor, :code, jsonb_build_object('number', seen_number) FROM told
""")

DOUBTS = text("""
SELECT count(*) FILTER (WHERE doubted AND held_id IS NULL) AS doubted, count(*) AS all_of_them FROM links
WHERE installation_id = :installation AND connection_id = :connection AND event_id <> '' AND status = 'live'
""")

HOLD = text("""
UPDATE links SET held_id = :held, state = 'pending', reason = 'held', reason_fields = '{}'
WHERE installation_id = :installation AND id IN (
    SELECT id FROM links
    WHERE installation_id = :installation AND connection_id = :connection AND event_id <> '' AND status = 'live'
      AND doubted AND held_id IS NULL
    ORDER BY id COLLATE "C" FOR NO KEY UPDATE
)
RETURNING id, task_id
""")

OF_HELD = text("""
SELECT id, task_id FROM links WHERE installation_id = :installation AND held_id = :held AND status = 'live'
ORDER BY id COLLATE "C"
""")

OF_CONNECTION = _SELECT.where(
    text("""(
        connection_id = :connection
        OR (connection_id IS NULL AND owner_id = (
            SELECT c.user_id FROM connections AS c
            WHERE c.installation_id = :installation AND c.id = :connection AND NOT EXISTS (
                SELECT FROM connections AS newer
                WHERE newer.installation_id = c.installation_id AND newer.user_id = c.user_id AND newer.seq > c.seq
            )
        ))
    )""")
).order_by(_L.task_id)

IDS_OF_OWNER = text("""
SELECT id, task_id FROM links
WHERE installation_id = :installation AND owner_id = :owner AND status = ANY(:statuses)
ORDER BY task_id
""")

TASK_IDS = text("""
SELECT task_id FROM links
WHERE installation_id = :installation AND task_id > :after AND status = 'live'
ORDER BY task_id LIMIT :limit
""")

# By bytes, as Python sorts.
LOCK_ENDING = text("""
SELECT id FROM links
WHERE installation_id = :installation AND status = 'live' AND (
    -- A task that has gone to another owner only waits for its event to leave this calendar.
    (connection_id = :connection AND (owner_id IS NULL OR owner_id = (
        SELECT c.user_id FROM connections AS c WHERE c.installation_id = :installation AND c.id = :connection
    )))
    OR (connection_id IS NULL AND owner_id = (
        SELECT c.user_id FROM connections AS c
        WHERE c.installation_id = :installation AND c.id = :connection AND NOT EXISTS (
            SELECT FROM connections AS newer
            WHERE newer.installation_id = c.installation_id AND newer.user_id = c.user_id AND newer.seq > c.seq
        )
    ))
)
ORDER BY id COLLATE "C" FOR NO KEY UPDATE
""")

MAKE_DORMANT = text("""
WITH link AS (
    UPDATE links SET
        status = 'dormant', state = 'off', reason = :reason, reason_fields = '{}', switched_on_before = :remember,
        memory = NULL, memory_rev = memory_rev + 1,
        task_hint = NULL, task_seq = task_seq + 1, event_hint = NULL, event_seq = event_seq + 1,
        seen_etag = NULL, seen_number = NULL, ends_at = NULL, doubted = false, held_id = NULL
    WHERE installation_id = :installation AND id = ANY(:links)
    RETURNING installation_id, id, task_id
), bodies AS (
    DELETE FROM inbox_bodies AS b USING link
    WHERE b.installation_id = link.installation_id AND b.task_id = link.task_id
    RETURNING b.installation_id, b.inbox_id
), arrivals AS (
    UPDATE inbox SET raw = NULL WHERE id IN (
        SELECT i.id FROM inbox AS i JOIN bodies ON i.id = bodies.inbox_id AND i.installation_id = bodies.installation_id
        ORDER BY i.id FOR NO KEY UPDATE OF i -- one delivery may hold words of several tasks
    )
), said AS (
    UPDATE conflicts SET content = NULL FROM link
    WHERE conflicts.installation_id = link.installation_id AND conflicts.link_id = link.id
)
SELECT id, task_id FROM link
""")
