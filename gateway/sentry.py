"""Errors to Sentry, where ``SENTRY_DSN`` asks for it. The package is not among the requirements: few need it.

What leaves is the error's place and kind and our redacted words; no local variables, no bodies, no headers, no person.
Options: https://docs.sentry.io/platforms/python/configuration/options/
"""

from __future__ import annotations

import importlib
from typing import Any

from gateway.redaction import Redactor
from gateway.settings import Settings, SettingsError

_WORDS = frozenset(("exception", "logentry", "message", "extra", "contexts", "tags"))


def begin(settings: Settings) -> None:
    """Report errors of this process, if that is set. Raises ``SettingsError`` where the package is missing."""
    if not settings.sentry_dsn:
        return
    try:
        sdk = importlib.import_module("sentry_sdk")
    except ImportError:
        wrong = "needs the package sentry-sdk: pip install sentry-sdk"
        raise SettingsError("SENTRY_DSN", wrong, "https://key@host/1") from None
    redactor = Redactor(settings.secrets)

    def redacted(event: dict[str, Any], _hint: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in event.items() if name not in ("request", "user", "breadcrumbs")}
        return kept | {name: redactor.value(kept[name]) for name in _WORDS & kept.keys()}

    sdk.init(
        dsn=settings.sentry_dsn,
        before_send=redacted,
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        environment=settings.deployment_id,
    )
