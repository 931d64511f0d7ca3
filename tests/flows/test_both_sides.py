"""B15 to B17: both sides at once, and never a false banner."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.acts import LATER, codes, edit_task, synced_task, the_task
from tests.flows.house import House, Person


def hold_everything(house: House) -> None:
    """Nothing that either side says reaches the gateway until it is released."""
    for admin in (house.crm_admin, house.google_admin):
        admin.call("POST", "/faults", json={"match": {"direction": "out"}, "do": "hold", "times": None})


def release(house: House) -> None:
    for admin in (house.crm_admin, house.google_admin):
        admin.call("DELETE", "/faults")
        admin.call("POST", "/release")
    house.settle()


def conflict(house: House, task: str) -> dict[str, Any]:
    """The banner as the CRM was last told it."""
    reports = house.task(task)["reports"]
    told: dict[str, Any] = reports[-1].get("report", reports[-1])
    return told


def clash(house: House, who: Person) -> str:
    """Both edit the title before either is heard."""
    task = synced_task(house, who)
    hold_everything(house)
    edit_task(who, task, title="Call Bob")
    house.edit_event(who, house.event(who), summary="Call Eve")
    release(house)
    return task


def test_b15_different_fields_both_live(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    hold_everything(house)
    edit_task(ada, task, due=LATER)
    house.edit_event(ada, house.event(ada), summary="Call Eve")
    release(house)
    assert the_task(ada, task)["title"] == "Call Eve"
    assert house.event(ada)["summary"] == "Call Eve"
    assert house.event(ada)["start"]["dateTime"] == "2030-03-06T15:00:00+01:00"
    assert "conflict" not in codes(house, task)
    assert house.state(task)["state"] == "synced"


def test_b15_same_field_the_crm_wins_and_says_so(house: House, ada: Person) -> None:
    task = clash(house, ada)
    assert the_task(ada, task)["title"] == "Call Bob"
    assert house.event(ada)["summary"] == "Call Bob"
    state = house.state(task)
    assert state["state"] == "conflict"
    (field,) = state["conflict"]["fields"]
    assert (field["name"], field["calendar"], field["kept"]) == ("title", "Call Eve", "Call Bob")


def test_b15_deleted_in_the_crm_beats_an_edit_in_the_calendar(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    hold_everything(house)
    house.edit_event(ada, house.event(ada), summary="Call Eve")
    ada.crm.call("DELETE", f"/tasks/{task}")
    release(house)
    assert house.events(ada) == []


def test_b15_deleted_in_the_calendar_the_task_keeps_its_edit(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    hold_everything(house)
    edit_task(ada, task, title="Call Bob")
    house.delete_event(ada, house.event(ada))
    release(house)
    assert house.events(ada) == []
    after = the_task(ada, task)
    assert (after["title"], after["calendar_sync"]) == ("Call Bob", False)


def test_b16_the_banner_reaches_the_crm_once(house: House, ada: Person) -> None:
    task = clash(house, ada)
    told = [r.get("report", r) for r in house.task(task)["reports"]]
    assert [r["state"] for r in told].count("conflict") == 1
    assert told[-1]["conflict"]["fields"][0]["kept"] == "Call Bob"


def test_b16_keep_the_crms(house: House, ada: Person) -> None:
    task = clash(house, ada)
    banner = house.state(task)["conflict"]["id"]
    for _again in range(2):
        house.api.call("POST", f"/v1/conflicts/{banner}/resolve", json={"keep": "crm"}, expect=200)
    house.settle()
    assert house.state(task)["state"] == "synced"
    assert the_task(ada, task)["title"] == "Call Bob"


def test_b16_take_the_calendars_after_all(house: House, ada: Person) -> None:
    task = clash(house, ada)
    banner = house.state(task)["conflict"]["id"]
    house.api.call("POST", f"/v1/conflicts/{banner}/resolve", json={"keep": "calendar"}, expect=200)
    house.settle()
    assert the_task(ada, task)["title"] == "Call Eve"
    assert house.event(ada)["summary"] == "Call Eve"
    assert house.state(task)["state"] == "synced"


def test_b16_the_calendars_value_is_refused_once_the_task_has_moved_on(house: House, ada: Person) -> None:
    task = clash(house, ada)
    banner = house.state(task)["conflict"]["id"]
    hold_everything(house)
    edit_task(ada, task, title="Call Zoe")
    house.api.call("POST", f"/v1/conflicts/{banner}/resolve", json={"keep": "calendar"}, expect=409)
    release(house)
    assert the_task(ada, task)["title"] == "Call Zoe"
    assert house.state(task)["state"] == "synced", "a person's later edit of the field closes the banner"


@pytest.mark.parametrize("end", ["edit_task", "edit_event", "switch_off", "delete", "disconnect"])
def test_b16_what_else_closes_a_banner(house: House, ada: Person, end: str) -> None:
    task = clash(house, ada)
    banner = house.state(task)["conflict"]["id"]
    match end:
        case "edit_task":
            edit_task(ada, task, title="Call Zoe")
        case "edit_event":
            house.edit_event(ada, house.event(ada), summary="Call Zoe")
        case "switch_off":
            edit_task(ada, task, calendar_sync=False)
        case "disconnect":
            house.api.call("DELETE", f"/v1/users/{ada.user_id}/connection", expect=202)
        case _:
            ada.crm.call("DELETE", f"/tasks/{task}")
    house.settle()
    assert "conflict_closed" in codes(house, task)
    assert banner not in str(house.api.call("GET", "/v1/conflicts?state=open"))
    assert house.state(task)["conflict"] is None
    if end != "delete":  # a task that is gone shows no banner
        assert conflict(house, task)["conflict"] is None, "the CRM was told"


def test_b16_off_and_on_again_in_one_breath_closes_the_banner_as_well(house: House, ada: Person) -> None:
    task = clash(house, ada)
    assert house.state(task)["state"] == "conflict"
    for on in (False, True):
        edit_task(ada, task, calendar_sync=on)
    house.settle()
    assert house.state(task)["state"] == "synced"
    assert conflict(house, task).get("conflict") is None
    assert codes(house, task).count("conflict_closed") == 1


def test_b16_a_banner_closes_by_itself_after_30_days(house: House, ada: Person) -> None:
    task = clash(house, ada)
    house.advance(days=31)
    house.tick()
    assert house.state(task)["state"] == "synced"


def test_b17_a_repeated_and_reordered_webhook_makes_no_banner(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    house.crm_admin.call("POST", "/faults", json={"match": {"direction": "out"}, "do": "duplicate", "times": 5})
    house.crm_admin.call(
        "POST", "/faults", json={"match": {"direction": "out"}, "do": "delay", "delay_ms": 1500, "times": 1}
    )
    edit_task(ada, task, title="Call Bob")
    edit_task(ada, task, title="Call Zoe")
    house.settle()
    house.advance(seconds=10)
    house.settle()
    assert house.event(ada)["summary"] == "Call Zoe"
    assert "conflict" not in codes(house, task)


def test_b17_a_persons_undo_is_no_conflict(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    for title in ("Call Bob", "Call Ada", "Call Bob", "Call Ada"):
        house.edit_event(ada, house.event(ada), summary=title)
        house.settle()
    assert the_task(ada, task)["title"] == "Call Ada"
    edit_task(ada, task, title="Call Bob")
    house.settle()
    edit_task(ada, task, title="Call Ada")
    house.settle()
    assert house.event(ada)["summary"] == "Call Ada"
    assert "conflict" not in codes(house, task)


def test_b17_a_cut_connection_after_the_write_is_recognised(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    cut = {"match": {"direction": "in", "method": "PATCH"}, "do": "cut_after_write", "times": 1}
    edit_task(ada, task, title="Call Bob")
    house.google_admin.call("POST", "/faults", json=cut)
    house.settle()
    assert house.event(ada)["summary"] == "Call Bob"
    house.edit_event(ada, house.event(ada), summary="Call Eve")
    house.crm_admin.call("POST", "/faults", json=cut)
    house.settle()
    assert the_task(ada, task)["title"] == "Call Eve"
    assert house.event(ada)["summary"] == "Call Eve"
    assert "conflict" not in codes(house, task)
    assert codes(house, task).count("retry") == 2, "both writes were in doubt"
