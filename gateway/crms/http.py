"""One HTTP call to a CRM: bounded in time and size, never redirected, only where the guard allows. Knows no CRM.

What goes wrong on the way is ``TryLater``: whether a write took effect is then unknown, and the services find out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import requests
from requests.exceptions import InvalidHeader, InvalidSchema, InvalidURL
from urllib3.exceptions import HTTPError

from gateway.core.errors import NotReadable, OperatorFault, TryLater
from gateway.core.reading import read_json
from gateway.crms.hosts import Outbound, open_session

CONNECT_S: Final = 3.0
READ_S: Final = 10.0
ANSWER_S: Final = 15.0
"""The longest a whole answer may take: a byte a second never runs into the read timeout."""

ANSWER_LIMIT: Final = 8 * 1024 * 1024
"""A page of a hundred tasks with long descriptions fits several times."""

_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A CRM's answer. ``headers``: names in lower case. The body may hold task text: it is in no ``repr``."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON. Raises ``TryLater``: a page of HTML with status 200 is a proxy that is unwell."""
        try:
            return read_json(self.body)
        except NotReadable as error:
            raise TryLater(f"answer not understood: {error.hint}") from error


class Line:
    """An open line to one CRM, for one job: its address and what every request carries. Not thread-safe."""

    def __init__(self, base_url: str, headers: Mapping[str, str], outbound: Outbound) -> None:
        self._base_url = base_url
        self._session = open_session(outbound)
        self._count = outbound.count
        # No compression: what arrives is what is counted.
        self._session.headers.update({"Accept": "application/json", "Accept-Encoding": "identity", **headers})
        self._session.headers["User-Agent"] = "calendar-gateway"

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and read the whole answer, whatever its status. ``body`` goes as JSON, ``form`` as a form.
        Raises ``TryLater``, ``OperatorFault``."""
        data, kind = _payload(body, form)
        sent = ({"Content-Type": kind} if data is not None else {}) | dict(headers or {})
        began = time.monotonic()
        try:
            with self._session.request(
                method,
                self._base_url + path,
                params=params,
                data=data,
                headers=sent,
                timeout=(CONNECT_S, READ_S),
                allow_redirects=False,
                stream=True,
            ) as response:
                self._count(str(response.status_code))
                found = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, found, _bounded(response, began + ANSWER_S))
        except (InvalidHeader, InvalidSchema, InvalidURL):
            # Their texts repeat the value, which may be the credential.
            raise OperatorFault("the CRM's base URL or credentials cannot be sent") from None
        except (requests.RequestException, HTTPError, OSError) as error:
            self._count("none")
            raise TryLater(f"the CRM could not be reached: {type(error).__name__}") from error

    def close(self) -> None:
        """Close its connections."""
        self._session.close()


def _payload(body: Mapping[str, Any] | None, form: Mapping[str, str] | None) -> tuple[bytes | None, str]:
    """The bytes to send, and what they are."""
    if form is not None:
        return urlencode(form).encode(), "application/x-www-form-urlencoded"
    return None if body is None else json.dumps(body).encode(), "application/json"


def _bounded(response: requests.Response, deadline: float) -> bytes:
    """The body, read as it comes: within the limit and in time."""
    parts, size = [], 0
    while part := response.raw.read1(_CHUNK, decode_content=True):
        size += len(part)
        if size > ANSWER_LIMIT:
            raise TryLater(f"answer not understood: more than {ANSWER_LIMIT} bytes")
        if time.monotonic() > deadline:
            raise TryLater(f"answer not understood: not complete after {ANSWER_S:.0f} s")
        parts.append(part)
    return b"".join(parts)
