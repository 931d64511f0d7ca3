"""The Microsoft stand-in as the tests see it: people with their own tokens, an app that signs them in, an inbox."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

import requests
from requests.adapters import HTTPAdapter

from sandbox.graph import GraphStandIn
from sandbox.kit.server import serve

DEADLINE_S = 10.0
CALLBACK = "http://127.0.0.1:9/oauth/microsoft/callback"
VERIFIER = "v" * 64
SCOPES = ("openid", "profile", "offline_access", "Calendars.ReadWrite")
LOGIN = "login.microsoftonline.com"
ONE_HOUR = {
    "start": {"dateTime": "2026-12-01T10:00:00", "timeZone": "UTC"},
    "end": {"dateTime": "2026-12-01T11:00:00", "timeZone": "UTC"},
}
LINK = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name CrmTaskLink"
IMMUTABLE = {"Prefer": 'IdType="ImmutableId"'}


def marked(value: str, property_id: str = LINK) -> dict[str, Any]:
    """The part of a body that puts our property on an event."""
    return {"singleValueExtendedProperties": [{"id": property_id, "value": value}]}


def ours(test: str) -> str:
    """A ``$filter`` on our property; ``test`` is about ``ep/value``."""
    return f"singleValueExtendedProperties/Any(ep: ep/id eq '{LINK}' and {test})"


@dataclass(frozen=True)
class Reply:
    """An answer of Graph: status and JSON (``None`` when there is no body)."""

    status: int
    json: Any
    headers: Mapping[str, str]

    @property
    def problem(self) -> tuple[int, str]:
        return self.status, str(self.json["error"]["code"])


class Api:
    """Calls of Graph with one bearer token."""

    def __init__(self, graph: GraphStandIn, token: str, email: str = "") -> None:
        self.token, self.email = token, email
        self._root = graph.endpoint
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"

    def call(
        self, verb: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **query: Any
    ) -> Reply:
        url = path if path.startswith("http") else f"{self._root}/{path}"
        params = {f"${name}": value for name, value in query.items()}
        answer = self._session.request(verb, url, params=params, json=body, headers=headers, timeout=15)
        return Reply(answer.status_code, answer.json() if answer.content else None, answer.headers)

    def get(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> Reply:
        return self.call("GET", path, None, headers, **query)

    def add(
        self,
        body: Mapping[str, Any] | None = None,
        calendar: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        path = f"me/calendars/{calendar}/events" if calendar else "me/events"
        return self.call("POST", path, {"subject": "one", **ONE_HOUR, **(body or {})}, headers)

    def event(self, event_id: str, headers: Mapping[str, str] | None = None, **query: Any) -> Reply:
        return self.get(f"me/events/{event_id}", headers, **query)

    def patch(self, event_id: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
        return self.call("PATCH", f"me/events/{event_id}", body, headers)

    def delete(self, event_id: str, headers: Mapping[str, str] | None = None) -> Reply:
        return self.call("DELETE", f"me/events/{event_id}", None, headers)

    def subscribe(self, inbox_url: str, headers: Mapping[str, str] | None = None, **body: Any) -> Reply:
        wanted = {
            "changeType": "created,updated,deleted",
            "notificationUrl": inbox_url,
            "resource": "me/events",
            "clientState": "state-1",
            **body,
        }
        given = {name: value for name, value in wanted.items() if value is not None}
        return self.call("POST", "subscriptions", given, {**IMMUTABLE, **(headers or {})})

    def batch(self, *requests_: Mapping[str, Any]) -> Reply:
        return self.call("POST", "$batch", {"requests": list(requests_)})

    def close(self) -> None:
        self._session.close()


class GraphWorld:
    """One stand-in, emptied for the test, with the admin plane's calls as methods."""

    def __init__(self, stand_in: GraphStandIn) -> None:
        self.stand_in = stand_in
        self.url = stand_in.url
        self._http = requests.Session()
        self._http.trust_env = False
        self._apis: list[Api] = []
        self.admin("reset", seed=1)
        stand_in.recorder.clear()
        client = self.admin("clients")
        self.client_id, self.client_secret = client["client_id"], client["client_secret"]

    def admin(self, name: str, /, **body: Any) -> Any:
        answer = self._http.post(f"{self.url}/_sandbox/{name}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused_admin(self, name: str, /, **body: Any) -> str:
        answer = self._http.post(f"{self.url}/_sandbox/{name}", json=body, timeout=10)
        assert answer.status_code == 400, answer.text
        return str(answer.json()["error"])

    def ledger(self) -> list[dict[str, Any]]:
        entries = self._http.get(f"{self.url}/_sandbox/ledger", timeout=10).json()["entries"]
        assert isinstance(entries, list)
        return entries

    def advance(self, **units: float) -> None:
        seconds = {"days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}
        self.admin("clock", advance_s=sum(seconds[name] * value for name, value in units.items()))

    def person(self, email: str = "ann@example.com", **more: Any) -> Api:
        return self.api(self.admin("persons", email=email, **more)["token"], email)

    def api(self, token: str, email: str = "") -> Api:
        api = Api(self.stand_in, token, email)
        self._apis.append(api)
        return api

    def authorize(self, *scopes: str, tenant: str = "common", **more: str) -> requests.Response:
        """One request to the authorize endpoint, as the browser sends it; redirects are not followed."""
        asked = {name: value for name, value in {**self.query(*scopes), **more}.items() if value}
        url = f"{self.url}/{tenant}/oauth2/v2.0/authorize"
        return self._http.get(url, params=asked, allow_redirects=False, timeout=10)

    def query(self, *scopes: str) -> dict[str, str]:
        """What the app asks the authorize endpoint with."""
        digest = hashlib.sha256(VERIFIER.encode()).digest()
        return {
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": " ".join(scopes or SCOPES),
            "state": "state-1",
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }

    def answer(self, email: str, decision: str = "allow", **more: Any) -> dict[str, str]:
        """What the app is sent when this person decides so."""
        consent = {name: more.pop(name) for name in ("untick", "form") if name in more}
        self.admin("consent", email=email, decision=decision, **consent)
        return answer_of(self.authorize(**more).headers["Location"])

    def token(self, **form: str) -> requests.Response:
        whole = {"client_id": self.client_id, "client_secret": self.client_secret, **form}
        given = {name: value for name, value in whole.items() if value}
        return self._http.post(f"{self.url}/common/oauth2/v2.0/token", data=given, timeout=10)

    def exchange(self, code: str, **more: str) -> requests.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        return self.token(**{**form, **more})

    def refresh(self, token: str, **more: str) -> requests.Response:
        return self.token(grant_type="refresh_token", refresh_token=token, **more)

    def sign_in(self, email: str, *scopes: str, **more: Any) -> Any:
        """The whole consent of a known person; the token endpoint's answer."""
        wanted = " ".join(("openid", "profile", "offline_access", *scopes)) if scopes else ""
        asked = {"scope": wanted} if wanted else {}
        answer = self.exchange(self.answer(email, **asked, **more)["code"], client_info="1")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def app(self, email: str, *scopes: str) -> Api:
        """Graph as the app may use it for that person."""
        return self.api(self.sign_in(email, *scopes)["access_token"], email)

    def close(self) -> None:
        for api in self._apis:
            api.close()
        self._http.close()


def answer_of(location: str) -> dict[str, str]:
    """What came back in the query of the redirect."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def form_of(page: str) -> tuple[str, dict[str, str]]:
    """Where the page's form goes, and its hidden fields."""
    action = re.search(r'<form method="POST"[^>]* action="([^"]*)"', page)
    assert action is not None, page
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return unescape(action[1]), {name: unescape(value) for name, value in fields}


class OntoLoopback(HTTPAdapter):
    """Sends what is meant for an https name to the stand-in, which is how MSAL, which insists on https, reaches it."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        asked = urlsplit(str(request.url))
        request.headers["X-Forwarded-Host"] = asked.netloc
        request.url = self._base + asked._replace(scheme="", netloc="").geturl()
        return super().send(request, *args, **kwargs)


class Inbox:
    """Takes notifications in; answers 202, or what ``answers`` holds next. ``echo`` is what a handshake gets."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, list[dict[str, Any]]]] = []
        self.handshakes: list[tuple[str, str]] = []
        self.answers: deque[int] = deque()
        self.handshake_status = 200
        self.handshake_type = "text/plain; charset=utf-8"
        self.handshake_body: str | None = None
        self._changed = threading.Condition()
        self._server = serve(self._take, 0)
        self.url = f"{self._server.url}/webhooks/calendar/outlook"
        self.lifecycle_url = f"{self.url}/lifecycle"

    @property
    def items(self) -> list[dict[str, Any]]:
        with self._changed:
            return [item for _, items in self.posts for item in items]

    def expect(self, count: int) -> list[dict[str, Any]]:
        """The items so far, once there are ``count``."""
        with self._changed:
            found = self._changed.wait_for(lambda: sum(len(items) for _, items in self.posts) >= count, DEADLINE_S)
            assert found, f"{self.posts} instead of {count}"
        return self.items

    def stop(self) -> None:
        self._server.stop()

    def _take(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        token = parse_qs(environ["QUERY_STRING"]).get("validationToken")
        with self._changed:
            if token is not None:
                self.handshakes.append((environ["PATH_INFO"], token[0]))
                start_response(f"{self.handshake_status} X", [("Content-Type", self.handshake_type)])
                return [(self.handshake_body or token[0]).encode()]
            self.posts.append((environ["PATH_INFO"], json.loads(environ["wsgi.input"].read())["value"]))
            status = self.answers.popleft() if self.answers else 202
            self._changed.notify_all()
        start_response(f"{status} X", [])
        return []
