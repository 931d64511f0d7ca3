"""The sender by itself: loopback only, order, retries by the clock, throughput."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from sandbox.kit.clock import Clock
from sandbox.kit.faults import Faults
from sandbox.kit.ledger import Ledger
from sandbox.kit.sender import Delivery, Sender, require_loopback
from sandbox.kit.server import serve
from tests.sandbox.crm_world import eventually


class Post:
    """A sender with a letter box that keeps what arrives, and answers by `status`."""

    def __init__(self) -> None:
        self.clock, self.ledger, self.faults = Clock(), Ledger(), Faults()
        self.sender = Sender(self.clock, self.ledger, self.faults, timeout_s=(1, 0.2))
        self.letters: list[str] = []
        self.status = 202
        self.slow_s = 0.0
        self.server = serve(self._take)

    def _take(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.letters.append(environ["wsgi.input"].read().decode())
        time.sleep(self.slow_s)
        start_response(f"{self.status} x", [])
        return [b""]

    def delivery(self, body: str, key: str = "k", retries: tuple[float, ...] = (), url: str = "") -> Delivery:
        return Delivery(
            url or self.server.url, body.encode(), lambda now: {"X-At": now.isoformat()}, key, retries=retries
        )

    def statuses(self) -> list[int | None]:
        return [entry["status"] for entry in self.ledger.since(0)[0]]


@pytest.fixture
def post() -> Iterator[Post]:
    running = Post()
    yield running
    running.sender.stop()
    running.server.stop()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://127.9.9.9/", "https://localhost/", "http://[::1]:80/"])
def test_loopback_is_allowed(url: str):
    require_loopback(url)


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "https://example.com/", "ftp://localhost/", "localhost:80"])
def test_anything_else_is_refused(url: str, post: Post):
    with pytest.raises(ValueError, match="address must be"):
        post.sender.submit(post.delivery("x", url=url))


def test_one_key_keeps_its_order_while_others_overtake(post: Post):
    for number in range(40):
        post.sender.submit(post.delivery(f"a{number}", "a"))
        post.sender.submit(post.delivery(f"b{number}", "b"))
    eventually(lambda: len(post.letters) == 80)
    for letter in "ab":
        assert [text for text in post.letters if text[0] == letter] == [f"{letter}{number}" for number in range(40)]


def test_retries_by_the_clock_and_then_gives_up(post: Post):
    post.status = 500
    post.sender.submit(post.delivery("x", retries=(600, 3600)))
    eventually(lambda: len(post.statuses()) == 1)
    post.clock.advance(600)
    eventually(lambda: len(post.statuses()) == 2)
    post.clock.advance(3600)
    eventually(lambda: len(post.statuses()) == 3)
    post.clock.advance(86400)
    post.status = 202
    post.sender.submit(post.delivery("y"))
    eventually(lambda: post.statuses() == [500, 500, 500, 202])


def test_a_waiting_retry_does_not_stop_the_next(post: Post):
    post.faults.add({"do": "status", "status": 503})
    post.sender.submit(post.delivery("first", retries=(600,)))
    post.sender.submit(post.delivery("second"))
    eventually(lambda: post.letters == ["second"])
    post.clock.advance(600)
    eventually(lambda: post.letters == ["second", "first"])


def test_a_slow_or_missing_receiver_is_no_answer(post: Post):
    post.slow_s = 0.5
    post.sender.submit(post.delivery("slow"))
    eventually(lambda: post.statuses() == [None])
    gone = serve(post._take)
    gone.stop()
    post.sender.submit(post.delivery("gone", url=gone.url))
    eventually(lambda: post.statuses() == [None, None])


def test_forget_drops_what_waits_and_what_is_held(post: Post):
    post.faults.add({"do": "hold"})
    post.sender.submit(post.delivery("held", "h"))
    eventually(lambda: not post.faults._rules)
    post.faults.add({"do": "delay", "delay_ms": 60_000})
    post.sender.submit(post.delivery("late", "l"))
    eventually(lambda: not post.faults._rules)
    post.sender.forget()
    post.faults.release()
    post.clock.advance(3600)
    post.sender.submit(post.delivery("after"))
    eventually(lambda: post.letters)
    assert post.letters == ["after"]


def test_a_delivery_that_cannot_be_made_up_does_not_end_the_pool(post: Post, caplog: pytest.LogCaptureFixture):
    def fail(_: object) -> dict[str, str]:
        raise LookupError("no secret")

    for _ in range(20):
        post.sender.submit(Delivery(post.server.url, b"", fail, "bad"))
    post.sender.submit(post.delivery("good"))
    eventually(lambda: post.letters == ["good"])
    eventually(lambda: len(caplog.records) == 20)


def test_secrets_stay_out_of_the_ledger(post: Post):
    headers = {"X-Goog-Channel-Token": "s", "webhook-signature": "s", "webhook-id": "msg_1"}
    post.sender.submit(Delivery(post.server.url, b"", lambda _: headers, "k"))
    eventually(lambda: post.statuses() == [202])
    assert post.ledger.since(0)[0][0]["headers"] == {"webhook-id": "msg_1"}


def test_more_than_200_deliveries_a_second(post: Post):
    began = time.monotonic()
    for number in range(300):
        post.sender.submit(post.delivery("x", key=str(number % 20)))
    eventually(lambda: len(post.letters) == 300)
    assert 300 / (time.monotonic() - began) > 100, "even with a busy machine"
