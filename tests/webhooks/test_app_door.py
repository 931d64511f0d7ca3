"""One door for many installations, and deliveries that tell changes only."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from gateway.core.errors import AlreadyExists, NotReadable, NotTrusted
from gateway.core.model import InstallationId, TaskId
from gateway.core.ports import Knock
from gateway.core.records import Installation, InstallationStatus
from gateway.core.signals import CrmDelivery, Kind, TaskSignal
from gateway.services import installations
from gateway.web.app import create_app
from tests.webhooks.conftest import KEY, Doors

DOOR = "door-of-the-app"


def read(knock: Knock) -> CrmDelivery:
    """An app's deliveries: a list of ``[account, task, switch]``, trusted where the address is signed right."""
    if knock.headers.get("signed") != f"{knock.url} with {next(iter(knock.secrets), '')}":
        raise NotTrusted("the delivery is not trusted")
    told = json.loads(knock.raw)
    return CrmDelivery(
        tuple(
            TaskSignal(TaskId(task), Kind.CHANGED, None, sync_on=switch, switch_stands=switch is None, account=account)
            for account, task, switch in told
        )
    )


@pytest.fixture
def app(doors: Doors) -> Doors:
    """The doors with an app in front of two accounts: ``a`` in ``inst-a``, ``b`` in ``inst-b``."""
    kind = replace(doors.gateway.ctx.crms["generic"], read_webhook=read, many_accounts=True, new_secret=None)
    object.__setattr__(doors.gateway.ctx, "crms", {"generic": kind})
    with doors.gateway.ctx.store.begin() as uow:
        for account in ("a", "b"):
            one = Installation(
                InstallationId(f"inst-{account}"),
                f"key-{account}",
                account,
                "generic",
                "http://127.0.0.1:9",
                webhook_secrets=("client-secret",),
                door=DOOR,
                account=account,
            )
            uow.installations.add(one, hashlib.sha256(account.encode()).digest())
        uow.commit()
    return replace(doors, app=create_app(doors.gateway))


def knock(doors: Doors, *told: object, key: str = DOOR, query: str = "", secret: str = "client-secret") -> int:
    signed = f"http://127.0.0.1:9/webhooks/crm/{key}{query} with {secret}"
    where = f"/webhooks/crm/{key}{query}"
    return doors.client.post(where, json=list(told), headers={"signed": signed}).status_code


def links(doors: Doors) -> list[tuple[str, str]]:
    with doors.gateway.ctx.store.begin() as uow:
        both = ("inst-a", "inst-b")
        asked = [(one, task) for one in both for task in ("t-1", "t-2")]
        return [(i, t) for i, t in asked if uow.links.by_task(InstallationId(i), TaskId(t))]


def status(doors: Doors, account: str, to: InstallationStatus) -> None:
    with doors.gateway.ctx.store.begin() as uow:
        uow.installations.set_status(InstallationId(f"inst-{account}"), to, None)
        uow.commit()


def test_each_account_gets_what_is_its_own(app: Doors) -> None:
    assert knock(app, ["a", "t-1", True], ["b", "t-2", True], query="?v=1") == 202
    assert links(app) == [("inst-a", "t-1"), ("inst-b", "t-2")]
    assert {inst for inst, _, _ in app.bell.rung} == {"inst-a", "inst-b"}
    assert app.count("inbox_bodies") == 0  # neither may keep what tells of the other


def test_an_account_that_nobody_has_is_dropped_and_counted(app: Doors) -> None:
    before = app.kept()
    assert knock(app, ["c", "t-1", True]) == 200
    assert app.kept() == before
    assert knock(app, ["c", "t-1", True], ["b", "t-1", True]) == 202
    assert links(app) == [("inst-b", "t-1")]
    assert "deliveries_of_unknown_accounts" in str(app.gateway.tally.waiting())


def test_an_apps_door_trusts_only_what_is_signed(app: Doors) -> None:
    assert knock(app, ["a", "t-1", True], secret="another") == 401
    assert knock(app, ["a", "t-1", True], key="key-a") == 401  # its own key opens no door of its own
    assert links(app) == []


def test_a_door_closes_with_its_last_installation(app: Doors) -> None:
    status(app, "b", InstallationStatus.REMOVED)
    assert knock(app, ["b", "t-1", True]) == 200
    assert knock(app, ["a", "t-1", True]) == 202
    status(app, "a", InstallationStatus.REMOVED)
    assert knock(app, ["a", "t-1", True]) == 410


def test_b1_a_change_that_does_not_tell_the_switch_is_no_news_of_a_task_that_is_not_on(app: Doors) -> None:
    assert knock(app, ["a", "t-1", None]) == 202
    assert (links(app), app.bell.rung, app.count("inbox_bodies")) == ([], [], 0)
    assert knock(app, ["a", "t-1", True]) == 202
    app.bell.rung.clear()
    assert knock(app, ["a", "t-1", None]) == 202
    assert (len(app.bell.rung), app.count("inbox_bodies")) == (1, 2)


def test_an_installation_joins_a_door_or_gets_one(app: Doors) -> None:
    ctx = app.gateway.ctx
    first = installations.add(ctx, "C", "generic", "http://127.0.0.1:9", "token").installation
    assert first.door
    assert first.door != first.key
    joined = installations.add(ctx, "D", "generic", "http://127.0.0.1:9", "token", door=DOOR).installation
    assert joined.door == DOOR
    for wrong in ("nobody's", KEY):
        with pytest.raises(NotReadable, match="door"):
            installations.add(ctx, "E", "generic", "http://127.0.0.1:9", "token", door=wrong)
    with ctx.store.begin() as uow, pytest.raises(AlreadyExists):
        uow.installations.set_account(joined.id, "a")


def test_where_every_installation_has_a_door_of_its_own_none_is_joined(doors: Doors) -> None:
    with pytest.raises(NotReadable, match="door"):
        installations.add(doors.gateway.ctx, "C", "generic", "http://127.0.0.1:9", "token", door=KEY)
