"""What the demo is told (PORT, DEMO_DIR), and what it tells the gateway's processes."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from werkzeug.security import generate_password_hash

from sandbox.demo.keys import Keys

HOST = "127.0.0.1"
STAND_IN = {"google": "google", "outlook": "graph"}
"""Which stand-in plays which provider."""
CRM_TOKEN_VARIABLE = "DEMO_CRM_TOKEN"  # noqa: S105 - a name, not a token
# Everything else of the person's shell stays out: a DATABASE_URL or a proxy there must not steer the demo's gateway.
_FROM_SHELL = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "WEB_CONCURRENCY", "WORKER_CONCURRENCY", "LOG_LEVEL")


class CannotStart(RuntimeError):
    """The demo cannot run here; the text says what to change."""


@dataclass(frozen=True)
class Ports:
    """Where each part listens, on loopback."""

    gateway: int
    desk: int
    crm: int
    google: int
    graph: int

    def url(self, name: str) -> str:
        """The address of a part, without a slash at its end."""
        return f"http://{HOST}:{getattr(self, name)}"


@dataclass(frozen=True)
class Settings:
    """The demo's folder and ports."""

    folder: Path
    ports: Ports

    @property
    def clock_file(self) -> Path:
        """Seconds that are added to every now(), in gateway and stand-ins alike."""
        return self.folder / "clock"


def read(env: Mapping[str, str]) -> Settings:
    """Read PORT (8080; 0 for any free one) and DEMO_DIR (.demo). Raises CannotStart when the port is taken."""
    text = env.get("PORT") or "8080"
    if not text.isdecimal() or int(text) > 65535:
        raise CannotStart(f"PORT={text} is not a port number, for example: make demo PORT=8081")
    wanted = int(text)
    gateway = _free(wanted)
    if gateway is None:
        raise CannotStart(f"Port {wanted} is in use. Choose another: make demo PORT={wanted + 1}")
    desk = _free(gateway + 1) if wanted else None
    others = [_any_free() for _ in range(4)]
    folder = Path(env.get("DEMO_DIR") or ".demo").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return Settings(folder, Ports(gateway, desk or others[0], *others[1:]))


def for_gateway(
    settings: Settings, keys: Keys, clients: Mapping[str, Mapping[str, str]], crm_token: str
) -> dict[str, str]:
    """The environment of web, worker, clock and the commands, without the stores' addresses.

    ``clients``: our OAuth client at ``google`` and at ``graph``.
    """
    ports = settings.ports
    return for_child() | {
        "PORT": str(ports.gateway),
        "PUBLIC_URL": ports.url("gateway"),
        "SECRET_KEY": keys.secret_key,
        "TOKEN_KEYS": keys.token_key,
        "DEPLOYMENT_ID": "demo",
        "ADMIN_PASSWORD_HASH": generate_password_hash(keys.ops_password),
        "METRICS_TOKEN": keys.metrics_token,
        "ALLOW_LOOPBACK": "1",
        "CLOCK_FILE": str(settings.clock_file),
        CRM_TOKEN_VARIABLE: crm_token,
        **_google(ports.url("google"), clients["google"]),
        **_microsoft(ports.url("graph"), clients["graph"]),
    }


def _google(url: str, client: Mapping[str, str]) -> dict[str, str]:
    return {
        "GOOGLE_CLIENT_ID": client["client_id"],
        "GOOGLE_CLIENT_SECRET": client["client_secret"],
        "GOOGLE_AUTH_URI": f"{url}/o/oauth2/v2/auth",
        "GOOGLE_TOKEN_URI": f"{url}/token",
        "GOOGLE_REVOKE_URI": f"{url}/revoke",
        "GOOGLE_CALENDAR_ENDPOINT": f"{url}/calendar/v3/",
    }


def _microsoft(url: str, client: Mapping[str, str]) -> dict[str, str]:
    return {
        "MICROSOFT_CLIENT_ID": client["client_id"],
        "MICROSOFT_CLIENT_SECRET": client["client_secret"],
        "MICROSOFT_AUTHORITY": f"{url}/common",
        "MICROSOFT_GRAPH_ENDPOINT": f"{url}/v1.0",
    }


def for_child() -> dict[str, str]:
    """What every child gets of the person's shell."""
    return {name: os.environ[name] for name in _FROM_SHELL if name in os.environ} | {"PYTHONUNBUFFERED": "1"}


def _free(port: int) -> int | None:
    """The port itself (any free one for 0), or ``None`` when someone listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return None
        return int(probe.getsockname()[1])


def _any_free() -> int:
    port = _free(0)
    if port is None:
        raise CannotStart("No free port on 127.0.0.1.")
    return port
