"""Subscriptions at Microsoft: put off and never lapsing, made anew where they vanish, and nothing missed on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.model import UserId
from tests.flows.acts import synced_task, the_task
from tests.flows.house import Person
from tests.flows.outlook_house import OutlookHouse
from tests.flows.test_outlook import house, ola  # noqa: F401 - fixtures


def test_a_subscription_is_put_off_at_half_its_life_and_never_lapses(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    task = synced_task(house, ola)
    mark = house.graph_mark()
    for _day in range(30):
        house.advance(days=1)
        house.tick()
    calls = house.graph_calls(mark)
    assert len(house.subscriptions(ola)) == 1
    assert calls.count("POST subscription") == 0
    renewals = calls.count("PATCH subscription")
    assert 7 <= renewals <= 11
    assert len(calls) <= 30 * 2, "under two calls a day"
    house.edit_outlook(ola, house.outlook_event(ola), subject="Call Eve")
    house.settle()
    assert the_task(ola, task)["title"] == "Call Eve"


@pytest.mark.parametrize("form", ["documented", "real"])
def test_reauthorisation_is_one_renewal(house: OutlookHouse, ola: Person, form: str) -> None:  # noqa: F811
    task = synced_task(house, ola)
    house.advance(hours=2)
    mark = house.graph_mark()
    for _twice in range(2):
        body = {"email": ola.email, "event": "reauthorizationRequired", "form": form, "block": True}
        house.graph_admin.call("POST", "/lifecycle", json=body)
        house.settle()
    assert house.graph_calls(mark).count("PATCH subscription") == 1, "said twice, done once"
    assert "POST subscription" not in house.graph_calls(mark)
    house.edit_outlook(ola, house.outlook_event(ola), subject="Call Eve")
    house.settle()
    house.advance(minutes=11)
    house.tick()
    assert the_task(ola, task)["title"] == "Call Eve"


def test_a_removed_subscription_is_made_anew_and_nothing_is_missed(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    task = synced_task(house, ola)
    body = {"email": ola.email, "event": "subscriptionRemoved", "form": "real"}
    house.graph_admin.call("POST", "/lifecycle", json=body)
    house.edit_outlook(ola, house.outlook_event(ola), subject="Call Eve")
    house.settle()
    assert the_task(ola, task)["title"] == "Call Eve"
    assert len(house.subscriptions(ola)) == 1


def test_missed_pushes_are_made_up_for(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    task = synced_task(house, ola)
    house.quirks(gather=True)
    house.edit_outlook(ola, house.outlook_event(ola), subject="Call Eve")
    house.settle()
    assert the_task(ola, task)["title"] == "Call Ada"
    house.graph_admin.call("POST", "/lifecycle", json={"email": ola.email, "event": "missed", "form": "documented"})
    house.settle()
    assert the_task(ola, task)["title"] == "Call Eve"


def test_a_subscription_that_vanished_is_found_out_at_its_renewal(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    """And what it did not tell is looked for at once, though the day's safety read is not due."""
    task = synced_task(house, ola)
    house.graph_admin.call("POST", "/drop_subscriptions", json={"email": ola.email})
    house.edit_outlook(ola, house.outlook_event(ola), subject="Call Eve")
    renewal_is_due(house, ola)
    mark = house.graph_mark()
    house.tick()
    assert the_task(ola, task)["title"] == "Call Eve"
    assert len(house.subscriptions(ola)) == 1
    assert house.graph_calls(mark).count("GET events") == 1


def test_a_renewal_of_what_lives_is_followed_by_no_look(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    synced_task(house, ola)
    renewal_is_due(house, ola)
    mark = house.graph_mark()
    house.tick()
    assert house.graph_calls(mark) == ["PATCH subscription"]


def renewal_is_due(house: OutlookHouse, who: Person) -> None:  # noqa: F811
    inst, now = house.gateway_installation(), house.ctx.clock.now()
    with house.ctx.store.begin() as uow:
        connection = uow.connections.of_user(inst, UserId(who.user_id))
        assert connection is not None
        for one in uow.subscriptions.of_connection(inst, connection.id):
            uow.subscriptions.save(replace(one, renew_at=now))
        uow.commit()
