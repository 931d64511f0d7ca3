"""B29: a connection, an installation, everything waits and goes on; B28: restored elsewhere, it starts paused."""

from __future__ import annotations

import dataclasses

import pytest

from gateway import settings, wiring
from gateway.services import pausing, sweep
from gateway.services.pausing import RESTORED
from tests.flows.acts import edit_task, new_task, synced_task, the_task
from tests.flows.house import House, Person
from tests.flows.trouble import asked, connection, nothing_is_left, told, until_quiet


def run(house: House, *args: str, fails: bool = False) -> str:
    done = house.app.test_cli_runner().invoke(args=list(args))
    assert (done.exit_code != 0) is fails, done.output
    return done.output


def change_both(house: House, who: Person, task: str) -> str:
    """Edits on both sides, and a new task; gives the new task."""
    edit_task(who, task, title="Call Bob")
    event = next(e for e in house.events(who) if e["summary"] == "Call Ada")
    house.edit_event(
        who,
        event,
        start={"dateTime": "2030-03-05T12:00:00+01:00"},
        end={"dateTime": "2030-03-05T12:30:00+01:00"},
    )
    return new_task(who, title="New meanwhile", calendar_sync=True)


def both_are_in_step(house: House, who: Person, task: str) -> None:
    assert sorted(e["summary"] for e in house.events(who)) == ["Call Bob", "New meanwhile"]
    assert the_task(who, task)["due"]["date_time"] == "2030-03-05T11:00:00Z"
    assert house.state(task)["state"] == "synced"
    nothing_is_left(house)


def test_b29_one_users_calendar_waits_and_goes_on(house: House, ada: Person) -> None:
    bob = house.person("bob@example.com")
    house.connect(bob)
    task = synced_task(house, ada)
    for _twice in range(2):
        house.api.call("POST", f"/v1/users/{ada.user_id}/pause", expect=202)
    until_quiet(house)
    assert connection(house, ada)["status"] == "paused"
    assert [one["status"] for one in told(house, ada)].count("paused") == 1
    assert (house.state(task)["state"], house.state(task)["reason"]) == ("pending", "paused")
    mark = house.mark()
    change_both(house, ada, task)
    until_quiet(house)
    house.advance(hours=25)
    house.tick()
    assert asked(house, mark, path="/events") == [], "nothing is read or written"
    other = synced_task(house, bob, title="Bob's")
    assert house.state(other)["state"] == "synced", "others go on"
    run(house, "users", "resume", house.installation["key"], ada.user_id)
    until_quiet(house)
    assert connection(house, ada)["status"] == "connected"
    both_are_in_step(house, ada, task)
    house.api.call("POST", "/v1/users/u-nobody/pause", expect=404)
    assert "no connection" in run(house, "users", "pause", house.installation["key"], "u-nobody", fails=True)


def test_b29_an_installation_waits_and_goes_on(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    house.api.call("POST", "/v1/pause", expect=202)
    mark = house.mark()
    change_both(house, ada, task)
    until_quiet(house)
    assert asked(house, mark, path="/events") == []
    house.api.call("POST", "/v1/resume", expect=202)
    until_quiet(house)
    both_are_in_step(house, ada, task)


def test_b29_everything_waits_and_deliveries_are_recorded_as_ever(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    run(house, "pause-all")
    halt = pausing.halted(house.ctx)
    assert halt is not None
    assert halt.reason == "operator"
    mark = house.mark()
    change_both(house, ada, task)
    house.settle()
    sweep.tick(house.ctx)
    house.settle()
    assert asked(house, mark, path="/events") == []
    run(house, "resume-all")
    until_quiet(house)
    both_are_in_step(house, ada, task)


def elsewhere(house: House) -> House:
    """The same database under another deployment's processes."""
    chosen = settings.load({**house.environment, "DEPLOYMENT_ID": "staging"})
    gateway = wiring.build(chosen, wiring.Process.WORKER)
    ctx = dataclasses.replace(gateway.ctx, doorbell=house.rings, alarm=house.ctx.alarm)
    house.ctx = ctx
    house.gateway = dataclasses.replace(gateway, ctx=ctx)
    return house


def test_b28_restored_elsewhere_it_starts_paused_says_why_and_touches_nothing(house: House, ada: Person) -> None:
    wiring.settle_in(house.gateway)
    task = synced_task(house, ada)
    edit_task(ada, task, title="Owed when the backup was made")
    mark = house.mark()
    here, store = house.ctx, house.gateway.store
    elsewhere(house)
    house.settle()
    sweep.tick(house.ctx)
    house.settle()
    assert asked(house, mark) == [], "no call at all"
    halt = pausing.halted(house.ctx)
    assert halt is not None
    assert (halt.reason, halt.owner) == (RESTORED, "test")
    with pytest.raises(pausing.ForeignError, match="test"):
        pausing.pause_all(house.ctx)
    assert pausing.halted(here) is None, "the deployment that it belongs to goes on"
    pausing.resume_all(house.ctx, forget=True)
    house.settle()
    assert asked(house, mark) == [], "neither its events nor its grant are touched"
    with house.ctx.store.begin() as uow:
        mine = uow.connections.of_user(house.gateway_installation(), ada.user_id)  # type: ignore[arg-type]
    assert mine is not None
    assert (mine.status, mine.credential, mine.reason) == ("disconnected", b"", RESTORED)
    assert house.event(ada)["summary"] == "Call Ada"
    house.gateway.store.close()  # type: ignore[attr-defined]
    house.gateway = dataclasses.replace(house.gateway, store=store)


def test_b28_where_the_other_is_no_more_its_events_are_taken_over(house: House, ada: Person) -> None:
    wiring.settle_in(house.gateway)
    task = synced_task(house, ada)
    edit_task(ada, task, title="Call Bob")
    store = house.gateway.store
    elsewhere(house)
    pausing.resume_all(house.ctx, take_over=True)
    until_quiet(house)
    assert house.event(ada)["summary"] == "Call Bob", "one event, the old one"
    house.gateway.store.close()  # type: ignore[attr-defined]
    house.gateway = dataclasses.replace(house.gateway, store=store)
