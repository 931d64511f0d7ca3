"""Who granted what to whom: codes, refresh tokens, access tokens, and how each of them ends.

https://learn.microsoft.com/entra/identity-platform/refresh-tokens: 90 days, every use gives a new one, the old one
is not revoked by that. Not safe by itself: the world's lock is held.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from sandbox.graph.model import PERSON_CLIENT, Access

CODE_LIVES: Final = timedelta(minutes=10)
REFRESH_LIVES: Final = timedelta(days=90)
ACCESS_LIVES_S: Final = (3600, 5400)
"""An access token lives for a random time between 60 and 90 minutes:
https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes"""
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code and what it will turn into."""

    client_id: str
    email: str
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str | None
    challenge_method: str
    nonce: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Death:
    """Why a refresh token is dead: an AADSTS number, and the OAuth error it is told under."""

    number: int
    error: str = "invalid_grant"


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh token; it is bound to the person and the app, not to scopes."""

    client_id: str
    email: str
    used_at: datetime
    death: Death | None = None


@dataclass
class Grants:
    """All of it, in memory."""

    random: random.Random
    _codes: dict[str, Code] = field(default_factory=dict, repr=False)
    _redeemed: set[str] = field(default_factory=set, repr=False)
    _refresh: dict[str, Refresh] = field(default_factory=dict, repr=False)
    _access: dict[str, Access] = field(default_factory=dict, repr=False)
    _granted: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def granted(self, client_id: str, email: str) -> tuple[str, ...]:
        """All that this person, or their administrator, has granted this client so far."""
        return self._granted.get((client_id, email), ())

    def grant(self, client_id: str, email: str, scopes: Iterable[str]) -> None:
        """Note a consent; it adds to what was granted before."""
        self._granted[client_id, email] = joined(self.granted(client_id, email), scopes)

    def add_code(self, code: Code) -> str:
        """The code to hand out for a consent."""
        self.grant(code.client_id, code.email, code.scopes)
        text = f"1.{self.secret(48)}"
        self._codes[text] = code
        return text

    def take_code(self, text: str) -> Code | None:
        """The code, once: ``None`` when it is unknown or used; see ``was_redeemed``. It may be too old."""
        code = self._codes.get(text)
        if code is None or text in self._redeemed:
            return None
        self._redeemed.add(text)
        return code

    def was_redeemed(self, text: str) -> bool:
        """Whether this code was used before."""
        return text in self._redeemed

    def add_refresh(self, client_id: str, email: str, now: datetime) -> str:
        """A new refresh token."""
        text = f"1.{self.secret(64)}"
        self._refresh[text] = Refresh(client_id, email, now)
        return text

    def use_refresh(self, text: str, client_id: str, now: datetime) -> Refresh | Death | None:
        """The refresh token, why it is dead, or ``None`` when it is unknown or another app's."""
        found = self._refresh.get(text)
        if found is None or found.client_id != client_id:
            return None
        if found.death is not None:
            return found.death
        if now - found.used_at > REFRESH_LIVES:
            return Death(700082)
        return found

    def add_access(self, client_id: str, email: str, scopes: Iterable[str], now: datetime) -> tuple[str, int]:
        """A new access token of an app, and for how many seconds it lives."""
        text, seconds = f"EwB{self.secret(64)}", self.random.randint(*ACCESS_LIVES_S)
        self._access[text] = Access(client_id, email, frozenset(scopes), now + timedelta(seconds=seconds))
        return text, seconds

    def add_person(self, email: str, scopes: frozenset[str]) -> str:
        """The person's own token, which never expires and cannot be revoked."""
        text = f"EwB-person-{self.secret(40)}"
        self._access[text] = Access(PERSON_CLIENT, email, scopes, None)
        return text

    def access(self, text: str) -> Access | None:
        """What the access token stands for, alive or not; see its ``expires_at``."""
        return self._access.get(text)

    def owner(self, text: str) -> str | None:
        """The email behind a code or refresh token that is known."""
        found: Code | Refresh | None = self._codes.get(text) or self._refresh.get(text)
        return found.email if found is not None else None

    def end(self, email: str, death: Death, *, access_too: bool) -> int:
        """Kill all of a person's refresh tokens, and their apps' access tokens if told; how many there were.

        Without continuous access evaluation an access token works until it expires:
        https://learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation
        """
        alive = [text for text, one in self._refresh.items() if one.email == email and one.death is None]
        for text in alive:
            self._refresh[text] = replace(self._refresh[text], death=death)
        self._granted = {key: scopes for key, scopes in self._granted.items() if key[1] != email}
        if access_too:
            ended = [t for t, a in self._access.items() if a.email == email and a.client_id != PERSON_CLIENT]
            for text in ended:
                del self._access[text]
        return len(alive)

    def secret(self, length: int) -> str:
        """Fresh letters and digits, the same for the same seed."""
        return "".join(self.random.choices(_LETTERS, k=length))


def joined(one: Iterable[str], two: Iterable[str]) -> tuple[str, ...]:
    """Both lists in order, each scope once."""
    return tuple(dict.fromkeys([*one, *two]))
