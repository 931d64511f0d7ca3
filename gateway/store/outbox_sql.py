"""The outbox's statements. ``outbox`` says what the columns mean; ``:soon`` is ``:now`` + the coalescing second.

A row is *busy* while ``lease_until > clock_timestamp()``. ``clock_timestamp()`` rather than ``now()``: the latter is
when the transaction began, which may have waited for a lock since.

``deployment``: nothing is taken while everything is paused, nor by a deployment whose database it is not.

Locks: who holds a lease locks its row FOR KEY SHARE, which lets a request through (an update of other columns than the
key) and keeps out whoever would take the lease away: those lock FOR UPDATE.
https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS
"""

from __future__ import annotations

from sqlalchemy import text

ASKED_AGAIN = """\
ON CONFLICT (installation_id, topic, key) DO UPDATE SET
    generation = o.generation + 1,
    mailbox = excluded.mailbox,
    -- A person's edit overtakes the backfill that was already waiting, never the other way round.
    lane = CASE WHEN o.due_at IS NOT NULL AND o.lane = 'now' THEN o.lane ELSE excluded.lane END,
    again_at = CASE WHEN o.lease_no IS NOT NULL AND o.lease_until > clock_timestamp()
        THEN least(o.again_at, greatest(excluded.due_at, :soon)) END,
    again_since = CASE WHEN o.lease_no IS NOT NULL AND o.lease_until > clock_timestamp()
        THEN least(o.again_since, excluded.first_owed_at) END,
    due_at = CASE
        WHEN o.lease_no IS NOT NULL AND o.lease_until > clock_timestamp() THEN o.due_at
        -- Backing off, and nothing can be taken anyway: the new request is no reason to hurry.
        WHEN o.attempts > 0 AND o.due_at IS NOT NULL AND EXISTS (
            SELECT FROM mailbox_pauses AS p WHERE p.mailbox = excluded.mailbox AND p.until > :now
        ) THEN o.due_at
        -- least() and greatest() pass over NULL: a row that is not due becomes due when it is wanted.
        ELSE least(o.due_at, greatest(excluded.due_at, CASE WHEN o.settled_at IS NOT NULL
            THEN least(o.settled_at + (CAST(:soon AS timestamptz) - CAST(:now AS timestamptz)), :soon) END))
    END,
    -- What is asked for while a run goes on is the next run's story.
    first_owed_at = CASE
        WHEN o.due_at IS NULL THEN excluded.first_owed_at
        WHEN o.lease_no IS NOT NULL AND o.lease_until > clock_timestamp() THEN o.first_owed_at
        ELSE least(o.first_owed_at, excluded.first_owed_at)
    END,
    attempts = CASE WHEN o.due_at IS NULL THEN 0 ELSE o.attempts END,
    reason = CASE WHEN o.due_at IS NULL THEN NULL ELSE o.reason END,
    parked_at = NULL
"""
"""What a request makes of a row that is there already."""

REQUEST = text(f"""
INSERT INTO outbox AS o (installation_id, topic, key, mailbox, lane, generation, due_at, first_owed_at)
VALUES (:installation, :topic, :key, :mailbox, :lane, 1, :wanted, :since)
{ASKED_AGAIN}RETURNING coalesce(again_at, due_at)
""")  # noqa: S608 - from a constant of ours

LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:mailbox, 0))")

LEASE = text("""
WITH busy AS (
    SELECT count(*) AS total, count(*) FILTER (WHERE lane = 'backfill') AS backfill
    FROM outbox WHERE mailbox = :mailbox AND lease_until > clock_timestamp()
), next AS (
    SELECT o.installation_id, o.topic, o.key
    FROM outbox AS o
    JOIN installations AS i ON i.id = o.installation_id AND i.status = 'active' AND NOT EXISTS (
    SELECT FROM deployment AS d WHERE d.paused_at IS NOT NULL OR d.id <> coalesce(nullif(:deployment, ''), d.id)
)
    WHERE o.installation_id = :installation AND o.mailbox = :mailbox AND o.lane = :lane AND o.due_at <= :now
      AND (o.lease_until IS NULL OR o.lease_until <= clock_timestamp())
      AND (SELECT total < :total AND (:lane <> 'backfill' OR backfill < :backfill) FROM busy)
      AND NOT EXISTS (SELECT FROM mailbox_pauses AS p WHERE p.mailbox = :mailbox AND p.until > :now)
    ORDER BY o.due_at
    LIMIT 1
    FOR UPDATE OF o SKIP LOCKED
)
UPDATE outbox AS o SET
    -- Who left a lease behind was killed, perhaps by this very work: that counts as a failure.
    attempts = o.attempts + CASE WHEN o.lease_no IS NULL THEN 0 ELSE 1 END,
    lease_no = nextval('lease_numbers'),
    lease_until = clock_timestamp() + :lease_for,
    again_at = NULL,
    again_since = NULL
FROM next
WHERE o.installation_id = next.installation_id AND o.topic = next.topic AND o.key = next.key
RETURNING o.topic, o.key, o.mailbox, o.lane, o.lease_no, o.generation, o.attempts, o.first_owed_at, o.lease_until
""")

TAKE = text("""
INSERT INTO outbox AS o
    (installation_id, topic, key, mailbox, lane, generation, due_at, first_owed_at, lease_no, lease_until)
VALUES (:installation, :topic, :key, :mailbox, 'now', 1, :now, :now,
    nextval('lease_numbers'), clock_timestamp() + :lease_for)
ON CONFLICT (installation_id, topic, key) DO UPDATE SET
    key = excluded.key, -- changes nothing, but makes this wait for whoever holds the row
    mailbox = excluded.mailbox,
    lane = excluded.lane,
    attempts = CASE WHEN o.due_at IS NULL THEN 0 WHEN o.lease_no IS NULL THEN o.attempts ELSE o.attempts + 1 END,
    first_owed_at = CASE WHEN o.due_at IS NULL THEN excluded.first_owed_at ELSE o.first_owed_at END,
    due_at = coalesce(o.due_at, excluded.due_at),
    again_at = NULL,
    again_since = NULL,
    parked_at = NULL,
    lease_no = excluded.lease_no,
    lease_until = excluded.lease_until
WHERE o.lease_until IS NULL OR o.lease_until <= clock_timestamp()
RETURNING topic, key, mailbox, lane, lease_no, generation, attempts, first_owed_at, lease_until
""")

HOLD = text("""
SELECT 1 FROM outbox
WHERE installation_id = :installation AND topic = :topic AND key = :key AND lease_no = :number
FOR KEY SHARE
""")

EXTEND = text("""
UPDATE outbox SET lease_until = clock_timestamp() + :lease_for
WHERE installation_id = :installation AND topic = :topic AND key = :key AND lease_no = :number
RETURNING 1
""")

SETTLE = text("""
UPDATE outbox SET
    lease_no = NULL, lease_until = NULL, again_at = NULL, again_since = NULL, attempts = 0, reason = NULL,
    settled_at = :now,
    first_owed_at = CASE WHEN generation > :generation THEN coalesce(again_since, :now) ELSE first_owed_at END,
    due_at = CASE WHEN generation > :generation THEN greatest(again_at, :soon) END
WHERE installation_id = :installation AND topic = :topic AND key = :key AND lease_no = :number
RETURNING due_at
""")

POSTPONE = text("""
UPDATE outbox SET
    lease_no = NULL, lease_until = NULL, again_at = NULL, again_since = NULL, due_at = :until, reason = :reason,
    attempts = attempts + :failed, mailbox = CASE WHEN mailbox = :was THEN :mailbox ELSE mailbox END
WHERE installation_id = :installation AND topic = :topic AND key = :key AND lease_no = :number
RETURNING due_at
""")

PARK = text("""
UPDATE outbox SET
    lease_no = NULL, lease_until = NULL, again_at = NULL, again_since = NULL, reason = :reason,
    due_at = CASE WHEN generation > :generation THEN greatest(again_at, :soon) END,
    first_owed_at = CASE WHEN generation > :generation THEN coalesce(again_since, :now) ELSE first_owed_at END,
    attempts = CASE WHEN generation > :generation THEN 0 ELSE attempts END,
    parked_at = CASE WHEN generation > :generation THEN NULL ELSE CAST(:now AS timestamptz) END
WHERE installation_id = :installation AND topic = :topic AND key = :key AND lease_no = :number
RETURNING due_at
""")

CANCEL_TAKEN = text("""
UPDATE outbox SET lease_no = NULL, due_at = NULL, again_at = NULL, again_since = NULL, settled_at = NULL
WHERE (installation_id, topic, key) IN (
    SELECT installation_id, topic, key FROM outbox
    WHERE installation_id = :installation AND topic = :topic AND key = :key AND lease_until > clock_timestamp()
    FOR UPDATE
)
""")

CANCEL = text("""
DELETE FROM outbox
WHERE installation_id = :installation AND topic = :topic AND key = :key
  AND (lease_until IS NULL OR lease_until <= clock_timestamp())
""")

CANCEL_TAKEN_OF_MAILBOX = text("""
UPDATE outbox SET lease_no = NULL, due_at = NULL, again_at = NULL, again_since = NULL, settled_at = NULL
WHERE (installation_id, topic, key) IN (
    SELECT installation_id, topic, key FROM outbox
    WHERE installation_id = :installation AND mailbox = :mailbox AND lease_until > clock_timestamp()
    ORDER BY topic, key
    FOR UPDATE
)
""")

CANCEL_MAILBOX = text("""
DELETE FROM outbox
WHERE installation_id = :installation AND mailbox = :mailbox
  AND (lease_until IS NULL OR lease_until <= clock_timestamp())
""")

PAUSE = text("""
INSERT INTO mailbox_pauses AS p (mailbox, until) VALUES (:mailbox, :until)
ON CONFLICT (mailbox) DO UPDATE SET
    until = CASE WHEN excluded.until <= :now THEN excluded.until ELSE greatest(p.until, excluded.until) END
""")

DUE = text("""
SELECT o.installation_id, o.mailbox, o.lane, min(o.due_at) AS due_at
FROM outbox AS o
JOIN installations AS i ON i.id = o.installation_id AND i.status = 'active' AND NOT EXISTS (
    SELECT FROM deployment AS d WHERE d.paused_at IS NOT NULL OR d.id <> coalesce(nullif(:deployment, ''), d.id)
)
WHERE o.due_at <= :now
  AND (o.lease_until IS NULL OR o.lease_until <= clock_timestamp())
  AND NOT EXISTS (SELECT FROM mailbox_pauses AS p WHERE p.mailbox = o.mailbox AND p.until > :now)
GROUP BY o.installation_id, o.mailbox, o.lane
ORDER BY min(o.due_at)
LIMIT :limit
""")

NEXT_DUE = text("""
SELECT o.lane, greatest(o.due_at, p.until) AS due_at
FROM outbox AS o
JOIN installations AS i ON i.id = o.installation_id AND i.status = 'active' AND NOT EXISTS (
    SELECT FROM deployment AS d WHERE d.paused_at IS NOT NULL OR d.id <> coalesce(nullif(:deployment, ''), d.id)
)
LEFT JOIN mailbox_pauses AS p ON p.mailbox = o.mailbox
WHERE o.installation_id = :installation AND o.mailbox = :mailbox AND o.due_at IS NOT NULL
  AND (o.lease_until IS NULL OR o.lease_until <= clock_timestamp())
ORDER BY o.due_at
LIMIT 1
""")

PARKED = text("""
SELECT installation_id, topic, key, coalesce(reason, '') AS reason, parked_at, attempts
FROM outbox WHERE parked_at IS NOT NULL AND installation_id = :installation
ORDER BY parked_at LIMIT :limit
""")

PARKED_OF_ALL = text("""
SELECT installation_id, topic, key, coalesce(reason, '') AS reason, parked_at, attempts
FROM outbox WHERE parked_at IS NOT NULL
ORDER BY parked_at LIMIT :limit
""")

REPLAY = text("""
UPDATE outbox SET
    due_at = :now, first_owed_at = :now, attempts = 0, reason = NULL, parked_at = NULL, lane = 'backfill',
    generation = generation + 1
WHERE installation_id = :installation AND topic = :topic AND key = :key AND parked_at IS NOT NULL
""")

DROP_PARKED = text("""
DELETE FROM outbox
WHERE installation_id = :installation AND topic = :topic AND key = :key AND parked_at IS NOT NULL
""")

DROP_SETTLED = text("""
DELETE FROM outbox WHERE (installation_id, topic, key) IN (
    SELECT installation_id, topic, key FROM outbox
    WHERE due_at IS NULL AND parked_at IS NULL AND (settled_at IS NULL OR settled_at < :before)
      AND (lease_until IS NULL OR lease_until <= clock_timestamp())
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
""")

TIME_WENT_BACK = text("""
UPDATE outbox SET due_at = greatest(due_at - CAST(:by AS interval), :now) WHERE (installation_id, topic, key) IN (
    SELECT installation_id, topic, key FROM outbox
    WHERE due_at > :now AND (lease_until IS NULL OR lease_until <= clock_timestamp())
    ORDER BY installation_id, topic, key
    FOR UPDATE SKIP LOCKED
)
""")

PAUSES_WENT_BACK = text("UPDATE mailbox_pauses SET until = until - CAST(:by AS interval) WHERE until > :now")

DROP_PAUSES = text("DELETE FROM mailbox_pauses WHERE until < :before")
