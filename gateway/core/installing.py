"""Installing ourselves in a CRM, in words that all adapters share: the door, the steps, what came out.

An installer makes fields and webhooks through the CRM's own API. Run again it changes nothing. What only a person can
do it says, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What became of one step."""

    DONE = "done"
    """Made or put right just now."""
    ALREADY = "already"
    """As it should be."""
    BY_HAND = "by_hand"
    """Only a person can do or see it."""
    BROKEN = "broken"
    """Missing or wrong, and not put right (now)."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that has to be so in the CRM. ``says``: what to do by hand and why, or what is wrong."""

    what: str
    outcome: Outcome
    says: str = ""


@dataclass(frozen=True, slots=True)
class Door:
    """Where the CRM is to send its webhooks, and what they are signed with.

    ``secrets``: those valid now, newest first. ``admin``: an administrator's credentials in the CRM's own form, for
    this one time (never stored); empty: there are none. ``fresh``: make what signs the webhooks anew.
    """

    url: str
    secrets: tuple[str, ...] = field(default=(), repr=False)
    admin: str = field(default="", repr=False)
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Installed:
    """What an installer did. Also what failed half-way stands in ``steps``, so that nothing made is forgotten.

    ``secret``: what webhooks are signed with from now on, in the adapter's own form; ``None``: the door's secrets
    stand. ``account``: the CRM's own id of this tenant, where one door serves many. ``settings``: what the adapter
    wants to find in ``CrmAccount.settings`` from now on.
    """

    steps: tuple[Step, ...]
    secret: str | None = field(default=None, repr=False)
    account: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
