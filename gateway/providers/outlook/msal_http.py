"""MSAL over the providers' own HTTP: its timeouts, its bounds, and no redirects.

A server in trouble is told as ``TryLater`` here, with the delay it asked for: MSAL would remember such an answer, and
give it to the next caller without asking again.

MSAL takes any object shaped as ``msal.oauth2cli.http.HttpClient``. It insists on https for its authority, so one on
loopback (development and tests alone) is told to it under https, and found again here under http.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from msal.exceptions import MsalServiceError

from gateway.core.errors import TryLater
from gateway.core.schedule import asked_delay
from gateway.providers.http import Answer, Outbound


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority as it is and as MSAL is told of it. ``url``: with its one path segment."""

    url: str

    @property
    def for_msal(self) -> str:
        """The same under https."""
        return self._swapped(self.url, "http", "https")

    def real(self, url: str) -> str:
        """An address as it is to be called, or shown to a browser."""
        return self._swapped(url, "https", "http") if self.url.startswith("http://") else url

    def for_tenant(self, tenant: str) -> str:
        """The same authority for other accounts."""
        return f"{self.url.rstrip('/').rpartition('/')[0]}/{tenant}"

    def _swapped(self, url: str, one: str, other: str) -> str:
        same_host = urlsplit(url).netloc == urlsplit(self.url).netloc
        return f"{other}{url.removeprefix(one)}" if same_host and url.startswith(f"{one}://") else url


@dataclass
class MsalResponse:
    """An answer in the shape MSAL reads."""

    status_code: int
    text: str = field(repr=False)
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        """As MSAL expects of it: only for what is not a success."""
        if self.status_code >= 400:
            raise MsalServiceError(f"HTTP {self.status_code}", error=None, error_description=None)


class MsalHttp:
    """What MSAL takes for a session. Its ``TryLater`` passes through MSAL."""

    def __init__(self, outbound: Outbound, authority: Authority, now: Callable[[], datetime]) -> None:
        self._outbound, self._authority, self._now = outbound, authority, now

    def get(self, url: str, params: Mapping[str, str] | None = None, headers: Any = None, **_: Any) -> MsalResponse:
        """A GET."""
        return self._answer(self._outbound.exchange("GET", self._address(url, params), headers=headers))

    def post(
        self, url: str, params: Mapping[str, str] | None = None, data: Any = None, headers: Any = None, **_: Any
    ) -> MsalResponse:
        """A POST of a form."""
        form = data if isinstance(data, str | bytes) else urlencode(data or {})
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", **(headers or {})}
        return self._answer(self._outbound.exchange("POST", self._address(url, params), headers=sent, body=form))

    def close(self) -> None:
        """The connections are everybody's: they stay open."""

    def _address(self, url: str, params: Mapping[str, str] | None) -> str:
        real = self._authority.real(url)
        joint = "&" if "?" in real else "?"
        return f"{real}{joint}{urlencode(params)}" if params else real

    def _answer(self, answer: Answer) -> MsalResponse:
        if answer.status == 429 or answer.status >= 500:
            after = asked_delay(answer.headers.get("retry-after"), self._now())
            raise TryLater(f"Microsoft's sign-in answered {answer.status}", after=after, everyone=answer.status == 429)
        return MsalResponse(answer.status, answer.body.decode("utf-8", "replace"), dict(answer.headers))
