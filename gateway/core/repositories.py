"""The store's port: one transaction, its repositories, and what runs after the commit.

Every method that touches a tenant's rows takes the installation first. Nothing here makes a network call. A unit of
work rolls back unless ``commit`` is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Protocol, Self

from gateway.core.boxes import Inbox, Intake, Outbox
from gateway.core.counts import Counts
from gateway.core.model import (
    ConnectionId,
    ConnectionStatus,
    EventId,
    Field,
    FieldConflict,
    InstallationId,
    LinkId,
    LinkStatus,
    Reason,
    State,
    SubscriptionId,
    TaskId,
    UserId,
)
from gateway.core.records import (
    Conflict,
    Connection,
    Deployment,
    Entry,
    EventHint,
    Held,
    HeldState,
    Installation,
    InstallationStatus,
    LedgerCount,
    Link,
    LinkGlance,
    Sighting,
    Subscription,
    TaskHint,
)
from gateway.core.reflecting import Reflections
from gateway.core.survey import Survey


class Installations(Protocol):
    """CRM tenants."""

    def add(self, installation: Installation, api_token_hash: bytes) -> None:
        """Store a new one."""

    def by_key(self, key: str) -> Installation | None:
        """By the unguessable key in its webhook URL; removed ones too."""

    def by_doors(self, keys: Sequence[str]) -> Mapping[str, Installation]:
        """As ``by_key``, several in one statement; for an app's door as ``at_door``."""

    def at_door(self, door: str) -> Installation | None:
        """Of the installations behind one app's door the newest; a removed one only where there is no other."""

    def of_account(self, door: str, account: str) -> Installation | None:
        """The installation behind this door that has this account; not a removed one."""

    def by_token(self, api_token_hash: bytes) -> Installation | None:
        """By the SHA-256 of its API token; not removed ones."""

    def get(self, installation_id: InstallationId) -> Installation | None:
        """By id."""

    def all(self) -> Sequence[Installation]:
        """All that are not removed, oldest first."""

    def set_status(self, installation_id: InstallationId, status: InstallationStatus, reason: str | None) -> None:
        """Pause, resume, remove."""

    def set_settings(self, installation_id: InstallationId, settings: Mapping[str, Any]) -> None:
        """Replace the settings."""

    def set_credentials(self, installation_id: InstallationId, credentials: str) -> None:
        """Replace what the CRM is called with."""

    def set_account(self, installation_id: InstallationId, account: str) -> None:
        """Remember the CRM's own id of the tenant. Raises ``AlreadyExists`` when another one at its door has it."""

    def add_secret(self, installation_id: InstallationId, secret: str, old_until: datetime) -> None:
        """A new webhook secret; those before it stay valid until ``old_until``."""

    def caught_up(self, installation_id: InstallationId, at: datetime) -> None:
        """Remember how far the catch-up has come."""

    def existence_known(self, installation_id: InstallationId, at: datetime) -> None:
        """Remember when it was looked which tasks exist."""

    def doubt_existence(self, installation_id: InstallationId) -> None:
        """The next catch-up is to look which tasks exist."""


class Connections(Protocol):
    """People's consents."""

    def add(self, connection: Connection) -> None:
        """Store a new one. A user has at most one that is not disconnected or revoked (a constraint)."""

    def get(self, installation_id: InstallationId, connection_id: ConnectionId) -> Connection | None:
        """By id."""

    def of_user(self, installation_id: InstallationId, user_id: UserId) -> Connection | None:
        """The user's newest connection, whatever its status."""

    def of_account(self, issuer: str, subject: str) -> Sequence[Connection]:
        """All live connections of one provider account, in every installation: who else uses its grant."""

    def save(self, connection: Connection) -> None:
        """Everything but the credential."""

    def save_credential(
        self, installation_id: InstallationId, connection_id: ConnectionId, credential: bytes, version: int
    ) -> bool:
        """Replace the credential if ``version`` is still the stored one; ``False``: somebody was faster, or it is
        gone."""

    def erase_credential(self, installation_id: InstallationId, connection_id: ConnectionId) -> None:
        """Forget the tokens."""

    def begin_refresh(self, installation_id: InstallationId, connection_id: ConnectionId) -> int | None:
        """Take the right to refresh for 15 s of database time; ``None``: somebody else is at it."""

    def end_refresh(self, installation_id: InstallationId, connection_id: ConnectionId, number: int) -> None:
        """Give it back."""

    def to_read(self, now: datetime, limit: int) -> Sequence[Connection]:
        """Writable connections whose ``next_read_at`` has come."""

    def lock(self, installation_id: InstallationId, connection_id: ConnectionId) -> Connection | None:
        """By id, locked until the commit: read it so before saving it."""

    def mark_read(
        self, installation_id: InstallationId, connection_id: ConnectionId, read_at: datetime, next_read_at: datetime
    ) -> None:
        """When our events in it were last looked at, and when the next safety read is due."""

    def heard(self, installation_id: InstallationId, connection_id: ConnectionId, at: datetime) -> bool:
        """A push came in: no echo is missed any more, and a suspect connection is connected again (``True``)."""

    def wrote(self, installation_id: InstallationId, connection_id: ConnectionId, at: datetime) -> None:
        """The writing of an event began then: a push is to tell of it, unless one came in since."""

    def silent(self, connected_before: datetime, suspect_before: datetime, limit: int) -> Sequence[Connection]:
        """Connections of active installations with a write before then of which no push has told since: connected
        ones, and suspect ones."""

    def break_silence(self, installation_id: InstallationId, connection_id: ConnectionId) -> None:
        """Wait for the echo of the next write instead."""

    def with_status(self, installation_id: InstallationId, status: ConnectionStatus) -> Sequence[Connection]:
        """All in one status."""

    def count(self, installation_id: InstallationId, connection_id: ConnectionId, more: LedgerCount) -> None:
        """Add to the privacy ledger."""

    def ledger(self, installation_id: InstallationId, connection_id: ConnectionId) -> LedgerCount:
        """Read the privacy ledger."""


class Links(Protocol):
    """Tasks paired with events."""

    def get(self, installation_id: InstallationId, link_id: LinkId) -> Link | None:
        """By id."""

    def by_task(self, installation_id: InstallationId, task_id: TaskId) -> Link | None:
        """By its task, locked against a second ingest until the commit."""

    def by_tasks(self, tasks: Sequence[tuple[InstallationId, TaskId]]) -> Sequence[Link]:
        """Those of these tasks that exist, each locked against a second ingest until the commit, in one order for
        all."""

    def by_events(
        self, installation_id: InstallationId, connection_id: ConnectionId, event_ids: Sequence[EventId]
    ) -> Sequence[Link]:
        """Those that are paired with one of these events now."""

    def add(self, link: Link) -> Link:
        """Store a new one, or give back the one the task already has."""

    def hint_task(
        self,
        installation_id: InstallationId,
        link_id: LinkId,
        hint: TaskHint,
        *,
        version: int | None,
        owner_id: UserId | None,
        status: LinkStatus,
    ) -> None:
        """Leave what the CRM told for the next run; ``version``/``owner_id`` replace the known ones where given."""

    def hint_event(
        self,
        installation_id: InstallationId,
        link_id: LinkId,
        hint: EventHint,
        *,
        expected_rev: int | None,
        doubted: bool = False,
    ) -> bool:
        """Leave what the calendar told, if the memory is still at ``expected_rev`` (``None``: whatever it is).
        ``doubted``: it says that the event is gone, or elsewhere in time."""

    def tell_echoes(self, sightings: Sequence[Sighting], at: datetime) -> None:
        """In one statement: locks these links, each installation's own, in one order for all; where our last write has
        this etag and was not told of yet, the timeline says that it came back (B23). Once for each write."""

    def doubts(self, installation_id: InstallationId, connection_id: ConnectionId) -> tuple[int, int]:
        """How many of a connection's live events are doubted and not held yet, and how many there are."""

    def hold(
        self, installation_id: InstallationId, connection_id: ConnectionId, held_id: str
    ) -> Sequence[tuple[LinkId, TaskId]]:
        """In one statement: all that ``doubts`` counts wait with this batch, and say so. Gives them."""

    def of_held(self, installation_id: InstallationId, held_id: str) -> Sequence[tuple[LinkId, TaskId]]:
        """Live links that wait with a batch, or whose verdict is still to be carried out."""

    def save(self, link: Link, *, read_task_seq: int, read_event_seq: int) -> Link:
        """Write all but hints of newer runs, unless the link has gone dormant meanwhile (raises ``LeaseLost``); clears
        a hint whose sequence is still the one read. ``memory_rev`` + 1.
        Where the event hint is newer than the one read it becomes "read again": it was taken under an older memory.
        ``task_version`` is taken from the link where no newer hint came in."""

    def set_state(
        self,
        installation_id: InstallationId,
        link_id: LinkId,
        state: State,
        reason: Reason | None,
        fields: Sequence[str],
    ) -> None:
        """Only what the banner says (work was parked, a right is missing)."""

    def mark_reported(self, installation_id: InstallationId, link_id: LinkId, digest: str) -> None:
        """The CRM has been told this state."""

    def wipe(self, installation_id: InstallationId, link_id: LinkId) -> None:
        """Forget all remembered text and the raw deliveries of its task: the switch is off (the event's place too)."""

    def glances(self, installation_id: InstallationId, connection_id: ConnectionId) -> Sequence[LinkGlance]:
        """Live links with an event in this connection's calendar."""

    def of_connection(self, installation_id: InstallationId, connection_id: ConnectionId) -> Sequence[Link]:
        """Links whose event is, or waits to be, in this connection's calendar, dormant ones included."""

    def ids_of_owner(
        self, installation_id: InstallationId, owner_id: UserId, statuses: Sequence[LinkStatus]
    ) -> Sequence[tuple[LinkId, TaskId]]:
        """A user's links."""

    def task_ids(self, installation_id: InstallationId, after: TaskId | None, limit: int) -> Sequence[TaskId]:
        """Live links' tasks in id order, for the existence check."""

    def make_dormant(
        self, installation_id: InstallationId, connection_id: ConnectionId, reason: Reason, *, remember_switch: bool
    ) -> Sequence[tuple[LinkId, TaskId]]:
        """In one statement: nothing more is written for its user's links, their text is forgotten, their place is not.
        State ``off`` with this reason. Gives back those that were live."""


class Subscriptions(Protocol):
    """Standing orders for pushes."""

    def add(self, subscription: Subscription) -> None:
        """Written before the provider is asked: the first push may be faster than the answer."""

    def get(self, provider: str, channel_id: SubscriptionId) -> Subscription | None:
        """By the id its pushes name."""

    def save(self, subscription: Subscription) -> None:
        """Everything but the secret."""

    def mark_push(
        self, subscription_id: SubscriptionId, *, number: int | None, verified_at: datetime | None, resource: str | None
    ) -> None:
        """A push came: remember its number and, the first time, that the subscription works."""

    def of_connection(self, installation_id: InstallationId, connection_id: ConnectionId) -> Sequence[Subscription]:
        """All of a connection, newest first."""

    def remove(self, installation_id: InstallationId, subscription_id: SubscriptionId) -> None:
        """Forget one."""

    def to_renew(self, now: datetime, limit: int) -> Sequence[Subscription]:
        """Live ones whose ``renew_at`` has come."""


class Timeline(Protocol):
    """Every hop of a task, append only."""

    def add(self, installation_id: InstallationId, task_id: TaskId, *entries: Entry) -> None:
        """Written in the same transaction as the state it tells of."""

    def of_task(self, installation_id: InstallationId, task_id: TaskId, limit: int) -> Sequence[Entry]:
        """Newest first."""

    def drop_old(self, before: datetime, limit: int) -> int:
        """Retention."""


class Conflicts(Protocol):
    """What both sides changed at once."""

    def open(self, link: Link, what: FieldConflict, *, version: int, at: datetime) -> str:
        """Record one; an open one of the same link and field is superseded. Gives its id."""

    def close(
        self, installation_id: InstallationId, link_id: LinkId, fields: Sequence[Field] | None, how: str, at: datetime
    ) -> int:
        """Close a link's open ones in these fields (``None``: all). Gives how many."""

    def get(self, installation_id: InstallationId, conflict_id: str) -> Conflict | None:
        """By id."""

    def of_link(self, installation_id: InstallationId, link_id: LinkId) -> Sequence[Conflict]:
        """A link's open ones, oldest first."""

    def search(
        self,
        installation_id: InstallationId,
        *,
        user_id: UserId | None,
        open_only: bool,
        cursor: str | None,
        limit: int,
        closed_only: bool = False,
    ) -> tuple[Sequence[Conflict], str | None]:
        """Oldest first, with a cursor."""

    def expire(self, before: datetime, at: datetime, limit: int) -> Sequence[Conflict]:
        """Close those open since before then."""


class Deployments(Protocol):
    """Whose database this is, and whether all of it is paused."""

    def claim(self, deployment_id: str) -> Deployment:
        """Whose it is; ours from now on, if it was nobody's."""

    def pause(self, reason: str, at: datetime) -> None:
        """Nothing is leased any more, by whatever deployment."""

    def silent_for(self, deployment_id: str) -> timedelta | None:
        """How long ago, in true time, a clock was last at work. ``None``: never, or it is not ours."""

    def beat(self, deployment_id: str) -> None:
        """A clock is at work."""

    def resume(self, deployment_id: str) -> None:
        """It is ours, and work goes on."""


class HeldBatches(Protocol):
    """Mass changes that wait for somebody's word. A batch's tasks are found by the links that wait with it."""

    def open(self, installation_id: InstallationId, connection_id: ConnectionId, user_id: UserId, at: datetime) -> str:
        """A connection's open batch, made where there is none. Gives its id."""

    def get(self, installation_id: InstallationId, held_id: str) -> Held | None:
        """By id, with its tasks."""

    def waiting(self, installation_id: InstallationId | None, limit: int) -> Sequence[Held]:
        """Open ones that tasks wait with, oldest first; ``None``: of all installations."""

    def decide(
        self, installation_id: InstallationId, held_id: str, state: HeldState, decided_by: str, at: datetime
    ) -> bool:
        """The word is spoken, unless it was before."""


class People(Protocol):
    """All that is held about one CRM user."""

    def connections(self, installation_id: InstallationId, user_id: UserId) -> Sequence[ConnectionId]:
        """All of a user's, ended ones too, oldest first."""

    def bodies(self, installation_id: InstallationId, tasks: Sequence[TaskId]) -> Sequence[tuple[datetime, bytes]]:
        """The raw deliveries kept that hold words of these tasks, oldest first."""

    def owes(self, installation_id: InstallationId, keys: Sequence[str]) -> bool:
        """Whether work about any of these links and connections is still owed, parked work aside."""

    def erase(
        self,
        installation_id: InstallationId,
        connections: Sequence[ConnectionId],
        links: Sequence[LinkId],
        tasks: Sequence[TaskId],
    ) -> None:
        """Delete these and all that belongs to them, deliveries and timelines included."""


class OneUse(Protocol):
    """Things that may be used once: connect links, OAuth flows, embed tokens. The token is stored hashed."""

    def put(
        self, kind: str, token: str, payload: Mapping[str, Any], expires_at: datetime, installation_id: InstallationId
    ) -> None:
        """Keep an encrypted payload under a token."""

    def take(self, kind: str, token: str, now: datetime) -> Mapping[str, Any] | None:
        """Use it up; ``None``: unknown, used or expired."""

    def peek(self, kind: str, token: str, now: datetime) -> Mapping[str, Any] | None:
        """Look without using it."""

    def is_over(self, kind: str, token: str, now: datetime) -> bool:
        """Whether it was never used and its time has run out, as long as it is kept."""

    def drop_expired(self, now: datetime, limit: int) -> int:
        """Retention."""


class SignIns(Protocol):
    """The operator's sign-ins that failed. ``who``: a hash of where from."""

    def failed(self, who: str, at: datetime) -> None:
        """Somebody gave a wrong password."""

    def failures(self, who: str | None, since: datetime, limit: int) -> tuple[int, datetime | None]:
        """How often since then, counting to ``limit``, and when last; ``None``: by anybody."""

    def forgive(self, who: str) -> None:
        """The right password was given."""

    def drop_old(self, before: datetime, limit: int) -> int:
        """Retention."""


class UnitOfWork(Protocol):
    """One transaction."""

    installations: Installations
    connections: Connections
    links: Links
    subscriptions: Subscriptions
    intake: Intake
    inbox: Inbox
    outbox: Outbox
    timeline: Timeline
    conflicts: Conflicts
    held: HeldBatches
    deployments: Deployments
    people: People
    one_use: OneUse
    reflections: Reflections
    counts: Counts
    survey: Survey
    sign_ins: SignIns

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Roll back unless committed."""

    def commit(self) -> None:
        """Commit, then run what waits for it."""

    def after_commit(self, act: Callable[[], None]) -> None:
        """Run ``act`` once the commit has succeeded; never if it has not."""


class Store(Protocol):
    """Opens transactions."""

    def begin(self) -> UnitOfWork:
        """A new one. Raises ``StoreDown`` when the database does not answer."""


class StoreDown(Exception):
    """The database does not answer: senders are told 503, workers back off."""


class Contended(StoreDown):
    """Another transaction was in the way (deadlock, serialisation): nothing was done; the same again will do.

    ``Store.run`` tries again by itself. Who does not use it may treat this like a database that does not answer.
    """
