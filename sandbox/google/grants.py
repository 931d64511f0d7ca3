"""Who granted what to whom: codes, refresh tokens, access tokens, and how each of them ends.

Rules: https://developers.google.com/identity/protocols/oauth2 and
https://developers.google.com/identity/protocols/oauth2/web-server. Not safe by itself: the world's lock is held.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from sandbox.google.model import PERSON_CLIENT, Access

ACCESS_LIVES: Final = timedelta(seconds=3600)
CODE_LIVES: Final = timedelta(minutes=10)
UNUSED_LIVES: Final = timedelta(days=183)
"""A refresh token not used for six months stops working."""
MAX_REFRESH_TOKENS: Final = 100
"""Per account and client; one more silently ends the oldest."""


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
    with_refresh_token: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Refresh:
    """A live refresh token."""

    client_id: str
    email: str
    scopes: tuple[str, ...]
    used_at: datetime


@dataclass
class Grants:
    """All of it, in memory. Scopes are as the token endpoint names them."""

    random: random.Random
    _codes: dict[str, Code] = field(default_factory=dict, repr=False)
    _refresh: dict[str, Refresh] = field(default_factory=dict, repr=False)
    _access: dict[str, Access] = field(default_factory=dict, repr=False)
    _granted: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def granted(self, client_id: str, email: str) -> tuple[str, ...] | None:
        """All that this person has granted this client so far; ``None`` before the first consent."""
        return self._granted.get((client_id, email))

    def add_code(self, code: Code) -> str:
        """Note the consent behind a code, and return the code to hand out."""
        before = self._granted.get((code.client_id, code.email), ())
        self._granted[code.client_id, code.email] = joined(before, code.scopes)
        text = f"4/0A{self._secret(24)}"
        self._codes[text] = code
        return text

    def take_code(self, text: str, now: datetime) -> Code | None:
        """The code, once: ``None`` when it is unknown, used or too old."""
        code = self._codes.pop(text, None)
        return code if code is not None and now < code.expires_at else None

    def add_refresh(self, client_id: str, email: str, scopes: tuple[str, ...], now: datetime) -> str:
        """A new refresh token; the oldest of more than a hundred dies."""
        text = f"1//0{self._secret(40)}"
        self._refresh[text] = Refresh(client_id, email, scopes, now)
        mine = [key for key, one in self._refresh.items() if (one.client_id, one.email) == (client_id, email)]
        for oldest in mine[:-MAX_REFRESH_TOKENS]:
            del self._refresh[oldest]
        return text

    def use_refresh(self, text: str, client_id: str, now: datetime) -> Refresh | None:
        """The refresh token if it is alive and this client's own; using it keeps it alive."""
        found = self._refresh.get(text)
        if found is None or found.client_id != client_id:
            return None
        if now - found.used_at > UNUSED_LIVES:
            del self._refresh[text]
            return None
        self._refresh[text] = replace(found, used_at=now)
        return found

    def add_access(self, client_id: str, email: str, scopes: Iterable[str], now: datetime) -> str:
        """A new access token of an OAuth client. ``scopes`` are short names; it lives for an hour."""
        text = f"ya29.{self._secret(60)}"
        self._access[text] = Access(client_id, email, frozenset(scopes), now + ACCESS_LIVES)
        return text

    def add_person(self, email: str, scopes: frozenset[str]) -> str:
        """The person's own token, which never expires and cannot be revoked."""
        text = f"ya29.person-{self._secret(40)}"
        self._access[text] = Access(PERSON_CLIENT, email, scopes, None)
        return text

    def access(self, text: str, now: datetime) -> Access | None:
        """What the access token stands for, if it is alive."""
        found = self._access.get(text)
        if found is None or (found.expires_at is not None and now >= found.expires_at):
            return None
        return found

    def caller(self, text: str) -> Access | None:
        """Whose access token it is, alive or not."""
        return self._access.get(text)

    def owner(self, text: str) -> str | None:
        """The email behind a code, refresh token or access token that is known."""
        found: Code | Refresh | Access | None = (
            self._codes.get(text) or self._refresh.get(text) or self._access.get(text)
        )
        return found.email if found is not None else None

    def revoke_token(self, text: str) -> bool:
        """End the whole grant behind a refresh or access token; false when there is none alive."""
        found: Refresh | Access | None = self._refresh.get(text) or self._access.get(text)
        if found is None or found.client_id == PERSON_CLIENT:
            return False
        self._end(found.client_id, found.email)
        return True

    def revoke_person(self, email: str) -> int:
        """End all of a person's grants, as their account settings would; returns how many there were."""
        ended = [key for key in self._granted if key[1] == email]
        for client_id, _ in ended:
            self._end(client_id, email)
        return len(ended)

    def _end(self, client_id: str, email: str) -> None:
        key = (client_id, email)
        self._granted.pop(key, None)
        self._codes = {t: c for t, c in self._codes.items() if (c.client_id, c.email) != key}
        self._refresh = {t: r for t, r in self._refresh.items() if (r.client_id, r.email) != key}
        self._access = {t: a for t, a in self._access.items() if (a.client_id, a.email) != key}

    def _secret(self, length: int) -> str:
        return "".join(self.random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", k=length))


def joined(one: Iterable[str], two: Iterable[str]) -> tuple[str, ...]:
    """Both lists in order, each scope once."""
    return tuple(dict.fromkeys([*one, *two]))
