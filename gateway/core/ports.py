"""The ports: what the services need of the world, as Protocols, and the records by which adapters present themselves.

Adapters translate their own errors into ``core.errors`` (one table each). No port lists a person's calendar: only our
own events can be asked for.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from gateway.core.installing import Door, Installed, Step
from gateway.core.model import (
    Event,
    EventId,
    EventWrite,
    InstallationId,
    NoEvent,
    Priority,
    State,
    Task,
    TaskChanges,
    TaskGone,
    TaskId,
    TaskState,
    UserId,
)
from gateway.core.signals import CalendarDelivery, CrmDelivery


class Clock(Protocol):
    """The time. Services never ask the machine."""

    def now(self) -> datetime:
        """Aware UTC."""


# --- calendars ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Style:
    """How an installation wants its events: its settings, seen from an adapter."""

    crm_name: str = "CRM"
    default_length: timedelta = timedelta(minutes=30)
    busy: bool = False
    colours: Mapping[Priority, str] = field(default_factory=dict)
    done_colour: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """How our events are told from others. ``tag``: deployment and account, filterable. ``link``: opaque link id."""

    tag: str
    link: str


@dataclass(frozen=True, slots=True)
class CalendarInfo:
    """A calendar that may be chosen as the target."""

    id: str
    name: str
    primary: bool = False
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """A live subscription as its provider describes it. ``resource``: opaque; with ``id`` it is needed to stop."""

    id: str
    resource: str
    expires_at: datetime


class Calendar(Protocol):
    """One target calendar, opened with one person's access token, for one job. Not thread-safe.

    Every method may raise ``TryLater``, ``Unauthorised``, ``Forbidden``, ``TargetGone``, ``Refused``.
    """

    def get(self, event_id: EventId, *, doubted: bool = False) -> Event | NoEvent:
        """Read one of our events by id, description included. ``doubted``: a push or a list has said already that it
        is not in this calendar any more, so this read has to make sure."""

    def insert(self, event_id: EventId, mark: Mark, write: EventWrite) -> Event:
        """Create under our own id. Raises ``AlreadyExists`` when the id is taken.

        A provider with ids of its own gives the event one of those, finds it by either, and repeated for a live event
        it gives that event back as it is."""

    def patch(self, event_id: EventId, write: EventWrite, etag: str) -> Event:
        """Change only the fields given, if the etag still stands. Raises ``StaleWrite``, ``EventGone``. The answer's
        ``link`` may be untold."""

    def delete(self, event_id: EventId, etag: str | None = None) -> None:
        """Delete; an event already gone is success. With an ``etag``: if that still stands, else ``StaleWrite``."""

    def move(self, event_id: EventId, to_calendar: str) -> Event | None:
        """Move to another calendar of the same account, keeping the id; ``None`` where this grant cannot."""

    def ours(
        self, tag: str, *, known: Sequence[EventId] = (), changed_since: datetime | None = None
    ) -> Iterable[Event]:
        """Our live events (a series once, never its instances), description not read.

        ``known``: the ids of those that we have paired. A provider that refuses to look for ours by ``tag`` is asked
        for these, and for nothing else; one that is missing then is missing as in a list."""

    def exists(self) -> bool:
        """Whether the target calendar is still there and writable."""

    def prepare(self) -> None:
        """What makes our events look right in a calendar just chosen, where the account has to be told; or nothing."""

    def watch(self, channel_id: str, secret: str, address: str) -> Watch:
        """Ask for pushes to ``address`` (and for those about the subscription itself to ``address``/lifecycle)."""

    def extend(self, channel_id: str, resource: str) -> Watch | None:
        """Put the end of a watch off; ``None`` where this provider cannot, and a new one is to be made. Raises
        ``WatchGone`` for one that it should know and does not."""

    def unwatch(self, channel_id: str, resource: str) -> None:
        """Stop pushes; an unknown channel is success."""


class Mode(StrEnum):
    """What a person lets us see: a calendar of our own, or one of theirs."""

    OWN = "own"
    EXISTING = "existing"


@dataclass(frozen=True, slots=True)
class Grant:
    """A consent given. ``credential``: opaque to all but its provider, secret, stored encrypted."""

    issuer: str
    subject: str
    email: str
    mode: Mode
    credential: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class FlowStart:
    """Where to send the browser, and what must be kept (encrypted, used once) until it returns."""

    url: str
    secret: bytes = field(repr=False)


class ConsentFailure(StrEnum):
    """How a consent can fail, each with a page of its own."""

    DENIED = "denied"
    SCOPE_MISSING = "scope_missing"
    NEEDS_ADMIN = "needs_admin"
    NO_CALENDAR = "no_calendar"
    NO_LICENCE = "no_licence"
    WRONG_TENANT = "wrong_tenant"
    ERROR = "error"


class ConsentFailed(Exception):
    """The person came back without what we need. ``how`` chooses the page."""

    def __init__(self, how: ConsentFailure, detail: str = "") -> None:
        super().__init__(how.value)
        self.how = how
        self.detail = detail


class SignIn(Protocol):
    """A provider's OAuth. Credentials are opaque bytes that only it can read."""

    def start(
        self, *, redirect_uri: str, state: str, mode: Mode, login_hint: str | None = None, extras: bool = False
    ) -> FlowStart:
        """Begin the code flow with PKCE. ``extras``: ask for what is nice to have as well (``Provider.extras``)."""

    def finish(self, secret: bytes, answer: Mapping[str, str], redirect_uri: str) -> Grant:
        """Exchange the code. Raises ``ConsentFailed``, ``TryLater``, ``OperatorFault``."""

    def access_token(self, credential: bytes, now: datetime) -> str | None:
        """The access token in the credential, if it is good for some minutes yet."""

    def refresh(self, credential: bytes, now: datetime) -> bytes:
        """A credential with a new access token. Raises ``AccessRevoked``, ``SignInAgain``, ``TryLater``,
        ``OperatorFault``."""

    def revoke(self, credential: bytes) -> None:
        """Give the grant back; a grant already dead is success. Raises ``TryLater``."""


class Account(Protocol):
    """One person's account at a provider: its calendars, not their events."""

    def calendars(self) -> Sequence[CalendarInfo]:
        """The calendars that can be chosen; empty where the grant cannot list."""

    def create_calendar(self, name: str, zone: str | None) -> CalendarInfo:
        """Make a calendar of our own."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A calendar provider, as the one list of providers knows it."""

    name: str
    label: str
    sign_in: SignIn
    open_calendar: Callable[[str, str, Style], Calendar]
    """``open_calendar(access_token, calendar_id, style)``"""
    open_account: Callable[[str], Account]
    """``open_account(access_token)``"""
    read_notification: Callable[[Mapping[str, str], bytes, str], CalendarDelivery]
    """``read_notification(lower-cased headers, body, query string)``; raises ``NotTrusted``, ``NotReadable``"""
    names_the_event: bool
    title_limit: int
    encode_text: Callable[[str], str]
    """Plain text made fit for this provider's description (some hold HTML)."""
    push_limit: int = 64 * 1024
    """The largest arrival that is read, in bytes."""
    refuses_strangers: bool = True
    """Whether an arrival of which nothing could be trusted is refused; else it is acknowledged and dropped."""
    same_version: Callable[[str, str], bool] = operator.eq
    """Whether a push's etag and an event's name the same version, for certain."""
    renew_after: float = 2 / 3
    """The share of a watch's life after which it is renewed."""
    door: str = ""
    """The name under which its sign-in comes back, where that is not its own."""
    extras: str = ""
    """What a further permission, asked for only on demand, would bring; empty: there is none."""
    walled: bool = True
    """Whether the permission for a calendar of our own shows nothing else of the account."""
    doubts: tuple[str, ...] = ()
    """What does not look right about our client at this provider, each with the fix, in words without the secret."""


# --- CRMs -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a CRM can do; nobody else asks which CRM it is.

    ``days``, ``moments``: which kinds of due date it holds. ``conditional_write``: its own server refuses a write under
    an old version; without that the adapter reads, compares and then writes (one more call, and a small gap).
    ``replays_keys``: the same idempotency key again gives the same answer and writes nothing twice.
    """

    days: bool = True
    moments: bool = True
    conditional_write: bool = True
    replays_keys: bool = True


@dataclass(frozen=True, slots=True)
class StateReport:
    """What a task's banner shows. ``conflict``: ``{"id", "fields": [...], "detected_at"}`` in the contract's form."""

    state: State
    reason: str | None = None
    event_url: str | None = None
    provider: str | None = None
    synced_at: datetime | None = None
    conflict: Mapping[str, Any] | None = None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """What a user's settings page in the CRM shows. ``reconnect_url`` where the person has to act."""

    status: str
    provider: str | None
    account_email: str | None
    reason: str | None
    reconnect_url: str | None = None


@dataclass(frozen=True, slots=True)
class TaskPage:
    """One page of a catch-up. ``cursor``: where to go on, ``None`` at the end. ``faults``: what could not be read."""

    tasks: Sequence[tuple[TaskId, TaskState]]
    cursor: str | None
    faults: tuple[str, ...] = ()


class Crm(Protocol):
    """One installation's CRM. Every method may raise ``TryLater``, ``Unauthorised``, ``Forbidden``."""

    capabilities: Capabilities

    def get(self, task_id: TaskId) -> Task | TaskGone:
        """Read a task: the truth, whatever was delivered before."""

    def patch(self, task_id: TaskId, changes: TaskChanges, version: int, key: str) -> Task | TaskGone:
        """Change a task if ``version`` still stands; the same ``key`` again gives the same answer.
        Raises ``StaleWrite(current)``, ``Refused(fields)``."""

    def report(self, task_id: TaskId, report: StateReport) -> None:
        """Show a state at the task. A task that is gone is success."""

    def report_connection(self, user_id: UserId, report: ConnectionReport) -> None:
        """Show a connection's state at its user."""

    def changed_since(self, since: datetime | None, cursor: str | None) -> TaskPage:
        """Tasks changed since then, oldest first; full for those that are on."""

    def existing(self, ids: Sequence[TaskId]) -> set[TaskId]:
        """Which of these (at most 100) still exist."""

    def task_url(self, task_id: TaskId) -> str:
        """The task's page in the CRM; empty where only the CRM itself can tell."""

    def install(self, door: Door) -> Installed:
        """Make in the CRM what the gateway needs: fields, webhooks to ``door``. A second run changes nothing."""

    def check(self, door: Door) -> Sequence[Step]:
        """Look for what is missing or broken, and change nothing."""


@dataclass(frozen=True, slots=True)
class CrmAccount:
    """What an adapter needs to speak with one installation's CRM. ``account``: the CRM's own id of this tenant, where
    the installer learnt it. ``settings``: also its maps ``statuses`` and ``priorities``, the CRM's word to ours."""

    base_url: str
    credentials: str = field(repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Knock:
    """One delivery at a CRM's door. ``headers``: names in lower case. ``url``: the door's public address, query
    included, as the sender knows it; ``secrets``: any of them may have signed it. ``base_url``, ``settings``: the
    installation's, as in ``CrmAccount``, so that a snapshot means the same as a read."""

    headers: Mapping[str, str]
    raw: bytes = field(repr=False)
    secrets: Sequence[str] = field(repr=False)
    now: datetime
    url: str = ""
    base_url: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CrmKind:
    """A kind of CRM, as the one list of CRMs knows it."""

    name: str
    label: str
    open: Callable[[CrmAccount], Crm]
    read_webhook: Callable[[Knock], CrmDelivery]
    """Raises ``NotTrusted``, ``NotReadable``. Without any secret it does the same work and trusts nothing."""
    retries: bool
    """Whether a webhook that met no 2xx is sure to come again; if not, changes are asked for more often."""
    new_secret: Callable[[], str] | None = None
    """A fresh webhook secret in this CRM's form; ``None`` where the CRM itself makes it (see ``Crm.install``)."""
    many_accounts: bool = False
    """Whether one door serves many installations: each signal then names its account."""


# --- the back room --------------------------------------------------------------------------------------------------


class Lane(StrEnum):
    """Which line work waits in: a person is waiting (``now``), or nobody is (``backfill``)."""

    NOW = "now"
    BACKFILL = "backfill"


class Doorbell(Protocol):
    """Wakes a worker for a mailbox. May be lost or doubled without harm; never raises."""

    def ring(self, installation_id: InstallationId, mailbox: str, lane: Lane) -> None:
        """Somebody, come and see what is due in this mailbox."""


class Meter(Protocol):
    """Counters; a null twin serves where nobody counts."""

    def count(self, name: str, **labels: str) -> None:
        """One more of these."""
