"""Rows of links, made and read: which column holds what, sealed and opened."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from gateway.core.mass import ends_at
from gateway.core.model import (
    ConnectionId,
    EventId,
    InstallationId,
    LinkId,
    LinkStatus,
    Memory,
    Place,
    Reason,
    State,
    TaskId,
)
from gateway.core.records import EventHint, Link, TaskHint
from gateway.store.codec import EVENT_HINT, MEMORY, TASK_HINT, places_in, places_out
from gateway.store.vault import Vault

MEMORY_COLUMN = "links.memory"
TASK_HINT_COLUMN = "links.task_hint"
EVENT_HINT_COLUMN = "links.event_hint"


class LinkRows:
    """Links to columns and back, with the vault at hand."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def new(self, link: Link) -> dict[str, object]:
        """All columns of a new row."""
        tenant, id_ = link.installation_id, link.id
        return {
            **self.saved(link),
            "installation_id": tenant,
            "id": id_,
            "task_id": link.task_id,
            "owner_id": link.owner_id,
            "status": link.status.value,
            "task_version": link.task_version,
            "reported": link.reported,
            "memory_rev": link.memory_rev,
            "task_hint": None if link.task_hint is None else self.task_hint(tenant, id_, link.task_hint),
            "task_seq": link.task_seq,
            "event_hint": None if link.event_hint is None else self.event_hint(tenant, id_, link.event_hint),
            "event_seq": link.event_seq,
        }

    def saved(self, link: Link) -> dict[str, object]:
        """The columns that a save replaces (``status``, ``owner_id``, ``task_version``: on a condition)."""
        place, event = link.place, link.memory.event
        return {
            "owner_id": link.owner_id,
            "status": link.status.value,
            "task_version": link.task_version,
            "state": link.state.value,
            "reason": link.reason and link.reason.value,
            "reason_fields": list(link.reason_fields),
            "connection_id": place and place.connection_id,
            "calendar_id": place and place.calendar_id,
            "event_id": place and place.event_id,
            "generation": link.generation,
            "memory": self.sealed_memory(link.installation_id, link.id, link.memory),
            "leaving": places_out(link.leaving),
            "event_url": link.event_url,
            "synced_at": link.synced_at,
            "doubted": link.doubted,
            "held_id": link.held,
            "switched_on_before": link.switched_on_before,
            "last_number": link.memory.last_number,
            "seen_etag": event and event.etag,
            "seen_number": event and event.number,
            "ends_at": event and ends_at(event),
            "echoed_number": link.echoed,
        }

    def sealed_memory(self, tenant: str, id_: str, memory: Memory) -> bytes:
        """The memory as its column holds it."""
        return self._vault.encrypt(MEMORY.dump(memory), tenant, id_, MEMORY_COLUMN)

    def task_hint(self, tenant: str, id_: str, hint: TaskHint) -> bytes:
        """A task's hint as its column holds it."""
        return self._vault.encrypt(TASK_HINT.dump(hint), tenant, id_, TASK_HINT_COLUMN)

    def event_hint(self, tenant: str, id_: str, hint: EventHint) -> bytes:
        """An event's hint as its column holds it."""
        return self._vault.encrypt(EVENT_HINT.dump(hint), tenant, id_, EVENT_HINT_COLUMN)

    def memory(self, row: Row[Any]) -> Memory:
        """The memory again; after its text was forgotten, one with the last number alone."""
        if row.memory is None:
            return Memory(last_number=row.last_number)
        return MEMORY.load(self._vault.decrypt(row.memory, row.installation_id, row.id, MEMORY_COLUMN))

    def opened_task_hint(self, tenant: str, id_: str, sealed: bytes | None) -> TaskHint | None:
        """The task's hint again."""
        return TASK_HINT.load(self._vault.decrypt(sealed, tenant, id_, TASK_HINT_COLUMN)) if sealed else None

    def opened_event_hint(self, tenant: str, id_: str, sealed: bytes | None) -> EventHint | None:
        """The event's hint again."""
        return EVENT_HINT.load(self._vault.decrypt(sealed, tenant, id_, EVENT_HINT_COLUMN)) if sealed else None

    def link(self, row: Row[Any]) -> Link:
        """The whole record."""
        tenant, id_ = row.installation_id, row.id
        return Link(
            id=LinkId(id_),
            installation_id=InstallationId(tenant),
            task_id=TaskId(row.task_id),
            owner_id=row.owner_id,
            status=LinkStatus(row.status),
            state=State(row.state),
            reason=row.reason and Reason(row.reason),
            reason_fields=tuple(row.reason_fields),
            place=_place(row),
            generation=row.generation,
            memory=self.memory(row),
            memory_rev=row.memory_rev,
            task_hint=self.opened_task_hint(tenant, id_, row.task_hint),
            task_seq=row.task_seq,
            event_hint=self.opened_event_hint(tenant, id_, row.event_hint),
            event_seq=row.event_seq,
            task_version=row.task_version,
            leaving=places_in(row.leaving),
            event_url=row.event_url,
            synced_at=row.synced_at,
            reported=row.reported,
            switched_on_before=row.switched_on_before,
            doubted=row.doubted,
            held=row.held_id,
            echoed=row.echoed_number,
        )


def _place(row: Row[Any]) -> Place | None:
    if row.connection_id is None:
        return None
    return Place(ConnectionId(row.connection_id), row.calendar_id, EventId(row.event_id))
