"""What we keep of a Microsoft consent: MSAL's own token cache, as opaque bytes to everybody else.

When the access token ends is kept beside the cache, by the gateway's clock: MSAL's cache goes by the machine's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from msal import SerializableTokenCache

from gateway.core.errors import SignInAgain

_DEFAULT_LIFE = 3600


@dataclass(frozen=True, slots=True)
class Credential:
    """One account's tokens. ``cache``: what ``SerializableTokenCache.serialize`` gave. ``scopes``: those granted."""

    cache: str = field(repr=False)
    expires_at: datetime
    scopes: tuple[str, ...] = ()

    def pack(self) -> bytes:
        """The bytes to keep, encrypted."""
        kept = {"cache": self.cache, "expires_at": self.expires_at.isoformat(), "scopes": list(self.scopes)}
        return json.dumps(kept).encode()

    def open_cache(self) -> SerializableTokenCache:
        """A cache of its own for one job: MSAL's is bound to one app object."""
        cache = SerializableTokenCache()
        cache.deserialize(self.cache)
        return cache

    @property
    def access_token(self) -> str:
        """The newest access token in the cache; empty where there is none."""
        entries: list[dict[str, Any]] = list(json.loads(self.cache).get("AccessToken", {}).values())
        entries.sort(key=lambda entry: int(entry.get("cached_at", 0)))
        return str(entries[-1].get("secret", "")) if entries else ""


def unpack(kept: bytes) -> Credential:
    """The credential in the bytes. Bytes that are none of ours cannot be repaired: ``SignInAgain``."""
    try:
        told = json.loads(kept)
        found = Credential(told["cache"], datetime.fromisoformat(told["expires_at"]), tuple(told["scopes"]))
        found.open_cache()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SignInAgain("credential_unreadable") from None
    return found


def from_answer(cache: SerializableTokenCache, answer: dict[str, Any], now: datetime) -> Credential:
    """The credential after an answer of MSAL's that holds an access token."""
    told = answer.get("expires_in")
    seconds = told if isinstance(told, int | float) and 0 < told < 10**9 else _DEFAULT_LIFE
    return Credential(cache.serialize(), now + timedelta(seconds=seconds), granted(answer))


def granted(answer: dict[str, Any]) -> tuple[str, ...]:
    """The permissions that an answer says were granted, without the name of the resource before each."""
    return tuple(dict.fromkeys(name.rpartition("/")[2] for name in str(answer.get("scope") or "").split()))
