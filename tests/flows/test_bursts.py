"""Many edits at once become few calls (design, "Level, not edge")."""

from __future__ import annotations

import time

from tests.flows.acts import edit_task, synced_task, the_task
from tests.flows.house import House, Person

EDITS = 10


def test_ten_edits_within_a_second_are_at_most_two_writes(house: House, ada: Person) -> None:
    """The first runs at once, all others become one more run."""
    task = synced_task(house, ada)
    house.advance(minutes=1)
    mark, began = house.mark(), time.monotonic()
    for number in range(EDITS):
        edit_task(ada, task, title=f"Edit {number}")
        while house.crm.sender.busy:
            house.work()
        house.work()
    seconds = time.monotonic() - began  # on a busy machine the ten take longer than one second
    house.settle()
    assert house.event(ada)["summary"] == f"Edit {EDITS - 1}"
    writes = [call for call in house.calls(mark) if call["method"] == "PATCH"]
    assert len(writes) <= 2 + int(seconds), "one at once, then one a second"
    assert [writes[0]["body"]["summary"], writes[-1]["body"]["summary"]] == ["Edit 0", f"Edit {EDITS - 1}"]
    assert len([call for call in house.calls(mark) if call["method"] == "GET"]) <= len(writes), "one list an echo"


def test_ten_edits_in_the_calendar_are_few_lists_and_at_most_two_writes(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    house.advance(minutes=1)
    mark, event, began = house.mark(), house.event(ada), time.monotonic()
    for number in range(EDITS):
        house.edit_event(ada, event, summary=f"Edit {number}")
        while house.google.sender.busy:
            house.work()
        house.work()
    seconds = time.monotonic() - began
    house.settle()
    assert the_task(ada, task)["title"] == f"Edit {EDITS - 1}"
    patches = [call for call in house.calls(mark, which="crm") if call["method"] == "PATCH"]
    assert len(patches) <= 2 + int(seconds)
    lists = [call for call in house.calls(mark) if call["method"] == "GET"]
    assert len(lists) <= 1 + 4 * (1 + int(seconds)), "one at once, then at most four a second"
