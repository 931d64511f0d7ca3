"""Every captured request of a real Twenty: its signature holds, byte for byte, and its meaning is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.core.errors import NotReadable, NotTrusted
from gateway.core.model import Moment, Status, Task, TaskGone, TaskOff
from gateway.core.ports import Knock
from gateway.core.signals import CrmDelivery, Ignored, Kind, TaskSignal
from gateway.crms.twenty import notifications
from sandbox.twenty.webhooks import headers as sign
from tests.crms.captured import Captured, captures

SECRET = "twsecret0123456789"
ALL = {capture.name: capture for capture in captures(Path(__file__).parent / "captures")}
FIRST = ALL["task_created__by_member"]


def knock(capture: Captured, **changes: object) -> Knock:
    sent = datetime.fromtimestamp(int(capture.headers["x-twenty-webhook-timestamp"]) / 1000, UTC)
    usual = Knock(
        capture.headers, capture.raw, (SECRET,), sent, "http://127.0.0.1:9098/hooks/twenty", "https://t.example"
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def read(capture: Captured) -> tuple[CrmDelivery, TaskSignal]:
    delivery = notifications.read(knock(capture))
    (signal,) = delivery.signals
    assert isinstance(signal, TaskSignal)
    return delivery, signal


@pytest.mark.parametrize("name", ALL)
def test_a_capture_is_trusted_and_named_by_its_nonce(name: str) -> None:
    delivery, signal = read(ALL[name])
    assert delivery.dedupe_id == ALL[name].headers["x-twenty-webhook-nonce"]
    assert signal.task_id.encode() in ALL[name].raw


@pytest.mark.parametrize("name", ALL)
def test_one_changed_byte_is_not_trusted(name: str) -> None:
    raw = ALL[name].raw
    for place in (0, len(raw) // 2, len(raw) - 1):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(NotTrusted):
            notifications.read(knock(ALL[name], raw=changed))


MEANT = {
    "task_created__by_member": (Kind.CHANGED, "user", True),
    "task_updated__due_by_member": (Kind.CHANGED, "user", True),
    "task_updated__state_by_key": (Kind.CHANGED, "api", True),
    "task_deleted__soft_by_member": (Kind.DELETED, "user", None),
    "task_restored__by_key": (Kind.RESTORED, "api", True),
    "task_created__burst_first": (Kind.CHANGED, "api", False),
    "task_created__burst_second": (Kind.CHANGED, "api", False),
    "task_created__burst_third": (Kind.CHANGED, "api", False),
    "task_updated__title_by_key": (Kind.CHANGED, "api", False),
    "task_updated__body_by_key": (Kind.CHANGED, "api", False),
    "task_destroyed__by_key": (Kind.DELETED, "api", None),
}


def test_every_capture_has_a_meaning_here() -> None:
    assert MEANT.keys() == ALL.keys()


@pytest.mark.parametrize("name", MEANT)
def test_what_a_capture_means(name: str) -> None:
    _, signal = read(ALL[name])
    assert (signal.kind, signal.actor, signal.sync_on) == MEANT[name]


def test_a_task_that_is_on_is_told_whole() -> None:
    _, signal = read(ALL["task_updated__due_by_member"])
    task = signal.said
    assert isinstance(task, Task)
    assert (task.title, task.description, task.status) == ("User made", "", Status.OPEN)
    assert task.due == Moment(datetime(2026, 12, 5, 11, tzinfo=UTC))
    assert task.url == "https://t.example/object/task/23aead85-1650-4e41-97b5-44a2290b5a74"
    assert task.version == signal.version == 1795326412006
    assert task.updated_at == datetime(2026, 11, 22, 5, 46, 52, 6000, tzinfo=UTC)
    assert signal.at == datetime(2026, 11, 22, 5, 46, 52, 28000, tzinfo=UTC)


def test_b1_of_a_task_that_is_off_only_its_version_is_told() -> None:
    _, signal = read(ALL["task_updated__body_by_key"])
    assert signal.said == TaskOff(1795327803498)


@pytest.mark.parametrize("name", ["task_deleted__soft_by_member", "task_destroyed__by_key"])
def test_the_bin_and_destruction_are_both_a_deletion(name: str) -> None:
    _, signal = read(ALL[name])
    assert signal.said == TaskGone()


def test_versions_tell_the_order_of_deliveries_that_arrive_mixed() -> None:
    told = [read(ALL[name])[1].version or 0 for name in MEANT if "burst" not in name]
    mine = told[:5]  # one task, from creation to restoration
    assert mine == sorted(mine)
    assert len(set(mine)) == 5


# --- what is not trusted, or not read -------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [(), ("another",), ("",), (SECRET + " ",)])
def test_another_secret_is_not_trusted(secret: tuple[str, ...]) -> None:
    with pytest.raises(NotTrusted):
        notifications.read(knock(FIRST, secrets=secret))


def test_a_rotated_secret_is_trusted_beside_the_new_one() -> None:
    assert notifications.read(knock(FIRST, secrets=("newer", SECRET))).signals


@pytest.mark.parametrize("minutes", [-5.1, 5.1, 60 * 24])
def test_a_delivery_signed_long_ago_or_ahead_is_not_trusted(minutes: float) -> None:
    usual = knock(FIRST)
    with pytest.raises(NotTrusted):
        notifications.read(replace(usual, now=usual.now + timedelta(minutes=minutes)))
    assert notifications.read(replace(usual, now=usual.now + timedelta(minutes=4.9))).signals


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-twenty-webhook-timestamp", None),
        ("x-twenty-webhook-timestamp", ""),
        ("x-twenty-webhook-timestamp", " 1795326412058"),
        ("x-twenty-webhook-timestamp", "1795326412058.0"),
        ("x-twenty-webhook-timestamp", "9" * 40),
        ("x-twenty-webhook-timestamp", "1795326412059"),
        ("x-twenty-webhook-signature", None),
        ("x-twenty-webhook-signature", ""),
        ("x-twenty-webhook-signature", "é" * 64),
        ("x-twenty-webhook-signature", FIRST.headers["x-twenty-webhook-signature"].upper()),
    ],
)
def test_a_header_missing_or_odd_is_not_trusted(name: str, value: str | None) -> None:
    headers = {key: said for key, said in FIRST.headers.items() if key != name}
    with pytest.raises(NotTrusted):
        notifications.read(knock(FIRST, headers=headers if value is None else {**headers, name: value}))


@pytest.mark.parametrize("nonce", [None, "", "two words", "x" * 256])
def test_without_a_usable_nonce_every_delivery_counts(nonce: str | None) -> None:
    headers = {key: said for key, said in FIRST.headers.items() if key != "x-twenty-webhook-nonce"}
    given = headers if nonce is None else {**headers, "x-twenty-webhook-nonce": nonce}
    assert notifications.read(knock(FIRST, headers=given)).dedupe_id is None


def signed(raw: bytes) -> Knock:
    """Bytes that nobody captured, signed as they should be."""
    usual = knock(FIRST)
    headers = webhooks_headers(raw, usual.now)
    return replace(usual, raw=raw, headers=headers)


def webhooks_headers(raw: bytes, at: datetime) -> dict[str, str]:
    return {name.lower(): value for name, value in sign(SECRET, raw, at, "nonce").items()}


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b'"eventName":"task.created"', b'"eventName":7', "eventName"),
        (b'"record":{', b'"record":[],"other":{', "record"),
        (b'"id":"23aead85-1650-4e41-97b5-44a2290b5a74"', b'"id":""', "record.id"),
        (b'"updatedAt":"2026-11-22T05:46:51.955Z"', b'"updatedAt":null', "record.updatedAt"),
        (b'"dueAt":"2026-12-05T10:00:00.000Z"', b'"dueAt":"2026-12-05T10:00:00"', "record.dueAt"),
        (b'"title":"User made"', b'"title":["User made"]', "record.title"),
        (b'"bodyV2":{', b'"bodyV2":[],"was":{', "record.bodyV2"),
    ],
)
def test_what_cannot_be_read_is_named(old: bytes, new: bytes, field: str) -> None:
    assert FIRST.raw.count(old) == 1
    with pytest.raises(NotReadable) as caught:
        notifications.read(signed(FIRST.raw.replace(old, new)))
    assert caught.value.field == field


def test_odd_words_of_a_workspace_of_its_own_do_not_stop_a_task() -> None:
    raw = FIRST.raw.replace(b'"status":"TODO"', b'"status":"ON_ICE"').replace(b'"priority":null', b'"priority":"MAYBE"')
    (signal,) = notifications.read(signed(raw)).signals
    assert isinstance(signal, TaskSignal)
    assert isinstance(signal.said, Task)
    assert (signal.said.status, signal.said.priority.value) == (Status.OPEN, "none")
    own = replace(signed(raw), settings={"statuses": {"ON_ICE": "canceled"}, "priorities": {"MAYBE": "low"}})
    (signal,) = notifications.read(own).signals
    assert isinstance(signal, TaskSignal)
    assert isinstance(signal.said, Task)
    assert (signal.said.status, signal.said.priority.value) == (Status.CANCELED, "low")


def test_other_objects_are_understood_and_ignored() -> None:
    (signal,) = notifications.read(signed(b'{"eventName":"note.created","record":{}}')).signals
    assert isinstance(signal, Ignored)


def test_an_edit_of_a_task_in_the_bin_is_only_a_reason_to_look() -> None:
    raw = ALL["task_deleted__soft_by_member"].raw.replace(b'"task.deleted"', b'"task.updated"')
    (signal,) = notifications.read(signed(raw)).signals
    assert isinstance(signal, TaskSignal)
    assert (signal.kind, signal.said) == (Kind.CHANGED, None)
