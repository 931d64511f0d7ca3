"""Every captured request of a real EspoCRM: what its signatures hold, and its meaning."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.core.errors import NotReadable, NotTrusted
from gateway.core.model import TaskGone
from gateway.core.ports import Knock
from gateway.core.signals import CrmDelivery, Ignored, Kind, TaskSignal
from gateway.crms.espocrm import notifications
from gateway.crms.espocrm.secrets import Hook, read_all, written
from sandbox.espocrm.queue import signatures
from tests.crms.captured import Captured, captures

ALL = {capture.name: capture for capture in captures(Path(__file__).parent / "captures")}
DELETION = ALL["9_2_delete"]
SECRET = "delete:6b02841e8a3bade38:807bef62004206f901698ac7a78c975c"
NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
OURS = " ".join(f"{event}:{event}-hook:{event}-secret" for event in ("create", "update", "delete"))


def knock(capture: Captured, *secrets: str) -> Knock:
    return Knock(capture.headers, capture.raw, secrets, NOW)


def signed(event: str, raw: bytes, **changes: str) -> Knock:
    """Bytes signed by one of our own hooks."""
    headers = {name.lower(): value for name, value in signatures(f"{event}-hook", f"{event}-secret", raw).items()}
    return Knock({**headers, **changes}, raw, (OURS,), NOW)


def read(event: str, *elements: object) -> CrmDelivery:
    return notifications.read(signed(event, json.dumps(elements).encode()))


def only(delivery: CrmDelivery) -> TaskSignal:
    (signal,) = delivery.signals
    assert isinstance(signal, TaskSignal)
    return signal


# --- captures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [("signature", "x-signature"), ("signature",), ("x-signature",)])
def test_the_capture_whose_secret_is_known_is_trusted_by_either_scheme(kept: tuple[str, ...]) -> None:
    headers = {name: value for name, value in DELETION.headers.items() if "signature" not in name or name in kept}
    delivery = notifications.read(Knock(headers, DELETION.raw, (SECRET,), NOW))
    assert (only(delivery).task_id, only(delivery).kind, delivery.dedupe_id) == (
        "6b02841edff2fb38d",
        Kind.DELETED,
        None,
    )


def test_one_changed_byte_is_not_trusted() -> None:
    for place in range(len(DELETION.raw)):
        raw = DELETION.raw[:place] + bytes([DELETION.raw[place] ^ 1]) + DELETION.raw[place + 1 :]
        with pytest.raises(NotTrusted):
            notifications.read(replace(knock(DELETION, SECRET), raw=raw))


@pytest.mark.parametrize("name", [name for name in ALL if name.startswith("9_2")])
def test_both_schemes_of_a_capture_hold_the_same_hook_and_digest(name: str) -> None:
    new, old = (base64.b64decode(ALL[name].headers[header]) for header in ("signature", "x-signature"))
    assert new.partition(b":")[0] == old.partition(b":")[0]
    assert bytes.fromhex(new.partition(b":")[2].decode()) == old.partition(b":")[2]


def test_the_same_body_was_signed_alike_when_it_came_again() -> None:
    first, again = ALL["8_4_update__first_try"], ALL["8_4_update__first_again_later"]
    assert (first.raw, first.headers) == (again.raw, again.headers)


@pytest.mark.parametrize("name", ALL)
def test_a_capture_of_an_unknown_hook_is_not_trusted(name: str) -> None:
    with pytest.raises(NotTrusted):
        notifications.read(knock(ALL[name], OURS))


MEANT = {
    "8_4_create__off": (Kind.CHANGED, False, False),
    "8_4_update__first_try": (Kind.CHANGED, None, True),
    "8_4_update__newer_overtakes": (Kind.CHANGED, None, True),
    "8_4_update__first_again_later": (Kind.CHANGED, None, True),
    "8_4_update__third": (Kind.CHANGED, None, True),
    "9_2_create__on": (Kind.CHANGED, True, False),
    "9_2_update__priority_and_due": (Kind.CHANGED, None, True),
    "9_2_update__due": (Kind.CHANGED, None, True),
    "9_2_delete": (Kind.DELETED, None, False),
    "9_2_create__latency_first": (Kind.CHANGED, False, False),
    "9_2_create__latency_second": (Kind.CHANGED, False, False),
}


@pytest.mark.parametrize("name", ALL)
def test_what_a_capture_means(name: str) -> None:
    """Under a secret of our own: a delta is a reason to look, never a snapshot, and a version in it is not taken up."""
    capture = ALL[name]
    signal = only(notifications.read(signed(name.split("_")[2], capture.raw)))
    assert (signal.kind, signal.sync_on, signal.switch_stands) == MEANT[name]
    assert signal.task_id == json.loads(capture.raw)[0]["id"]
    assert signal.said == (TaskGone() if name == "9_2_delete" else None)
    assert signal.version is None


# --- meaning --------------------------------------------------------------------------------------------------------


def test_the_switch_is_told_only_where_it_changed() -> None:
    assert [only(read("update", {"id": "t", "cCalendarSync": value})).sync_on for value in (True, False, None)] == [
        True,
        False,
        False,
    ]
    assert only(read("update", {"id": "t", "name": "x"})).switch_stands


@pytest.mark.parametrize(
    "element",
    [
        {"id": "t", "cCalendarSyncState": "synced", "cCalendarSyncNote": "x", "reminders": [], "modifiedById": "u"},
        {"id": "t", "parentName": None, "versionNumber": 3},
        {"id": "t"},
    ],
)
def test_our_own_state_report_is_no_news(element: object) -> None:
    (signal,) = read("update", element).signals
    assert isinstance(signal, Ignored)


def test_a_batch_with_bad_elements_tells_the_others() -> None:
    delivery = read("update", {"id": "t-1", "name": "x"}, 7, {"name": "no id"}, {"id": "t-2", "dateEnd": None})
    assert [s.task_id for s in delivery.signals if isinstance(s, TaskSignal)] == ["t-1", "t-2"]
    assert len(delivery.faults) == 2
    assert delivery.faults[0].startswith("[1]")
    assert delivery.faults[1].startswith("[2].id")
    odd = read("create", {"id": "t", "cCalendarSync": "yes"})
    assert (odd.signals, len(odd.faults)) == ((), 1)


@pytest.mark.parametrize("raw", [b'{"id":"t"}', b"", b"[", b'"x"', b"[NaN]", b"[" * 99])
def test_a_body_that_is_no_array_is_not_readable(raw: bytes) -> None:
    with pytest.raises(NotReadable):
        notifications.read(signed("update", raw))


def test_a_batch_of_long_texts_is_read() -> None:
    elements = [{"id": f"t-{n}", "description": "x" * 100_000} for n in range(50)]
    assert len(read("update", *elements).signals) == 50


# --- trust ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("signature", ""),
        ("signature", "no base64!"),
        ("signature", base64.b64encode(b"update-hook").decode()),
        ("signature", base64.b64encode(b"update-hook:" + b"0" * 64).decode()),
        ("signature", base64.b64encode(b"another-hook:" + b"0" * 64).decode()),
        ("signature", base64.b64encode("höök:".encode() + b"0" * 64).decode()),
        ("x-signature", base64.b64encode(b"update-hook:" + b"0" * 32).decode()),
        ("signature", "é"),
    ],
)
def test_a_signature_that_is_wrong_is_not_trusted_whatever_the_other_says(name: str, value: str) -> None:
    usual = signed("update", b'[{"id":"t"}]')
    assert notifications.read(usual).signals
    with pytest.raises(NotTrusted):
        notifications.read(replace(usual, headers={**usual.headers, name: value}))


def test_two_signatures_of_different_hooks_are_not_trusted() -> None:
    raw = b'[{"id":"t"}]'
    with pytest.raises(NotTrusted):
        notifications.read(signed("update", raw, signature=signed("delete", raw).headers["signature"]))


@pytest.mark.parametrize("secrets", [(), ("",), ("nonsense",), ("update:update-hook:",), ("odd:update-hook:x",)])
def test_without_a_secret_nothing_is_trusted(secrets: tuple[str, ...]) -> None:
    with pytest.raises(NotTrusted):
        notifications.read(replace(signed("update", b"[]"), secrets=secrets))


def test_without_a_signature_nothing_is_trusted() -> None:
    with pytest.raises(NotTrusted):
        notifications.read(Knock({}, b"[]", (OURS,), NOW))


def test_a_rotated_secret_is_trusted_beside_the_new_one() -> None:
    assert notifications.read(replace(signed("update", b"[]"), secrets=("update:new-hook:new", OURS))).signals == ()


def test_a_delivery_played_again_only_makes_us_look_again() -> None:
    """There is no time in its signature; so nothing in it may ever be believed but that something happened."""
    first = notifications.read(knock(DELETION, SECRET))
    assert notifications.read(replace(knock(DELETION, SECRET), now=NOW.replace(year=2036))) == first


def test_hooks_are_written_the_same_whatever_their_order() -> None:
    hooks = [Hook("update", "b", "2"), Hook("create", "a", "1")]
    assert written(hooks) == written(hooks[::-1]) == "create:a:1 update:b:2"
    assert list(read_all([written(hooks)]).values()) == hooks[::-1]
