"""Watches that every transaction locks rows in the order that ``gateway.store`` lays down.

Deadlocks need luck to be seen; the order that makes them possible is there at every run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event

RANKS = {"installations": 1, "connections": 2, "subscriptions": 3, "held": 3, "links": 4, "conflicts": 5}
RANKS |= {"connection_ledger": 6, "outbox": 7, "mailbox_pauses": 7}
_CHANGED = re.compile(r"\b(?:UPDATE|DELETE FROM|INSERT INTO) (\w+)")
_LOCKED = re.compile(r"\bFROM (\w+)\b.*\bFOR (?:NO KEY UPDATE|KEY SHARE|UPDATE)", re.DOTALL)
_FRESH = re.compile(r"\s*INSERT INTO (connections|subscriptions|installations)\b")
"""Rows that nobody else can know yet."""

_LOCKED_BEFORE = re.compile(r"\bhinted AS \(")
"""What an intake leaves at links that it has locked (``Links.by_tasks``): new is what it owes."""


@dataclass
class LockOrder:
    """All engines under watch, until ``stop``. ``broken``: what was locked out of order, in words."""

    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._heard: dict[str, Callable[..., None]] = {"begin": self._begin, "before_cursor_execute": self._execute}
        for name, listener in self._heard.items():
            event.listen(Engine, name, listener)

    def stop(self) -> None:
        """Look away."""
        for name, listener in self._heard.items():
            event.remove(Engine, name, listener)

    def _begin(self, transaction: Any) -> None:
        transaction.info["locks"] = []

    def _execute(
        self, transaction: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> None:
        table = locked_table(statement)
        if table is None:
            return
        before: list[tuple[str, str]] = transaction.info.setdefault("locks", [])
        said = (table, _link_of(table, parameters))
        if said[1] and said in before:
            return  # what one holds already one does not wait for
        wrong = [one for one in before if _belongs_after(one, said)]
        if wrong:
            self.broken.append(f"{said} after {wrong[0]}: {' '.join(statement.split())[:120]}")
        before.append(said)


def locked_table(statement: str) -> str | None:
    """The table of which a statement locks rows first; ``None`` for one that locks none of those in the order."""
    if _FRESH.match(statement):
        return None
    if _LOCKED_BEFORE.search(statement):
        return "outbox"
    found = _CHANGED.search(statement) or _LOCKED.search(statement)
    return found[1] if found and found[1] in RANKS else None


def _link_of(table: str, parameters: Any) -> str:
    known = isinstance(parameters, Mapping) and table == "links"
    return str(parameters.get("link") or "") if known else ""


def _belongs_after(earlier: tuple[str, str], later: tuple[str, str]) -> bool:
    if earlier[0] == later[0]:
        return bool(later[1]) and earlier[1] > later[1]
    return RANKS[earlier[0]] > RANKS[later[0]]
