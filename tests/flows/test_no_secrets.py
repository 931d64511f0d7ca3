"""Row 80, I5: after a busy run no secret, token or word of a task is found where it does not belong: not in logs, not
in plain sight in any table, not in an error, not in a ``repr``.
"""

from __future__ import annotations

import json
import logging

import pytest

from gateway.core.model import LinkStatus, UserId
from tests.flows.acts import edit_task, new_task, synced_task
from tests.flows.house import House, Person
from tests.flows.test_personal_data import rows_that_hold
from tests.flows.trouble import crm, google, refusal, token_ages, until_quiet, well

WORDS = ("Zebra contract", "Zebra quote", "Zebra renamed", "Zebra in calendar", "Zebra cafe", "Zebra <script>alert(1)")


def secrets_of(house: House, who: Person) -> list[str]:
    with house.ctx.store.begin() as uow:
        inst = uow.installations.get(house.gateway_installation())
        mine = uow.connections.of_user(house.gateway_installation(), UserId(who.user_id))
    assert inst is not None
    assert mine is not None
    tokens = [one for one in json.loads(mine.credential).values() if isinstance(one, str) and len(one) > 20]
    env = [house.environment[name] for name in ("SECRET_KEY", "TOKEN_KEYS", "GOOGLE_CLIENT_SECRET")]
    return [*tokens, *env, inst.credentials, *inst.webhook_secrets, house.installation["api_token"]]


def busy(house: House, ada: Person) -> list[str]:
    """Edits on both sides, refusals, outages, a conflict, a refresh; gives every secret that was at hand on the way."""
    task = synced_task(house, ada, title=WORDS[0], description=WORDS[1])
    seen = secrets_of(house, ada)
    google(house, method="PATCH", path="/events/", times=1, **refusal(400, "invalid"))
    edit_task(ada, task, title=WORDS[2])
    until_quiet(house)
    house.edit_event(ada, house.event(ada), summary=WORDS[3], location=WORDS[4])
    edit_task(ada, task, title=WORDS[5])
    crm(house, times=2, status=500, body={"detail": WORDS[0]})
    google(house, times=2, status=502, body=f"<html>{WORDS[0]}")
    until_quiet(house)
    token_ages(house)
    house.edit_event(ada, house.event(ada), summary="x" * 300)
    until_quiet(house)
    new_task(ada, title=WORDS[0], description=WORDS[1])
    google(house, path="^/token$", times=1, status=400, body={"error": "invalid_grant", "secret": seen[0]})
    token_ages(house)
    edit_task(ada, task, description=WORDS[1])
    until_quiet(house)
    well(house)
    return seen


def test_80_secrets_and_peoples_words_are_nowhere_they_do_not_belong(
    house: House, ada: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="gateway")
    before = secrets_of(house, ada)
    sought = [*before, *busy(house, ada), *WORDS]
    assert len(sought) > 12
    assert caplog.records
    said = "\n".join(f"{one.getMessage()} {one.__dict__}" for one in caplog.records)
    assert [one for one in sought if one in said] == [], "logs, with what was added to them"
    assert rows_that_hold(house, *sought, *(one.encode().hex() for one in sought)) == {}, "tables, in plain sight"
    shown = repr((house.gateway, house.ctx, house.gateway.settings))
    with house.ctx.store.begin() as uow:
        inst = house.gateway_installation()
        ids = uow.links.ids_of_owner(inst, UserId(ada.user_id), list(LinkStatus))
        shown += repr([uow.links.get(inst, one) for one, _task in ids])
        shown += repr((uow.installations.get(inst), uow.connections.of_user(inst, ada.user_id)))  # type: ignore[arg-type]
        shown += repr(uow.outbox.parked(None, 100))
    assert [one for one in sought if one in shown] == [], "repr"
    assert [one for one in sought if one in str(house.rings._rung)] == [], "job arguments"
    pages = [
        house.api.session.get(f"{house.url}/{path}", timeout=15).text for path in ("nothing", "v1/held", "connect/x")
    ]
    assert [one for one in sought if one in "".join(pages)] == [], "error pages"
