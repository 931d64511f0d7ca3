"""Which deliveries are trusted. Numbers in names are rows of the table of bad input."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from gateway.core.errors import NotReadable, NotTrusted
from gateway.core.model import TaskId
from gateway.core.signals import CrmDelivery, Kind, Ping, TaskSignal
from gateway.crms.generic import new_secret
from gateway.crms.generic.notifications import read
from tests.crms.generic.deliveries import NOW, OTHER_SECRET, SECRET, event, headers, raw

PING = b'{"type":"ping"}'
VECTOR = (
    b'{"type":"task.updated","timestamp":"2026-12-01T09:30:00Z",'
    b'"data":{"task":{"id":"t-1","version":7},"changed":["due"]}}'
)


def trusted(found: dict[str, str], body: bytes = PING, secrets: tuple[str, ...] = (SECRET,)) -> CrmDelivery:
    return read(found, body, secrets, NOW)


def test_the_vector_of_the_contract() -> None:
    found = {
        "webhook-id": "msg_01",
        "webhook-timestamp": "1764581400",
        "webhook-signature": "v1,OeJlAPtKMNsPWRe8dVlughL6WWj8eFYMj/AIK6HiCwk=",
    }
    at = datetime.fromtimestamp(1764581400, UTC)
    delivery = read(found, VECTOR, (SECRET,), at)
    said = TaskSignal(
        TaskId("t-1"), Kind.CHANGED, None, version=7, sync_on=None, at=datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
    )
    assert delivery == CrmDelivery((said,), dedupe_id="msg_01")


@given(
    message_id=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255),
    text=st.text(st.characters(codec="utf-8")),
    shift=st.integers(-300, 300),
)
def test_what_the_library_signs_is_trusted_and_anything_else_is_not(message_id: str, text: str, shift: int) -> None:
    body = raw(event() | {"note": text})
    found = headers(body, at=NOW + timedelta(seconds=shift), message_id=message_id)
    assert read(found, body, (SECRET,), NOW).dedupe_id == message_id
    with pytest.raises(NotTrusted):
        read(found, body + b" ", (SECRET,), NOW)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_1_without_a_header_nothing_is_trusted(missing: str) -> None:
    found = headers(PING)
    del found[missing]
    with pytest.raises(NotTrusted):
        trusted(found)


def test_1_another_accounts_secret_is_not_trusted() -> None:
    with pytest.raises(NotTrusted):
        trusted(headers(PING, secret=OTHER_SECRET))


def test_1_every_distrust_says_the_same() -> None:
    def words(found: dict[str, str], secrets: tuple[str, ...]) -> str:
        with pytest.raises(NotTrusted) as caught:
            trusted(found, secrets=secrets)
        return str(caught.value)

    stale = headers(PING, at=NOW - timedelta(hours=1))
    unsigned = headers(PING) | {"webhook-signature": ""}
    every = {words(headers(PING), ()), words(stale, (SECRET,)), words(unsigned, (SECRET,)), words({}, (SECRET,))}
    assert len(every) == 1


@pytest.mark.parametrize(
    "signature",
    [
        "",
        " ",
        ",",
        "v1",
        "v1,",
        "v1,,",
        "v1,a,b",
        "v1a,{good}",
        "{good}",
        "v1,{good},",
        "v1,{good}x",
        "v1 {good}",
        "v2,{good}",
        "V1,{good}",
        "v1,ä",
        "v1,é€",
        "v1,====",
        "x" * 8192,
        "v1, {good}",
    ],
)
def test_2_a_malformed_signature_is_not_trusted(signature: str) -> None:
    good = headers(PING)["webhook-signature"].removeprefix("v1,")
    with pytest.raises(NotTrusted):
        trusted(headers(PING) | {"webhook-signature": signature.replace("{good}", good)})


def test_2_one_of_many_signatures_is_enough() -> None:
    found = headers(PING)
    wrong = [Webhook(new_secret()).sign("msg_01", NOW, PING.decode()) for _ in range(19)]
    found["webhook-signature"] = " ".join([*wrong, found["webhook-signature"]])
    assert trusted(found).signals == (Ping(),)


def test_any_live_secret_may_have_signed() -> None:
    for secret in (SECRET, OTHER_SECRET):
        assert trusted(headers(PING, secret=secret), secrets=(SECRET, OTHER_SECRET)).signals == (Ping(),)


@pytest.mark.parametrize("broken", ["", "whsec_", "whsec_a", "whsec_äöü"])
def test_a_broken_secret_of_ours_opens_nothing_and_closes_nothing(broken: str) -> None:
    empty = base64.b64encode(hmac.digest(b"", b"msg_01.%d.%b" % (NOW.timestamp(), PING), "sha256")).decode()
    with pytest.raises(NotTrusted):
        trusted(headers(PING) | {"webhook-signature": f"v1,{empty}"}, secrets=(broken,))
    assert trusted(headers(PING), secrets=(broken, SECRET)).signals == (Ping(),)


def test_without_secrets_nothing_is_trusted() -> None:
    with pytest.raises(NotTrusted):
        trusted(headers(PING), secrets=())


@pytest.mark.parametrize("body", [PING + b" ", b'{"type": "ping"}', b" " + PING, b""])
def test_3_a_changed_body_is_not_trusted(body: bytes) -> None:
    with pytest.raises(NotTrusted):
        trusted(headers(PING), body)


@pytest.mark.parametrize("shift", [-301, 301, -86400, 86400 * 365])
def test_4_too_old_or_too_new_is_not_trusted(shift: int) -> None:
    with pytest.raises(NotTrusted):
        trusted(headers(PING, at=NOW + timedelta(seconds=shift)))


@pytest.mark.parametrize("shift", [-300, -299, 0, 299, 300])
def test_4_inside_the_window_is_trusted(shift: int) -> None:
    assert trusted(headers(PING, at=NOW + timedelta(seconds=shift))).signals == (Ping(),)


@pytest.mark.parametrize(
    "timestamp",
    [
        "-{now}",
        "nan",
        "1e300",
        " {now}",
        "{now} ",
        "{now}.5",
        "{now}.0",
        "+{now}",
        "",
        "0x10",
        "{now}\n",
        "inf",
        "١٢٣",
        "9" * 400,
        "{now}e0",
        "1_764_581_400",
    ],
)
def test_4_a_timestamp_that_is_no_plain_number_is_not_trusted(timestamp: str) -> None:
    said = timestamp.replace("{now}", str(int(NOW.timestamp())))
    signed = f"msg_01.{said}.".encode() + PING
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    with pytest.raises(NotTrusted):
        trusted({"webhook-id": "msg_01", "webhook-timestamp": said, "webhook-signature": f"v1,{signature}"})


def test_the_time_is_the_one_given() -> None:
    later = NOW + timedelta(days=400)
    assert read(headers(PING, at=later), PING, (SECRET,), later).signals == (Ping(),)


def test_18_a_message_id_of_10_kb_is_not_readable() -> None:
    with pytest.raises(NotReadable) as caught:
        trusted(headers(PING, message_id="m" * 10240))
    assert caught.value.field == "webhook-id"


@pytest.mark.parametrize("message_id", ["", " ", "a b", "a\tb", "é", "a\x00b"])
def test_18_a_message_id_that_no_header_should_hold_is_not_trusted(message_id: str) -> None:
    with pytest.raises(NotTrusted):
        trusted(headers(PING, message_id=message_id))


def test_20_two_signature_headers_joined_by_the_server_are_not_trusted() -> None:
    found = headers(PING)
    with pytest.raises(NotTrusted):
        trusted(found | {"webhook-signature": f"{found['webhook-signature']},{found['webhook-signature']}"})


def test_a_new_secret_is_long_and_new_and_works_with_the_library() -> None:
    one, two = new_secret(), new_secret()
    assert one != two
    assert len(base64.b64decode(one.removeprefix("whsec_"))) == 32
    assert trusted(headers(PING, secret=one), secrets=(one,)).signals == (Ping(),)
