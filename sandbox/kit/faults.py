"""Misbehaviour on demand: rules that say which request or delivery meets which fault, and how often.

What a fault does is carried out by `plane` (requests served) and `sender` (webhooks and pushes sent).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = ("status", "drop", "cut_after_write", "delay", "duplicate", "hold")
_STATUSES = range(100, 600)
_SPEC_KEYS = frozenset({"match", "do", "times", "status", "headers", "body", "delay_ms"})
_MATCH_KEYS = frozenset({"direction", "method", "path", "person", "caller"})


class BadFault(ValueError):
    """A fault's description cannot be used; the text names the key."""


@dataclass(frozen=True)
class Fault:
    """What happens to one matched request or delivery; `status`, `headers` and `body` belong to `do == "status"`."""

    id: str
    do: str
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    delay_s: float = 0.0


@dataclass
class _Rule:
    fault: Fault
    direction: str | None
    method: str | None
    path: re.Pattern[str] | None
    person: str | None
    caller: str | None
    left: int | None

    def fits(self, direction: str, method: str, path: str, person: str | None, caller: str | None) -> bool:
        return (
            self.left != 0
            and self.direction in (None, direction)
            and (self.method is None or self.method.upper() == method)
            and (self.path is None or self.path.search(path) is not None)
            and (self.person is None or self.person == person)
            and (self.caller is None or self.caller == caller)
        )


class Faults:
    """The rules in force, and what they hold back. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []
        self._held: list[Callable[[], None]] = []
        self._count = 0

    def add(self, spec: Mapping[str, Any]) -> str:
        """Put a rule in force and return its id.

        All keys of `match` are optional; `path` is searched as a regular expression; `person` is an e-mail address;
        `caller` is `gateway` or `person`, of a request that comes in. `times` absent means once, null means until
        cleared.

        Raises BadFault, naming the key, when the description cannot be used.
        """
        with self._lock:
            rule = _read(spec, f"fault-{self._count + 1}")
            self._count += 1
            self._rules = [*self._rules, rule]
        return rule.fault.id

    def match(
        self, direction: str, method: str, path: str, person: str | None, caller: str | None = None
    ) -> Fault | None:
        """The first rule in force that fits, one use of it spent; None when nothing is to go wrong."""
        if not self._rules:
            return None
        with self._lock:
            for rule in self._rules:
                if rule.fits(direction, method, path, person, caller):
                    if rule.left is not None:
                        rule.left -= 1
                        self._rules = [kept for kept in self._rules if kept.left != 0]
                    return rule.fault
        return None

    def hold(self, go: Callable[[], None]) -> None:
        """Keep `go` until the next release, then call it once; the order of holding is kept."""
        with self._lock:
            self._held.append(go)

    def release(self) -> int:
        """Let everything held go, and say how much that was; the rules stay in force."""
        with self._lock:
            held, self._held = self._held, []
        for go in held:
            go()
        return len(held)

    def lift(self, fault_id: str) -> None:
        """Lift one rule; what it holds waits for the release."""
        with self._lock:
            self._rules = [rule for rule in self._rules if rule.fault.id != fault_id]

    def clear(self) -> None:
        """Lift every rule; what was held goes, since nothing holds it any longer."""
        with self._lock:
            self._rules = []
        self.release()


def _read(spec: Mapping[str, Any], fault_id: str) -> _Rule:
    match = spec.get("match", {})
    _refuse_unless(isinstance(match, Mapping), "match", "an object")
    for unknown in (set(spec) - _SPEC_KEYS) | (set(match) - _MATCH_KEYS):
        raise BadFault(f"{unknown}: unknown key")
    times = spec.get("times", 1)
    _refuse_unless(times is None or (_is_whole(times) and times > 0), "times", "null or a whole number above 0")
    _refuse_unless(match.get("direction") in (None, "in", "out"), "direction", "in or out")
    _refuse_unless(match.get("caller") in (None, "gateway", "person"), "caller", "gateway or person")
    return _Rule(
        fault=_read_fault(spec, fault_id),
        direction=match.get("direction"),
        method=match.get("method"),
        path=_pattern(match.get("path")),
        person=match.get("person"),
        caller=match.get("caller"),
        left=times,
    )


def _read_fault(spec: Mapping[str, Any], fault_id: str) -> Fault:
    status, headers, delay_ms = spec.get("status", 500), spec.get("headers") or {}, spec.get("delay_ms", 0)
    _refuse_unless(spec.get("do") in KINDS, "do", "one of " + ", ".join(KINDS))
    _refuse_unless(_is_whole(status) and status in _STATUSES, "status", "an HTTP status")
    _refuse_unless(isinstance(headers, Mapping), "headers", "an object of strings")
    _refuse_unless(isinstance(delay_ms, int | float) and delay_ms >= 0, "delay_ms", "a number of milliseconds")
    texts = {str(name): str(value) for name, value in headers.items()}
    return Fault(fault_id, spec["do"], status, texts, spec.get("body"), delay_ms / 1000)


def _pattern(path: object) -> re.Pattern[str] | None:
    if path is None:
        return None
    _refuse_unless(isinstance(path, str), "path", "a regular expression")
    try:
        return re.compile(str(path))
    except re.error as error:
        raise BadFault(f"path: not a regular expression ({error})") from error


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _refuse_unless(holds: bool, name: str, wanted: str) -> None:
    if not holds:
        raise BadFault(f"{name}: must be {wanted}")
