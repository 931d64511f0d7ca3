"""Whether the world reaches us under our public address: asked the long way round, as a CRM or a provider would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import requests

from gateway.services.doctor import Finding, broken, well

_LIMITS: Final = (3.0, 10.0)
_NOT_US: Final = "webhooks and pushes would not arrive"


def look_from_outside(public_url: str) -> Iterator[Finding]:
    """Calls our own ``/healthz`` and a door for webhooks. Raises nothing."""
    try:
        with requests.Session() as session:
            live = session.get(f"{public_url}/healthz", timeout=_LIMITS, allow_redirects=False)
            door = session.post(f"{public_url}/webhooks/crm/doctor", json={}, timeout=_LIMITS, allow_redirects=False)
    except requests.exceptions.SSLError:
        fix = "install a certificate with its whole chain for this host (heroku certs:auto:enable)"
        yield broken("public url", "its TLS certificate is not valid", "providers refuse to send", fix)
        return
    except requests.exceptions.RequestException as error:
        fix = "set PUBLIC_URL to where the web process is reached, and let it in from the internet"
        yield broken("public url", f"it cannot be reached ({type(error).__name__})", _NOT_US, fix)
        return
    if live.status_code != 200 or live.text.strip() != '{"status":"ok"}':
        fix = "set PUBLIC_URL to the exact origin of the web process, without a redirect"
        yield broken("public url", f"/healthz answers {live.status_code}, and not as this gateway", _NOT_US, fix)
        return
    yield well("public url", "it leads here")
    # A stranger is refused by ourselves in a way that nobody in front of us has.
    if door.status_code == 401 and door.headers.get("Content-Type", "").startswith("application/problem+json"):
        yield well("webhook paths", "they are open")
    else:
        fix = "exempt POST /webhooks/* from bot protection, logins and body rules in front of the gateway"
        yield broken("webhook paths", f"somebody in front of us answers {door.status_code}", _NOT_US, fix)
