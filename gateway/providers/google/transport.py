"""Google's own client over ``requests``: the same HTTP stack, timeouts and bounds as every other outside call.

The client speaks to an httplib2-shaped object, and one such object shared by several threads was seen to hand out other
requests' answers (https://googleapis.github.io/google-api-python-client/docs/thread_safety.html). So each job opens a
``Client`` of its own, with one person's token; what is shared is the session below, which holds nobody's token.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import httplib2
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc

from gateway.core.errors import TryLater
from gateway.providers.google.config import GoogleConfig
from gateway.providers.google.errors import failure
from gateway.providers.http import Outbound


class Transport:
    """What the client takes for ``httplib2.Http``, sending one person's bearer token. Not to be shared.

    Failures are translated here and never reach the client: its own error quotes the address, in which a calendar's id
    is somebody's e-mail address, and its reading of a 403 fails on bodies that are not as Google's usually are.
    """

    def __init__(self, config: GoogleConfig, outbound: Outbound, token: str) -> None:
        self._now, self._outbound, self._token = config.now, outbound, token

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[httplib2.Response, bytes]:
        """Send one request. Raises the errors of ``google.errors`` for any answer that is not a success."""
        sent = {**(headers or {}), "Authorization": f"Bearer {self._token}"}
        answer = self._outbound.exchange(method, uri, headers=sent, body=body)
        if not 200 <= answer.status < 300:
            raise failure(answer.status, answer.headers, answer.body, self._now())
        response = httplib2.Response({**answer.headers, "status": str(answer.status)})
        response.reason = answer.reason
        return response, answer.body


class Client:
    """Calendar v3 for one job: the API's resources, and ``call`` to send a request made by one of them."""

    def __init__(self, config: GoogleConfig, outbound: Outbound, token: str) -> None:
        self._service = build_from_document(
            _document(),
            http=Transport(config, outbound, token),
            client_options={"api_endpoint": config.calendar_endpoint},
        )

    @property
    def events(self) -> Any:
        """The resource ``events``. Making one costs a millisecond: keep it for the job."""
        return self._service.events()

    @property
    def calendars(self) -> Any:
        """The resource ``calendars``."""
        return self._service.calendars()

    @property
    def calendar_list(self) -> Any:
        """The resource ``calendarList``."""
        return self._service.calendarList()

    @property
    def channels(self) -> Any:
        """The resource ``channels``."""
        return self._service.channels()

    def call(self, request: Any, *, etag: str | None = None) -> dict[str, Any]:
        """Send a request once and return its JSON object; ``{}`` for an answer without a body.

        ``etag``: sent as ``If-Match``. Raises the errors of ``google.errors``.
        """
        if etag is not None:
            request.headers["If-Match"] = etag
        try:
            answer = request.execute(num_retries=0)
        except (ValueError, RecursionError):
            raise TryLater("Google's answer is not readable as JSON") from None
        if not answer:
            return {}
        if not isinstance(answer, dict):
            raise TryLater("Google's answer is not a JSON object")
        return answer


@cache
def _document() -> str:
    """The discovery document that comes with the client, as text: building writes into the parsed one."""
    text = get_static_doc("calendar", "v3")
    if text is None:
        raise RuntimeError("google-api-python-client is installed without its discovery documents")
    return str(text)
