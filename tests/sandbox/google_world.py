"""The Google stand-in as the tests see it: people with their own tokens, an app that signs them in, a push receiver."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

import requests

from sandbox.google import GoogleStandIn
from sandbox.kit.server import serve

DEADLINE_S = 10.0
CALLBACK = "http://127.0.0.1:9/oauth/google/callback"
VERIFIER = "v" * 64
APP_CREATED = "https://www.googleapis.com/auth/calendar.app.created"
OWNED = "https://www.googleapis.com/auth/calendar.events.owned"
LIST_READONLY = "https://www.googleapis.com/auth/calendar.calendarlist.readonly"
EVENTS = "https://www.googleapis.com/auth/calendar.events"
ONE_HOUR = {"start": {"dateTime": "2026-12-01T10:00:00Z"}, "end": {"dateTime": "2026-12-01T11:00:00Z"}}


@dataclass(frozen=True)
class Reply:
    """An answer of the API: status and JSON (``None`` when there is no body)."""

    status: int
    json: Any
    headers: Mapping[str, str]

    @property
    def reason(self) -> str:
        return str(self.json["error"]["errors"][0]["reason"])

    @property
    def problem(self) -> tuple[int, str]:
        return self.status, self.reason


class Api:
    """Calls of the Calendar API with one bearer token."""

    def __init__(self, google: GoogleStandIn, token: str, email: str = "") -> None:
        self.token, self.email = token, email
        self._root = google.endpoint
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"

    def call(
        self, verb: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **query: Any
    ) -> Reply:
        answer = self._session.request(verb, self._root + path, params=query, json=body, headers=headers, timeout=10)
        return Reply(answer.status_code, answer.json() if answer.content else None, answer.headers)

    def get(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> Reply:
        return self.call("GET", path, None, headers, **query)

    def insert(self, body: Mapping[str, Any] | None = None, calendar: str = "primary", **query: Any) -> Reply:
        return self.call("POST", f"calendars/{calendar}/events", {**ONE_HOUR, **(body or {})}, **query)

    def event(self, event_id: str, calendar: str = "primary", **query: Any) -> Reply:
        return self.get(f"calendars/{calendar}/events/{event_id}", **query)

    def patch(
        self, event_id: str, body: Mapping[str, Any], if_match: str | None = None, calendar: str = "primary"
    ) -> Reply:
        headers = {"If-Match": if_match} if if_match else None
        return self.call("PATCH", f"calendars/{calendar}/events/{event_id}", body, headers)

    def update(self, event_id: str, body: Mapping[str, Any], calendar: str = "primary") -> Reply:
        return self.call("PUT", f"calendars/{calendar}/events/{event_id}", body)

    def delete(self, event_id: str, if_match: str | None = None, calendar: str = "primary") -> Reply:
        headers = {"If-Match": if_match} if if_match else None
        return self.call("DELETE", f"calendars/{calendar}/events/{event_id}", None, headers)

    def listing(self, calendar: str = "primary", **query: Any) -> Reply:
        return self.get(f"calendars/{calendar}/events", **query)

    def ids(self, calendar: str = "primary", **query: Any) -> list[str]:
        return [item["id"] for item in self.listing(calendar, **query).json["items"]]

    def watch(self, address: str, calendar: str = "primary", channel: str = "ch-1", **body: Any) -> Reply:
        wanted = {"id": channel, "type": "web_hook", "address": address, **body}
        return self.call("POST", f"calendars/{calendar}/events/watch", wanted)

    def close(self) -> None:
        self._session.close()


class GoogleWorld:
    """One stand-in, emptied for the test, with the admin plane's calls as methods."""

    def __init__(self, stand_in: GoogleStandIn) -> None:
        self.stand_in = stand_in
        self.url = stand_in.url
        self._http = requests.Session()
        self._http.trust_env = False
        self._apis: list[Api] = []
        self.admin("reset", seed=1)
        stand_in.recorder.clear()
        client = self.admin("clients")
        self.client_id, self.client_secret = client["client_id"], client["client_secret"]

    def admin(self, name: str, **body: Any) -> Any:
        answer = self._http.post(f"{self.url}/_sandbox/{name}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ledger(self) -> list[dict[str, Any]]:
        entries = self._http.get(f"{self.url}/_sandbox/ledger", timeout=10).json()["entries"]
        assert isinstance(entries, list)
        return entries

    def advance(self, seconds: float) -> None:
        self.admin("clock", advance_s=seconds)

    def person(self, email: str = "ann@example.com", **more: Any) -> Api:
        return self.api(self.admin("persons", email=email, **more)["token"], email)

    def api(self, token: str, email: str = "") -> Api:
        api = Api(self.stand_in, token, email)
        self._apis.append(api)
        return api

    def authorize(self, *scopes: str, **more: str) -> requests.Response:
        """One request to the authorize endpoint, as the browser sends it; redirects are not followed."""
        digest = hashlib.sha256(VERIFIER.encode()).digest()
        query = {
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": " ".join(scopes),
            "state": "state-1",
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            "access_type": "offline",
        }
        asked = {name: value for name, value in {**query, **more}.items() if value}
        return self._http.get(f"{self.url}/o/oauth2/v2/auth", params=asked, allow_redirects=False, timeout=10)

    def post(self, path: str, **form: str) -> requests.Response:
        return self._http.post(f"{self.url}{path}", data=form, allow_redirects=False, timeout=10)

    def exchange(self, code: str, **more: str) -> requests.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        return self.post("/token", **{name: value for name, value in {**form, **more}.items() if value})

    def refresh(self, token: str, **more: str) -> requests.Response:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": token,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        return self.post("/token", **{**form, **more})

    def sign_in(self, email: str, scopes: Iterable[str], untick: Iterable[str] = (), **more: str) -> Any:
        """The whole consent of a known person; the token endpoint's answer."""
        self.admin("consent", email=email, decision="allow", untick=list(untick))
        sent_to = self.authorize("openid", "email", *scopes, **more).headers["Location"]
        answer = self.exchange(answer_of(sent_to)["code"])
        assert answer.status_code == 200, answer.text
        return answer.json()

    def app(self, email: str, *scopes: str) -> Api:
        """The API as the app may use it for that person."""
        return self.api(self.sign_in(email, scopes)["access_token"], email)

    def close(self) -> None:
        for api in self._apis:
            api.close()
        self._http.close()


def answer_of(location: str) -> dict[str, str]:
    """What came back in the query of the redirect."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


class Receiver:
    """Takes pushes in; answers 204, or what ``answers`` holds next."""

    def __init__(self) -> None:
        self.pushes: list[dict[str, str]] = []
        self.answers: deque[int] = deque()
        self._changed = threading.Condition()
        self._server = serve(self._take, 0)
        self.url = f"{self._server.url}/webhooks/calendar/google"

    def expect(self, count: int) -> list[dict[str, str]]:
        """The pushes so far, once there are ``count``."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.pushes) >= count, DEADLINE_S)
            assert arrived, f"{len(self.pushes)} pushes instead of {count}"
            return list(self.pushes)

    def stop(self) -> None:
        self._server.stop()

    def _take(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        assert environ["wsgi.input"].read() == b""
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        with self._changed:
            self.pushes.append(headers)
            status = self.answers.popleft() if self.answers else 204
            self._changed.notify_all()
        start_response(f"{status} X", [])
        return []
