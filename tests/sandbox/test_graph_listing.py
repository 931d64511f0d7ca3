"""Lists: the filter on our property, other filters, pages; calendars and categories; batches."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.sandbox.graph_world import IMMUTABLE, LINK, ONE_HOUR, GraphWorld, marked, ours

ANN = "ann@example.com"


def _subjects(answer: Any) -> list[str]:
    assert answer.status == 200, answer.json
    return [event["subject"] for event in answer.json["value"]]


def test_our_property_finds_our_events_only(graph: GraphWorld) -> None:
    ann = graph.person()
    for subject, value in (("one", "d.1"), ("two", "d.2"), ("other", "e.1")):
        ann.add({"subject": subject, **marked(value)})
    gone = ann.add({"subject": "gone", **marked("d.3")}).json["id"]
    ann.delete(gone)
    ann.add({"subject": "private"})
    there = ann.call("POST", "me/calendars", {"name": "Other"}).json["id"]
    ann.add({"subject": "there", **marked("d.4")}, there)
    for test, expected in (
        ("ep/value eq 'd.1'", ["one"]),
        ("startswith(ep/value,'d.')", ["one", "two"]),
        ("contains(ep/value,'1')", ["one", "other"]),
        ("ep/value ne 'd.1'", ["two", "other"]),
        ("ep/value ne null", ["one", "two", "other"]),
    ):
        assert _subjects(ann.get("me/events", filter=ours(test))) == expected, test
    assert _subjects(ann.get(f"me/calendars/{there}/events", filter=ours("startswith(ep/value,'d.')"))) == ["there"]
    strange = ours("ep/value eq 'd.1'").replace("CrmTaskLink", "crmtasklink")
    assert _subjects(ann.get("me/events", filter=strange)) == []


@pytest.mark.parametrize(
    "text",
    [
        "singleValueExtendedProperties/Any(ep: ep/value eq 'd.1')",
        f"singleValueExtendedProperties/Any(ep: ep/id eq '{LINK}' and ep/value gt 'd')",
        f"singleValueExtendedProperties/Any(ep: ep/id ne '{LINK}')",
        f"singleValueExtendedProperties/Any(ep: ep/id eq '{LINK}'",
        "title eq 'one'",
        "subject is 'one'",
        "subject eq",
        "lastModifiedDateTime ge yesterday",
        "subject eq 'one' subject",
    ],
)
def test_a_filter_that_is_not_one(graph: GraphWorld, text: str) -> None:
    assert graph.person().get("me/events", filter=text).problem == (400, "BadRequest")


def test_other_filters_and_order(graph: GraphWorld) -> None:
    ann = graph.person()
    late = {"dateTime": "2026-12-05T10:00:00", "timeZone": "UTC"}
    ann.add({"subject": "b'one", "importance": "high"})
    ann.add({"subject": "two", "start": late, "end": {**late, "dateTime": "2026-12-05T11:00:00"}})
    for text, expected in (
        ("subject eq 'b''one'", ["b'one"]),
        ("importance eq 'high' or subject eq 'two'", ["b'one", "two"]),
        ("not (importance eq 'high')", ["two"]),
        ("start/dateTime ge '2026-12-02T00:00:00' and isAllDay eq false", ["two"]),
        ("lastModifiedDateTime ge 2020-01-01T00:00:00Z", ["b'one", "two"]),
        ("startswith(subject,'t') or endswith(subject,'one')", ["b'one", "two"]),
        ("seriesMasterId eq null", ["b'one", "two"]),
    ):
        assert _subjects(ann.get("me/events", filter=text)) == expected, text
    assert _subjects(ann.get("me/events", orderby="start/dateTime desc")) == ["two", "b'one"]
    assert ann.get("me/events", orderby="when").status == 400


def test_pages(graph: GraphWorld) -> None:
    ann = graph.person()
    for number in range(12):
        ann.add({"subject": f"{number}", **marked("d.1")})
    first = ann.get("me/events", count="true")
    assert len(first.json["value"]) == 10
    assert first.json["@odata.count"] == 12
    assert _subjects(ann.get(first.json["@odata.nextLink"])) == ["10", "11"]
    seen, answer = [], ann.get("me/events", filter=ours("startswith(ep/value,'d.')"), top="5", select="subject")
    while True:
        seen += _subjects(answer)
        if "@odata.nextLink" not in answer.json:
            break
        answer = ann.get(answer.json["@odata.nextLink"])
    assert seen == [str(number) for number in range(12)]
    assert len(ann.get("me/events", {"Prefer": "odata.maxpagesize=7"}).json["value"]) == 7
    graph.admin("quirks", short_pages=3)
    assert len(ann.get("me/events", top="100").json["value"]) == 3
    assert ann.get("me/events", top="1001").status == ann.get("me/events", top="x").status == 400


def test_calendars(graph: GraphWorld) -> None:
    ann = graph.person()
    default = ann.get("me/calendar").json
    assert (default["name"], default["isDefaultCalendar"], default["isRemovable"]) == ("Calendar", True, False)
    assert default["owner"] == {"name": "Ann", "address": ANN}
    made = ann.call("POST", "me/calendars", {"name": "Tasks"})
    assert made.status == 201
    calendar = made.json["id"]
    assert ann.call("POST", "me/calendars", {"name": "Tasks"}).status == 409
    assert ann.call("POST", "me/calendars", {"summary": "Tasks"}).problem == (400, "RequestBodyRead")
    assert ann.call("POST", "me/calendars", {}).status == 400
    shared = graph.admin("calendars", email=ANN, name="Bob's", can_edit=False, owner="bob@example.com")["calendar_id"]
    listed = ann.get("me/calendars", select="id,name,canEdit,isDefaultCalendar,owner").json["value"]
    assert [(one["name"], one["canEdit"]) for one in listed] == [("Calendar", True), ("Tasks", True), ("Bob's", False)]
    assert _only(ann.get("me/calendars", filter="name eq 'Tasks'"))["id"] == calendar
    assert ann.add({}, shared).problem == (403, "ErrorAccessDenied")
    assert ann.call("PATCH", f"me/calendars/{calendar}", {"name": "CRM"}).json["name"] == "CRM"
    assert ann.call("PATCH", f"me/calendars/{shared}", {"name": "CRM"}).status == 403
    event = ann.add({}, calendar).json["id"]
    assert ann.call("DELETE", f"me/calendars/{calendar}").status == 204
    assert ann.get(f"me/calendars/{calendar}").problem == (404, "ErrorFolderNotFound")
    assert ann.add({}, calendar).problem == (404, "ErrorFolderNotFound")
    assert ann.event(event).problem == (404, "ErrorItemNotFound")
    assert ann.call("DELETE", f"me/calendars/{default['id']}").status == 400


def test_a_calendars_id_may_change(graph: GraphWorld) -> None:
    ann = graph.person()
    old = ann.call("POST", "me/calendars", {"name": "Tasks"}).json["id"]
    event = ann.add({}, old).json["id"]
    new = graph.admin("reissue_calendar", email=ANN, calendar_id=old)["calendar_id"]
    assert ann.get(f"me/calendars/{old}/events").status == 404
    assert _only(ann.get(f"me/calendars/{new}/events"))["id"] == event


def test_categories(graph: GraphWorld) -> None:
    ann = graph.person()
    made = ann.call("POST", "me/outlook/masterCategories", {"displayName": "Urgent priority", "color": "preset0"})
    assert (made.status, made.json["color"]) == (201, "preset0")
    path = f"me/outlook/masterCategories/{made.json['id']}"
    assert ann.call("POST", "me/outlook/masterCategories", {"displayName": "Urgent priority"}).status == 409
    assert ann.call("POST", "me/outlook/masterCategories", {"displayName": "x", "color": "red"}).status == 400
    assert ann.call("POST", "me/outlook/masterCategories", {"color": "preset1"}).status == 400
    assert ann.call("PATCH", path, {"color": "preset24"}).json["color"] == "preset24"
    assert ann.call("PATCH", path, {"displayName": "Other"}).status == 400
    assert _only(ann.get("me/outlook/masterCategories")) == {
        "id": made.json["id"],
        "displayName": "Urgent priority",
        "color": "preset24",
    }
    assert ann.get(path).json["color"] == "preset24"
    assert ann.call("DELETE", path).status == 204
    assert ann.get(path).status == 404


def test_what_the_scopes_allow(graph: GraphWorld) -> None:
    graph.person()
    writer, reader = graph.app(ANN), graph.app(ANN, "Calendars.Read")
    settings = graph.app(ANN, "MailboxSettings.ReadWrite", "User.Read")
    assert writer.add().status == 201
    assert reader.get("me/events").status == 200
    assert reader.add().problem == (403, "ErrorAccessDenied")
    assert writer.get("me/outlook/masterCategories").status == 403
    assert settings.get("me/outlook/masterCategories").status == 200
    assert settings.get("me/events").status == 403
    assert (settings.get("me").status, writer.get("me").status) == (200, 403)


def test_accounts_without_mailbox_or_licence(graph: GraphWorld) -> None:
    nobody = graph.person("none@example.com", mailbox=False)
    assert nobody.get("me/calendars").problem == (404, "MailboxNotEnabledForRESTAPI")
    assert nobody.get("me").status == 200
    poor = graph.person("poor@example.com", licence=False)
    assert poor.get("me/calendars").problem == (403, "ErrorAccessDenied")
    graph.person("poor@example.com", licence=True)
    assert poor.get("me/calendars").status == 200
    assert graph.api("nonsense").get("me").problem == (401, "InvalidAuthenticationToken")
    assert graph.api("").get("me").problem == (401, "InvalidAuthenticationToken")


# --- $batch ---------------------------------------------------------------------------------------------------------


def _by_id(answer: Any) -> dict[str, Any]:
    assert answer.status == 200, answer.json
    return {one["id"]: one for one in answer.json["responses"]}


def _get(number: int, event_id: str, **more: Any) -> dict[str, Any]:
    return {"id": str(number), "method": "GET", "url": f"/me/events/{event_id}", "headers": IMMUTABLE, **more}


def test_a_batch_of_twenty(graph: GraphWorld) -> None:
    ann = graph.person()
    ids = [ann.add({"subject": str(number)}, None, IMMUTABLE).json["id"] for number in range(19)]
    parts = [_get(number, quote(event_id, safe="")) for number, event_id in enumerate([*ids, "gone"])]
    answer = ann.batch(*parts)
    found = _by_id(answer)
    assert [one["id"] for one in answer.json["responses"]] != [part["id"] for part in parts]
    assert [found[str(number)]["body"]["id"] for number in range(19)] == ids
    assert (found["19"]["status"], found["19"]["body"]["error"]["code"]) == (404, "ErrorItemNotFound")
    assert graph.ledger()[-1]["ids"] == ids
    assert ann.batch(*parts, _get(20, "x")).status == 400


def test_a_batch_writes_and_waits(graph: GraphWorld) -> None:
    ann = graph.person()
    json_ = {"Content-Type": "application/json"}
    add = {"id": "1", "method": "POST", "url": "/me/events", "headers": json_, "body": {"subject": "x", **ONE_HOUR}}
    bad = {"id": "2", "method": "POST", "url": "/me/events", "headers": json_, "body": {"nope": 1}}
    bare = {"id": "3", "method": "POST", "url": "/me/events", "body": {"subject": "x", **ONE_HOUR}}
    found = _by_id(
        ann.batch(
            add, bad, bare, _get(4, "x", dependsOn=["2"]), {"id": "5", "method": "GET", "url": "/me/events?$top=1"}
        )
    )
    assert [found[one]["status"] for one in "12345"] == [201, 400, 400, 424, 200]
    assert found["1"]["headers"]["Content-Type"] == "application/json"
    assert len(found["5"]["body"]["value"]) == 1


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [{"id": "1", "method": "GET"}],
        [{"id": "1", "method": "GET", "url": "/me"}, {"id": "1", "method": "GET", "url": "/me"}],
        [{"id": "1", "method": "GET", "url": "/me", "dependsOn": ["2"]}],
    ],
)
def test_a_batch_that_is_not_one(graph: GraphWorld, parts: Any) -> None:
    ann = graph.person()
    assert ann.batch(*parts).problem == (400, "BadRequest")
    for body in ({}, {"requests": "all"}, {"requests": [1]}):
        assert ann.call("POST", "$batch", body).problem == (400, "BadRequest")


def test_failures_inside_a_batch(graph: GraphWorld) -> None:
    ann = graph.person()
    app = graph.app(ANN)
    event_id = ann.add().json["id"]
    parts = [_get(number, event_id) for number in range(3)]
    graph.admin("quirks", crowded_batches=2)
    crowded = _by_id(app.batch(*parts))
    assert [crowded[str(number)]["status"] for number in range(3)] == [200, 200, 429]
    assert crowded["2"]["headers"]["Retry-After"] == "1"
    graph.admin("quirks")
    limit = {
        "match": {"path": f"me/events/{event_id}$"},
        "do": "status",
        "status": 429,
        "headers": {"Retry-After": "9"},
    }
    graph.admin("faults", **limit)
    graph.admin("faults", match={"path": "me/events/"}, do="drop")
    faulty = _by_id(app.batch(*parts))
    assert [faulty[str(number)]["status"] for number in range(3)] == [429, 504, 200]
    assert faulty["0"]["headers"]["Retry-After"] == "9"
    for fault in ({"do": "cut_after_write"}, {"do": "duplicate"}, {"do": "delay", "delay_ms": 1}):
        graph.admin("faults", match={"path": "me/events/"}, **fault)
    shaky = _by_id(app.batch(*parts))
    assert [shaky[str(number)]["status"] for number in range(3)] == [504, 200, 200]
    assert graph.api("nonsense").batch(*parts).problem == (401, "InvalidAuthenticationToken")


def _only(answer: Any) -> dict[str, Any]:
    assert answer.status == 200, answer.json
    (found,) = answer.json["value"]
    assert isinstance(found, dict)
    return found
