"""Page tokens and sync tokens: opaque text that holds where a list stopped, or what a client has seen."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from sandbox.google import errors, times

Row = TypeVar("Row")
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Sync:
    """What a sync token says: all changes of that list up to ``change`` are known; ``kept`` are its time bounds."""

    scope: str
    change: int
    epoch: int
    kept: Mapping[str, str | None] = field(default_factory=dict)

    def moment(self, name: str) -> datetime | None:
        """A kept time bound."""
        text = self.kept.get(name)
        return times.parse_stamp(text) if text else None

    def text(self) -> str:
        """The token to hand out."""
        return _pack([self.scope, self.change, self.epoch, dict(self.kept)])


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page's rows and the token fields of the answer."""

    rows: list[Row]
    tokens: dict[str, str]


def read_sync(text: str | None, scope: str, epoch: int) -> Sync:
    """The sync token for that list. Raises 410 ``fullSyncRequired`` when it is no longer, or never was, one."""
    try:
        found_scope, change, found_epoch, kept = _unpack(text or "")
    except (ValueError, TypeError) as error:
        raise errors.full_sync_required() from error
    if found_scope != scope or found_epoch != epoch:
        raise errors.full_sync_required()
    return Sync(found_scope, change, found_epoch, kept)


def cut(keyed: Sequence[tuple[Key, Row]], size: int, token: str | None, sync: Sync | None, short: int) -> Page[Row]:
    """The page after ``token``; ``short`` above 0 makes pages that small, and the first of them empty.

    The sync token of the last page is as old as the first page, so that nothing changed in between is lost.
    """
    after: Key | None = None
    if token is not None:
        after, sync = _read_page_token(token, sync)
    left = [(key, row) for key, row in keyed if after is None or key > after]
    take = min(size, short or size)
    if short and after is None and left:
        # A page may be empty and yet not the last: https://developers.google.com/workspace/calendar/api/v3/reference/events/list
        return Page([], {"nextPageToken": _page_token(("", ""), sync)})
    rows = [row for _, row in left[:take]]
    if len(left) > take:
        return Page(rows, {"nextPageToken": _page_token(left[take - 1][0], sync)})
    return Page(rows, {"nextSyncToken": sync.text()} if sync is not None else {})


def _page_token(after: Key, sync: Sync | None) -> str:
    return _pack([list(after), sync.text() if sync is not None else None])


def _read_page_token(token: str, sync: Sync | None) -> tuple[Key, Sync | None]:
    try:
        (first, second), text = _unpack(token)
        if sync is not None and text is not None:
            sync = Sync(*_unpack(text))
        return (str(first), str(second)), sync
    except (ValueError, TypeError) as error:
        raise errors.bad_parameter("pageToken", "Invalid page token value.") from error


def _pack(parts: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode()


def _unpack(text: str) -> list[Any]:
    try:
        parts: list[Any] = json.loads(base64.urlsafe_b64decode(text.encode()))
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("not a token of ours") from error
    return parts
