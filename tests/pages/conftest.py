"""A gateway served over HTTP on the real store, for real browsers; everybody behind it is faked as in ``tests/web``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from gateway.core.model import (
    ConnectionStatus,
    EventId,
    Field,
    FieldConflict,
    LinkStatus,
    Moment,
    Place,
    Reason,
    State,
    TaskId,
    UserId,
)
from gateway.core.records import Entry, Link
from gateway.core.stories import Actor, Story
from gateway.services.consent import CONNECT, LINK_LASTS, Ticket, keep_ticket
from gateway.services.context import link_id
from gateway.store.unit_of_work import PgStore
from sandbox.kit.server import Server, serve
from tests.fakes_store import HandClock, clock, store, store_database, store_engine  # noqa: F401 - fixtures
from tests.web.bench import ADA, Bench, Browser

DUE = Moment(datetime(2026, 12, 1, 13, 0, tzinfo=UTC), "Europe/Berlin")


@dataclass
class Site:
    """A bench that is really served."""

    bench: Bench
    server: Server

    @property
    def url(self) -> str:
        return self.server.url

    def connect(self, account: str = "ada", user: str = ADA, **how: Any) -> None:
        """A person with a connected calendar."""
        Browser(self.bench, base=self.url).connect(self.bench.link(user), account, **how)

    def choice(self, user: str = ADA) -> str:
        """The address of a connect page that leaves the provider open, as the settings make it."""
        ticket = Ticket(self.bench.acme.id, UserId(user), "https://crm.example/back")
        return f"{self.url}/connect/{keep_ticket(self.bench.ctx, CONNECT, ticket, LINK_LASTS)[0]}"

    def token(self, task_id: str | None = None, user: str = ADA) -> str:
        made = self.bench.api("POST", "/v1/embed-tokens", {"user_id": user, "task_id": task_id, "ttl": 900})
        assert made.status_code == 201, made.text
        return str(made.get_json()["token"])

    def frame(self, task_id: str = "t-1", user: str = ADA) -> str:
        """The address of a task's panel."""
        return f"{self.url}/embed/task/{task_id}?token={self.token(task_id, user)}"

    def tell(self, task_id: str, *hops: tuple[Story, dict[str, Any]], ago: float = 60) -> None:
        """Hops in their order, a second apart, the last one ``ago`` seconds ago."""
        last = self.bench.clock.now() - timedelta(seconds=ago)
        entries = [
            Entry(last - timedelta(seconds=len(hops) - 1 - place), _who(story), story.value, detail)
            for place, (story, detail) in enumerate(hops)
        ]
        with self.bench.store.begin() as uow:
            uow.timeline.add(self.bench.acme.id, TaskId(task_id), *entries)
            uow.commit()

    def stands(
        self,
        task_id: str = "t-1",
        state: State = State.SYNCED,
        reason: Reason | None = None,
        *,
        at: bool = True,
        status: LinkStatus = LinkStatus.LIVE,
        owner: str = ADA,
    ) -> Link:
        """A task's link in this state; ``at``: its event is in the owner's calendar."""
        inst = self.bench.acme.id
        place = None
        if at:
            connection = self.bench.connection(owner)
            place = Place(connection.id, connection.calendar_id or "primary", EventId(f"event-{task_id}"))
        with self.bench.store.begin() as uow:
            uow.links.add(Link(link_id(inst, TaskId(task_id)), inst, TaskId(task_id), owner_id=UserId(owner)))
            link = uow.links.get(inst, link_id(inst, TaskId(task_id)))
            assert link is not None
            changed = Link(
                link.id,
                inst,
                link.task_id,
                owner_id=UserId(owner),
                status=status,
                state=state,
                reason=reason,
                place=place,
                event_url="https://calendar.example/event?eid=1" if at else None,
                memory_rev=link.memory_rev,
                task_version=link.task_version,
                synced_at=self.bench.clock.now(),
            )
            uow.links.save(changed, read_task_seq=link.task_seq, read_event_seq=link.event_seq)
            uow.commit()
        return changed

    def becomes(self, status: ConnectionStatus, user: str = ADA) -> None:
        """A person's connection in this state."""
        with self.bench.store.begin() as uow:
            now = self.bench.clock.now()
            changed = replace(self.bench.connection(user), status=status, read_at=now, heard_at=now)
            uow.connections.save(changed)
            uow.commit()

    def hold(self, user: str = ADA) -> None:
        """All events of a person wait for a yes."""
        connection = self.bench.connection(user)
        with self.bench.store.begin() as uow:
            made = uow.held.open(connection.installation_id, connection.id, connection.user_id, self.bench.clock.now())
            for link in uow.links.of_connection(connection.installation_id, connection.id):
                held = replace(link, held=made)
                uow.links.save(held, read_task_seq=link.task_seq, read_event_seq=link.event_seq)
            uow.commit()

    def conflict(self, link: Link, *fields: Field) -> None:
        """An open conflict in each of these fields."""
        values: Iterable[FieldConflict] = (
            FieldConflict(Field.TITLE, "Ring Ada", "Call Ada")
            if field is Field.TITLE
            else FieldConflict(Field.DUE, Moment(DUE.at + timedelta(hours=2)), DUE)
            for field in fields
        )
        with self.bench.store.begin() as uow:
            for one in values:
                uow.conflicts.open(link, one, version=1, at=self.bench.clock.now())
            uow.commit()


def _who(story: Story) -> str:
    if story.value.startswith("push"):
        return Actor.CALENDAR.value
    crm = (Story.TASK_CHANGED, Story.TASK_DELETED, Story.SWITCHED_ON, Story.SWITCHED_OFF)
    return (Actor.CRM if story in crm else Actor.GATEWAY).value


@pytest.fixture
def site(store: PgStore, clock: HandClock) -> Iterator[Site]:  # noqa: F811
    clock.at = datetime.now(UTC)  # a browser reckons from the server's own hour
    front = Flask("in front")  # the port has to be known before the gateway is built
    server = serve(front)
    bench = Bench(clock, store, {"PUBLIC_URL": server.url}, providers=("google", "outlook"))
    front.wsgi_app = bench.app.wsgi_app  # type: ignore[method-assign]
    yield Site(bench, server)
    server.stop()
