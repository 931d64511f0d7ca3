"""What the stand-in remembers about people, apps and events: plain frozen records."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

PERSON_CLIENT = "person"
"""The client id under which a person's own token (from the admin plane) acts, as a calendar app of theirs would."""
PERSONAL_TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of all personal accounts: https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference"""
_KEY_BYTES, _NOTICE_HEADER = 22, bytes.fromhex("0f00000016000000")


@dataclass(frozen=True, slots=True)
class Person:
    """A Microsoft account. ``oid`` with ``tenant`` is its stable key; ``account`` is ``work`` or ``personal``."""

    email: str
    oid: str
    tenant: str
    account: str
    token: str = field(repr=False)
    name: str
    mailbox: bool = True
    licence: bool = True


@dataclass(frozen=True, slots=True)
class Client:
    """An app registration. With no ``redirect_uris`` registered any address is taken at the authorize page."""

    id: str
    secret: str = field(repr=False)
    redirect_uris: tuple[str, ...] = ()
    secret_expired: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """What a bearer token stands for. ``expires_at`` is ``None`` for a person's own."""

    client_id: str
    email: str
    scopes: frozenset[str]
    expires_at: datetime | None

    @property
    def caller(self) -> str:
        """Who the ledger names: ``gateway``, or ``person:<email>``."""
        return f"person:{self.email}" if self.client_id == PERSON_CLIENT else "gateway"


@dataclass(frozen=True, slots=True)
class When:
    """Start and end (exclusive): two dates, or two instants in UTC; with the zone names they were given in."""

    start: date | datetime
    end: date | datetime
    start_zone: str
    end_zone: str

    @property
    def all_day(self) -> bool:
        """Two dates, no times."""
        return not isinstance(self.start, datetime)


@dataclass(frozen=True, slots=True)
class Event:
    """One version of one event. A write makes a new one; nothing in ``content`` is ever changed in place.

    ``key`` is the immutable id, ``item_id`` the ordinary one, which changes when the event moves. ``change`` is the
    number behind the change key, ``properties`` are the single-value extended properties, ``made_by`` is the ledger's
    name of whoever created it.
    """

    key: str
    item_id: str
    calendar_id: str
    content: Mapping[str, Any]
    when: When
    properties: Mapping[str, str]
    created: datetime
    modified: datetime
    change: int
    made_by: str
    ical_uid: str
    transaction_id: str | None = None
    deleted: bool = False

    @property
    def ours(self) -> bool:
        """Created with the gateway's token."""
        return self.made_by == "gateway"

    def id_for(self, immutable: bool) -> str:
        """The id as a caller gets it who did, or did not, ask for immutable ids."""
        return self.key if immutable else self.item_id

    @property
    def change_key(self) -> str:
        """Another one for every change."""
        return base64.b64encode(self._key_bytes()).decode()

    @property
    def etag(self) -> str:
        """The event's ``@odata.etag``."""
        return f'W/"{self.change_key}"'

    @property
    def notice_etag(self) -> str:
        """The etag in a notification: longer, and only its last 22 bytes are those of the change key.

        As in the sample payloads of https://learn.microsoft.com/graph/change-notifications-delivery-webhooks
        """
        return f'W/"{base64.b64encode(_NOTICE_HEADER + self._key_bytes()).decode()}"'

    def _key_bytes(self) -> bytes:
        return hashlib.sha256(f"{self.key}|{self.change}".encode()).digest()[:_KEY_BYTES]
