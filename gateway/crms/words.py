"""A CRM's own words for status and priority, and what they mean here: an adapter's table, changed by the settings."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from gateway.core.model import Priority, Status

W = TypeVar("W", bound=StrEnum)


def statuses(settings: Mapping[str, Any], usual: Mapping[str, Status]) -> Mapping[str, Status]:
    """The CRM's words for a status. ``settings``: its map ``statuses`` wins over ``usual``."""
    return _words(settings.get("statuses"), usual, Status)


def priorities(settings: Mapping[str, Any], usual: Mapping[str, Priority]) -> Mapping[str, Priority]:
    """The CRM's words for a priority. ``settings``: its map ``priorities`` wins over ``usual``."""
    return _words(settings.get("priorities"), usual, Priority)


def _words(chosen: Any, usual: Mapping[str, W], ours: type[W]) -> Mapping[str, W]:
    """Words of ours that nobody knows are left out: a setting was checked when it was made."""
    known = {word.value for word in ours}
    own = chosen if isinstance(chosen, Mapping) else {}
    return {**usual, **{str(theirs): ours(word) for theirs, word in own.items() if word in known}}
