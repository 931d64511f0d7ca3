"""The conformance kit: a careful CRM passes, and each flaw of a careless one is named with what it does to people."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
import requests

import sandbox.crm
from sandbox import __main__ as sandbox_command
from sandbox.conformance import CHECKS, as_text, telling
from sandbox.conformance.bench import Bench, Outcome, run
from sandbox.kit.server import serve
from sandbox.kit.standin import StandIn

SECRET = "whsec_Y2FsZW5kYXItZ2F0ZXdheS12ZWN0b3ItMDAwMQ=="
OTHER_SECRET = "whsec_YW5vdGhlciBzZWNyZXQgb2YgdGhlIHNhbWUgbGVuZ3Ro"


@dataclass
class Crm:
    """A stand-in with one person and three tasks, of which two are on."""

    standin: StandIn
    webhooks_to: str = "http://127.0.0.1:9/"

    def __post_init__(self) -> None:
        self.url = self.standin.url
        self.admin("reset", {"seed": 1})
        self.token = self.admin("installation", {"webhook_url": self.webhooks_to, "webhook_secret": SECRET})[
            "api_token"
        ]
        person = self.admin("persons", {"email": "ada@example.com"})
        self.person = {"Authorization": f"Bearer {person['token']}"}
        due = {"date_time": "2030-01-01T09:00:00Z", "time_zone": "Europe/Berlin"}
        for title, on in (("Private", False), ("Call Ada", True), ("Call Bob", True)):
            body = {"title": title, "description": "Bring the quote", "due": due, "calendar_sync": on}
            requests.post(f"{self.url}/tasks", json=body, headers=self.person, timeout=5).raise_for_status()

    def admin(self, path: str, body: Any) -> Any:
        return requests.post(f"{self.url}/_sandbox/{path}", json=body, timeout=5).json()

    def tasks(self) -> list[dict[str, Any]]:
        found = requests.get(f"{self.url}/_sandbox/tasks", timeout=5).json()["tasks"]
        gone = ("reports", "version", "updated_at")
        shown = [{name: value for name, value in task.items() if name not in gone} for task in found]
        return sorted(shown, key=lambda task: str(task["id"]))


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    running = sandbox.crm.start(retries_s=())
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def no_long_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """On one machine a webhook that does not come at once does not come."""
    monkeypatch.setattr(telling, "STAYS_QUIET_S", 0.3)


@pytest.fixture
def crm(standin: StandIn) -> Crm:
    return Crm(standin)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(*words: str) -> int:
    return sandbox_command.main(["conformance", *words])


# --- a careful CRM --------------------------------------------------------------------------------------------------


def test_a_careful_crm_passes_everything(standin: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    crm = Crm(standin, f"http://127.0.0.1:{port}/")
    listening = ("--listen", str(port), "--webhook-secret", SECRET, "--switch-off")
    code = command("--crm-url", crm.url, "--token", crm.token, *listening)
    report = capsys.readouterr().out
    assert code == 0, report
    assert f"{len(CHECKS)} pass, 0 fail, 0 were not tried." in report
    assert crm.token not in report


def test_what_it_changes_it_puts_back(crm: Crm, capsys: pytest.CaptureFixture[str]) -> None:
    before = crm.tasks()
    assert command("--crm-url", crm.url, "--token", crm.token, "--json") == 0
    told = json.loads(capsys.readouterr().out)["results"]
    assert crm.tasks() == before
    assert {one["check"] for one in told if one["outcome"] == "not tried"} == {
        "webhook",
        "webhook-silent",
        "switch-off",
    }


def test_without_a_task_that_is_on_it_says_what_it_needs(standin: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    crm = Crm(standin)
    for task in crm.tasks():
        url = f"{crm.url}/tasks/{task['id']}"
        requests.patch(url, json={"calendar_sync": False}, headers=crm.person, timeout=5).raise_for_status()
    assert command("--crm-url", crm.url, "--token", crm.token) == 0
    assert "switch one on in the CRM, or name one with --task" in capsys.readouterr().out


def test_a_server_that_is_not_there_fails_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--crm-url", f"http://127.0.0.1:{free_port()}", "--token", "x") == 1
    assert "no answer" in capsys.readouterr().out


def test_webhooks_signed_with_another_secret_are_named(standin: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    crm = Crm(standin, f"http://127.0.0.1:{port}/")
    args = ("--crm-url", crm.url, "--token", crm.token, "--listen", str(port))
    assert command(*args, "--webhook-secret", OTHER_SECRET) == 1
    report = capsys.readouterr().out
    assert "FAIL webhook:" in report
    assert "not signed as Standard Webhooks asks" in report
    with pytest.raises(SystemExit, match="2"):
        command(*args)
    assert "--listen needs --webhook-secret" in capsys.readouterr().err


# --- careless ones --------------------------------------------------------------------------------------------------


@dataclass
class Request:
    """What the kit asked, before the flawed CRM handles it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Flaw:
    """What a careless CRM does otherwise: with a request, with an answer, after it."""

    fails: set[str]
    says: str
    asked: Callable[[Request, Crm], None] = lambda _request, _crm: None
    answered: Callable[[Request, requests.Response, dict[str, str], Any], Any] = lambda *given: given[-1]
    after: Callable[[Request, Crm], None] = lambda _request, _crm: None


@dataclass
class Careless:
    """The careful stand-in behind a proxy that has a flaw."""

    crm: Crm
    flaw: Flaw
    session: requests.Session = field(default_factory=requests.Session)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        headers = {n[5:].replace("_", "-").title(): str(v) for n, v in environ.items() if n.startswith("HTTP_")}
        headers |= {"Content-Type": environ["CONTENT_TYPE"]} if environ.get("CONTENT_TYPE") else {}
        headers.pop("Host", None)
        body = environ["wsgi.input"].read()
        asked = Request(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"], headers, body)
        self.flaw.asked(asked, self.crm)
        url = f"{self.crm.url}{asked.path}" + (f"?{asked.query}" if asked.query else "")
        found = self.session.request(asked.method, url, headers=asked.headers, data=asked.body, timeout=5)
        self.flaw.after(asked, self.crm)
        kept = {n: v for n, v in found.headers.items() if n.lower() in ("etag", "content-type")}
        answer = self.flaw.answered(asked, found, kept, found.json() if found.content else None)
        content = b"" if answer is None else json.dumps(answer).encode()
        start_response(f"{kept.pop('status', found.status_code)} x", list(kept.items()))
        return [content]


def every_token(request: Request, crm: Crm) -> None:
    request.headers["Authorization"] = f"Bearer {crm.token}"


def any_version(request: Request, _crm: Crm) -> None:
    if "If-Match" in request.headers:
        request.headers["If-Match"] = "*"


def forget_keys(request: Request, _crm: Crm) -> None:
    if "Idempotency-Key" in request.headers:
        request.headers["Idempotency-Key"] = str(uuid.uuid4())


def all_ids(request: Request, _crm: Crm) -> None:
    request.query = "" if request.query.startswith("ids=") else request.query


def all_times(request: Request, _crm: Crm) -> None:
    request.query = "&".join(part for part in request.query.split("&") if not part.startswith("updated_since"))


def count_reports(request: Request, crm: Crm) -> None:
    if request.path.endswith("/calendar-sync"):
        task = request.path.removesuffix("/calendar-sync")
        said = {"description": str(uuid.uuid4())}
        requests.patch(f"{crm.url}{task}", json=said, headers=crm.person, timeout=5)


def without_tag(_asked: Request, _found: Any, headers: dict[str, str], body: Any) -> Any:
    headers.pop("ETag", None)
    return body


def unnamed(_asked: Request, found: requests.Response, _headers: Any, body: Any) -> Any:
    return {**body, "errors": []} if found.status_code == 422 else body


def naive(_asked: Request, _found: Any, _headers: Any, body: Any) -> Any:
    text = json.dumps(body)
    return None if body is None else json.loads(text.replace('Z"', '"'))


def talkative(asked: Request, _found: Any, _headers: Any, body: Any) -> Any:
    if asked.path == "/tasks" and body:
        for task in body.get("tasks", []):
            task.setdefault("title", "Private")
    return body


def endless(_asked: Request, _found: Any, _headers: Any, body: Any) -> Any:
    return {**body, "next_cursor": None} if isinstance(body, dict) and "next_cursor" in body else body


def polite(_asked: Request, found: requests.Response, headers: dict[str, Any], body: Any) -> Any:
    if found.status_code in (404, 410):
        headers["status"] = 200
        return {}
    return body


def two_forms(_asked: Request, _found: Any, _headers: Any, body: Any) -> Any:
    due = body.get("due") if isinstance(body, dict) else None
    if due and due.get("date"):
        body["due"] = {**due, "date_time": "2030-03-06T00:00:00Z"}
    return body


FLAWS = {
    "lets everybody in": Flaw({"token"}, "instead of 401", asked=every_token),
    "ignores If-Match": Flaw({"stale"}, "instead of 412", asked=any_version),
    "forgets keys": Flaw({"replay"}, "instead of 200", asked=forget_keys),
    "sends no ETag": Flaw({"read", "write"}, "the ETag is None", answered=without_tag),
    "names no fields": Flaw({"refusal"}, "errors names [] instead of title", answered=unnamed),
    "counts reports": Flaw({"state"}, "reports moved the version", after=count_reports),
    "lists all ids": Flaw({"ids"}, "an id that never was", asked=all_ids),
    "lists what is old": Flaw({"since"}, "are said to have changed", asked=all_times),
    "loses the cursor": Flaw({"pages"}, "next_cursor ended after 1 of 3", answered=endless),
    "shows text of tasks that are off": Flaw(
        {"list"}, "a task that is off is listed with its title", answered=talkative
    ),
    "tells naive times": Flaw({"list", "read"}, "it has no offset", answered=naive),
    "calls everything fine": Flaw({"gone", "write-gone"}, "instead of 404 or 410", answered=polite),
    "keeps a time beside a day": Flaw({"due"}, "the time stayed beside the day", answered=two_forms),
}


@pytest.mark.parametrize("flaw", FLAWS.values(), ids=FLAWS)
def test_a_flaw_is_named_with_what_was_seen_and_why_it_matters(crm: Crm, flaw: Flaw) -> None:
    server = serve(Careless(crm, flaw), 0)
    bench = Bench(server.url, crm.token, None, None)
    results = run(bench, CHECKS)
    bench.close()
    server.stop()
    failed = {result.check.name for result in results if result.outcome is Outcome.FAILS}
    report = as_text(results)
    assert failed >= flaw.fails, report
    assert len(failed) < len(CHECKS) / 2, "the rest is still told apart"
    assert flaw.says in report
    for result in results:
        if result.check.name in flaw.fails:
            assert f"Why it matters: {result.check.why}" in report
