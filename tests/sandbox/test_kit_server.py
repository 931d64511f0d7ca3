"""The small WSGI server: keep-alive, limits, broken connections, stopping."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from sandbox.kit.server import MAX_BODY, ConnectionDropped, Server, serve


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/drop":
        raise ConnectionDropped
    if environ["PATH_INFO"] == "/bug":
        raise ValueError("a bug")
    status = "204 No Content" if environ["PATH_INFO"] == "/empty" else "200 OK"
    start_response(status, [("Content-Type", "application/json")])
    told = {name: value for name, value in environ.items() if name.isupper() and isinstance(value, str)}
    body = environ["wsgi.input"].read().decode()
    return [] if status.startswith("204") else [json.dumps({**told, "body": body}).encode()]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = serve(echo)
    yield running
    running.stop()


@pytest.fixture
def connection(server: Server) -> Iterator[http.client.HTTPConnection]:
    opened = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    yield opened
    opened.close()


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection.request(method, path, body, {"X-One": "1", "Content-Type": "text/plain"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_one_connection_serves_many_requests(connection: http.client.HTTPConnection):
    ask(connection, "GET", "/")
    kept = connection.sock
    for method, path in (("POST", "/a"), ("GET", "/empty"), ("HEAD", "/"), ("PATCH", "/b"), ("DELETE", "/c")):
        ask(connection, method, path, b"x")
    assert connection.sock is kept


def test_the_application_gets_the_request_as_it_was(connection: http.client.HTTPConnection):
    _, body = ask(connection, "PUT", "/caf%C3%A9/a%20b?q=%2F&r", "grün".encode())
    told = json.loads(body)
    assert told["PATH_INFO"].encode("latin-1").decode() == "/café/a b"
    assert (told["QUERY_STRING"], told["RAW_URI"]) == ("q=%2F&r", "/caf%C3%A9/a%20b?q=%2F&r")
    assert (told["REQUEST_METHOD"], told["HTTP_X_ONE"], told["CONTENT_TYPE"]) == ("PUT", "1", "text/plain")
    assert (told["body"], told["CONTENT_LENGTH"]) == ("grün", "5")


def test_a_dropped_connection_gives_no_answer(connection: http.client.HTTPConnection):
    with pytest.raises(http.client.RemoteDisconnected):
        ask(connection, "GET", "/drop")


def test_half_a_request_is_none():
    called: list[str] = []

    def note(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        called.append(environ["PATH_INFO"])
        return echo(environ, start_response)

    running = serve(note)
    try:
        with socket.create_connection(("127.0.0.1", running.port), timeout=5) as line:
            line.sendall(b'POST /half HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{"half": ')
            line.shutdown(socket.SHUT_WR)
            assert line.recv(100) == b""
    finally:
        running.stop()
    assert called == []


def test_a_bug_is_answered_with_500(connection: http.client.HTTPConnection, caplog: pytest.LogCaptureFixture):
    assert ask(connection, "GET", "/bug")[0] == 500
    assert "a bug" in caplog.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Transfer-Encoding": "chunked"}, 411),
        ({"Content-Length": str(MAX_BODY + 1)}, 413),
        ({"Content-Length": "many"}, 400),
    ],
)
def test_bodies_without_a_usable_length_are_refused(
    connection: http.client.HTTPConnection, headers: dict[str, str], status: int
):
    connection.putrequest("POST", "/")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == status


def test_stopping_breaks_off_open_connections():
    server = serve(echo)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    ask(connection, "GET", "/")
    server.stop()
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        ask(connection, "GET", "/")
    connection.close()


def test_a_taken_port_is_an_error(server: Server):
    with pytest.raises(OSError, match="in use"):
        serve(echo, server.port)
