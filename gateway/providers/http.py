"""Outgoing HTTP for the providers' adapters: one pooled session, short timeouts, bounded answers, no redirects.

Knows no provider. Which hosts may be called at all is decided where the settings are read, not here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError as TransportError

from gateway.core.errors import TryLater

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
"""The longest silence between two pieces of an answer, and the time after which no further piece is awaited."""
LARGEST_ANSWER = 10 * 1024 * 1024
_PIECE = 64 * 1024
_POOL = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer; header names are in lower case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def _nobody_counts(_status: str) -> None:
    """For who does not want to know."""


class Outbound:
    """The way out for one provider, shared by all threads of a process. It holds nobody's credentials.

    ``count``: told the status of each answer, ``none`` where there was none.
    """

    def __init__(self, count: Callable[[str], None] = _nobody_counts) -> None:
        self._count = count
        self._session = requests.Session()
        # No .netrc, whose passwords would replace a bearer token, and no proxies taken from the environment unseen.
        self._session.trust_env = False
        # A cookie set while serving one person must not travel with the next one's request.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=_POOL, pool_maxsize=_POOL, max_retries=0))

    def exchange(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | str | None = None
    ) -> Answer:
        """Send one request and read its whole answer, whatever its status.

        Raises ``TryLater`` when there is no answer, or none in time, or it is cut short or too large. The error does
        not quote the library's words, which hold the whole address.
        """
        try:
            with self._session.request(
                method,
                url,
                headers=dict(headers or {}),
                data=body,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response:
                self._count(str(response.status_code))
                return Answer(
                    response.status_code,
                    response.reason or "",
                    {name.lower(): value for name, value in response.headers.items()},
                    _read(response),
                )
        except (requests.RequestException, TransportError, OSError) as error:
            self._count("none")
            raise TryLater(f"{urlsplit(url).hostname}: no whole answer ({type(error).__name__})") from None


def _read(response: requests.Response) -> bytes:
    """The body, as it comes: one read each, so that a trickle of bytes meets the deadline too."""
    deadline = time.monotonic() + READ_SECONDS
    body = bytearray()
    while piece := response.raw.read1(_PIECE, decode_content=True):
        body += piece
        if len(body) > LARGEST_ANSWER:
            raise TryLater("the answer is too large to be understood")
        if time.monotonic() > deadline:
            raise TryLater("the answer came too slowly")
    return bytes(body)
