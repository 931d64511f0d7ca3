"""Events: what may be written, what comes back, both kinds of ids, etags, and what people do to events."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.graph_world import IMMUTABLE, LINK, ONE_HOUR, GraphWorld, marked

ANN = "ann@example.com"
UTC = {"Prefer": 'outlook.timezone="UTC"'}
DAY = {
    "isAllDay": True,
    "start": {"dateTime": "2026-12-01T00:00:00", "timeZone": "UTC"},
    "end": {"dateTime": "2026-12-02T00:00:00", "timeZone": "UTC"},
}
EXPAND = f"singleValueExtendedProperties($filter=id eq '{LINK}')"


def test_a_new_event_comes_back_whole(graph: GraphWorld) -> None:
    ann = graph.person()
    made = ann.add({"subject": "Call", "showAs": "free", "reminderMinutesBeforeStart": 5, "categories": ["Urgent"]})
    assert made.status == 201
    assert made.headers["Content-Type"].startswith("application/json;odata.metadata=minimal")
    event = made.json
    assert event["@odata.context"].endswith("/events/$entity")
    assert event["@odata.etag"] == f'W/"{event["changeKey"]}"'
    assert event["start"] == {"dateTime": "2026-12-01T10:00:00.0000000", "timeZone": "UTC"}
    assert (event["subject"], event["showAs"], event["reminderMinutesBeforeStart"]) == ("Call", "free", 5)
    assert (event["type"], event["isAllDay"], event["isOrganizer"]) == ("singleInstance", False, True)
    assert event["createdDateTime"].endswith("0Z")
    assert ann.event(event["id"]).json == event
    assert made.headers["Location"].endswith(event["id"])


def test_a_transaction_id_creates_once(graph: GraphWorld) -> None:
    ann = graph.person()
    first = ann.add({"transactionId": "t-1", "subject": "one"})
    again = ann.add({"transactionId": "t-1", "subject": "two"})
    assert (again.status, again.json["id"], again.json["subject"]) == (201, first.json["id"], "one")
    assert len(ann.get("me/events").json["value"]) == 1
    assert ann.patch(first.json["id"], {"transactionId": "t-2"}).status == 400
    ann.delete(first.json["id"])
    assert ann.add({"transactionId": "t-1"}).json["id"] != first.json["id"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"colour": "red"}, "RequestBodyRead"),
        ({"body": {"contentType": "text", "text": "x"}}, "RequestBodyRead"),
        ({"attendees": [{"name": "Bob"}]}, "RequestBodyRead"),
        ({"subject": 5}, "RequestBodyRead"),
        ({"isAllDay": "yes"}, "RequestBodyRead"),
        ({"showAs": "away"}, "RequestBodyRead"),
        ({"body": {"contentType": "markdown", "content": "x"}}, "RequestBodyRead"),
        ({"categories": "Urgent"}, "RequestBodyRead"),
        ({"reminderMinutesBeforeStart": True}, "RequestBodyRead"),
        ({"reminderMinutesBeforeStart": -1}, "ErrorPropertyValidationFailure"),
        ({"subject": "x" * 256}, "ErrorPropertyValidationFailure"),
        ({"start": None}, "ErrorPropertyValidationFailure"),
        ({"start": {"dateTime": "soon", "timeZone": "UTC"}}, "ErrorPropertyValidationFailure"),
        ({"start": {"dateTime": "2026-12-01T12:00:00", "timeZone": "UTC"}}, "ErrorPropertyValidationFailure"),
        ({"start": {"dateTime": "2026-12-01T10:00:00", "timeZone": "Europe/Madrid"}}, "TimeZoneNotSupportedException"),
        ({"isAllDay": True}, "ErrorPropertyValidationFailure"),
        ({**DAY, "end": DAY["start"]}, "ErrorPropertyValidationFailure"),
        ({"singleValueExtendedProperties": [{"id": "CrmTaskLink", "value": "x"}]}, "ErrorInvalidRequest"),
        ({"singleValueExtendedProperties": [{"id": LINK}]}, "ErrorInvalidRequest"),
    ],
)
def test_what_is_refused(graph: GraphWorld, body: Any, code: str) -> None:
    refused = graph.person().add(body)
    assert refused.problem == (400, code)
    inner = refused.json["error"]["innerError"]
    assert inner["request-id"] == refused.headers["request-id"]
    assert set(inner) == {"date", "request-id", "client-request-id"}


def test_the_clients_own_request_id_comes_back(graph: GraphWorld) -> None:
    answer = graph.person().get("me/events/none", {"client-request-id": "mine-1"})
    assert answer.problem == (404, "ErrorItemNotFound")
    assert answer.headers["client-request-id"] == answer.json["error"]["innerError"]["client-request-id"] == "mine-1"


def test_a_patch_changes_what_it_names(graph: GraphWorld) -> None:
    ann = graph.person()
    before = ann.add({"subject": "one", "categories": ["Urgent"]}).json
    after = ann.patch(before["id"], {"subject": "two"}).json
    assert (after["subject"], after["categories"]) == ("two", ["Urgent"])
    assert after["changeKey"] != before["changeKey"]
    assert after["lastModifiedDateTime"] > before["lastModifiedDateTime"]
    assert after["createdDateTime"] == before["createdDateTime"]
    cleared = ann.patch(before["id"], {"subject": None, "categories": None}).json
    assert (cleared["subject"], cleared["categories"]) == ("", [])
    ignored = ann.patch(before["id"], {"changeKey": "mine", "isCancelled": True}).json
    assert ignored["isCancelled"] is False


def test_times_in_the_zone_that_is_asked_for(graph: GraphWorld) -> None:
    ann = graph.person(time_zone="Tokyo Standard Time")
    paris = {"dateTime": "2026-12-01T11:00:00", "timeZone": "Romance Standard Time"}
    event = ann.add({"start": paris, "end": {**paris, "dateTime": "2026-12-01T12:00:00.0000000"}}).json
    assert event["start"] == {"dateTime": "2026-12-01T10:00:00.0000000", "timeZone": "UTC"}
    assert event["originalStartTimeZone"] == "Romance Standard Time"
    there = ann.event(event["id"], {"Prefer": 'outlook.timezone="Eastern Standard Time"'})
    assert there.json["start"] == {"dateTime": "2026-12-01T05:00:00.0000000", "timeZone": "Eastern Standard Time"}
    assert there.headers["Preference-Applied"] == 'outlook.timezone="Eastern Standard Time"'
    nowhere = ann.event(event["id"], {"Prefer": 'outlook.timezone="Mars"'})
    assert nowhere.problem == (400, "TimeZoneNotSupportedException")
    graph.admin("quirks", mailbox_zone=True)
    assert ann.event(event["id"]).json["start"]["timeZone"] == "Tokyo Standard Time"
    assert ann.event(event["id"], UTC).json["start"] == event["start"]


def test_an_all_day_event_is_a_date_in_every_zone(graph: GraphWorld) -> None:
    ann = graph.person()
    event = ann.add(DAY).json
    there = ann.event(event["id"], {"Prefer": 'outlook.timezone="Tokyo Standard Time"'}).json
    assert there["isAllDay"] is True
    assert there["start"] == {"dateTime": "2026-12-01T00:00:00.0000000", "timeZone": "Tokyo Standard Time"}
    assert there["end"]["dateTime"] == "2026-12-02T00:00:00.0000000"
    timed = ann.patch(event["id"], {"isAllDay": False, **ONE_HOUR}).json
    assert (timed["isAllDay"], timed["start"]["dateTime"]) == (False, "2026-12-01T10:00:00.0000000")
    assert ann.patch(event["id"], {"isAllDay": True}).problem == (400, "ErrorPropertyValidationFailure")
    assert ann.patch(event["id"], DAY).json["isAllDay"] is True


def test_a_body_is_rewritten_as_a_document(graph: GraphWorld) -> None:
    ann = graph.person()
    sent = '<p>Hi &amp; <a href="https://crm.example/t/1">bye</a></p><script>alert(1)</script>'
    event = ann.add({"body": {"contentType": "html", "content": sent}}).json
    assert event["body"]["contentType"] == "html"
    assert event["body"]["content"].startswith("<html>\r\n<head>")
    assert "https://crm.example/t/1" in event["body"]["content"]
    assert "script" not in event["body"]["content"]
    assert event["bodyPreview"] == "Hi & bye"
    read = ann.event(event["id"], {"Prefer": 'outlook.body-content-type="text"'}).json["body"]
    assert read == {"contentType": "text", "content": "Hi & bye"}
    plain = ann.patch(event["id"], {"body": {"contentType": "text", "content": "a < b\nc"}}).json
    assert "a &lt; b<br>" in plain["body"]["content"]
    assert plain["bodyPreview"] == "a < b\r\nc"


def test_both_kinds_of_ids(graph: GraphWorld) -> None:
    ann = graph.person()
    ordinary = ann.add().json["id"]
    asked = ann.event(ordinary, IMMUTABLE)
    immutable = asked.json["id"]
    assert immutable != ordinary
    assert ordinary.endswith("=")
    assert immutable.endswith("=")
    assert asked.headers["Preference-Applied"] == 'IdType="ImmutableId"'
    assert ann.event(immutable).json["id"] == ordinary
    assert ann.event(ordinary.swapcase()).status == 404
    there = ann.call("POST", "me/calendars", {"name": "Other"}).json["id"]
    moved = graph.admin("move", email=ANN, event_id=ordinary, calendar_id=there)["event_id"]
    assert moved != ordinary
    assert ann.event(ordinary).problem == (404, "ErrorItemNotFound")
    assert ann.event(immutable).json["id"] == moved
    assert ann.get("me/events").json["value"] == []
    assert len(ann.get(f"me/calendars/{there}/events").json["value"]) == 1
    assert ann.get(f"me/calendars/{there}/events/{moved}").status == 200
    assert ann.get(f"me/calendars/{ann.get('me/calendar').json['id']}/events/{moved}").status == 404


def test_extended_properties_show_only_when_expanded(graph: GraphWorld) -> None:
    ann = graph.person()
    number = LINK.replace("CrmTaskLink", "CrmWriteNumber")
    event = ann.add(marked("d.1")).json
    assert "singleValueExtendedProperties" not in event
    assert "singleValueExtendedProperties" not in ann.event(event["id"]).json
    ann.patch(event["id"], marked("7", number))
    both = ann.event(
        event["id"], expand=f"singleValueExtendedProperties($filter=id eq '{LINK}' or id eq '{number.upper()}')"
    )
    # Of the id the guid may be written in any case, the name may not.
    assert both.json["singleValueExtendedProperties"] == [{"id": LINK, "value": "d.1"}]
    same = ann.event(event["id"], expand=EXPAND.replace("66f5a359", "66F5A359"), select="subject")
    assert same.json["singleValueExtendedProperties"] == [{"id": LINK, "value": "d.1"}]
    assert ann.event(event["id"], expand="singleValueExtendedProperties").status == 400
    assert ann.event(event["id"], expand="attachments").status == 501


def test_select(graph: GraphWorld) -> None:
    ann = graph.person()
    event_id = ann.add().json["id"]
    shown = ann.event(event_id, select="subject,start").json
    assert set(shown) == {"@odata.context", "@odata.etag", "id", "subject", "start"}
    assert ann.event(event_id, select="title").problem == (400, "BadRequest")
    assert ann.event(event_id, fields="subject").problem == (400, "BadRequest")


def test_if_match(graph: GraphWorld) -> None:
    ann = graph.person()
    first = ann.add().json
    second = ann.patch(first["id"], {"subject": "two"}, {"If-Match": first["@odata.etag"]})
    assert second.status == 200
    stale = {"If-Match": first["@odata.etag"]}
    assert ann.patch(first["id"], {"subject": "three"}, stale).problem == (412, "ErrorIrresolvableConflict")
    assert ann.delete(first["id"], stale).status == 412
    assert ann.event(first["id"]).json["subject"] == "two"
    assert ann.patch(first["id"], {"subject": "three"}, {"If-Match": "*"}).status == 200
    graph.admin("quirks", etags="ignored")
    assert ann.patch(first["id"], {"subject": "four"}, stale).status == 200


def test_restless_etags_and_a_mailbox_that_is_worked_on(graph: GraphWorld) -> None:
    ann = graph.person()
    graph.admin("quirks", etags="restless")
    made = ann.add().json
    assert ann.event(made["id"]).json["changeKey"] != made["changeKey"]
    assert ann.patch(made["id"], {"subject": "two"}, {"If-Match": made["@odata.etag"]}).status == 412
    graph.admin("quirks")
    before = ann.event(made["id"]).json
    assert graph.admin("touch", email=ANN) == {"touched": 1}
    after = ann.event(made["id"]).json
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"@odata.etag", "changeKey", "lastModifiedDateTime"}


def test_a_deleted_event_is_not_found_and_can_be_put_back(graph: GraphWorld) -> None:
    ann = graph.person()
    ordinary = ann.add(marked("d.1")).json["id"]
    immutable = ann.event(ordinary, IMMUTABLE).json["id"]
    assert ann.delete(ordinary).status == 204
    for event_id in (ordinary, immutable):
        assert ann.event(event_id).problem == (404, "ErrorItemNotFound")
        assert ann.delete(event_id).status == 404
    graph.admin("quirks", deleted_readable=True)
    assert ann.event(immutable).status == 200
    assert ann.event(ordinary).status == 404
    assert ann.get("me/events").json["value"] == []
    graph.admin("restore", email=ANN, event_id=immutable)
    assert ann.event(immutable, IMMUTABLE).json["id"] == immutable
    assert "not deleted" in graph.refused_admin("restore", email=ANN, event_id=immutable)


def test_a_recurring_event_is_a_series_master(graph: GraphWorld) -> None:
    ann = graph.person()
    event_id = ann.add().json["id"]
    daily = {
        "pattern": {"type": "daily", "interval": 1},
        "range": {"type": "noEnd", "startDate": "2026-12-01"},
    }
    master = ann.patch(event_id, {"recurrence": daily}).json
    assert (master["id"], master["type"], master["recurrence"]) == (event_id, "seriesMaster", daily)
    assert ann.patch(event_id, {"recurrence": None}).json["type"] == "singleInstance"


def test_names_in_any_case_and_booleans_as_text(graph: GraphWorld) -> None:
    body = {"body": {"contentType": "HTML", "content": "x"}, "showAs": "Free", "isOnlineMeeting": "false"}
    event = graph.person().add(body).json
    assert (event["showAs"], event["isOnlineMeeting"], event["body"]["contentType"]) == ("free", False, "html")


def test_a_body_has_to_be_json(graph: GraphWorld) -> None:
    ann = graph.person()
    for body, kind in ((b"{", "application/json"), (b"[]", "application/json"), (b"{}", "text/plain")):
        answer = ann._session.post(f"{graph.stand_in.endpoint}/me/events", data=body, headers={"Content-Type": kind})
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "BadRequest"


def test_own_users_path_and_nobody_elses(graph: GraphWorld) -> None:
    ann = graph.person()
    graph.person("bob@example.com")
    me = ann.get("me").json
    event_id = ann.add().json["id"]
    assert (me["mail"], me["userPrincipalName"]) == (ANN, ANN)
    assert ann.get(f"Users/{me['id']}/Events/{event_id}").status == 200
    assert ann.get(f"users/{ANN}/events").status == 200
    assert ann.get("users/bob@example.com/events").problem == (403, "ErrorAccessDenied")
    assert ann.get("me/calendarView").status == 501


def test_the_ledger_tells_our_events_from_others(graph: GraphWorld) -> None:
    ann = graph.person()
    foreign = ann.event(ann.add().json["id"], IMMUTABLE).json["id"]
    app = graph.app(ANN)
    own = app.add({}, None, IMMUTABLE).json["id"]
    app.event(own)
    app.get("me/events")
    found = [(one["caller"], one["ids"], one["ours"]) for one in graph.ledger() if one["path"].startswith("/v1.0")]
    assert found[:2] == [(f"person:{ANN}", [foreign], [False])] * 2
    assert found[2:] == [
        ("gateway", [own], [True]),
        ("gateway", [own], [True]),
        ("gateway", [foreign, own], [False, True]),
    ]
