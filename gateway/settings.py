"""Every setting of the deployment, read from the environment in this one place. ``.env.example`` tells what each means.

A missing or wrong setting stops the start with its name. Secrets are in no ``repr``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from gateway.environment import Environment, SettingsError, decoded, is_loopback

__all__ = ["FirstCrm", "OAuthClient", "Settings", "SettingsError", "load"]

VAULT_KEY_BYTES = 32
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_DEPLOYMENT = re.compile(r"[A-Za-z0-9_-]{1,32}")
_INSTALLATION_KEY = re.compile(r"[A-Za-z0-9_-]{16,128}")
_PASSWORD_HASH = re.compile(r"(scrypt|pbkdf2):[^$]+\$[^$]+\$[0-9a-f]+")
_CRM = ("CRM_KEY", "CRM_BASE_URL", "CRM_CREDENTIALS", "CRM_WEBHOOK_SECRET", "CRM_API_TOKEN")
_CRM_MARKS = ("CRM_KEY", "CRM_CREDENTIALS", "CRM_WEBHOOK_SECRET", "CRM_API_TOKEN")


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """Who we are to one provider. ``endpoints``: those that are not the real ones, by their name in its config."""

    client_id: str
    client_secret: str = field(repr=False)
    endpoints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FirstCrm:
    """The installation that the environment describes, so that a deployment for one CRM needs no command."""

    key: str = field(repr=False)
    name: str
    adapter: str
    base_url: str
    credentials: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    api_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """The deployment.

    ``public_url``: an origin, without a slash at its end. ``token_keys``: base64, newest first. ``google`` and
    ``microsoft``: ``None`` where no client is set. ``clock_file``, ``crash_at``: for tests, with ``allow_loopback``
    alone. ``is_command``: started by ``flask`` to run one command.
    """

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    redis_tls_verify: bool
    public_url: str
    secret_key: str = field(repr=False)
    token_keys: tuple[str, ...] = field(repr=False)
    deployment_id: str
    google: OAuthClient | None
    microsoft: OAuthClient | None
    first_crm: FirstCrm | None
    crm_private_hosts: frozenset[str]
    admin_password_hash: str = field(repr=False)
    metrics_token: str = field(repr=False)
    web_concurrency: int
    worker_concurrency: int
    log_level: str
    sentry_dsn: str = field(repr=False)
    allow_loopback: bool
    clock_file: Path | None
    crash_at: str
    is_command: bool

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies travel over https alone."""
        return self.public_url.startswith("https://")

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that may be in no log."""
        clients = [client.client_secret for client in (self.google, self.microsoft) if client]
        crm = self.first_crm
        of_crm = [crm.key, crm.credentials, crm.webhook_secret, crm.api_token] if crm else []
        own = [self.secret_key, *self.token_keys, self.admin_password_hash, self.metrics_token, self.sentry_dsn]
        passwords = [_password(self.database_url), _password(self.redis_url)]
        return tuple(text for text in (*own, *clients, *of_crm, *passwords) if text)


def load(variables: Mapping[str, str]) -> Settings:
    """Read and check everything. Raises ``SettingsError`` for the first setting that is missing or wrong."""
    env = Environment(variables)
    return Settings(
        database_url=_modern(env.store("DATABASE_URL", ("postgresql", "postgres"), _DATABASE)),
        redis_url=env.store("REDIS_URL", ("redis", "rediss", "unix"), "rediss://:password@host:6379"),
        redis_tls_verify=env.switch("REDIS_TLS_VERIFY", default=True),
        public_url=_origin(env),
        secret_key=env.secret("SECRET_KEY", "64 random characters", least=32),
        token_keys=env.keys("TOKEN_KEYS", VAULT_KEY_BYTES),
        deployment_id=_matching(env, "DEPLOYMENT_ID", _DEPLOYMENT, "1 to 32 letters, digits, - and _", "production"),
        google=_google(env),
        microsoft=_microsoft(env),
        first_crm=_first_crm(env),
        crm_private_hosts=_hosts(env),
        admin_password_hash=_admin(env),
        metrics_token=env.secret("METRICS_TOKEN", "32 random characters", least=16, required=False),
        web_concurrency=env.whole("WEB_CONCURRENCY", 2, 1, 64),
        worker_concurrency=env.whole("WORKER_CONCURRENCY", 8, 2, 64),
        log_level=env.one_of("LOG_LEVEL", _LEVELS, "INFO"),
        sentry_dsn=env.store("SENTRY_DSN", ("https",), "https://key@host/1") if env.has("SENTRY_DSN") else "",
        allow_loopback=env.allow_loopback,
        clock_file=_clock_file(env),
        crash_at=_for_tests(env, "CRASH_AT", "the name of a crash point"),
        is_command=is_command(variables),
    )


def is_command(variables: Mapping[str, str]) -> bool:
    """Whether Flask's own command line runs us: https://flask.palletsprojects.com/en/stable/cli/."""
    return bool(variables.get("FLASK_RUN_FROM_CLI", "").strip())


_DATABASE = "postgresql://user:password@host:5432/calendar_gateway"


def _modern(url: str) -> str:
    """``postgres://`` is an older spelling that platforms still hand out."""
    return f"postgresql://{url.partition('://')[2]}"


def _password(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""


def _origin(env: Environment) -> str:
    example = "https://gateway.example.com"
    url = env.address("PUBLIC_URL", example).rstrip("/")
    if urlsplit(url).path:
        raise SettingsError("PUBLIC_URL", "must have no path", example)
    return url


def _matching(env: Environment, name: str, form: re.Pattern[str], words: str, example: str) -> str:
    text = env.required(name, example)
    if form.fullmatch(text) is None:
        raise SettingsError(name, f"must be {words}", example)
    return text


def _admin(env: Environment) -> str:
    text = env.optional("ADMIN_PASSWORD_HASH")
    if text and _PASSWORD_HASH.fullmatch(text) is None:
        raise SettingsError("ADMIN_PASSWORD_HASH", "is no hash made by werkzeug.security", "scrypt:32768:8:1$salt$0a1b")
    return text


# --- the outside world ----------------------------------------------------------------------------------------------


def _google(env: Environment) -> OAuthClient | None:
    endpoints = {
        "auth_uri": ("GOOGLE_AUTH_URI", "https://accounts.google.com/o/oauth2/v2/auth"),
        "token_uri": ("GOOGLE_TOKEN_URI", "https://oauth2.googleapis.com/token"),
        "revoke_uri": ("GOOGLE_REVOKE_URI", "https://oauth2.googleapis.com/revoke"),
        "calendar_endpoint": ("GOOGLE_CALENDAR_ENDPOINT", "https://www.googleapis.com/calendar/v3/"),
    }
    return _client(env, "GOOGLE", endpoints, {"GOOGLE_CALENDAR_ENDPOINT": "/calendar/v3/"})


def _microsoft(env: Environment) -> OAuthClient | None:
    endpoints = {
        "authority": ("MICROSOFT_AUTHORITY", "https://login.microsoftonline.com/common"),
        "graph_endpoint": ("MICROSOFT_GRAPH_ENDPOINT", "https://graph.microsoft.com/v1.0"),
    }
    return _client(env, "MICROSOFT", endpoints, {"MICROSOFT_GRAPH_ENDPOINT": "/v1.0"})


def _client(
    env: Environment, name: str, known: Mapping[str, tuple[str, str]], endings: Mapping[str, str]
) -> OAuthClient | None:
    """A provider's client: both its id and its secret, or neither. Addresses are checked whether or not it is set."""
    endpoints: dict[str, str] = {}
    for key, (variable, example) in known.items():
        if env.has(variable):
            endpoints[key] = env.address(variable, example)
            if not endpoints[key].endswith(endings.get(variable, "")):
                raise SettingsError(variable, f"must end in {endings[variable]}", example)
    if not env.has(f"{name}_CLIENT_ID") and not env.has(f"{name}_CLIENT_SECRET"):
        return None
    return OAuthClient(
        env.required(f"{name}_CLIENT_ID", "the client id of your OAuth client"),
        env.required(f"{name}_CLIENT_SECRET", "the secret that belongs to the client id"),
        endpoints,
    )


def _first_crm(env: Environment) -> FirstCrm | None:
    if not any(env.has(name) for name in _CRM_MARKS):
        return None
    examples = dict(zip(_CRM, ("24 random characters", "https://crm.example.com", *["a secret"] * 3), strict=True))
    for name in _CRM:
        env.required(name, examples[name])
    base_url = env.address("CRM_BASE_URL", examples["CRM_BASE_URL"])
    return FirstCrm(
        key=_matching(env, "CRM_KEY", _INSTALLATION_KEY, "16 to 128 letters, digits, - and _", examples["CRM_KEY"]),
        name=env.optional("CRM_NAME") or urlsplit(base_url).hostname or "CRM",
        adapter=(env.optional("CRM_ADAPTER") or "generic").lower(),
        base_url=base_url,
        credentials=env.required("CRM_CREDENTIALS", "its token, or JSON"),
        webhook_secret=_webhook_secret(env),
        api_token=env.secret("CRM_API_TOKEN", "43 random characters", least=32),
    )


def _webhook_secret(env: Environment) -> str:
    """In the form of Standard Webhooks, where it says so: a slip there would have every delivery refused.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    example = "whsec_ and 32 random bytes in base64"
    text = env.secret("CRM_WEBHOOK_SECRET", example, least=24)
    key = decoded(text.removeprefix("whsec_")) or b""
    if text.startswith("whsec_") and not 24 <= len(key) <= 64:
        raise SettingsError("CRM_WEBHOOK_SECRET", "must hold 24 to 64 bytes in base64 after whsec_", example)
    return text


def _hosts(env: Environment) -> frozenset[str]:
    hosts = [host.strip().lower() for host in env.optional("CRM_PRIVATE_HOSTS").split(",") if host.strip()]
    for host in hosts:
        if "/" in host or ":" in host.strip("[]").replace("::", "") or "*" in host:
            raise SettingsError("CRM_PRIVATE_HOSTS", "must hold host names alone", "crm.intern.example,10.0.0.7")
        if is_loopback(host) and not env.allow_loopback:
            raise SettingsError("CRM_PRIVATE_HOSTS", "names this machine", "crm.intern.example")
    return frozenset(hosts)


def named(name: str, variables: Mapping[str, str]) -> str:
    """A secret that an operator has put into a variable of their own choice, for one command; empty where it is not."""
    return variables.get(name, "").strip()


# --- for tests ------------------------------------------------------------------------------------------------------


def _clock_file(env: Environment) -> Path | None:
    text = _for_tests(env, "CLOCK_FILE", "/tmp/clock")  # noqa: S108 - an example in an error message
    return Path(text) if text else None


def _for_tests(env: Environment, name: str, example: str) -> str:
    text = env.optional(name)
    if text and not env.allow_loopback:
        raise SettingsError(name, "is for tests, which ALLOW_LOOPBACK=1 must say", example)
    return text


