"""What is wrong with a deployment, why that matters, and the fix: asked by ``doctor``. Changes nothing.

Judges what others have measured; each check is one function that gives its findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from gateway.core.errors import GatewayError
from gateway.core.installing import Outcome
from gateway.core.ports import Lane
from gateway.core.records import Installation, InstallationStatus
from gateway.core.vitals import DatabaseVitals, KeyState, Pulse
from gateway.services import installations
from gateway.services.context import Context
from gateway.services.pausing import halted

SKEW: Final = timedelta(seconds=5)
OLDEST: Final = timedelta(minutes=5)
"""For how long a change may be due before something must be wrong: the sweep finds lost rings within one."""

LEAST_VERSION: Final = 140000
_RENEWAL_LATE: Final = timedelta(hours=1)
_SHOWN: Final = 50


class Weight(StrEnum):
    """How bad it is: ``broken`` must be mended, ``doubtful`` should be looked at."""

    WELL = "well"
    DOUBTFUL = "doubtful"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``why`` it matters and ``fix``: empty where it is well. Never a secret."""

    check: str
    weight: Weight
    what: str
    why: str = ""
    fix: str = ""

    def told(self) -> dict[str, str]:
        """As JSON tells it."""
        return asdict(self)


def well(check: str, what: str) -> Finding:
    """Nothing to do."""
    return Finding(check, Weight.WELL, what)


def broken(check: str, what: str, why: str, fix: str) -> Finding:
    """Must be mended."""
    return Finding(check, Weight.BROKEN, what, why, fix)


def doubtful(check: str, what: str, why: str, fix: str) -> Finding:
    """Should be looked at."""
    return Finding(check, Weight.DOUBTFUL, what, why, fix)


# --- the stores -----------------------------------------------------------------------------------------------------


def judge_database(found: DatabaseVitals, now: datetime, wanted: int) -> Iterator[Finding]:
    """``wanted``: how many connections one process of each kind may open together."""
    if found.version < LEAST_VERSION:
        yield broken(
            "database", f"PostgreSQL {found.version // 10000}", "14 is the oldest that is tested", "upgrade it"
        )
    else:
        yield well("database", f"PostgreSQL {found.version // 10000} answers")
    if wanted > found.most:
        yield broken(
            "database connections",
            f"{wanted} may be opened by one web, worker and clock, {found.most} are allowed",
            "what finds none answers 503, and webhooks come late",
            "lower WEB_CONCURRENCY or WORKER_CONCURRENCY, or take a larger plan",
        )
    else:
        yield well("database connections", f"{found.connections} open, {found.most} allowed, {wanted} wanted at most")
    yield _skew("clock skew (database)", found.at - now)


def judge_queue(found: Pulse | None, now: datetime) -> Iterator[Finding]:
    """Redis, and who has been heard of through it."""
    if found is None:
        yield broken(
            "redis",
            "it does not answer",
            "changes are recorded, and carried out only when it is back",
            "check REDIS_URL; for a certificate of its own making (Heroku) set REDIS_TLS_VERIFY=0",
        )
        return
    if found.eviction not in ("noeviction", ""):
        yield doubtful(
            "redis",
            f"it evicts keys ({found.eviction})",
            "rings may be lost; the sweep finds the work, up to a minute later",
            "set maxmemory-policy to noeviction (heroku redis:maxmemory --policy noeviction)",
        )
    elif found.limit_bytes and found.used_bytes > 0.9 * found.limit_bytes:
        yield doubtful("redis", "it is more than 90 % full", "rings will be refused", "give it more memory")
    else:
        yield well("redis", "it answers; its content may be lost at any time without harm")
    yield _skew("clock skew (redis)", found.at - now)
    yield from _processes(found)


def _processes(found: Pulse) -> Iterator[Finding]:
    missing = [lane.value for lane in Lane if not any(lane.value in name.split(",") for name in found.threads)]
    if missing:
        yield broken(
            "workers",
            f"nobody listens to {' and '.join(missing)}",
            "no change is carried out",
            "start a worker: python -m workers (heroku ps:scale worker=1), and read its log",
        )
    else:
        heard = ", ".join(f"{number} for {name}" for name, number in sorted(found.threads.items()))
        yield well("workers", f"threads heard of lately: {heard}")
    if found.has_clock:
        yield well("clock", "it went its rounds within the last minute")
    else:
        yield broken(
            "clock",
            "no round in the last minute",
            "subscriptions end, and lost rings and webhooks are not found",
            "start a clock: python -m workers.clock (heroku ps:scale clock=1), and read its log",
        )


def _skew(check: str, skew: timedelta) -> Finding:
    if abs(skew) <= SKEW:
        return well(check, f"{abs(skew).total_seconds():.1f} s")
    return broken(
        check,
        f"{skew.total_seconds():+.0f} s from this machine's",
        "signatures are refused as too old, and leases and renewals come at the wrong time",
        "let this machine keep its time by NTP",
    )


def judge_keys(found: KeyState) -> Iterator[Finding]:
    """What TOKEN_KEYS still open."""
    if found.lost:
        yield broken(
            "keys",
            f"{found.lost} rows open with none of TOKEN_KEYS",
            "their grants and secrets are unreadable: these people and CRMs are cut off",
            "append the key they were made with to TOKEN_KEYS, then run: flask --app wsgi rotate-keys",
        )
    elif found.older:
        yield doubtful(
            "keys",
            f"{found.older} rows are still under an older key",
            "an older key cannot be taken away yet",
            "run: flask --app wsgi rotate-keys",
        )
    else:
        yield well("keys", "everything is under the newest of TOKEN_KEYS")


# --- the work -------------------------------------------------------------------------------------------------------


def look_at_work(ctx: Context) -> Iterator[Finding]:
    """Pauses, what is owed, what is parked, subscriptions. Raises ``StoreDown``."""
    halt = halted(ctx)
    if halt is not None:
        yield broken(
            "pause",
            f"everything is paused ({halt.reason})",
            "no change is carried out",
            "flask --app wsgi resume-all (it asks how, where the database is another deployment's)",
        )
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        owed = uow.survey.waiting(now)
        parked = uow.survey.parked_kinds()
        ending = uow.survey.expiring(_SHOWN)
    oldest = min((one.oldest_at for one in owed if one.oldest_at is not None), default=None)
    if oldest is not None and now - oldest > OLDEST and halt is None:
        yield doubtful(
            "work owed",
            f"the oldest has waited since {oldest:%Y-%m-%d %H:%M} UTC",
            "somebody's change is not where it should be",
            "look at /ops: a provider or CRM is down, an installation is paused, or a worker is missing",
        )
    else:
        yield well("work owed", f"{sum(one.count for one in owed)} changes, none waits for long")
    if parked:
        heap = ", ".join(f"{one.count} {one.topic.value} ({one.reason})" for one in parked)
        fix = "flask --app wsgi parked; mend the cause; flask --app wsgi replay --reason ..."
        yield doubtful("parked work", heap, "it kept failing and is not tried any more", fix)
    late = [one for one in ending if one.expires_at <= now or (one.renew_at and one.renew_at + _RENEWAL_LATE < now)]
    if late:
        yield doubtful(
            "subscriptions",
            f"{len(late)} should have been renewed by now (first: {late[0].provider})",
            "changes in these calendars are found by the daily look only",
            "see that the clock and a worker run; then /ops names the connection and its last error",
        )
    else:
        yield well("subscriptions", f"{len(ending)}{'+' if len(ending) == _SHOWN else ''} live, none is late")


# --- the outside world ----------------------------------------------------------------------------------------------


def judge_providers(ctx: Context) -> Iterator[Finding]:
    """Whether our clients look right. Nobody is called."""
    for provider in ctx.providers.values():
        back = f"{ctx.public_url}/oauth/{provider.door or provider.name}/callback"
        for doubt in provider.doubts:
            what, _, fix = doubt.partition(": ")
            yield doubtful(provider.name, what, "nobody could connect", fix)
        if not provider.doubts:
            yield well(provider.name, f"the client looks right; registered there must be the redirect URI {back}")
    if not ctx.providers:
        yield broken(
            "providers",
            "no provider has a client",
            "nobody can connect a calendar",
            "set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET, or MICROSOFT_CLIENT_ID and MICROSOFT_CLIENT_SECRET",
        )


def look_at_installations(ctx: Context) -> Iterator[Finding]:
    """Asks each CRM for what ``installations check`` asks it. Raises ``StoreDown``."""
    with ctx.store.begin() as uow:
        found = uow.installations.all()
    for one in found:
        yield from _installation(ctx, one)
    if not found:
        fix = "flask --app wsgi installations add --help"
        yield doubtful("installations", "there is none", "no CRM can send anything yet", fix)


def _installation(ctx: Context, one: Installation) -> Iterator[Finding]:
    check, again = f"installation {one.name}", f"flask --app wsgi installations install {one.key}"
    if one.status is InstallationStatus.PAUSED:
        why = one.paused_reason or "by an operator"
        yield doubtful(check, f"paused ({why})", "its changes wait", f"flask --app wsgi installations resume {one.key}")
    try:
        steps = installations.check(ctx, one.key)
    except GatewayError as error:
        yield broken(check, f"its CRM cannot be asked: {error}", "its changes wait", f"mend that, then: {again}")
        return
    wrong = [step for step in steps if step.outcome is Outcome.BROKEN]
    for step in wrong:
        yield broken(check, f"{step.what}: {step.says}", "part of the main path is missing", again)
    if not wrong:
        yield well(check, "its CRM has what it needs")
