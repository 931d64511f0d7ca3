"""B1 to B8: the task becomes an event."""

from __future__ import annotations

import pytest
import requests
from sqlalchemy import MetaData, create_engine, select

from gateway.store.vault import Vault
from tests.flows.acts import DUE, LATER, codes, edit_task, new_task, synced_task, the_task
from tests.flows.house import House, Person


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All that is encrypted before it is stored, as it was: in the database nobody could tell any more."""
    seen: list[str] = []
    encrypt = Vault.encrypt

    def overheard(vault: Vault, plaintext: bytes, *where: str) -> bytes:
        seen.append(plaintext.decode(errors="replace"))
        return encrypt(vault, plaintext, *where)

    monkeypatch.setattr(Vault, "encrypt", overheard)
    return seen


def test_b1_a_task_that_is_off_is_sent_nowhere_and_its_text_is_not_stored(
    sealed: list[str], house: House, ada: Person
) -> None:
    """Not even where a careless CRM tells all of it."""
    house.crm_admin.call("POST", "/behaviour", json={"payload": "full"})
    mark = house.mark()
    task = new_task(ada, title="A secret of the person's own")
    house.settle()
    assert house.calls(mark) == []
    assert house.calls(mark, which="crm") == []
    assert house.events(ada) == []
    assert not any("secret of the person" in text for text in (*everything_stored(house), *sealed))
    edit_task(ada, task, calendar_sync=True)
    house.settle()
    assert any("secret of the person" in text for text in sealed), "once it is on it has to be remembered"
    assert not any("secret of the person" in text for text in everything_stored(house)), "and never in the clear"


def test_b1_switching_off_wipes_what_was_remembered(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    edit_task(ada, task, calendar_sync=False)
    house.settle()
    with house.ctx.store.begin() as uow:
        link = uow.links.by_task(house.gateway_installation(), task)  # type: ignore[arg-type]
    assert link is not None
    assert link.memory.task is None
    assert link.memory.event is None
    assert link.task_hint is None


def test_b2_switched_on_the_task_is_one_event_at_its_due_time(house: House, ada: Person) -> None:
    task = synced_task(house, ada, priority="high")
    event = house.event(ada)
    url = the_task(ada, task)["url"]
    assert event["summary"] == "Call Ada"
    assert event["description"] == f"Bring the quote\n\nOpen in Acme: {url}"
    assert event["source"]["url"] == url
    assert event["start"]["dateTime"] == "2030-03-05T09:00:00+01:00"
    assert event["end"]["dateTime"] == "2030-03-05T09:30:00+01:00"
    assert event["colorId"] == "6"
    assert event["transparency"] == "transparent"
    assert event["reminders"] == {"useDefault": True}
    assert house.state(task)["event_url"] == event["htmlLink"]
    assert the_task(ada, task)["version"] == 1


@pytest.mark.parametrize(("priority", "colour"), [("urgent", "11"), ("normal", "9"), ("low", "2"), ("none", None)])
def test_b2_colour_by_priority(house: House, ada: Person, priority: str, colour: str | None) -> None:
    synced_task(house, ada, priority=priority)
    assert house.event(ada).get("colorId") == colour


def test_b2_a_time_that_has_passed_reminds_nobody(house: House, ada: Person) -> None:
    synced_task(house, ada, due={"date_time": "2021-03-05T09:00:00+01:00"})
    assert house.event(ada)["reminders"] == {"useDefault": False}


def test_b3_a_date_is_an_all_day_event_on_that_very_day(house: House, ada: Person) -> None:
    synced_task(house, ada, due={"date": "2030-03-31"})
    event = house.event(ada)
    assert (event["start"]["date"], event["end"]["date"]) == ("2030-03-31", "2030-04-01")


def test_b3_a_tasks_own_duration_wins(house: House, ada: Person) -> None:
    synced_task(house, ada, due={**DUE, "duration_minutes": 90})
    assert house.event(ada)["end"]["dateTime"] == "2030-03-05T10:30:00+01:00"


def test_b4_without_a_due_date_the_wish_waits(house: House, ada: Person) -> None:
    task = new_task(ada, calendar_sync=True, due=None)
    house.settle()
    assert house.events(ada) == []
    assert (house.state(task)["state"], house.state(task)["reason"]) == ("pending", "no_due_date")
    edit_task(ada, task, due=DUE)
    house.settle()
    assert house.event(ada)["summary"] == "Call Ada"
    edit_task(ada, task, due=None)
    house.settle()
    assert house.events(ada) == []
    assert house.state(task)["reason"] == "no_due_date"
    assert the_task(ada, task)["calendar_sync"] is True
    edit_task(ada, task, due=LATER)
    house.settle()
    assert house.event(ada)["start"]["dateTime"] == "2030-03-06T15:00:00+01:00"


def test_b5_edits_follow_and_only_what_changed_is_sent(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    mark = house.mark()
    edit_task(ada, task, title="Call Bob")
    house.settle()
    assert house.event(ada)["summary"] == "Call Bob"
    (call,) = house.calls(mark)[:1]
    assert call["method"] == "PATCH"
    assert set(call["body"]) == {"summary", "extendedProperties"}
    edit_task(ada, task, due=LATER)
    house.settle()
    assert house.event(ada)["start"]["dateTime"] == "2030-03-06T15:00:00+01:00"
    edit_task(ada, task, description="Bring two quotes", priority="urgent")
    house.settle()
    event = house.event(ada)
    assert event["description"].startswith("Bring two quotes\n\nOpen in Acme: ")
    assert event["colorId"] == "11"


def test_b5_what_the_person_changed_in_the_calendar_is_theirs(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    event = house.event(ada)
    house.edit_event(
        ada,
        event,
        end={"dateTime": "2030-03-05T11:00:00+01:00"},
        location="Cafe Einstein",
        reminders={"useDefault": False, "overrides": [{"method": "popup", "minutes": 5}]},
        colorId="3",
        transparency="opaque",
    )
    house.settle()
    edit_task(ada, task, title="Call Bob", due=LATER)
    house.settle()
    event = house.event(ada)
    assert event["summary"] == "Call Bob"
    assert event["end"]["dateTime"] == "2030-03-06T17:00:00+01:00", "a moved event keeps the person's length"
    assert (event["location"], event["colorId"]) == ("Cafe Einstein", "3")
    assert event.get("transparency", "opaque") == "opaque", "busy is Google's default and not shown"
    assert event["reminders"]["overrides"] == [{"method": "popup", "minutes": 5}]


def test_b5_the_persons_own_text_in_the_description_stays(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    event = house.event(ada)
    house.edit_event(ada, event, description=event["description"] + "\n\nMy own note")
    house.settle()
    edit_task(ada, task, description="Bring two quotes")
    house.settle()
    told = house.event(ada)["description"]
    assert told.startswith("Bring two quotes")
    assert told.endswith("My own note")
    assert "Bring the quote" not in told


def test_b6_completed_is_struck_through_and_reopened_is_as_before(house: House, ada: Person) -> None:
    task = synced_task(house, ada, priority="high")
    house.edit_event(ada, house.event(ada), colorId="3")
    house.settle()
    edit_task(ada, task, status="completed")
    house.settle()
    event = house.event(ada)
    assert event["summary"] == "C̶a̶l̶l̶ ̶A̶d̶a̶"
    assert event["colorId"] == "8"
    assert event["reminders"] == {"useDefault": False}
    house.edit_event(ada, event, summary="C̶a̶l̶l̶ ̶E̶v̶e̶")
    house.settle()
    assert the_task(ada, task)["title"] == "Call Eve"
    edit_task(ada, task, status="open")
    house.settle()
    event = house.event(ada)
    assert (event["summary"], event["colorId"], event["reminders"]) == ("Call Eve", "3", {"useDefault": True})


def test_b6_b10_a_done_event_that_is_renamed_in_plain_letters_is_struck_again(house: House, ada: Person) -> None:
    task = synced_task(house, ada, status="completed")
    mark = house.mark()
    house.edit_event(ada, house.event(ada), summary="Call Eve")
    house.settle()
    assert the_task(ada, task)["title"] == "Call Eve"
    assert house.event(ada)["summary"] == "C̶a̶l̶l̶ ̶E̶v̶e̶"
    assert [c["method"] for c in house.calls(mark)].count("PATCH") == 1
    edit_task(ada, task, status="open")
    house.settle()
    assert house.event(ada)["summary"] == "Call Eve"


def test_b6_a_finished_event_drops_out_of_what_is_to_come(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    edit_task(ada, task, status="completed")
    house.settle()
    upcoming = ada.calendar.call(
        "GET", f"/calendars/{ada.calendar_id}/events", params={"timeMin": "2030-03-05T08:45:00Z"}
    )
    assert not [e for e in upcoming["items"] if "gw" in e.get("extendedProperties", {}).get("private", {})]
    assert house.event(ada)["status"] == "confirmed"


def test_b7_a_deleted_task_takes_its_event_along(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    ada.crm.call("DELETE", f"/tasks/{task}")
    house.settle()
    assert house.events(ada) == []


def test_b7_switched_off_the_event_goes_and_the_task_stays(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    before = edit_task(ada, task, calendar_sync=False)
    house.settle()
    assert house.events(ada) == []
    assert the_task(ada, task) == before
    assert house.state(task)["state"] == "off"
    edit_task(ada, task, calendar_sync=True)
    house.settle()
    assert house.event(ada)["summary"] == "Call Ada"


def test_b8_another_owner_another_calendar(house: House, ada: Person) -> None:
    bob = house.person("bob@example.com")
    task = synced_task(house, ada)
    edit_task(ada, task, owner={"id": bob.user_id})
    house.settle()
    assert house.events(ada) == []
    assert (house.state(task)["state"], house.state(task)["reason"]) == ("pending", "owner_not_connected")
    house.connect(bob)
    assert house.event(bob)["summary"] == "Call Ada"
    edit_task(ada, task, owner={"id": ada.user_id})
    house.settle()
    assert house.events(bob) == []
    assert house.event(ada)["summary"] == "Call Ada"


def test_b23_every_hop_is_told_without_any_text(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    edit_task(ada, task, title="Call Bob")
    house.settle()
    assert {"switched_on", "event_created", "task_changed", "event_updated"} <= set(codes(house, task))
    told = requests.get(
        f"{house.url}/v1/tasks/{task}/timeline",
        headers={"Authorization": f"Bearer {house.api.token}"},
        timeout=10,
    ).text
    assert "Call" not in told
    assert "quote" not in told


def everything_stored(house: House) -> list[str]:
    """Every row of every table, as text."""
    engine = create_engine(house.environment["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        tables = MetaData()
        tables.reflect(connection)
        rows = [str(row) for table in tables.sorted_tables for row in connection.execute(select(table))]
    engine.dispose()
    return rows
