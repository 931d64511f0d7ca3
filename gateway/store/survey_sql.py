"""The operator's questions as statements. Each is bounded: ``:some`` where it counts, ``:limit`` where it lists.

``:installation`` is NULL for a question about all installations.
"""

from __future__ import annotations

from sqlalchemy import text

WAITING = text("""
SELECT topic, count(*) AS many, count(*) FILTER (WHERE taken) AS running,
    count(*) FILTER (WHERE attempts > 0 AND NOT taken) AS retrying,
    count(*) FILTER (WHERE due_at > :now AND NOT taken) AS later,
    min(first_owed_at) FILTER (WHERE due_at <= :now) AS oldest_at
FROM (
    SELECT topic, attempts, due_at, first_owed_at, coalesce(lease_until > clock_timestamp(), false) AS taken
    FROM outbox WHERE due_at IS NOT NULL
      AND (CAST(:installation AS text) IS NULL OR installation_id = :installation)
    LIMIT :some
) AS owed
GROUP BY topic ORDER BY topic
""")

PARKED_KINDS = text("""
SELECT topic, reason, count(*) AS many, min(parked_at) AS oldest_at, max(parked_at) AS newest_at
FROM (
    SELECT topic, coalesce(reason, '') AS reason, parked_at FROM outbox WHERE parked_at IS NOT NULL
      AND (CAST(:installation AS text) IS NULL OR installation_id = :installation)
    LIMIT :some
) AS parked
GROUP BY topic, reason ORDER BY count(*) DESC, topic, reason LIMIT 100
""")

PARKED = text("""
SELECT installation_id, topic, key, coalesce(reason, '') AS reason, parked_at, attempts
FROM outbox WHERE parked_at IS NOT NULL
  AND (CAST(:installation AS text) IS NULL OR installation_id = :installation)
  AND (CAST(:topic AS text) IS NULL OR topic = :topic)
  AND (CAST(:reason AS text) IS NULL OR coalesce(reason, '') = :reason)
  AND (CAST(:after AS timestamptz) IS NULL OR parked_at >= :after)
  AND (CAST(:before AS timestamptz) IS NULL OR parked_at < :before)
ORDER BY parked_at LIMIT :limit
""")

_OWED = """
SELECT installation_id, topic, key, due_at, first_owed_at, attempts, reason, parked_at,
    coalesce(lease_until > clock_timestamp(), false) AS taken
FROM outbox
"""
# Two halves, so that each has its own index.
FAILING = text(f"""
({_OWED} WHERE installation_id = :installation AND mailbox = :mailbox AND due_at IS NOT NULL AND attempts > 0
    LIMIT :limit)
UNION ALL
({_OWED} WHERE installation_id = :installation AND mailbox = :mailbox AND parked_at IS NOT NULL LIMIT :limit)
ORDER BY first_owed_at DESC LIMIT :limit
""")
OWED_FOR = text(f"""
{_OWED} WHERE installation_id = :installation AND topic = ANY(:topics) AND key = :key
  AND (due_at IS NOT NULL OR parked_at IS NOT NULL)
ORDER BY topic
""")

INSTALLATIONS = text("""
SELECT id, key, name, adapter, status, paused_reason, caught_up_at FROM installations
WHERE status <> 'removed' ORDER BY status = 'active', lower(name), seq LIMIT :limit
""")

CONNECTION_COUNTS = text("""
SELECT status AS name, provider AS kind, count(*) AS many FROM (
    SELECT status, provider FROM connections
    WHERE NOT (status IN ('disconnected', 'revoked'))
      AND (CAST(:installation AS text) IS NULL OR installation_id = :installation)
    LIMIT :some
) AS live
GROUP BY status, provider ORDER BY status, provider
""")

_CONNECTION = """
SELECT c.installation_id, i.name AS installation, c.id, c.user_id, c.email, c.provider, c.status, c.reason, c.since,
    c.heard_at, c.read_at
FROM connections AS c JOIN installations AS i ON i.id = c.installation_id AND i.status <> 'removed'
"""
IN_TROUBLE = text(f"""
{_CONNECTION}
WHERE c.status IN ('reauthorize', 'suspect', 'calendar_gone', 'choosing_calendar', 'paused')
  AND (CAST(:installation AS text) IS NULL OR c.installation_id = :installation)
ORDER BY c.since NULLS FIRST LIMIT :limit
""")
FIND_PEOPLE = text(f"""
{_CONNECTION} WHERE c.seq IN (
    (SELECT seq FROM connections WHERE user_id = :text ORDER BY seq DESC LIMIT :limit)
    UNION (SELECT seq FROM connections WHERE id = :text LIMIT :limit)
    UNION (SELECT seq FROM connections WHERE lower(email) LIKE :prefix ESCAPE '!' LIMIT :limit)
)
ORDER BY c.email, c.seq DESC LIMIT :limit
""")  # noqa: S608 - put together of constants

_TASK = """
SELECT l.installation_id, i.name AS installation, l.task_id, l.id, l.owner_id, l.status, l.state, l.reason, l.event_id,
    l.connection_id, l.synced_at
FROM links AS l JOIN installations AS i ON i.id = l.installation_id AND i.status <> 'removed'
"""
FIND_TASKS = text(f"""
({_TASK} WHERE l.task_id = :text LIMIT :limit)
UNION ({_TASK} WHERE l.event_id = :text AND l.event_id <> '' LIMIT :limit)
ORDER BY installation, task_id LIMIT :limit
""")
TASKS_OF = text(f"""
{_TASK} WHERE l.installation_id = :installation AND l.connection_id = :connection AND l.status = 'live'
ORDER BY l.state = 'synced', l.synced_at DESC NULLS FIRST LIMIT :limit
""")

TASK_COUNTS = text("""
SELECT state AS name, coalesce(reason, '') AS kind, count(*) AS many FROM (
    SELECT state, reason FROM links WHERE installation_id = :installation AND status = 'live' LIMIT :some
) AS live
GROUP BY state, reason ORDER BY count(*) DESC
""")

EXPIRING = text("""
SELECT s.installation_id, s.connection_id, c.email, s.provider, c.status = 'suspect' AS suspect, s.created_at,
    s.renew_at, s.expires_at, s.verified_at
FROM subscriptions AS s
JOIN connections AS c ON c.installation_id = s.installation_id AND c.id = s.connection_id
WHERE s.state = 'live' AND s.expires_at IS NOT NULL
ORDER BY s.expires_at LIMIT :limit
""")

EXPIRY_BY_DAY = text("""
SELECT greatest(-1, floor(extract(epoch FROM expires_at - CAST(:now AS timestamptz)) / 86400)) AS day,
    count(*) AS many
FROM (SELECT expires_at FROM subscriptions WHERE state = 'live' AND expires_at IS NOT NULL
      ORDER BY expires_at LIMIT :some) AS live
GROUP BY 1 ORDER BY 1
""")
