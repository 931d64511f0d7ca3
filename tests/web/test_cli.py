"""The operator's commands, as ``flask --app wsgi`` runs them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import Result

from gateway.core.errors import Forbidden, OperatorFault, TryLater, Unauthorised
from gateway.core.installing import Door, Installed, Outcome, Step
from gateway.core.model import Priority
from gateway.core.records import REFUSED_US, InstallationStatus, ParkReason
from gateway.services.context import style_of
from gateway.web.app import create_app
from tests.web.bench import ADA, HERE, Bench, Browser

ADD = ["installations", "add", "--name", "New", "--adapter", "generic", "--base-url", "http://127.0.0.1:9/"]


def run(bench: Bench, *args: str, given: str | None = None, **env: str) -> Result:
    return bench.app.test_cli_runner(env={"CRM_TOKEN": "the crm token", **env}).invoke(args=list(args), input=given)


def status_of(bench: Bench, key: str) -> InstallationStatus:
    with bench.store.begin() as uow:
        found = uow.installations.by_key(key)
    assert found is not None
    return found.status


def park(bench: Bench, reason: ParkReason = ParkReason.FORBIDDEN) -> None:
    bench.task()
    bench.api("POST", "/v1/tasks/t-1/resync")
    with bench.store.begin() as uow:
        due = uow.outbox.due(bench.clock.now(), 10)
        mailbox = next(one for one in due if one.mailbox == f"crm:{bench.acme.id}")
        while (lease := uow.outbox.lease(bench.acme.id, mailbox.mailbox, mailbox.lane, bench.clock.now())) is not None:
            if lease.topic == "sync":
                uow.outbox.park(lease, reason, bench.clock.now())
        uow.commit()


def test_adding_prints_the_secrets_once_as_json(bench: Bench) -> None:
    done = run(bench, *ADD, "--credentials-env", "CRM_TOKEN", "--json")
    assert done.exit_code == 0, done.output
    shown = json.loads(done.output)
    assert list(shown) == ["key", "webhook_url", "webhook_secret", "api_token", "steps"]
    assert shown["steps"] == [{"what": "webhooks", "outcome": "already", "says": ""}]
    assert shown["webhook_url"] == f"{HERE}/webhooks/crm/{shown['key']}"
    assert shown["webhook_secret"].startswith("whsec_")
    with bench.store.begin() as uow:
        added = uow.installations.by_token(hashlib.sha256(shown["api_token"].encode()).digest())
    assert added is not None
    assert (added.key, added.base_url, added.credentials) == (shown["key"], "http://127.0.0.1:9", "the crm token")
    assert f"crm:{added.id}" in bench.owed(added)  # a first catch-up
    assert bench.api("GET", "/v1/conflicts", token=shown["api_token"]).status_code == 200


def test_adding_prints_lines_for_people(bench: Bench) -> None:
    done = run(bench, *ADD, "--credentials-env", "CRM_TOKEN")
    assert [line.partition(":")[0] for line in done.output.splitlines()] == [
        "key",
        "webhook_url",
        "webhook_secret",
        "api_token",
        "already there",
    ]


def test_what_the_crm_refuses_at_first_can_be_installed_later(bench: Bench) -> None:
    bench.crm.fail(TryLater("the CRM could not be reached"), "install")
    done = run(bench, *ADD, "--credentials-env", "CRM_TOKEN")
    assert (done.exit_code, "BROKEN: installation: the CRM could not be reached" in done.output) == (0, True)
    key = done.output.splitlines()[0].removeprefix("key: ")
    assert run(bench, "installations", "install", key).output == "already there: webhooks\n"


def test_a_secret_made_by_the_crm_itself_is_kept_with_what_else_was_learnt(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    doors: list[Door] = []

    def made(door: Door) -> Installed:
        doors.append(door)
        secret = None if door.secrets and not door.fresh else f"made-{len(doors)}"
        return Installed((Step("webhooks", Outcome.DONE),), secret, settings={"learnt": 7})

    generic = replace(bench.ctx.crms["generic"], new_secret=None)
    monkeypatch.setattr(bench.crm, "install", made)
    bench.app = create_app(replace(bench.gateway, ctx=replace(bench.ctx, crms={"generic": generic})))
    done = run(bench, *ADD, "--credentials-env", "CRM_TOKEN", "--admin-env", "CRM_ADMIN", "--json", CRM_ADMIN="a:b")
    shown = json.loads(done.output)
    assert (shown["webhook_secret"], doors[0].admin, doors[0].url) == (None, "a:b", shown["webhook_url"])
    run(bench, "installations", "install", shown["key"])
    rotated = run(bench, "installations", "rotate-secret", shown["key"])
    assert (rotated.exit_code, rotated.output) == (0, "done: webhooks\n")
    with bench.store.begin() as uow:
        found = uow.installations.by_key(shown["key"])
    assert found is not None
    assert (found.webhook_secrets, found.settings) == (("made-3", "made-1"), {"learnt": 7})


def test_a_secret_that_the_crm_did_not_make_is_an_error(bench: Bench) -> None:
    generic = replace(bench.ctx.crms["generic"], new_secret=None)
    bench.app = create_app(replace(bench.gateway, ctx=replace(bench.ctx, crms={"generic": generic})))
    assert run(bench, "installations", "rotate-secret", bench.acme.key).exit_code == 1


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([*ADD, "--credentials-env", "NOT_SET"], "NOT_SET is not set"),
        ([*ADD, "--credentials-env", "CRM_TOKEN", "--adapter", "odd"], "generic"),
        ([*ADD, "--credentials-env", "CRM_TOKEN", "--name", " "], "give it a name"),
        (["installations", "set", "unknown", "busy=true"], "no installation with this key"),
        (["installations", "check", "unknown"], "no installation with this key"),
        (["replay"], "say which work"),
    ],
)
def test_mistakes_are_told_in_one_line(bench: Bench, args: list[str], words: str) -> None:
    done = run(bench, *args)
    assert done.exit_code == 1
    assert words in done.output
    assert "Traceback" not in done.output
    assert len(done.output.splitlines()) == 1


def test_an_address_that_no_adapter_could_use_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise OperatorFault("the CRM's base URL must begin with https")

    bench.app = create_app(replace(bench.gateway, ctx=replace(bench.ctx, open_crm=refuse)))  # type: ignore[arg-type]
    done = run(bench, *ADD, "--credentials-env", "CRM_TOKEN")
    assert (done.exit_code, "must begin with https" in done.output) == (1, True)
    with bench.store.begin() as uow:
        assert len(uow.installations.all()) == 2


def test_settings_are_set_and_taken_away(bench: Bench) -> None:
    pairs = [
        "default_minutes=45",
        "busy=true",
        "colours.high=6",
        "colours.low=2",
        "statuses.Deferred=canceled",
        "priorities.Wichtig=high",
        "done_colour=8",
        "crm_name=Ümlaut & Co",
    ]
    lists = [
        "frame_origins=https://crm.example, https://b.example/",
        "return_urls=https://crm.example/back,https://c.example/",
    ]
    done = run(bench, "installations", "set", bench.acme.key, *pairs, *lists)
    assert done.exit_code == 0, done.output
    with bench.store.begin() as uow:
        found = uow.installations.get(bench.acme.id)
    assert found is not None
    style = style_of(found)
    assert (style.default_length, style.busy, style.done_colour) == (timedelta(minutes=45), True, "8")
    assert style.colours == {Priority.HIGH: "6", Priority.LOW: "2"}
    assert style.crm_name == "Ümlaut & Co"
    assert found.settings["statuses"] == {"Deferred": "canceled"}
    assert found.settings["priorities"] == {"Wichtig": "high"}
    assert found.settings["frame_origins"] == ["https://crm.example", "https://b.example"]
    assert found.settings["return_urls"] == ["https://crm.example/back", "https://c.example"]
    left = json.loads(run(bench, "installations", "set", bench.acme.key, "colours.high=", "busy=").output)
    assert left["colours"] == {"low": "2"}
    assert "busy" not in left


@pytest.mark.parametrize(
    "pair",
    [
        "default_minutes=0",
        "default_minutes=1441",
        "default_minutes=1.5",
        "default_minutes=\u0661",
        "busy=yes",
        "colours.huge=1",
        "statuses.Deferred=late",
        "priorities.=high",
        "colours=1",
        "odd=1",
        "busy",
        "frame_origins=https://crm.example/path",
        "frame_origins=*",
        "frame_origins=,",
        "return_urls=//evil",
        "return_urls=javascript:x",
        "crm_name=" + "x" * 101,
    ],
)
def test_a_setting_that_is_wrong_is_named_and_nothing_changes(bench: Bench, pair: str) -> None:
    done = run(bench, "installations", "set", bench.acme.key, "done_colour=8", pair)
    assert done.exit_code == 1
    assert pair.partition("=")[0] in done.output
    with bench.store.begin() as uow:
        found = uow.installations.get(bench.acme.id)
    assert found is not None
    assert "done_colour" not in found.settings


def test_all_are_listed(bench: Bench) -> None:
    run(bench, "installations", "pause", bench.other.key)
    lines = run(bench, "installations", "list").output.splitlines()
    assert lines[0].split("\t") == [bench.acme.key, "active", "generic", "http://127.0.0.1:9", "Acme"]
    assert lines[1].split("\t")[1] == "paused (operator)"
    assert bench.acme.credentials not in "".join(lines)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, "already there: credentials"),
        (Unauthorised("x"), "does not accept"),
        (Forbidden("x"), "does not allow"),
        (TryLater("x"), "does not answer"),
    ],
)
def test_a_crm_can_be_checked(bench: Bench, error: Unauthorised | None, words: str) -> None:
    if error is not None:
        bench.crm.fail(error)
    done = run(bench, "installations", "check", bench.acme.key)
    assert done.exit_code == (0 if error is None else 1)
    assert words in done.output


def test_a_new_secret_leaves_the_old_one_a_day(bench: Bench) -> None:
    secret = run(bench, "installations", "rotate-secret", bench.acme.key).stdout.strip()
    with bench.store.begin() as uow:
        found = uow.installations.get(bench.acme.id)
    assert found is not None
    assert found.webhook_secrets == (secret, *bench.acme.webhook_secrets)
    bench.clock.advance(timedelta(hours=24, seconds=1))
    with bench.store.begin() as uow:
        found = uow.installations.get(bench.acme.id)
    assert found is not None
    assert found.webhook_secrets == (secret,)


def test_pause_and_resume(bench: Bench) -> None:
    run(bench, "installations", "pause", bench.acme.key)
    assert status_of(bench, bench.acme.key) is InstallationStatus.PAUSED
    bench.rings.clear()
    run(bench, "installations", "resume", bench.acme.key)
    assert status_of(bench, bench.acme.key) is InstallationStatus.ACTIVE
    assert any(ring[1] == f"crm:{bench.acme.id}" for ring in bench.rings)


def test_new_credentials_are_checked_before_they_are_taken(bench: Bench) -> None:
    def credentials() -> str:
        with bench.store.begin() as uow:
            found = uow.installations.get(bench.acme.id)
        assert found is not None
        return found.credentials

    asked = ("installations", "credentials", bench.acme.key, "--credentials-env", "CRM_NEW")
    bench.crm.fail(Unauthorised("no"))
    assert run(bench, *asked, CRM_NEW="wrong").exit_code == 1
    assert credentials() == bench.acme.credentials
    with bench.store.begin() as uow:
        uow.installations.set_status(bench.acme.id, InstallationStatus.PAUSED, REFUSED_US)
        uow.commit()
    done = run(bench, *asked, CRM_NEW="newer")
    assert (done.exit_code, done.output.splitlines()[-1], credentials()) == (0, "Taken.", "newer")
    assert status_of(bench, bench.acme.key) is InstallationStatus.ACTIVE


def test_credentials_for_an_installation_that_a_person_paused_leave_it_paused(bench: Bench) -> None:
    run(bench, "installations", "pause", bench.acme.key)
    run(bench, "installations", "credentials", bench.acme.key, "--credentials-env", "CRM_NEW", CRM_NEW="newer")
    assert status_of(bench, bench.acme.key) is InstallationStatus.PAUSED


def test_removing_asks_then_disconnects_everybody(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link())
    assert run(bench, "installations", "remove", bench.acme.key, given="n\n").exit_code == 1
    assert bench.connection(ADA).status == "connected"
    done = run(bench, "installations", "remove", bench.acme.key, "--yes")
    assert done.output.strip() == "Removed; 1 connections ended."
    assert bench.connection(ADA).status == "disconnected"
    assert status_of(bench, bench.acme.key) is InstallationStatus.REMOVED
    assert bench.app.test_client().post(f"/webhooks/crm/{bench.acme.key}", json={}).status_code == 410
    assert run(bench, "installations", "remove", bench.acme.key, "--yes").exit_code == 1
    assert bench.acme.key not in run(bench, "installations", "list").output


def test_keys_are_rotated_until_nothing_is_left(bench: Bench) -> None:
    done = run(bench, "rotate-keys")
    assert done.exit_code == 0
    assert "rows left: 0" in done.output
    bench.app = create_app(replace(bench.gateway, rotate_keys=lambda: iter([(1, 2, 2)])))
    done = run(bench, "rotate-keys")
    assert (done.exit_code, "2 rows open with none of TOKEN_KEYS" in done.output) == (1, True)
    bench.app = create_app(replace(bench.gateway, rotate_keys=lambda: iter(())))
    assert "rows left: 0" in run(bench, "rotate-keys").output


def test_parked_work_is_shown_and_replayed(bench: Bench) -> None:
    park(bench)
    line = run(bench, "parked").output.strip().split("\t")
    assert (line[0], line[1], line[5]) == (bench.acme.id, "sync", "forbidden")
    assert run(bench, "parked", "--installation", bench.other.key).output == ""
    none = (["--reason", "refused"], ["--user", "u-8"], ["--task", "t-2"], ["--to", "2026-11-22T15:00:00Z"])
    for args in none:
        whose = ["--installation", bench.acme.key] if args[0] in ("--user", "--task") else []
        assert run(bench, "replay", *args, *whose).output.strip() == "0 taken up again."
    assert "whose task" in run(bench, "replay", "--task", "t-1").output
    assert run(bench, "replay", "--from", "yesterday").exit_code == 1
    assert run(bench, "replay", "--reason", "forbidden").output.strip() == "1 taken up again."
    assert run(bench, "parked").output == ""
    assert f"crm:{bench.acme.id}" in bench.owed()


def test_all_parked_work_of_one_installation_is_replayed(bench: Bench) -> None:
    park(bench)
    assert run(bench, "replay", "--installation", bench.other.key).output.strip() == "0 taken up again."
    assert (
        run(bench, "replay", "--installation", bench.acme.key, "--topic", "sync").output.strip() == "1 taken up again."
    )


def test_b24_held_changes_are_listed_approved_and_dropped(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link())
    own, key = bench.connection(), bench.acme.key
    link = bench.task()
    with bench.store.begin() as uow:
        batch = uow.held.open(own.installation_id, own.id, own.user_id, bench.clock.now())
        found = uow.links.get(own.installation_id, link.id)
        assert found is not None
        uow.links.save(replace(found, held=batch), read_task_seq=found.task_seq, read_event_seq=found.event_seq)
        uow.commit()
    assert run(bench, "held", "list").output.split("\t")[0] == batch
    assert run(bench, "held", "list", "--installation", bench.other.key).output == ""
    assert "no such held change" in run(bench, "held", "approve", bench.other.key, batch).output
    done = run(bench, "held", "approve", key, batch)
    assert (done.exit_code, done.output) == (0, "Approved: 1 tasks follow their calendar.\n")
    refused = run(bench, "held", "drop", key, batch)
    assert (refused.exit_code, "opposite" in refused.output) == (1, True)
    assert run(bench, "held", "list").output == ""
