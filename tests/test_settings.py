"""Settings: what is accepted, what stops the start, and that no secret shows."""

from __future__ import annotations

import base64
import dataclasses
import re
from pathlib import Path

import pytest

from gateway.environment import is_loopback
from gateway.settings import Settings, SettingsError, load

KEY = base64.b64encode(b"k" * 32).decode()
OLD_KEY = base64.urlsafe_b64encode(b"\xff" * 32).decode()
GOOD = {
    "DATABASE_URL": "postgres://u:db-password@db.example:5432/cg",
    "REDIS_URL": "rediss://:redis-password@queue.example:6379",
    "PUBLIC_URL": "https://gateway.example.com/",
    "SECRET_KEY": "secret-key-" + "s" * 30,
    "TOKEN_KEYS": f"{KEY}, {OLD_KEY}",
    "DEPLOYMENT_ID": "production",
}
CRM = {
    "CRM_KEY": "crm-key-0123456789",
    "CRM_NAME": "Acme CRM",
    "CRM_BASE_URL": "https://crm.example.com",
    "CRM_CREDENTIALS": "crm-credentials",
    "CRM_WEBHOOK_SECRET": "whsec_" + KEY,
    "CRM_API_TOKEN": "crm-api-token-" + "t" * 30,
}
GOOGLE = {"GOOGLE_CLIENT_ID": "id.apps.example", "GOOGLE_CLIENT_SECRET": "google-secret"}
LOOPBACK = {"ALLOW_LOOPBACK": "1"}


def read(**more: str) -> Settings:
    return load(GOOD | more)


def test_the_least_that_starts() -> None:
    settings = read()
    assert settings.database_url == "postgresql://u:db-password@db.example:5432/cg"
    assert settings.public_url == "https://gateway.example.com"
    assert settings.token_keys == (KEY, OLD_KEY)
    assert (settings.google, settings.microsoft, settings.first_crm) == (None, None, None)
    assert (settings.web_concurrency, settings.worker_concurrency, settings.log_level) == (2, 8, "INFO")
    assert settings.redis_tls_verify
    assert settings.secure_cookies
    assert not settings.is_command
    assert settings.clock_file is None


def test_everything_there_is(tmp_path: Path) -> None:
    settings = load(
        GOOD
        | CRM
        | GOOGLE
        | LOOPBACK
        | {
            "REDIS_URL": "unix:///run/v.sock",
            "REDIS_TLS_VERIFY": "0",
            "PUBLIC_URL": "http://127.0.0.1:8080",
            "GOOGLE_CALENDAR_ENDPOINT": "http://127.0.0.1:9/calendar/v3/",
            "MICROSOFT_CLIENT_ID": "m",
            "MICROSOFT_CLIENT_SECRET": "microsoft-secret",
            "MICROSOFT_AUTHORITY": "http://localhost:9/common",
            "CRM_ADAPTER": "Generic",
            "CRM_BASE_URL": "http://127.0.0.1:7",
            "CRM_PRIVATE_HOSTS": "crm.intern.example, 10.0.0.7",
            "CLOCK_FILE": str(tmp_path / "clock"),
            "CRASH_AT": "web_before_commit",
            "WORKER_CONCURRENCY": "4",
            "LOG_LEVEL": "debug",
            "SENTRY_DSN": "https://key@sentry.example/1",
            "FLASK_RUN_FROM_CLI": "true",
        }
    )
    assert settings.google is not None
    assert settings.google.endpoints == {"calendar_endpoint": "http://127.0.0.1:9/calendar/v3/"}
    assert settings.first_crm is not None
    assert (settings.first_crm.name, settings.first_crm.adapter) == ("Acme CRM", "generic")
    assert settings.crm_private_hosts == {"crm.intern.example", "10.0.0.7"}
    assert not settings.secure_cookies
    assert not settings.redis_tls_verify
    assert settings.is_command
    assert settings.clock_file == tmp_path / "clock"


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_one_stops_the_start_with_its_name(name: str) -> None:
    for value in (None, "", "  "):
        given = {key: text for key, text in GOOD.items() if key != name} | ({} if value is None else {name: value})
        with pytest.raises(SettingsError, match=rf"^{name} is missing\. Example: {name}=."):
            load(given)


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("DATABASE_URL", "mysql://x", "must begin with postgresql://"),
        ("DATABASE_URL", "postgresql:/x", "must begin"),
        ("REDIS_URL", "http://x", "must begin with redis://"),
        ("REDIS_TLS_VERIFY", "no", "must be 1 or 0"),
        ("PUBLIC_URL", "gateway.example.org", "begins with https://"),
        ("PUBLIC_URL", "https://gateway.example.com/app", "no path"),
        ("PUBLIC_URL", "https://u:p@gateway.example.com", "user name"),
        ("PUBLIC_URL", "https://gateway.example.com?a=b", "query"),
        ("PUBLIC_URL", "https://[::1", "not an address"),
        ("PUBLIC_URL", "https://gateway.example.com:99999", "not an address"),
        ("SECRET_KEY", "short", "too short"),
        ("SECRET_KEY", "x" * 40 + "\n" + "x", "control character"),
        ("TOKEN_KEYS", base64.b64encode(b"k" * 16).decode(), "keys of 32 bytes"),
        ("TOKEN_KEYS", "not base64!", "keys of 32 bytes"),
        ("TOKEN_KEYS", ",", "keys of 32 bytes"),
        ("TOKEN_KEYS", f"{KEY},{KEY}", "twice"),
        ("DEPLOYMENT_ID", "has a blank", "letters, digits"),
        ("DEPLOYMENT_ID", "x" * 33, "letters, digits"),
        ("ADMIN_PASSWORD_HASH", "my-password", "no hash"),
        ("METRICS_TOKEN", "short", "too short"),
        ("WEB_CONCURRENCY", "0", "from 1 to 64"),
        ("WORKER_CONCURRENCY", "1", "from 2 to 64"),
        ("WORKER_CONCURRENCY", "two", "from 2 to 64"),
        ("WORKER_CONCURRENCY", "9" * 5000, "from 2 to 64"),
        ("LOG_LEVEL", "LOUD", "must be one of DEBUG"),
        ("ALLOW_LOOPBACK", "yes", "must be 1 or 0"),
        ("SENTRY_DSN", "http://x", "must begin with https://"),
        ("CRM_PRIVATE_HOSTS", "https://crm.intern", "host names alone"),
        ("CRM_PRIVATE_HOSTS", "*.intern", "host names alone"),
        ("CRM_PRIVATE_HOSTS", "localhost", "this machine"),
        ("GOOGLE_CALENDAR_ENDPOINT", "https://www.example.com/calendar/v3", "must end in /calendar/v3/"),
        ("MICROSOFT_GRAPH_ENDPOINT", "https://graph.example.com/beta", "must end in /v1.0"),
    ],
)
def test_a_wrong_one_stops_the_start_and_is_not_repeated(name: str, value: str, wrong: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(wrong)) as raised:
        read(**{name: value})
    assert str(raised.value).startswith(f"{name} ")
    assert f"Example: {name}=" in str(raised.value)
    assert len(value) < 6 or value not in str(raised.value)


@pytest.mark.parametrize("gone", ["CRM_KEY", "CRM_BASE_URL", "CRM_CREDENTIALS", "CRM_WEBHOOK_SECRET", "CRM_API_TOKEN"])
def test_the_first_crm_is_there_whole_or_not_at_all(gone: str) -> None:
    with pytest.raises(SettingsError, match=f"^{gone} is missing"):
        load(GOOD | {name: value for name, value in CRM.items() if name != gone})


def test_its_name_is_its_hosts_where_none_is_given() -> None:
    crm = load(GOOD | CRM | {"CRM_NAME": ""}).first_crm
    assert crm is not None
    assert (crm.name, crm.adapter) == ("crm.example.com", "generic")


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("CRM_KEY", "short", "16 to 128"),
        ("CRM_KEY", "with/a/slash/0123456", "16 to 128"),
        ("CRM_WEBHOOK_SECRET", "short", "too short"),
        ("CRM_WEBHOOK_SECRET", "whsec_" + base64.b64encode(b"k" * 23).decode(), "24 to 64 bytes"),
        ("CRM_WEBHOOK_SECRET", "whsec_" + "this is no base64 text", "24 to 64 bytes"),
        ("CRM_API_TOKEN", "short", "too short"),
        ("CRM_BASE_URL", "ftp://crm.example.com", "https://"),
    ],
)
def test_a_wrong_first_crm(name: str, value: str, wrong: str) -> None:
    with pytest.raises(SettingsError, match=wrong):
        load(GOOD | CRM | {name: value})


@pytest.mark.parametrize("name", ["GOOGLE", "MICROSOFT"])
def test_a_client_has_an_id_and_a_secret(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}_CLIENT_SECRET is missing"):
        read(**{f"{name}_CLIENT_ID": "x"})
    with pytest.raises(SettingsError, match=f"^{name}_CLIENT_ID is missing"):
        read(**{f"{name}_CLIENT_SECRET": "x"})


# --- this machine for the outside world -----------------------------------------------------------------------------

THIS_MACHINE = {
    "PUBLIC_URL": "http://127.0.0.1:8080",
    "GOOGLE_AUTH_URI": "http://localhost:9/auth",
    "GOOGLE_TOKEN_URI": "https://127.0.0.1:9/token",
    "GOOGLE_REVOKE_URI": "http://[::1]:9/revoke",
    "GOOGLE_CALENDAR_ENDPOINT": "http://2130706433/calendar/v3/",
    "MICROSOFT_AUTHORITY": "http://127.1/common",
    "MICROSOFT_GRAPH_ENDPOINT": "http://0.0.0.0/v1.0",
    "CRM_BASE_URL": "http://crm.localhost:7",
}


@pytest.mark.parametrize("name", THIS_MACHINE)
def test_loopback_is_refused_by_name_unless_allowed(name: str) -> None:
    given = GOOD | CRM | {name: THIS_MACHINE[name]}
    with pytest.raises(SettingsError, match=rf"^{name} leads to this machine, which only ALLOW_LOOPBACK=1 permits"):
        load(given)
    assert load(given | LOOPBACK).allow_loopback


@pytest.mark.parametrize("name", THIS_MACHINE)
def test_plain_http_elsewhere_is_refused_even_then(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} must begin with https://"):
        load(GOOD | CRM | LOOPBACK | {name: "http://elsewhere.example/"})


@pytest.mark.parametrize("name", ["CLOCK_FILE", "CRASH_AT"])
def test_what_is_for_tests_needs_loopback(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} is for tests"):
        read(**{name: "/tmp/x"})
    assert load(GOOD | LOOPBACK | {name: "/tmp/x"}).allow_loopback


@pytest.mark.parametrize(
    ("host", "is_this_machine"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("a.localhost", True),
        ("127.255.0.1", True),
        ("127.1", True),
        ("0x7f000001", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", True),  # noqa: S104 - to be refused
        ("::", True),
        ("localhost.example.com", False),
        ("10.0.0.1", False),
        ("2001:db8::1", False),
        ("example.com", False),
        ("bücher.example", False),
    ],
)
def test_this_machine_in_all_its_spellings(host: str, is_this_machine: bool) -> None:
    assert is_loopback(host) is is_this_machine


# --- secrets, and the list of all ------------------------------------------------------------------------------------


def test_no_secret_shows() -> None:
    settings = load(GOOD | CRM | GOOGLE | {"METRICS_TOKEN": "metrics-token-0123456789"})
    for secret in (*settings.secrets, "crm-credentials", "google-secret", "db-password", KEY):
        assert secret not in repr(settings)
    hidden = {"db-password", "redis-password", "google-secret", "crm-credentials", "metrics-token-0123456789", OLD_KEY}
    assert hidden <= set(settings.secrets)


def test_settings_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        read().public_url = "https://other.example"  # type: ignore[misc]


def test_the_example_file_lists_every_setting_that_is_read() -> None:
    asked: set[str] = set()

    class Listening(dict[str, str]):
        def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
            asked.add(key)
            return super().get(key, default)

    load(Listening(GOOD | CRM | GOOGLE | {"MICROSOFT_CLIENT_ID": "m", "MICROSOFT_CLIENT_SECRET": "s"}))
    text = (Path(__file__).parents[1] / ".env.example").read_text()
    listed = set(re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE))
    assert listed - {"POSTGRES_PASSWORD"} == asked - {"FLASK_RUN_FROM_CLI"}  # the one is compose.yaml's alone


def test_a_key_in_hexadecimal_digits_is_the_same_key() -> None:
    assert read(TOKEN_KEYS=(b"k" * 32).hex()).token_keys == (KEY,)
    with pytest.raises(SettingsError, match="twice"):
        read(TOKEN_KEYS=f"{KEY},{(b'k' * 32).hex()}")


def test_the_example_file_says_what_is_missing_when_used_as_it_is() -> None:
    text = (Path(__file__).parents[1] / ".env.example").read_text()
    pairs = dict(line.split("=", 1) for line in text.splitlines() if re.match(r"[A-Z_]+=", line))
    with pytest.raises(SettingsError, match="SECRET_KEY is missing"):
        load(pairs)


def test_nobody_else_reads_the_environment() -> None:
    root = Path(__file__).parents[1]
    for path in [*root.glob("gateway/**/*.py"), *root.glob("w*/**/*.py"), *root.glob("w*.py"), *root.glob("g*.py")]:
        uses = re.findall(r"os\.(?:environ|getenv)(?!\))", path.read_text())
        assert uses == [], f"{path} reads the environment by itself"
