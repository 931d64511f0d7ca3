"""Which hosts may be called. Row 79 of the table of attackers: addresses, names that lead elsewhere, redirects."""

from __future__ import annotations

import contextlib
import gc
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask, redirect

from gateway.core.errors import OperatorFault, TryLater
from gateway.crms.hosts import Outbound, check_base_url, judge, open_session
from gateway.crms.http import Line
from sandbox.kit.server import Server, serve

PUBLIC = Outbound()
LOOPBACK = Outbound(allow_loopback=True)
PRIVATE = Outbound(private_hosts=frozenset({"crm.internal"}))
EVERYTHING = Outbound(allow_loopback=True, private_hosts=frozenset({"crm.internal"}))

NEVER = [
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "0.0.0.0",  # noqa: S104  # an address to refuse
    "::",
    "224.0.0.1",
    "ff02::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
]
INSIDE = ["10.0.0.5", "172.16.3.4", "192.168.1.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.5", "64:ff9b::a00:5"]
HERE = ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"]
OUTSIDE = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"]


def allowed(address: str, outbound: Outbound, host: str = "crm.internal", *, encrypted: bool = True) -> bool:
    try:
        judge(address, host, outbound, encrypted=encrypted)
    except OperatorFault:
        return False
    return True


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_called_whatever_is_set(address: str) -> None:
    assert not allowed(address, EVERYTHING)
    assert not allowed(address, EVERYTHING, encrypted=False)


@pytest.mark.parametrize("address", INSIDE)
def test_a_private_address_needs_its_host_on_the_list(address: str) -> None:
    assert allowed(address, PRIVATE)
    assert allowed(address, PRIVATE, "CRM.internal")
    assert not allowed(address, PUBLIC)
    assert not allowed(address, LOOPBACK)
    assert not allowed(address, PRIVATE, "other.internal")
    assert not allowed(address, EVERYTHING, encrypted=False)


@pytest.mark.parametrize("address", HERE)
def test_this_machine_is_for_development_or_for_the_list(address: str) -> None:
    assert allowed(address, LOOPBACK, "any")
    assert allowed(address, LOOPBACK, "any", encrypted=False)
    assert allowed(address, PRIVATE)
    assert not allowed(address, PRIVATE, encrypted=False)
    assert not allowed(address, PUBLIC)


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_internet_is_called_over_https_only(address: str) -> None:
    assert allowed(address, PUBLIC)
    assert not allowed(address, LOOPBACK, encrypted=False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "crm.example",
        "ftp://crm.example",
        "file:///etc/passwd",
        "https://",
        "https://user:pw@crm.example",
        "https://crm.example?x=1",
        "https://crm.example#x",
        "https://crm.example:99999",
        "https://[::1",
    ],
)
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(OperatorFault, match="base URL") as caught:
        check_base_url(url, EVERYTHING)
    assert "pw" not in str(caught.value)


def test_a_base_url_begins_with_https() -> None:
    assert check_base_url("https://crm.example/api/", PUBLIC) == "https://crm.example/api"
    assert check_base_url("http://127.0.0.1:8000", LOOPBACK) == "http://127.0.0.1:8000"
    with pytest.raises(OperatorFault, match="https"):
        check_base_url("http://crm.example", PRIVATE)


# --- at the moment of connecting ------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Server]:
    app = Flask(__name__)
    app.add_url_rule("/here", "here", lambda: "{}")
    app.add_url_rule("/away", "away", lambda: redirect("http://169.254.169.254/latest/meta-data/"))
    running = serve(app)
    yield running
    running.stop()


class Names:
    """A resolver that a test decides: each look-up of ``crm.test`` gives the next answer."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "crm.test":
            return self._real(host, port, *args, **kwargs)
        self.asked += 1
        answer = self.answers.pop(0)
        if not answer:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answer]


def call(monkeypatch: pytest.MonkeyPatch, server: Server, names: Names, outbound: Outbound = LOOPBACK) -> int:
    monkeypatch.setattr(socket, "getaddrinfo", names)
    with contextlib.closing(Line(f"http://crm.test:{server.port}", {}, outbound)) as line:
        return line.call("GET", "/here").status


def test_the_connection_goes_to_the_address_that_was_judged(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    assert call(monkeypatch, server, names) == 200
    assert names.asked == 1


@pytest.mark.parametrize("answer", [["169.254.169.254"], ["127.0.0.1", "169.254.169.254"], ["10.0.0.5", "127.0.0.1"]])
def test_one_address_that_may_not_be_called_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch, server: Server, answer: list[str]
) -> None:
    with pytest.raises(OperatorFault, match=r"crm\.test"):
        call(monkeypatch, server, Names(answer))


def test_loopback_is_refused_without_leave(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    with pytest.raises(OperatorFault, match="https"):
        call(monkeypatch, server, Names(["127.0.0.1"]), PUBLIC)


def test_the_next_address_is_tried_when_the_first_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    assert call(monkeypatch, server, Names(["::1", "127.0.0.1"])) == 200


def test_a_name_that_leads_nowhere_is_tried_later(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    with pytest.raises(TryLater):
        call(monkeypatch, server, Names([]))


def test_a_redirect_is_an_answer_and_never_followed(server: Server) -> None:
    with contextlib.closing(Line(server.url, {}, LOOPBACK)) as line:
        assert line.call("GET", "/away").status == 302


def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with contextlib.closing(Line(server.url, {}, LOOPBACK)) as line:
        assert line.call("GET", "/here").status == 200


# --- over TLS -------------------------------------------------------------------------------------------------------


def _certificate(name: str, folder: Path) -> tuple[Path, Path]:
    """A certificate for this name, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, secret = folder / "certificate.pem", folder / "key.pem"
    pem = serialization.Encoding.PEM
    public.write_bytes(certificate.public_bytes(pem))
    secret.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return public, secret


@contextlib.contextmanager
def _secure_server(public: Path, secret: Path) -> Iterator[int]:
    """Answers one request over TLS; a handshake that the client breaks off is what some tests are about."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, secret)

    def work() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection, context.wrap_socket(connection, server_side=True) as secure:
                secure.recv(65536)
                secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=work)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize("named", ["crm.test", "other.test"])
def test_the_certificate_must_be_the_names_and_not_the_addresss(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str
) -> None:
    public, secret = _certificate(named, tmp_path)
    monkeypatch.setattr(socket, "getaddrinfo", Names(["127.0.0.1"]))
    with _secure_server(public, secret) as port, contextlib.closing(open_session(LOOPBACK)) as session:
        session.verify = str(public)
        if named == "crm.test":
            assert session.get(f"https://crm.test:{port}/", timeout=5).status_code == 200
        else:
            with pytest.raises(requests.exceptions.SSLError):
                session.get(f"https://crm.test:{port}/", timeout=5)


def test_a_line_that_nobody_closed_leaves_nothing_open(server: Server) -> None:
    line = Line(server.url, {}, LOOPBACK)
    assert line.call("GET", "/here").status == 200
    del line
    gc.collect()  # an open socket would warn, and warnings are errors
