"""The gate and the admin plane on a small application, over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from flask import Flask, request
from flask.typing import ResponseReturnValue

from sandbox.kit.clock import Clock
from sandbox.kit.faults import Faults
from sandbox.kit.ledger import Ledger
from sandbox.kit.plane import Caller, Plane, mount, served
from sandbox.kit.sender import Sender
from sandbox.kit.server import serve
from tests.sandbox.crm_world import eventually


class Shop:
    """Counts what was ordered."""

    def __init__(self) -> None:
        self.orders: list[Any] = []
        self.clock, self.ledger, self.faults = Clock(), Ledger(), Faults()
        self.sender = Sender(self.clock, self.ledger, self.faults, threads=1)
        app = Flask("shop")
        app.add_url_rule("/orders", view_func=self._order, methods=["GET", "POST"])
        app.add_url_rule("/broken", view_func=self._broken)
        mount(app, Plane(self.clock, self.ledger, self.faults, self.sender, self._caller, self._reset, seed=5))
        self.server = serve(app)
        self.session = requests.Session()

    def _order(self) -> ResponseReturnValue:
        if request.method == "POST":
            self.orders.append(request.get_json(silent=True))
        served([(f"o-{number}", number % 2 == 0) for number in range(len(self.orders))])
        return {"orders": len(self.orders)}

    def _broken(self) -> ResponseReturnValue:
        raise LookupError("a bug of the stand-in's own")

    def _caller(self, asked: Any) -> Caller:
        return Caller("person:a@b.test", "a@b.test") if "X-Person" in asked.headers else Caller()

    def _reset(self, seed: int) -> None:
        self.orders = [seed]

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, self.server.url + path, timeout=10, **more)

    def stop(self) -> None:
        self.session.close()
        self.sender.stop()
        self.server.stop()


@pytest.fixture
def shop() -> Iterator[Shop]:
    running = Shop()
    yield running
    running.stop()


def test_what_was_served_is_in_the_ledger_and_admin_calls_are_not(shop: Shop):
    shop.call("POST", "/orders?a=1&b=2&b=3", json={"tea": 1}, headers={"X-Person": "1", "If-Match": '"1"', "Via": "x"})
    shop.call("POST", "/orders", data="plain")
    first, second = shop.call("GET", "/_sandbox/ledger").json()["entries"]
    assert first["caller"] == "person:a@b.test"
    assert (first["query"], first["headers"]) == ({"a": "1", "b": ["2", "3"]}, {"If-Match": '"1"'})
    assert (first["body"], first["ids"], first["ours"]) == ({"tea": 1}, ["o-0"], [True])
    assert (second["caller"], second["body"], second["ours"]) == ("gateway", "plain", [True, False])


def test_a_held_request_waits_for_the_release_and_others_pass(shop: Shop):
    shop.faults.add({"do": "hold", "match": {"direction": "in", "method": "POST"}})
    answers: list[requests.Response] = []
    waiting = threading.Thread(
        target=lambda: answers.append(requests.post(f"{shop.server.url}/orders", json=1, timeout=10))
    )
    waiting.start()
    released = 0

    def release() -> bool:
        nonlocal released
        assert shop.call("GET", "/orders").json() == {"orders": 0} or released
        released += shop.call("POST", "/_sandbox/release").json()["released"]
        return bool(released == 1)

    eventually(release, "a held request")
    waiting.join(10)
    assert answers[0].json() == {"orders": 1}


def test_a_delayed_request_takes_at_least_as_long(shop: Shop):
    shop.call("POST", "/_sandbox/faults", json={"do": "delay", "delay_ms": 80})
    assert shop.call("GET", "/orders").elapsed.total_seconds() >= 0.08


def test_latency_is_added_to_every_answer_but_the_admins():
    running = Shop()
    try:
        plain = Flask("plain")
        plain.add_url_rule("/", view_func=lambda: "")
        parts = (running.clock, running.ledger, running.faults, running.sender, running._caller, running._reset)
        mount(plain, Plane(*parts, latency_s=0.05))
        server = serve(plain)
        assert requests.get(server.url, timeout=5).elapsed.total_seconds() >= 0.05
        server.stop()
    finally:
        running.stop()


def test_reset_calls_the_stand_in_with_the_seed_and_lifts_faults(shop: Shop):
    shop.faults.add({"do": "drop", "times": None})
    assert shop.call("POST", "/_sandbox/reset").json() == {"seed": 5}
    assert shop.call("POST", "/_sandbox/reset", json={"seed": 9}).json() == {"seed": 9}
    assert shop.orders == [9]
    assert shop.call("GET", "/orders").status_code == 200


def test_faults_are_described_back_and_lifted(shop: Shop):
    answer = shop.call("POST", "/_sandbox/faults", json={"do": "status", "status": 418, "body": "tea", "times": None})
    assert answer.json() == {"id": "fault-1"}
    assert (shop.call("GET", "/orders").status_code, shop.call("GET", "/orders").text) == (418, "tea")
    assert shop.call("DELETE", "/_sandbox/faults").status_code == 204
    assert shop.call("GET", "/orders").status_code == 200
    refused = shop.call("POST", "/_sandbox/faults", json={"do": "explode"})
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("do:")


def test_the_clock_goes_on_for_all(shop: Shop):
    answer = shop.call("POST", "/_sandbox/clock", json={"advance_s": 3600})
    assert answer.json()["offset_s"] == 3600
    assert shop.clock.offset() == 3600


def test_a_bug_of_the_stand_ins_own_is_a_500_in_the_ledger(shop: Shop):
    assert shop.call("GET", "/broken").status_code == 500
    assert shop.ledger.since(0)[0][0]["status"] == 500
