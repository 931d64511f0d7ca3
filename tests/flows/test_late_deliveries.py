"""B1, B17: deliveries that come late, after the news that made them old. What they tell is not taken at its word."""

from __future__ import annotations

from tests.flows import trouble
from tests.flows.acts import edit_task, new_task, synced_task
from tests.flows.house import House, Person
from tests.patience import until


def late(house: House) -> None:
    """The CRM's next delivery is held on its way."""
    trouble.crm(house, "hold", direction="out")


def it_comes(house: House) -> None:
    house.crm_admin.call("POST", "/release")
    house.settle()


def test_b1_a_switch_on_that_is_told_after_the_switch_off_sends_nothing_anywhere(house: House, ada: Person) -> None:
    late(house)
    task = new_task(ada, calendar_sync=True)
    edit_task(ada, task, calendar_sync=False)
    house.settle()
    mark = house.mark()
    it_comes(house)
    assert house.events(ada) == []
    assert house.calls(mark) == [], "not even a trace of it went to the calendar"


def test_b1_an_edit_that_is_told_after_the_switch_off_does_not_bring_the_event_back(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    late(house)
    edit_task(ada, task, title="Call Bob")
    edit_task(ada, task, calendar_sync=False)
    house.settle()
    assert house.events(ada) == []
    it_comes(house)
    assert house.events(ada) == []
    assert house.state(task)["state"] == "off"


def test_b7_an_edit_that_is_told_after_the_deletion_does_not_bring_the_event_back(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    late(house)
    edit_task(ada, task, title="Call Bob")
    ada.crm.call("DELETE", f"/tasks/{task}")
    house.settle()
    it_comes(house)
    assert house.events(ada) == []


def test_b7_an_edit_that_is_told_between_a_deletion_and_its_work_does_not_hide_it(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    late(house)
    edit_task(ada, task, title="Call Bob")
    ada.crm.call("DELETE", f"/tasks/{task}")
    until_quiet_outside(house)
    house.crm_admin.call("POST", "/release")
    until_quiet_outside(house)
    house.settle()
    assert house.events(ada) == []


def until_quiet_outside(house: House) -> None:
    """Everything is delivered, nothing is worked off."""
    until(lambda: not house.crm.sender.busy)
