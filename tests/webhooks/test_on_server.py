"""The doors behind the real web server, with Redis away: bodies as they come over a wire, and what is logged."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import requests

from sandbox import embedded
from sandbox.child import Child
from tests.crms.generic import deliveries
from tests.patience import until
from tests.webhooks.conftest import environment
from tests.webhooks.test_crm_door import LIMIT, padded

pytestmark = pytest.mark.process

REPOSITORY = Path(__file__).parents[2]
KEY = "key-of-the-first-crm-0123456789"
API_TOKEN = "api-token-of-the-first-crm-0123456789"
DEADLINE_S = 30


@dataclass
class Server:
    """A running web process."""

    child: Child
    port: int
    database: str

    @property
    def door(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/crm/{KEY}"

    def signed(self, raw: bytes, message_id: str) -> dict[str, str]:
        made = deliveries.headers(raw, at=datetime.now(UTC), message_id=message_id)
        return {"Content-Type": "application/json", **made}

    def rows(self) -> int:
        with psycopg.connect(self.database) as connection:
            found = connection.execute("SELECT count(*) FROM inbox").fetchone()
        return int(found[0]) if found else 0

    def raw(self, head: Sequence[str], body: bytes) -> bytes:
        """Send bytes as they are and return all that comes back until the server closes or is quiet."""
        lines = [f"POST /webhooks/crm/{KEY} HTTP/1.1", "Host: 127.0.0.1", *head, "", ""]
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as line:
            line.sendall("\r\n".join(lines).encode("latin-1") + body)
            answer = b""
            try:
                while b"\r\n\r\n" not in answer and (part := line.recv(65536)):
                    answer += part
            except TimeoutError:
                return answer
        return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def start(database: str, log: Path, **more: str) -> Server:
    """The web process as the Procfile starts it, with its first installation out of the environment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    crm = {
        "CRM_KEY": KEY,
        "CRM_BASE_URL": "http://127.0.0.1:9",
        "CRM_CREDENTIALS": "crm-credentials",
        "CRM_WEBHOOK_SECRET": deliveries.SECRET,
        "CRM_API_TOKEN": API_TOKEN,
    }
    env = {"PATH": os.environ.get("PATH", ""), "PYTHONUNBUFFERED": "1", "PORT": str(port)} | crm
    env |= environment(database, "redis://127.0.0.1:1") | more
    command = [sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{port}"]
    child = Child("web", command, log, env, REPOSITORY)
    child.start()
    found = Server(child, port, database)
    until(lambda: _answers(found), DEADLINE_S, child.last_words)
    return found


@pytest.fixture(scope="module")
def server(
    servers: embedded.Servers, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One for all tests here that do it no harm."""
    name = f"web_{os.getpid()}"
    database = embedded.create_database(servers, name, template=migrated_template)
    found = start(database, tmp_path_factory.mktemp("web") / "web.log")
    yield found
    found.child.kill()
    embedded.drop_database(servers, name)


def _answers(server: Server) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{server.port}/healthz", timeout=2).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


def test_redis_away_is_a_202_and_quick(server: Server) -> None:
    before = server.rows()
    began = time.monotonic()
    for number in range(20):
        raw = deliveries.raw(deliveries.event(deliveries.task(id=f"quick-{number}")))
        answer = requests.post(server.door, data=raw, headers=server.signed(raw, f"quick-{number}"), timeout=5)
        assert answer.status_code == 202
    assert time.monotonic() - began < 4
    assert server.rows() == before + 20


@pytest.mark.parametrize(("size", "expected"), [(LIMIT, 202), (LIMIT + 1, 413), (10_000_000, 413)])
@pytest.mark.parametrize("chunked", [False, True])
def test_8_9_the_limit_holds_however_a_body_comes(server: Server, size: int, expected: int, chunked: bool) -> None:
    raw = padded(size)
    headers = server.signed(raw, f"limit-{size}-{chunked}")
    pieces = (raw[at : at + 100_000] for at in range(0, size, 100_000))
    try:
        answer = requests.post(server.door, data=pieces if chunked else raw, headers=headers, timeout=20)
    except requests.ConnectionError:  # it answered and closed while we were still sending
        assert expected == 413
    else:
        assert answer.status_code == expected


def test_10_framing_that_can_be_read_in_two_ways_is_refused(server: Server) -> None:
    before = server.rows()
    raw = deliveries.raw(deliveries.event())
    head = [f"{name}: {value}" for name, value in server.signed(raw, "framing").items()]
    chunked = f"{len(raw):x}\r\n".encode() + raw + b"\r\n0\r\n\r\n"
    length = f"Content-Length: {len(raw)}"
    assert status(server.raw([*head, length, "Transfer-Encoding: chunked"], chunked)) == 400
    assert status(server.raw([*head, length, f"Content-Length: {len(raw) + 1}"], raw)) == 400
    assert status(server.raw([*head, "Content-Length: -1"], raw)) == 400
    assert status(server.raw([*head, length, "Host: elsewhere"], raw)) == 400
    assert status(server.raw([*head, "Transfer-Encoding: chunked"], b"zz\r\n" + raw)) == 400
    assert server.rows() == before


def test_19_a_sender_that_waits_for_a_nod_gets_one(server: Server) -> None:
    raw = deliveries.raw(deliveries.event(deliveries.task(id="nod")))
    head = [f"{name}: {value}" for name, value in server.signed(raw, "nod").items()]
    answer = server.raw([*head, f"Content-Length: {len(raw)}", "Expect: 100-continue"], raw)
    assert status(answer) in (100, 202)


def test_20_headers_without_measure(server: Server) -> None:
    raw = deliveries.raw(deliveries.event())
    head = [f"{name}: {value}" for name, value in server.signed(raw, "measure").items()]
    length = f"Content-Length: {len(raw)}"
    assert status(server.raw([*head, length, *(f"X-{number}: 1" for number in range(101))], raw)) == 431
    assert status(server.raw([*head, length, "X-Long: " + "x" * 9000], raw)) == 431


def test_20_headers_that_imitate_ours(server: Server) -> None:
    raw = deliveries.raw(deliveries.event(deliveries.task(id="imitation")))
    signed = server.signed(raw, "imitation")
    length = f"Content-Length: {len(raw)}"
    imitation = [f"{name.replace('-', '_') if name.startswith('webhook') else name}: {signed[name]}" for name in signed]
    assert status(server.raw([*imitation, length], raw)) in (400, 401)
    twice = [f"{name}: {value}" for name, value in signed.items()]
    assert status(server.raw([*twice, f"webhook-signature: {signed['webhook-signature']}", length], raw)) == 401


def test_the_log_is_json_and_holds_no_secret(server: Server) -> None:
    raw = deliveries.raw(deliveries.event(deliveries.task(id="logged", title="A title of somebody")))
    requests.post(server.door, data=raw, headers=server.signed(raw, "logged"), timeout=5)
    requests.post(server.door + "?token=token-in-a-query", data=b"{", timeout=5)
    text = server.child.log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert {"at", "level", "logger", "message"} <= lines[-1].keys()
    for secret in (KEY, API_TOKEN, deliveries.SECRET, "crm-credentials", "token-in-a-query", "A title of somebody"):
        assert secret not in text


def test_asked_to_stop_it_leaves_with_a_clean_code(server: Server) -> None:
    began = time.monotonic()
    assert server.child.stop(grace=25) == 0, server.child.last_words()
    assert time.monotonic() - began < 10
    server.child.start()
    until(lambda: _answers(server), DEADLINE_S, server.child.last_words)
    with psycopg.connect(server.database) as connection:
        found = connection.execute("SELECT count(*) FROM installations").fetchone()
    assert found == (1,)


@pytest.mark.parametrize(
    ("point", "kept", "again"), [("web_before_commit", 0, None), ("web_after_commit", 1, 200)], ids=["27", "28"]
)
def test_killed_in_the_middle_of_a_delivery(
    database_url: str, tmp_path: Path, point: str, kept: int, again: int | None
) -> None:
    """No answer is given for what is not committed; what is committed is known when the sender comes back."""
    server = start(database_url, tmp_path / "web.log", CRASH_AT=point, WEB_CONCURRENCY="1")
    try:
        raw = deliveries.raw(deliveries.event())
        with pytest.raises(requests.ConnectionError):
            requests.post(server.door, data=raw, headers=server.signed(raw, "killed"), timeout=10)
        assert server.rows() == kept
        if again is not None:
            until(lambda: _answers(server), DEADLINE_S, server.child.last_words)
            answer = requests.post(server.door, data=raw, headers=server.signed(raw, "killed"), timeout=10)
            assert answer.status_code == again
            assert server.rows() == kept
    finally:
        server.child.kill()
