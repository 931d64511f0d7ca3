"""Single events: shapes, ids, versions, patches, deletions, moves, and everything that is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.google_world import EVENTS, ONE_HOUR, GoogleWorld

DAY = {"start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}}


def test_an_event_looks_like_the_real_one(google: GoogleWorld) -> None:
    ann = google.person(time_zone="Europe/Berlin")
    event = ann.insert({"id": "abcde12345", "summary": "Call", "colorId": "11", "transparency": "transparent"}).json
    assert event["kind"] == "calendar#event"
    assert event["id"] == "abcde12345"
    assert event["iCalUID"] == "abcde12345@google.com"
    assert event["status"] == "confirmed"
    assert event["start"] == {"dateTime": "2026-12-01T11:00:00+01:00"}
    assert event["htmlLink"].startswith("https://www.google.com/calendar/event?eid=")
    assert event["created"].endswith(".000Z")
    assert len(event["updated"]) == len("2026-12-01T10:00:00.123Z")
    assert event["etag"].strip('"').isdigit()
    assert event["creator"] == {"email": "ann@example.com", "self": True}
    assert event["organizer"] == {"email": "ann@example.com", "self": True}
    assert event["reminders"] == {"useDefault": True}
    assert event["sequence"] == 0


def test_the_zone_given_is_kept_and_the_answer_may_be_asked_in_another(google: GoogleWorld) -> None:
    ann = google.person(time_zone="Europe/Berlin")
    start = {"dateTime": "2026-12-01T10:00:00", "timeZone": "America/New_York"}
    end = {"dateTime": "2026-12-01T11:00:00", "timeZone": "America/New_York"}
    event = ann.insert({"start": start, "end": end}).json
    assert event["start"] == {"dateTime": "2026-12-01T16:00:00+01:00", "timeZone": "America/New_York"}
    asked = ann.event(event["id"], timeZone="Asia/Tokyo").json
    assert asked["start"]["dateTime"] == "2026-12-02T00:00:00+09:00"
    assert ann.event(event["id"], timeZone="Mars/Olympus").status == 400


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"id": "abcd"}, "invalid"),
        ({"id": "UPPER12345"}, "invalid"),
        ({"id": "with-dash-12345"}, "invalid"),
        ({"id": "xyz12345"}, "invalid"),
        ({"id": "a" * 1025}, "invalid"),
        ({"id": "abcde12345", "iCalUID": "abcde12345@google.com"}, "invalid"),
        ({"colorId": "12"}, "invalid"),
        ({"colorId": 11}, "badRequest"),
        ({"transparency": "free"}, "invalid"),
        ({"visibility": "secret"}, "invalid"),
        ({"status": "done"}, "invalid"),
        ({"nonsense": 1}, "badRequest"),
        ({"summary": 5}, "badRequest"),
        ({"start": "2026-12-01"}, "badRequest"),
        ({"start": {"dateTime": "2026-12-01T10:00:00Z", "zone": "UTC"}}, "badRequest"),
        ({"extendedProperties": {"private": {"n": 1}}}, "badRequest"),
        ({"extendedProperties": {"mine": {"n": "1"}}}, "badRequest"),
        ({"attendees": {"email": "bob@example.com"}}, "badRequest"),
        ({"attendees": [{"email": "bob"}]}, "invalid"),
        ({"attendees": [{"email": "bob@example.com", "responseStatus": "perhaps"}]}, "invalid"),
        ({"source": {"url": "ftp://crm.example/1", "title": "Task"}}, "invalid"),
        ({"source": {"title": "Task"}}, "invalid"),
        (
            {"reminders": {"useDefault": True, "overrides": [{"method": "popup", "minutes": 1}]}},
            "cannotUseDefaultRemindersAndSpecifyOverride",
        ),
        ({"reminders": {"overrides": [{"method": "sms", "minutes": 1}]}}, "invalid"),
        ({"reminders": {"overrides": [{"method": "popup", "minutes": 40_321}]}}, "invalid"),
        ({"reminders": {"overrides": [{"method": "popup", "minutes": 1}] * 6}}, "invalid"),
        ({"start": None}, "required"),
        ({"start": {}}, "required"),
        ({"end": None}, "required"),
        ({"start": {"dateTime": "2026-12-01T10:00:00"}}, "required"),
        ({"start": {"dateTime": "2026-12-01 10:00"}}, "invalid"),
        ({"start": {"dateTime": "2026-12-01T10:00:00", "timeZone": "Mars/Olympus"}}, "invalid"),
        ({"start": {"date": "2026-02-30"}, "end": {"date": "2026-03-03"}}, "invalid"),
        ({"start": {"date": "2026-12-01"}}, "invalid"),
        ({"start": {"date": "2026-12-01", "dateTime": "2026-12-01T10:00:00Z"}}, "invalid"),
        ({"end": {"dateTime": "2026-12-01T10:00:00Z"}}, "timeRangeEmpty"),
        ({"start": {"date": "2026-12-01"}, "end": {"date": "2026-12-01"}}, "timeRangeEmpty"),
        ({"recurrence": ["RRULE:FREQ=DAILY"]}, "required"),
        ({"eventType": "party"}, "invalid"),
    ],
)
def test_what_cannot_be_inserted(google: GoogleWorld, body: dict[str, Any], reason: str) -> None:
    ann = google.person()
    assert ann.insert(body).problem == (400, reason)
    assert ann.ids() == []


def test_a_bad_id_is_named_as_such(google: GoogleWorld) -> None:
    assert google.person().insert({"id": "NO"}).json["error"]["message"] == "Invalid resource id value."


def test_a_body_that_is_no_json_object(google: GoogleWorld) -> None:
    ann = google.person()
    assert ann.call("POST", "calendars/primary/events", ["list"]).problem == (400, "badRequest")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"sendUpdate": "none"}, "invalidParameter"),
        ({"sendUpdates": "nobody"}, "invalidParameter"),
        ({"maxAttendees": "0"}, "invalidParameter"),
        ({"supportsAttachments": "yes"}, "invalidParameter"),
        ({"fields": "id,nonsense"}, "invalidParameter"),
        ({"fields": "id,start("}, "invalidParameter"),
        ({"alt": "xml"}, "invalidParameter"),
    ],
)
def test_query_parameters_are_checked(google: GoogleWorld, query: dict[str, str], reason: str) -> None:
    assert google.person().insert({}, **query).problem == (400, reason)


def test_an_id_is_used_for_ever(google: GoogleWorld) -> None:
    ann = google.person()
    assert ann.insert({"id": "abcde12345"}).status == 200
    assert ann.insert({"id": "abcde12345"}).problem == (409, "duplicate")
    assert ann.delete("abcde12345").status == 204
    assert ann.insert({"id": "abcde12345"}).problem == (409, "duplicate")
    google.advance(31 * 86_400)
    assert ann.event("abcde12345").problem == (404, "notFound")
    assert ann.insert({"id": "abcde12345"}).problem == (409, "duplicate")


def test_a_patch_merges_replaces_lists_and_clears(google: GoogleWorld) -> None:
    ann = google.person()
    made = ann.insert(
        {
            "summary": "Call",
            "location": "Room 1",
            "attendees": [{"email": "bob@example.com"}, {"email": "cat@example.com"}],
            "extendedProperties": {"private": {"gw": "d.1", "n": "1"}, "shared": {"s": "1"}},
        }
    ).json
    after = ann.patch(
        made["id"],
        {
            "location": None,
            "attendees": [{"email": "dan@example.com"}],
            "extendedProperties": {"private": {"n": "2"}, "shared": {"s": None}},
        },
    ).json
    assert after["summary"] == "Call"
    assert "location" not in after
    assert [one["email"] for one in after["attendees"]] == ["dan@example.com"]
    assert after["extendedProperties"] == {"private": {"gw": "d.1", "n": "2"}}
    assert after["start"] == made["start"]
    assert after["etag"] != made["etag"]
    assert after["sequence"] == 0


def test_an_emptied_title_is_absent(google: GoogleWorld) -> None:
    ann = google.person()
    event = ann.insert({"summary": "Call"}).json
    assert "summary" not in ann.patch(event["id"], {"summary": ""}).json


def test_from_timed_to_all_day_the_other_form_must_be_cleared(google: GoogleWorld) -> None:
    ann = google.person()
    event_id = ann.insert().json["id"]
    wrong = ann.patch(event_id, {"start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}})
    assert wrong.problem == (400, "invalid")
    assert wrong.json["error"]["message"] == "Invalid start time."
    none = {"dateTime": None, "timeZone": None}
    right = ann.patch(event_id, {"start": {"date": "2026-12-01", **none}, "end": {"date": "2026-12-02", **none}})
    assert right.json["start"] == {"date": "2026-12-01"}
    assert right.json["end"] == {"date": "2026-12-02"}
    assert right.json["sequence"] == 1
    assert ann.patch(event_id, {"start": {"date": "2026-12-05"}}).problem == (400, "timeRangeEmpty")


def test_an_update_replaces_the_whole_event(google: GoogleWorld) -> None:
    ann = google.person()
    made = ann.insert({"summary": "Call", "location": "Room 1", "colorId": "3"}).json
    after = ann.update(made["id"], {**ONE_HOUR, "summary": "Call Bob"}).json
    assert "location" not in after
    assert "colorId" not in after
    assert after["created"] == made["created"]
    assert ann.update(made["id"], {"summary": "no times"}).problem == (400, "required")


def test_a_stale_sequence_is_refused(google: GoogleWorld) -> None:
    ann = google.person()
    event_id = ann.insert().json["id"]
    moved = {"start": {"dateTime": "2026-12-01T09:00:00Z"}, "end": {"dateTime": "2026-12-01T11:00:00Z"}}
    assert ann.update(event_id, {**moved, "sequence": 4}).json["sequence"] == 4
    assert ann.update(event_id, {**moved, "sequence": 1}).problem == (400, "invalid")


def test_if_match_guards_every_write(google: GoogleWorld) -> None:
    ann = google.person()
    event = ann.insert({"summary": "one"}).json
    fresh = ann.patch(event["id"], {"summary": "two"}, if_match=event["etag"]).json
    stale = ann.patch(event["id"], {"summary": "three"}, if_match=event["etag"])
    assert stale.problem == (412, "conditionNotMet")
    assert stale.json["error"]["errors"][0]["location"] == "If-Match"
    assert ann.event(event["id"]).json["summary"] == "two"
    path = f"calendars/primary/events/{event['id']}"
    old = {"If-Match": event["etag"]}
    assert ann.call("PUT", path, ONE_HOUR, old).status == 412
    assert ann.call("POST", f"{path}/move", None, old, destination=_other_calendar(ann)).status == 412
    assert ann.delete(event["id"], if_match=event["etag"]).status == 412
    assert ann.patch(event["id"], {"summary": "four"}, if_match="*").status == 200
    assert ann.delete(event["id"], if_match=fresh["etag"]).status == 412
    assert ann.delete(event["id"], if_match="*").status == 204


def test_if_none_match_saves_the_body(google: GoogleWorld) -> None:
    ann = google.person()
    event = ann.insert({"summary": "one"}).json
    path = f"calendars/primary/events/{event['id']}"
    same = ann.get(path, {"If-None-Match": event["etag"]})
    assert (same.status, same.json) == (304, None)
    ann.patch(event["id"], {"summary": "two"})
    assert ann.get(path, {"If-None-Match": event["etag"]}).status == 200


def test_a_patch_that_changes_nothing_leaves_the_etag_alone(google: GoogleWorld) -> None:
    ann = google.person()
    event = ann.insert({"summary": "one"}).json
    assert ann.patch(event["id"], {"summary": "one", "start": {"dateTime": "2026-12-01T11:00:00+01:00"}}).json == event


def test_reminders_change_the_etag_but_not_updated(google: GoogleWorld) -> None:
    ann = google.person()
    event = ann.insert({"summary": "one"}).json
    google.advance(5)
    reminders = {"useDefault": False, "overrides": [{"method": "popup", "minutes": 5}]}
    after = ann.patch(event["id"], {"reminders": reminders}).json
    assert after["reminders"] == reminders
    assert after["etag"] != event["etag"]
    assert after["updated"] == event["updated"]
    assert ann.patch(event["id"], {"reminders": {"useDefault": False, "overrides": None}}).json["reminders"] == {
        "useDefault": False
    }


def test_long_properties_are_dropped_or_cut_silently(google: GoogleWorld) -> None:
    ann = google.person()
    private = {"k" * 45: "dropped", "k" * 44: "v" * 1025}
    event = ann.insert({"extendedProperties": {"private": private}}).json
    assert event["extendedProperties"] == {"private": {"k" * 44: "v" * 1024}}
    many = {f"key{number}": "v" for number in range(301)}
    assert ann.insert({"extendedProperties": {"private": many}}).status == 400
    big = {f"key{number}": "v" * 1024 for number in range(40)}
    assert ann.insert({"extendedProperties": {"private": big}}).status == 400


def test_deleted_is_cancelled_then_410(google: GoogleWorld) -> None:
    ann = google.person()
    event_id = ann.insert({"summary": "one"}).json["id"]
    gone = ann.delete(event_id)
    assert (gone.status, gone.json) == (204, None)
    found = ann.event(event_id).json
    assert (found["status"], found["summary"]) == ("cancelled", "one")
    again = ann.delete(event_id)
    assert again.problem == (410, "deleted")
    assert ann.delete("neverwas12").problem == (404, "notFound")
    assert ann.event("neverwas12").problem == (404, "notFound")


def test_restoring_from_the_bin(google: GoogleWorld) -> None:
    ann = google.person()
    event_id = ann.insert({"summary": "one"}).json["id"]
    ann.delete(event_id)
    assert ann.patch(event_id, {"summary": "two"}).json["status"] == "cancelled"
    assert ann.patch(event_id, {"status": "confirmed"}).json["status"] == "confirmed"
    assert ann.ids() == [event_id]


def _other_calendar(api: Any) -> str:
    calendar = api.call("POST", "calendars", {"summary": "Other"}).json
    return str(calendar["id"])


def test_a_move_leaves_a_cancelled_trace(google: GoogleWorld) -> None:
    ann = google.person()
    other = _other_calendar(ann)
    event = ann.insert({"summary": "one", "extendedProperties": {"private": {"gw": "d"}}}).json
    answer = ann.call("POST", f"calendars/primary/events/{event['id']}/move", destination=other)
    assert (answer.status, answer.json["status"]) == (200, "cancelled")
    assert set(ann.event(event["id"]).json) == {"kind", "etag", "id", "status"}
    there = ann.event(event["id"], other).json
    assert (there["status"], there["summary"], there["iCalUID"]) == ("confirmed", "one", event["iCalUID"])
    assert there["organizer"]["email"] == other
    assert "self" not in there["creator"]
    assert ann.ids() == []
    assert ann.ids(privateExtendedProperty="gw=d") == []
    assert ann.patch(event["id"], {"summary": "x"}).problem == (404, "notFound")
    back = ann.call("POST", f"calendars/{other}/events/{event['id']}/move", destination="primary")
    assert back.status == 200
    assert ann.event(event["id"]).json["status"] == "confirmed"


def test_what_cannot_be_moved(google: GoogleWorld) -> None:
    ann = google.person()
    other = _other_calendar(ann)
    ann.insert({"id": "abcde12345"})
    ann.insert({"id": "abcde12345"}, other)
    path = "calendars/primary/events/{}/move"
    assert ann.call("POST", path.format("abcde12345"), destination=other).problem == (409, "duplicate")
    assert ann.call("POST", path.format("abcde12345"), destination="nowhere").problem == (404, "notFound")
    assert ann.call("POST", path.format("abcde12345")).problem == (400, "required")
    focus = ann.insert({"eventType": "focusTime"}).json["id"]
    assert ann.call("POST", path.format(focus), destination=other).problem == (400, "invalid")


def test_source_is_for_the_creators_eyes_only(google: GoogleWorld) -> None:
    ann, bob = google.person(), google.person("bob@example.com")
    rule = {"role": "writer", "scope": {"type": "user", "value": "bob@example.com"}}
    ann.call("POST", "calendars/primary/acl", rule)
    source = {"url": "https://crm.example/tasks/1", "title": "Task"}
    event_id = ann.insert({"source": source}).json["id"]
    assert google.app("ann@example.com", EVENTS).event(event_id).json["source"] == source
    assert "source" not in bob.event(event_id, "ann@example.com").json


def test_conference_data_only_when_asked_for(google: GoogleWorld) -> None:
    ann = google.person()
    meet = {"conferenceData": {"conferenceId": "abc", "notes": "Meet"}}
    assert "conferenceData" not in ann.insert(meet).json
    assert ann.insert(meet, conferenceDataVersion="1").json["conferenceData"] == meet["conferenceData"]


def test_fields_mask_the_answer(google: GoogleWorld) -> None:
    ann = google.person()
    event = ann.insert({"summary": "one", "extendedProperties": {"private": {"gw": "d", "n": "1"}}}).json
    mask = "id,start/dateTime,extendedProperties(private/gw),creator(*)"
    assert ann.event(event["id"], fields=mask).json == {
        "id": event["id"],
        "start": {"dateTime": "2026-12-01T10:00:00Z"},
        "extendedProperties": {"private": {"gw": "d"}},
        "creator": {"email": "ann@example.com", "self": True},
    }


def test_the_event_type_is_for_life(google: GoogleWorld) -> None:
    ann = google.person()
    event_id = ann.insert().json["id"]
    assert ann.patch(event_id, {"eventType": "focusTime"}).problem == (400, "invalid")
