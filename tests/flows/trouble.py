"""How a test makes the outside world misbehave, and how it sees that nothing was left undone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from gateway.core.records import Parked
from tests.flows.house import Api, House, Marks, Person

HTML = "<!doctype html><title>Bad gateway</title><p>Try again"
FAR = timedelta(days=3650)
PAUSED_S = 20.0


def google(house: House, do: str = "status", *, path: str | None = None, method: str | None = None, **how: Any) -> None:
    """The stand-in Google misbehaves; ``times`` is once unless given, ``None`` until :func:`well`."""
    _fault(house.google_admin, do, path, method, how)


def crm(house: House, do: str = "status", *, path: str | None = None, method: str | None = None, **how: Any) -> None:
    """The stand-in CRM misbehaves."""
    _fault(house.crm_admin, do, path, method, how)


def _fault(admin: Api, do: str, path: str | None, method: str | None, how: dict[str, Any]) -> None:
    match = {"direction": how.pop("direction", "in"), "path": path, "method": method}
    admin.call("POST", "/faults", json={"match": {k: v for k, v in match.items() if v}, "do": do, **how})


def well(house: House) -> None:
    """Everything outside works again; what was held goes."""
    for admin in (house.google_admin, house.crm_admin):
        admin.call("DELETE", "/faults")


def refusal(status: int, reason: str, **how: Any) -> dict[str, Any]:
    """An answer as Google's API words it."""
    told = {"domain": "global", "reason": reason, "message": reason}
    return {"status": status, "body": {"error": {"code": status, "message": reason, "errors": [told]}}, **how}


def oauth_refusal(code: str, status: int = 400, **how: Any) -> dict[str, Any]:
    """An answer as Google's token endpoint words it."""
    return {"path": "^/token$", "status": status, "body": {"error": code}, **how}


def owed(house: House) -> int:
    """In how many mailboxes work waits, now or later; parked work aside."""
    with house.ctx.store.begin() as uow:
        return len(uow.outbox.due(house.ctx.clock.now() + FAR, 1000))


def parked(house: House) -> list[Parked]:
    """Work set aside."""
    with house.ctx.store.begin() as uow:
        return list(uow.outbox.parked(None, 1000))


def until_quiet(house: House, **longest: float) -> None:
    """Let time go by, as far as ``longest``, until nothing is owed any more."""
    end = house.ctx.clock.now() + (timedelta(**longest) if longest else timedelta(hours=2))
    house.settle()
    while owed(house) and house.ctx.clock.now() < end:
        with house.ctx.store.begin() as uow:
            due = min(one.due_at for one in uow.outbox.due(house.ctx.clock.now() + FAR, 1000))
        wait = (due - house.ctx.clock.now()).total_seconds()
        house.clock.advance(wait + 0.001 if wait > 0 else PAUSED_S)  # what is due already waits for its mailbox
        house.settle()


def nothing_is_left(house: House) -> None:
    """Nothing owed, nothing set aside."""
    assert owed(house) == 0
    assert parked(house) == []


def by(size: int, faults: Iterable[str]) -> list[tuple[str, ...]]:
    """Names of faults in bundles, each to be met in one house: starting a house takes longer than a fault."""
    names = list(faults)
    return [tuple(names[start : start + size]) for start in range(0, len(names), size)]


def token_ages(house: House) -> None:
    """Every access token runs out, so that the next call needs a new one."""
    house.advance(hours=1, minutes=1)


def connection(house: House, who: Person) -> dict[str, Any]:
    """A person's connection, as the API tells it."""
    found: dict[str, Any] = house.api.call("GET", f"/v1/users/{who.user_id}/connection")
    return found


def told(house: House, who: Person) -> list[dict[str, Any]]:
    """Every connection report that the CRM received about a person."""
    reports = house.crm_admin.call("GET", f"/users/{who.user_id}")["reports"]
    return [one.get("report", one) for one in reports]


def asked(house: House, since: Marks, method: str | None = None, path: str = "") -> list[str]:
    """What the gateway asked of Google since then, as ``METHOD path``, tokens included."""
    entries = house.google_admin.call("GET", f"/ledger?since={since.google}")["entries"]
    mine = [e for e in entries if e["direction"] == "in" and e["caller"] == "gateway"]
    return [f"{e['method']} {e['path']}" for e in mine if (method in (None, e["method"])) and path in e["path"]]
