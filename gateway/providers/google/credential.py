"""What we keep of a Google consent, as opaque bytes to everybody else; and who gave it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.core.errors import SignInAgain

ISSUER = "https://accounts.google.com"
_ISSUERS = frozenset({ISSUER, "accounts.google.com"})
"""Both are Google's: https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken"""
_CLOCKS_DIFFER = timedelta(minutes=5)
_DEFAULT_LIFE = 3600


@dataclass(frozen=True, slots=True)
class Credential:
    """The tokens of one grant. ``refresh_expires_at``: only where the person gave access for a limited time."""

    refresh_token: str = field(repr=False)
    access_token: str = field(repr=False)
    expires_at: datetime
    scopes: tuple[str, ...] = ()
    refresh_expires_at: datetime | None = None

    def pack(self) -> bytes:
        """The bytes to keep, encrypted."""
        kept: dict[str, Any] = {
            "refresh_token": self.refresh_token,
            "access_token": self.access_token,
            "expires_at": self.expires_at.isoformat(),
            "scopes": list(self.scopes),
        }
        if self.refresh_expires_at is not None:
            kept["refresh_expires_at"] = self.refresh_expires_at.isoformat()
        return json.dumps(kept).encode()

    def refreshed(self, answer: Mapping[str, Any], now: datetime) -> Credential:
        """With what a refresh brought; what it did not tell stays."""
        told = from_answer(answer, now)
        return replace(
            told,
            refresh_token=told.refresh_token or self.refresh_token,
            scopes=told.scopes or self.scopes,
            refresh_expires_at=told.refresh_expires_at or self.refresh_expires_at,
        )


def unpack(kept: bytes) -> Credential:
    """The credential in the bytes. Bytes that are none of ours cannot be repaired: ``SignInAgain``."""
    try:
        told = json.loads(kept)
        until = told.get("refresh_expires_at")
        return Credential(
            refresh_token=told["refresh_token"],
            access_token=told["access_token"],
            expires_at=datetime.fromisoformat(told["expires_at"]),
            scopes=tuple(told["scopes"]),
            refresh_expires_at=datetime.fromisoformat(until) if until else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SignInAgain("credential_unreadable") from None


def from_answer(answer: Mapping[str, Any], now: datetime) -> Credential:
    """The credential in a token answer that holds an access token."""
    until = _seconds(answer.get("refresh_token_expires_in"))
    return Credential(
        refresh_token=str(answer.get("refresh_token") or ""),
        access_token=str(answer["access_token"]),
        expires_at=now + timedelta(seconds=_seconds(answer.get("expires_in")) or _DEFAULT_LIFE),
        scopes=tuple(str(answer.get("scope") or "").split()),
        refresh_expires_at=now + timedelta(seconds=until) if until else None,
    )


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose account it is: ``subject`` never changes, ``email`` may."""

    subject: str
    email: str


def identity(id_token: object, client_id: str, now: datetime) -> Identity:
    """The identity in an id token that came directly from the token endpoint. Raises ``ValueError``.

    Because it came over TLS from Google itself, its signature need not be checked; what it says about its issuer,
    audience and time is (https://developers.google.com/identity/openid-connect/openid-connect#obtainuserinfo).
    """
    claims = _claims(id_token)
    if claims.get("iss") not in _ISSUERS:
        raise ValueError("the id token names another issuer")
    if claims.get("aud") != client_id:
        raise ValueError("the id token is for another client")
    if (
        not isinstance(claims.get("exp"), int | float)
        or claims["exp"] + _CLOCKS_DIFFER.total_seconds() < now.timestamp()
    ):
        raise ValueError("the id token has expired")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise ValueError("the id token names nobody")
    return Identity(claims["sub"], str(claims.get("email") or ""))


def _claims(id_token: object) -> dict[str, Any]:
    parts = id_token.split(".") if isinstance(id_token, str) else []
    if len(parts) != 3:
        raise ValueError("there is no id token")
    claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    if not isinstance(claims, dict):
        raise ValueError("the id token holds no claims")  # noqa: TRY004 - one kind of failure for all of them
    return claims


def _seconds(told: object) -> int:
    return int(told) if isinstance(told, int | float) and 0 < told < 10**9 else 0
