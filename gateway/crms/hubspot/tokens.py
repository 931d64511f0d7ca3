"""HubSpot's credentials, and the access tokens they are exchanged for.

An access token lives for half an hour and is good for any process, so each keeps what it got; nothing depends on it.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.core.errors import NotReadable, OperatorFault, TryLater, Unauthorised
from gateway.core.reading import a_text, a_whole, an_object
from gateway.crms.http import Answer, Line

MARGIN: Final = timedelta(minutes=2)
"""A token is not used any more this long before its end."""

_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
_LONGEST_S: Final = 24 * 3600
_HELP: Final = (
    'HubSpot\'s credentials must be JSON: {"client_id", "client_secret", "refresh_token"} of an app, '
    'or {"access_token", "client_secret"} of one that is for a single account'
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """An app's client with an account's grant, or a static access token. ``client_secret`` signs the webhooks."""

    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)

    @classmethod
    def read(cls, text: str) -> Credentials:
        """Out of the operator's JSON, or a bare static token. Raises ``OperatorFault`` without repeating any of it."""
        found: Any = {"access_token": text}
        if text.lstrip().startswith("{"):
            try:
                found = json.loads(text)
            except ValueError:
                raise OperatorFault(_HELP) from None
        names = {"client_id", "client_secret", "refresh_token", "access_token"}
        known = {name: value for name, value in found.items() if name in names}
        if not all(isinstance(value, str) and _TOKEN.fullmatch(value) for value in known.values()):
            raise OperatorFault(_HELP)
        made = cls(**known)
        if not made.access_token and not (made.client_id and made.client_secret and made.refresh_token):
            raise OperatorFault(_HELP)
        return made

    @property
    def fingerprint(self) -> bytes:
        """What a token in memory is kept under: nothing can be read from it."""
        said = json.dumps([self.client_id, self.client_secret, self.refresh_token])
        return hashlib.sha256(said.encode()).digest()


class Tokens:
    """The access tokens that this process has. Thread-safe; a token that two ask for at once is got twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[bytes, tuple[str, datetime]] = {}

    def get(self, credentials: Credentials, line: Line, now: datetime, *, refused: str = "") -> str:
        """A token that is good for some minutes yet, and is not the one that was ``refused``. Raises ``Unauthorised``
        where the grant is worth nothing any more, ``TryLater``."""
        if credentials.access_token:
            if refused:
                raise Unauthorised("HubSpot did not accept our static token")
            return credentials.access_token
        with self._lock:
            kept = self._kept.get(credentials.fingerprint)
        if kept is not None and kept[1] > now and kept[0] != refused:
            return kept[0]
        token, lasts = _exchange(credentials, line)
        with self._lock:
            self._kept = {key: one for key, one in self._kept.items() if one[1] > now}
            self._kept[credentials.fingerprint] = (token, now + lasts - MARGIN)
        return token


def _exchange(credentials: Credentials, line: Line) -> tuple[str, timedelta]:
    """A new access token, https://developers.hubspot.com/docs/api/oauth/tokens. The refresh token stays as it is."""
    form = {
        "grant_type": "refresh_token",
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "refresh_token": credentials.refresh_token,
    }
    answer = line.call("POST", "/oauth/v1/token", form=form)
    if 400 <= answer.status < 500 and answer.status not in (408, 425, 429):
        # Uninstalled, or a client that is none: either way only the operator has the way out.
        raise Unauthorised("HubSpot did not accept our app's grant")
    if answer.status != 200:
        raise TryLater(f"status {answer.status} from the token endpoint", everyone=answer.status == 429)
    return _read(answer)


def _read(answer: Answer) -> tuple[str, timedelta]:
    try:
        body = an_object(answer.json(), "answer")
        token = a_text(body.get("access_token"), "access_token", 4096)
        lasts = timedelta(seconds=a_whole(body.get("expires_in"), "expires_in", 1, _LONGEST_S))
    except NotReadable as error:
        raise TryLater(f"answer not understood: {error}") from error
    if not _TOKEN.fullmatch(token):
        raise TryLater("answer not understood: access_token")
    return token, lasts
