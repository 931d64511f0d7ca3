"""B27: how long a change takes is measured from the door's receipt, each way, and kept for all processes."""

from __future__ import annotations

from datetime import timedelta

from gateway.core.reflecting import SLOT, Direction, length_of
from tests.flows.acts import edit_task, synced_task
from tests.flows.house import House, Person


def measured(house: House) -> dict[tuple[str, Direction], list[timedelta]]:
    """The times told, by provider and direction."""
    with house.ctx.store.begin() as uow:
        slots = uow.reflections.slots(house.ctx.clock.now() - timedelta(days=1), SLOT)
    found: dict[tuple[str, Direction], list[timedelta]] = {}
    for slot in slots:
        lengths = [length_of(step) for step, count in slot.steps.items() for _ in range(count)]
        found.setdefault((slot.provider, slot.direction), []).extend(lengths)
    return found


def test_b27_an_edit_each_way_is_measured_and_an_echo_is_not(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    assert {key: len(times) for key, times in measured(house).items()} == {("google", Direction.TO_CALENDAR): 1}
    edit_task(ada, task, title="Call Grace")
    house.settle()
    house.edit_event(ada, house.event(ada), summary="Call Edsger")
    house.settle()
    times = measured(house)
    assert {key: len(found) for key, found in times.items()} == {
        ("google", Direction.TO_CALENDAR): 2,
        ("google", Direction.TO_CRM): 1,
    }
    assert all(timedelta(0) < one < timedelta(minutes=1) for found in times.values() for one in found)


def test_b27_what_waited_for_a_provider_took_as_long_as_it_took(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    house.google_admin.call("POST", "/faults", json={"match": {"method": "PATCH"}, "do": "status", "status": 503})
    edit_task(ada, task, title="Call Grace")
    house.settle(soon=120.0)
    longest = max(measured(house)[("google", Direction.TO_CALENDAR)])
    assert longest > timedelta(seconds=0.8)
