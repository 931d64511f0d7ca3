"""Microsoft Graph over ``requests``, for one person and one job.

Written by hand: we need a dozen calls, and the official SDK brings 470 MB and an event loop
(https://github.com/microsoftgraph/msgraph-sdk-python).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from gateway.core.errors import StaleWrite, TryLater
from gateway.providers.http import Outbound
from gateway.providers.outlook.config import OutlookConfig
from gateway.providers.outlook.errors import failure

PREFER = ('IdType="ImmutableId"', 'outlook.timezone="UTC"', 'outlook.body-content-type="text"')
"""Ids that survive a move, times in UTC, texts as text: each holds for one request only.
https://learn.microsoft.com/graph/outlook-immutable-id and https://learn.microsoft.com/graph/api/event-get"""
PAGE = 200
MOST_PAGES = 500
_AGENT = "calendar-gateway"


class Client:
    """Graph with one person's token. Not to be shared; the connections below it are."""

    def __init__(self, config: OutlookConfig, outbound: Outbound, token: str) -> None:
        self._outbound, self._token, self.now = outbound, token, config.now
        self._root = config.graph_endpoint.rstrip("/")

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        etag: str | None = None,
    ) -> dict[str, Any]:
        """Send one request and return its JSON object; ``{}`` for an answer without a body.

        ``path``: below the version, its ids quoted. ``etag``: sent as ``If-Match``. Raises the errors of
        ``outlook.errors``; "stale" only for what was sent with an etag, for Exchange says so of other calls, too, when
        it is busy with the item (https://learn.microsoft.com/answers/questions/271870).
        """
        return self._send(method, f"{self._root}/{asking(path, query)}", body, etag)

    def pages(self, path: str, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """The entries of a list, page after page. The next page's address is followed only where it is Graph's."""
        answer = self.call("GET", path, query=query)
        for _ in range(MOST_PAGES):
            entries = answer.get("value")
            yield from (one for one in entries if isinstance(one, dict)) if isinstance(entries, list) else ()
            following = answer.get("@odata.nextLink")
            if not following:
                return
            if not str(following).startswith(f"{self._root}/"):
                raise TryLater("Microsoft Graph names a next page that is not its own")
            answer = self._send("GET", str(following), None, None)
        raise TryLater("a list of Microsoft Graph's has no end")

    def _send(self, method: str, url: str, body: Mapping[str, Any] | None, etag: str | None) -> dict[str, Any]:
        answer = self._outbound.exchange(
            method, url, headers=self._headers(body, etag), body=None if body is None else json.dumps(body)
        )
        if not 200 <= answer.status < 300:
            error = failure(answer.status, answer.headers, answer.body, self.now())
            if isinstance(error, StaleWrite) and etag is None:
                raise TryLater(str(error))
            raise error
        return _object(answer.body)

    def _headers(self, body: Mapping[str, Any] | None, etag: str | None) -> dict[str, str]:
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/json",
            "Prefer": ", ".join((*PREFER, f"odata.maxpagesize={PAGE}")),
            "client-request-id": str(uuid.uuid4()),
            "User-Agent": _AGENT,
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        if etag is not None:
            headers["If-Match"] = etag
        return headers


def asking(path: str, query: Mapping[str, str] | None) -> str:
    """A path with its query."""
    return f"{path}?{urlencode(query, quote_via=quote, safe='$')}" if query else path


def part(value: str) -> str:
    """An id as a part of a path; they hold ``=`` and other marks, and upper and lower case differ."""
    return quote(value, safe="")


def _object(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise TryLater("Microsoft Graph's answer is not readable as JSON") from None
    if not isinstance(told, dict):
        raise TryLater("Microsoft Graph's answer is not a JSON object")
    return told
