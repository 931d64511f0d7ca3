"""The published document: valid, complete, and true to the readers and routes it describes."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.core.errors import NotReadable
from gateway.core.model import Cause, State
from gateway.core.ports import ConnectionReport, StateReport
from gateway.crms.generic import translate
from gateway.web import docs
from gateway.web.contract import EVENT_TYPES
from gateway.web.openapi import document
from tests.crms.generic.deliveries import NOW, event, said, task

DOCUMENT = document("https://gw.example")


def schema(name: str) -> Any:
    return OAS31Validator({**DOCUMENT, "$ref": f"#/components/schemas/{name}"})


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in [*DOCUMENT["paths"].items(), *DOCUMENT["webhooks"].items()]
        for method, operation in methods.items()
    ]


def test_the_document_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_the_contracts_calls_are_all_there() -> None:
    called = {f"{method} {path}" for method, path, _ in operations()}
    assert called >= {
        "post /webhooks/crm/{key}",
        "post /v1/users/{uid}/connect-links",
        "get /v1/users/{uid}/connection",
        "get /v1/users/{uid}/calendars",
        "put /v1/users/{uid}/calendar",
        "delete /v1/users/{uid}/connection",
        "get /v1/tasks/{tid}/sync",
        "put /v1/tasks/{tid}/sync",
        "get /v1/conflicts",
        "post /v1/conflicts/{cid}/resolve",
        "post /v1/embed-tokens",
        "post /v1/tasks/{tid}/resync",
        "get /v1/tasks/{tid}/timeline",
        "get /v1/users/{uid}/privacy-ledger",
    }
    assert set(DOCUMENT["webhooks"]) == {
        "crmGetTask",
        "crmPatchTask",
        "crmReportState",
        "crmReportConnection",
        "crmListTasks",
    }


def test_every_operation_has_a_name_of_its_own_a_known_tag_and_words() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    for _, path, operation in operations():
        assert set(operation["tags"]) <= tags
        assert operation["summary"]
        assert path.startswith("/v1/") is ({"installation": []} in operation["security"])


def test_every_schema_has_words() -> None:
    assert [name for name, found in DOCUMENT["components"]["schemas"].items() if not found["description"]] == []


def test_every_id_in_a_path_is_a_parameter() -> None:
    for _, path, operation in operations():
        named = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path)) or path in DOCUMENT["webhooks"]


def test_the_server_is_the_one_given() -> None:
    assert document("https://other.example")["servers"] == [{"url": "https://other.example"}]
    assert DOCUMENT["servers"] == [{"url": "https://gw.example"}]


# --- true to the readers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_a_delivery_of_every_kind_fits_document_and_reader(kind: str) -> None:
    bodies = {"user.deactivated": {"type": kind, "data": {"user": {"id": "u-7"}}}, "ping": {"type": kind}}
    body = bodies.get(kind, event(kind=kind))
    assert schema("CrmEvent").is_valid(body)
    said(body)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"due": None, "owner": None, "duration_minutes": None, "url": None},
        {"due": {"date": "2026-12-02"}},
        {"id": 7},
        {"id": ""},
        {"version": "7"},
        {"version": -1},
        {"calendar_sync": "yes"},
        {"title": None},
        {"status": "waiting"},
        {"priority": "hot"},
        {"due": "2026-12-02"},
        {"owner": {"time_zone": "Europe/Berlin"}},
        {"duration_minutes": 0},
        {"duration_minutes": "30"},
        {"shape": "round"},
    ],
)
def test_a_task_fits_the_document_exactly_when_the_reader_takes_it(values: dict[str, Any]) -> None:
    about = task(**values)

    def readable() -> bool:
        try:
            translate.read_task(about, "task")
        except NotReadable:
            return False
        return True

    assert schema("FullTask").is_valid(about) is readable()


@pytest.mark.parametrize("state", list(State))
def test_what_we_report_fits_the_document(state: State) -> None:
    conflict = {
        "id": "c-1",
        "fields": [{"name": "title", "calendar": "Call Eve", "kept": "Call Ada"}],
        "detected_at": "2026-12-01T09:30:00Z",
    }
    report = StateReport(state, "refused", "https://cal.example/e", "google", NOW, conflict, ("title",))
    schema("SyncState").validate(translate.state_json(report))
    schema("SyncState").validate(translate.state_json(StateReport(state)))
    connection = ConnectionReport("revoked", "google", "ada@example.com", "revoked", "https://gw.example/connect/x")
    schema("ConnectionState").validate(translate.connection_json(connection))


def test_every_cause_of_the_reader_is_in_the_document() -> None:
    for cause in Cause:
        assert schema("CrmEvent").is_valid(event({"id": "t-1"}, "task.deleted", cause=cause.value))


# --- the readable page ----------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a browser would see of it: anchors, links, and tags that must balance."""

    VOID = frozenset({"meta", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_shows_every_operation_and_schema_without_script_or_other_hosts() -> None:
    text = docs.page(DOCUMENT, "/style.css")
    page = Page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {operation["operationId"] for _, _, operation in operations()} <= set(page.ids)
    assert set(DOCUMENT["components"]["schemas"]) <= set(page.ids)
    assert {link.removeprefix("#") for link in page.links if link.startswith("#")} <= set(page.ids)
    assert all(link.startswith(("#", "/")) for link in page.links)
    assert not page.tags & {"script", "style", "img", "iframe"}
    assert "/v1/users/{uid}/connect-links" in text
    assert "/tasks/{id}/calendar-sync" in text


def test_the_page_escapes_what_it_shows() -> None:
    evil = {**DOCUMENT, "info": {**DOCUMENT["info"], "description": "<script>`<b>`</script>"}}
    assert "<script>" not in docs.page(evil, "/style.css")
    assert "<code>&lt;b&gt;</code>" in docs.page(evil, "/style.css")
