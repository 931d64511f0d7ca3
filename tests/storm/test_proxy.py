"""The proxy passes on, and misbehaves as told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.storm.proxy import Loop, Mode, Proxy, Upstream


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.stop()


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that says everything back."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                found, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=say_back, args=(found,), daemon=True).start()

    def say_back(found: socket.socket) -> None:
        with found:
            while data := found.recv(100):
                found.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    yield int(listening.getsockname()[1])
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


@pytest.fixture
def proxy(loop: Loop, echo: int) -> Iterator[Proxy]:
    made = Proxy(loop, [Upstream(port=echo)])
    yield made
    made.stop()


def ask(line: socket.socket, what: bytes = b"hello") -> bytes:
    line.sendall(what)
    return line.recv(100)


def line_to(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def test_passes_on_and_hides_an_upstream_that_refuses(loop: Loop, echo: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        dead = int(nobody.getsockname()[1])
    proxy = Proxy(loop, [Upstream(port=dead), Upstream(port=echo)])
    try:
        for _ in range(4):
            with line_to(proxy) as line:
                assert ask(line) == b"hello"
    finally:
        proxy.stop()


def test_held_until_released(proxy: Proxy) -> None:
    with line_to(proxy) as line:
        assert ask(line) == b"hello"
        proxy.set(Mode.HOLD)
        line.sendall(b"later")
        line.settimeout(0.2)
        with pytest.raises(TimeoutError):
            line.recv(100)
        proxy.set(Mode.PASS)
        line.settimeout(5)
        assert line.recv(100) == b"later"


def test_dead_swallows_and_then_breaks_off(proxy: Proxy) -> None:
    with line_to(proxy) as line:
        assert ask(line) == b"hello"
        proxy.set(Mode.DEAD)
        line.sendall(b"lost")
        line.settimeout(0.2)
        with pytest.raises(TimeoutError):
            line.recv(100)
        proxy.set(Mode.PASS)
        line.settimeout(5)
        assert_broken(line)


@pytest.mark.parametrize("after", [0, 3])
def test_cut(proxy: Proxy, after: int) -> None:
    with line_to(proxy) as line:
        assert ask(line, b"a") == b"a"
        proxy.cut(after)
        line.sendall(b"much more" if after else b"")
        assert_broken(line)


def test_dropped_at_once(proxy: Proxy) -> None:
    with line_to(proxy) as line:
        assert ask(line) == b"hello"
        proxy.set(Mode.DROP)
        assert_broken(line)
    with line_to(proxy) as line:
        assert_broken(line)


def assert_broken(line: socket.socket) -> None:
    try:
        assert line.recv(100) == b""
    except ConnectionError:
        return
