"""What a newcomer may break, to see that nothing is lost: pushes, a provider's patience, access, Redis, the worker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.demo.outside import Api, Person

MINUTE_S = 60.0
_HOLD = {"match": {"direction": "out"}, "do": "hold", "times": None}
_BUSY = {
    "match": {"direction": "in", "caller": "gateway", "path": "/(events|calendars|subscriptions|batch)"},
    "do": "status",
    "status": 429,
    "headers": {"Retry-After": "5"},
    "times": None,
}


@dataclass
class Machinery:
    """What breaks the gateway's own parts: how to empty its queue, kill its worker, connect somebody again."""

    empty_queue: Callable[[], None]
    kill_worker: Callable[[], None]
    connect: Callable[[Person], None]


@dataclass
class Mischief:
    """What is broken now. ``stand_ins``: the roots of ``crm``, ``google``, ``graph``."""

    stand_ins: Mapping[str, str]
    machinery: Machinery
    minute_s: float = MINUTE_S
    _faults: dict[str, dict[str, str]] = field(default_factory=dict)
    _revoked: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def state(self) -> dict[str, Any]:
        """What holds just now."""
        with self._lock:
            return {"held": "hold" in self._faults, "busy": "busy" in self._faults, "revoked": sorted(self._revoked)}

    def hold(self, held: bool) -> None:
        """Hold back, or let go, what the stand-ins send to the gateway."""
        if held:
            self._break("hold", tuple(self.stand_ins), _HOLD)
            return
        self._mend("hold")
        for url in self.stand_ins.values():
            Api(url).call("POST", "/_sandbox/release")

    def lose_next_push(self) -> None:
        """Google's next push never arrives, and Google believes that it did."""
        lost = {"match": {"direction": "out"}, "do": "drop", "times": 1}
        Api(self.stand_ins["google"]).call("POST", "/_sandbox/faults", json=lost)

    def busy(self) -> None:
        """Both providers ask the gateway for patience, for a minute; people's own apps are served."""
        self._break("busy", ("google", "graph"), _BUSY)
        timer = threading.Timer(self.minute_s, lambda: self._mend("busy"))
        timer.daemon = True
        timer.start()

    def revoke(self, person: Person, place: str) -> None:
        """The person takes the gateway's access away at the provider."""
        Api(self.stand_ins[place]).call("POST", "/_sandbox/revoke", json=_revocation(person, place))
        with self._lock:
            self._revoked.add(person.user_id)

    def connect(self, person: Person) -> None:
        """And gives it back, by the same pages as the first time."""
        self.machinery.connect(person)
        with self._lock:
            self._revoked.discard(person.user_id)

    def _break(self, name: str, places: tuple[str, ...], fault: Mapping[str, Any]) -> None:
        self._mend(name)
        made = {one: Api(self.stand_ins[one]).call("POST", "/_sandbox/faults", json=fault)["id"] for one in places}
        with self._lock:
            self._faults[name] = made

    def _mend(self, name: str) -> None:
        with self._lock:
            made = self._faults.pop(name, {})
        for place, fault in made.items():
            Api(self.stand_ins[place]).call("DELETE", f"/_sandbox/faults/{fault}")


def _revocation(person: Person, place: str) -> dict[str, Any]:
    return {"email": person.email} | ({"access_tokens": True} if place == "graph" else {})
