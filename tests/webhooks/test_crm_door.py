"""A CRM's door: what is recorded, what is refused with which words, and that strangers leave nothing behind."""

from __future__ import annotations

import base64
import dataclasses
import hmac
import json
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.core.errors import NotReadable
from gateway.core.ports import Lane
from gateway.core.records import InstallationStatus
from gateway.core.repositories import StoreDown
from gateway.core.signals import CrmDelivery
from tests.crms.generic import deliveries
from tests.crms.generic.deliveries import event, task
from tests.webhooks.conftest import INSTALLATION, KEY, OTHER_KEY, Doors
from webhooks.crm_door import LIMIT as CRM_LIMIT

NOTHING = (0, 0, 0, 0)
LIMIT = CRM_LIMIT


def padded(size: int) -> bytes:
    """A delivery of exactly so many bytes."""
    body = deliveries.raw(event())
    return body[:-1] + b" " * (size - len(body)) + b"}"


def test_recorded_owed_and_somebody_woken(doors: Doors) -> None:
    answer = doors.crm()
    assert (answer.status_code, answer.get_json()) == (202, {"status": "recorded"})
    assert doors.count("inbox") == doors.count("outbox") == doors.count("links") == 1
    assert doors.bell.rung == [(INSTALLATION, "cal:conn-1", Lane.NOW)]


def test_5_seen_before(doors: Doors) -> None:
    doors.crm()
    kept = doors.kept()
    answer = doors.crm()
    assert (answer.status_code, answer.get_json()) == (200, {"status": "seen before"})
    assert doors.kept() == kept
    assert len(doors.bell.rung) == 1


def test_6_the_same_id_with_another_body_is_seen_before(doors: Doors) -> None:
    doors.crm()
    kept = doors.kept()
    assert doors.crm(event(task(version=8, title="Other"))).status_code == 200
    assert doors.kept() == kept


def test_the_same_id_at_another_installation_is_another_delivery(doors: Doors) -> None:
    assert doors.crm().status_code == 202
    assert doors.crm(key=OTHER_KEY, secret=deliveries.OTHER_SECRET).status_code == 202


def test_7_fifty_copies_at_once_are_one(doors: Doors) -> None:
    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda _: doors.crm().status_code, range(50)))
    # The pool of connections is small: a copy that found none free is told to come again.
    for _ in range(answers.count(503)):
        assert doors.crm().status_code == 200
    assert answers.count(202) == 1
    assert set(answers) <= {202, 200, 503}
    assert doors.count("inbox") == doors.count("links") == doors.count("outbox") == 1


# --- trust ----------------------------------------------------------------------------------------------------------


def signature(raw: bytes, doors: Doors, secret: str = deliveries.SECRET) -> str:
    return deliveries.headers(raw, at=doors.now, secret=secret)["webhook-signature"]


def test_1_strangers_are_told_the_same_whatever_was_wrong(doors: Doors) -> None:
    answers = [
        doors.crm(headers={"webhook-signature": ""}),
        doors.crm(headers={"webhook-signature": "v1,AAAA"}),
        doors.crm(secret=deliveries.OTHER_SECRET),
        doors.crm(key="nobody-has-this-key-0000"),
        doors.crm(key="nobody-has-this-key-0000", secret=deliveries.OTHER_SECRET),
        doors.crm(key=OTHER_KEY),
        doors.crm(key="k" * 5000),
        doors.crm(key="schlüssel"),
        doors.crm(key="..%00"),
        doors.crm(key="' OR 1=1 --"),
    ]
    assert {(answer.status_code, answer.data) for answer in answers} == {(401, answers[0].data)}
    assert answers[0].content_type == "application/problem+json"
    assert doors.kept() == NOTHING
    assert doors.bell.rung == []


@pytest.mark.parametrize("error", [NotReadable("body", "send JSON"), None])
def test_1_an_unknown_key_is_not_trusted_whatever_an_adapter_says(doors: Doors, error: Exception | None) -> None:
    def read(*_: object) -> CrmDelivery:
        if error:
            raise error
        return CrmDelivery(())

    kind = dataclasses.replace(doors.gateway.ctx.crms["generic"], read_webhook=read)
    object.__setattr__(doors.gateway.ctx, "crms", {"generic": kind})
    assert doors.crm(key="nobody-has-this-key-0000").status_code == 401
    assert doors.kept() == NOTHING


def test_1_an_unknown_key_takes_the_same_time(doors: Doors) -> None:
    def took(**how: Any) -> float:
        began = time.perf_counter()
        assert doors.crm(body, **how).status_code == 401
        return time.perf_counter() - began

    body = padded(1_000_000)
    known, unknown = [], []
    for _ in range(9):
        known.append(took(secret=deliveries.OTHER_SECRET))
        unknown.append(took(key="nobody-has-this-key-0000"))
    assert 0.5 < statistics.median(known) / statistics.median(unknown) < 2


@pytest.mark.parametrize(
    "presented",
    ["v1", "v1,,", "", "v1," + "A" * 8192, "v1,\xfc\xfc", "v1,no base64!", "v1a,{0}", "v2,{0}", "{0}", " ", ",", "v1,"],
)
def test_2_odd_signatures_are_not_trusted(doors: Doors, presented: str) -> None:
    right = signature(deliveries.raw(event()), doors).removeprefix("v1,")
    assert doors.crm(headers={"webhook-signature": presented.format(right)}).status_code == 401
    assert doors.kept() == NOTHING


def test_2_the_right_one_of_twenty_is_found(doors: Doors) -> None:
    right = signature(deliveries.raw(event()), doors)
    wrong = " ".join("v1," + base64.b64encode(bytes([number]) * 32).decode() for number in range(19))
    assert doors.crm(headers={"webhook-signature": f"{wrong} {right}"}).status_code == 202


def test_3_a_changed_body_is_not_trusted(doors: Doors) -> None:
    raw = deliveries.raw(event())
    signed = deliveries.headers(raw, at=doors.now) | {"Content-Type": "application/json"}
    for other in (raw + b" ", json.dumps(event(), indent=1).encode(), raw[:-1], b""):
        assert doors.client.post(f"/webhooks/crm/{KEY}", data=other, headers=signed).status_code == 401
    assert doors.kept() == NOTHING


@pytest.mark.parametrize("seconds", [-301, 301, -86400])
def test_4_too_old_or_too_early(doors: Doors, seconds: int) -> None:
    assert doors.crm(at=doors.now + timedelta(seconds=seconds)).status_code == 401


@pytest.mark.parametrize("seconds", [-299, 299])
def test_4_within_five_minutes(doors: Doors, seconds: int) -> None:
    assert doors.crm(at=doors.now + timedelta(seconds=seconds)).status_code == 202


@pytest.mark.parametrize(
    "stamp", ["-1", "nan", "1e300", " 1796117400", "1796117400.5", "", "\u0661\u0667\u0669", "9" * 400, "+1796117400"]
)
def test_4_odd_times(doors: Doors, stamp: str) -> None:
    raw = deliveries.raw(event())
    # Signed with the odd text, so that nothing but the time is wrong.
    signed = b"msg_01." + stamp.encode() + b"." + raw
    made = base64.b64encode(hmac.digest(base64.b64decode(deliveries.SECRET[6:]), signed, "sha256")).decode()
    headers = {"webhook-timestamp": stamp.encode().decode("latin-1"), "webhook-signature": f"v1,{made}"}
    assert doors.crm(headers=headers).status_code == 401


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_20_a_header_sent_twice_is_not_trusted(doors: Doors, name: str) -> None:
    raw = deliveries.raw(event())
    signed = {**deliveries.headers(raw, at=doors.now), "Content-Type": "application/json"}
    joined = signed | {name: f"{signed[name]},{signed[name]}"}  # as every WSGI server hands it on
    assert doors.client.post(f"/webhooks/crm/{KEY}", data=raw, headers=joined).status_code == 401


# --- readable or not ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"not json", "body"),
        (b"", "body"),
        (b"[]", "body"),
        (b'"text"', "body"),
        (b"null", "body"),
        (b'{"a": NaN}', "body"),
        (b'{"a": 1e999}', "body"),
        (b'{"a": ' + b"9" * 5000 + b"}", "body"),
        (b"[" * 100_000, "body"),
        (b'{"a": 1, "a": 2}', "a"),
        ("{}".encode("utf-16"), "body"),
        (b"\xef\xbb\xbf{}", "body"),
        (event(task(title="nul\x00")), "data.task.title"),
        (event(task(title="\ud800")), "data.task.title"),
        (event(task(id="")), "data.task.id"),
        (event(task(id="x" * 10_000)), "data.task.id"),
        (event(task(id="..")), "data.task.id"),
        (event(task(version="7")), "data.task.version"),
        (event(task(due={"date_time": "2026-12-02T08:00:00"})), "data.task.due.date_time"),
        (event(task(due={"date": "2027-02-29"})), "data.task.due.date"),
        ({"type": "task.updated", "timestamp": "2026-12-01T09:30:00Z"}, "data"),
    ],
)
def test_11_12_13_what_cannot_be_read_is_named(doors: Doors, body: Any, field: str) -> None:
    raw = deliveries.raw(body)
    found = deliveries._signed_bytes(raw) if isinstance(body, bytes) else deliveries.headers(raw)
    began = time.perf_counter()
    answer = doors.client.post(f"/webhooks/crm/{KEY}", data=raw, headers={**found, "Content-Type": "application/json"})
    assert time.perf_counter() - began < 0.5
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    problem = answer.get_json(force=True)
    (found,) = problem["errors"]
    assert found["field"] == field
    assert found["hint"]
    assert problem["detail"].startswith(f"{field}: ")
    assert (problem["status"], problem["code"]) == (400, "not_readable")
    assert doors.kept() == NOTHING


def test_14_the_unknown_is_recorded_and_does_nothing(doors: Doors) -> None:
    assert doors.crm({"type": "invoice.paid", "timestamp": "2026-12-01T09:30:00Z", "data": {}}).status_code == 202
    assert doors.crm({**event(), "more": {"and": "more"}}, message_id="msg_02").status_code == 202
    assert doors.crm({"type": "ping", "timestamp": "2026-12-01T09:30:00Z"}, message_id="msg_03").status_code == 202
    assert doors.count("inbox") == 3
    assert doors.count("outbox") == 1


# --- size, type, method ---------------------------------------------------------------------------------------------


def test_8_one_byte_too_many(doors: Doors) -> None:
    assert doors.crm(padded(LIMIT)).status_code == 202
    assert doors.crm(padded(LIMIT + 1), message_id="msg_02").status_code == 413
    assert doors.count("inbox") == 1


def test_8_what_is_announced_as_too_large_is_not_read(doors: Doors) -> None:
    class Unread:
        def read(self, _size: int = -1) -> bytes:
            raise AssertionError("it was read")

    environ = {"wsgi.input": Unread(), "CONTENT_LENGTH": str(10_000_000), "CONTENT_TYPE": "application/json"}
    answer = doors.client.post(f"/webhooks/crm/{KEY}", environ_overrides=environ)
    assert answer.status_code == 413


def test_10_a_body_shorter_than_announced(doors: Doors) -> None:
    raw = deliveries.raw(event())
    signed = {**deliveries.headers(raw, at=doors.now), "Content-Type": "application/json"}
    environ = {"CONTENT_LENGTH": str(len(raw) + 10)}
    answer = doors.client.post(f"/webhooks/crm/{KEY}", data=raw, headers=signed, environ_overrides=environ)
    assert answer.status_code == 400
    assert doors.kept() == NOTHING


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp"]
)
def test_19_another_type_is_refused(doors: Doors, kind: str) -> None:
    assert doors.crm(headers={"Content-Type": kind}).status_code == 415
    assert doors.kept() == NOTHING


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/cloudevents+json", ""]
)
def test_19_json_in_its_dresses_is_taken(doors: Doors, kind: str) -> None:
    assert doors.crm(headers={"Content-Type": kind}).status_code == 202


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "gzip, identity"])
def test_19_compressed_is_refused(doors: Doors, coding: str) -> None:
    assert doors.crm(headers={"Content-Encoding": coding}).status_code == 415


def test_19_not_compressed_by_name_is_taken(doors: Doors) -> None:
    assert doors.crm(headers={"Content-Encoding": "identity"}).status_code == 202


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_19_only_post(doors: Doors, method: str) -> None:
    answer = doors.client.open(f"/webhooks/crm/{KEY}", method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


# --- the installation, the stores -----------------------------------------------------------------------------------


def test_a_removed_installation_is_gone(doors: Doors) -> None:
    with doors.gateway.store.begin() as uow:
        uow.installations.set_status(INSTALLATION, InstallationStatus.REMOVED, None)
        uow.commit()
    assert doors.crm().status_code == 410
    assert doors.count("inbox") == 0


def test_a_paused_one_is_recorded(doors: Doors) -> None:
    with doors.gateway.store.begin() as uow:
        uow.installations.set_status(INSTALLATION, InstallationStatus.PAUSED, "maintenance")
        uow.commit()
    assert doors.crm().status_code == 202


class Broken:
    """A store that fails some times, and then works."""

    def __init__(self, store: Any, times: int) -> None:
        self._store, self.left = store, times

    def begin(self) -> Any:
        if self.left > 0:
            self.left -= 1
            raise StoreDown("the database asks to try again")
        return self._store.begin()


def test_a_database_that_is_away_is_a_503_and_come_back(doors: Doors) -> None:
    ctx = doors.gateway.ctx
    object.__setattr__(ctx, "store", Broken(ctx.store, 99))
    answer = doors.crm()
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert answer.headers["Retry-After"] == "5"


def test_another_transaction_in_the_way_is_nobodys_business(doors: Doors) -> None:
    ctx = doors.gateway.ctx
    object.__setattr__(ctx, "store", Broken(ctx.store, 2))
    assert doors.crm().status_code == 202
    assert doors.count("inbox") == 1


def test_threads_share_the_doors(doors: Doors) -> None:
    barrier = threading.Barrier(3)

    def send(number: int) -> int:
        barrier.wait(10)
        return int(doors.crm(event(task(id=f"t-{number}")), message_id=f"msg-{number}").status_code)

    with ThreadPoolExecutor(3) as many:
        assert list(many.map(send, range(3))) == [202, 202, 202]


# --- anything -------------------------------------------------------------------------------------------------------

ALLOWED = {200, 202, 400, 401, 404, 405, 413, 415}


@given(body=st.binary(max_size=300), position=st.integers(0, 400), byte=st.integers(0, 255), signed=st.booleans())
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_24_no_bytes_are_a_failure_of_ours(doors: Doors, body: bytes, position: int, byte: int, signed: bool) -> None:
    real = bytearray(deliveries.raw(event()))
    real[position % len(real)] = byte
    for raw in (body, bytes(real)):
        found = deliveries._signed_bytes(raw) if signed else deliveries.headers(b"{}")
        answer = doors.client.post(
            f"/webhooks/crm/{KEY}", data=raw, headers={**found, "Content-Type": "application/json"}
        )
        assert answer.status_code in ALLOWED


@given(st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text(max_size=60)))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_24_no_headers_are_either(doors: Doors, headers: dict[str, str]) -> None:
    encodable = {name: value.encode("latin-1", "ignore").decode("latin-1") for name, value in headers.items()}
    single = {name: "".join(value.splitlines()) for name, value in encodable.items()}
    assert doors.crm(headers=single).status_code in ALLOWED
