"""Lists: filters, pages, sync tokens, deleted entries, series."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.google_world import Api, GoogleWorld

DAILY = {
    "start": {"dateTime": "2026-10-23T09:00:00", "timeZone": "Europe/Berlin"},
    "end": {"dateTime": "2026-10-23T09:30:00", "timeZone": "Europe/Berlin"},
    "recurrence": ["RRULE:FREQ=DAILY;COUNT=4"],
}


def _at(hour: int, **more: Any) -> dict[str, Any]:
    start, end = f"2026-12-01T{hour:02}:00:00Z", f"2026-12-01T{hour + 1:02}:00:00Z"
    return {"start": {"dateTime": start}, "end": {"dateTime": end}, **more}


def _tagged(value: str, key: str = "gw") -> dict[str, Any]:
    return {"extendedProperties": {"private": {key: value}}}


def test_the_collection_looks_like_the_real_one(google: GoogleWorld) -> None:
    ann = google.person(time_zone="Europe/Berlin")
    ann.insert({"id": "abcde1"})
    answer = ann.listing().json
    assert answer["kind"] == "calendar#events"
    assert answer["summary"] == "ann@example.com"
    assert answer["timeZone"] == "Europe/Berlin"
    assert answer["accessRole"] == "owner"
    assert answer["defaultReminders"] == [{"method": "popup", "minutes": 10}]
    assert answer["etag"].startswith('"p33')
    assert answer["nextSyncToken"]
    assert ann.get("calendars/primary/events", {"If-None-Match": answer["etag"]}).status == 304


def test_a_property_filter_finds_exactly_ours(google: GoogleWorld) -> None:
    ann = google.person()
    ann.insert({"id": "evt0001", **_tagged("dep.1")})
    ann.insert({"id": "evt0002", **_tagged("dep.10")})
    ann.insert({"id": "evt0003", **_tagged("dep.1", "other")})
    ann.insert({"id": "evt0004", "extendedProperties": {"shared": {"gw": "dep.1"}}})
    assert ann.ids(privateExtendedProperty="gw=dep.1") == ["evt0001"]
    assert ann.ids(sharedExtendedProperty="gw=dep.1") == ["evt0004"]
    assert ann.ids(privateExtendedProperty=["gw=dep.1", "other=dep.1"]) == []
    ann.patch("evt0001", _tagged("dep.2"))
    assert ann.ids(privateExtendedProperty="gw=dep.1") == []
    assert ann.listing(privateExtendedProperty="gw").problem == (400, "invalidParameter")


def test_a_property_filter_misses_the_deleted(google: GoogleWorld) -> None:
    ann = google.person()
    ann.insert({"id": "evt0001", **_tagged("dep.1")})
    ann.delete("evt0001")
    assert ann.ids(privateExtendedProperty="gw=dep.1", showDeleted="true") == []
    assert ann.ids(showDeleted="true") == ["evt0001"]
    assert ann.ids() == []


def test_the_index_may_lag(google: GoogleWorld) -> None:
    ann = google.person()
    google.admin("quirks", index_lag_s=5)
    ann.insert({"id": "evt0001", **_tagged("dep.1")})
    assert ann.ids(privateExtendedProperty="gw=dep.1") == []
    assert ann.ids() == ["evt0001"]
    google.advance(6)
    assert ann.ids(privateExtendedProperty="gw=dep.1") == ["evt0001"]


def _pages(api: Api, **query: Any) -> list[dict[str, Any]]:
    pages = [api.listing(**query).json]
    while "nextPageToken" in pages[-1]:
        pages.append(api.listing(**query, pageToken=pages[-1]["nextPageToken"]).json)
    return pages


def test_pages_hold_everything_once(google: GoogleWorld) -> None:
    ann = google.person()
    made = {ann.insert().json["id"] for _ in range(7)}
    pages = _pages(ann, maxResults=3)
    assert [len(page["items"]) for page in pages] == [3, 3, 1]
    assert {item["id"] for page in pages for item in page["items"]} == made
    assert ["nextSyncToken" in page for page in pages] == [False, False, True]
    assert ann.listing(pageToken="nonsense").problem == (400, "invalidParameter")
    assert ann.listing(maxResults=0).problem == (400, "invalidParameter")
    assert len(ann.ids(maxResults=9999)) == 7


def test_a_page_may_be_short_or_empty_and_not_the_last(google: GoogleWorld) -> None:
    ann = google.person()
    made = {ann.insert().json["id"] for _ in range(5)}
    google.admin("quirks", short_pages=2)
    pages = _pages(ann)
    assert [len(page["items"]) for page in pages] == [0, 2, 2, 1]
    assert {item["id"] for page in pages for item in page["items"]} == made


def test_a_sync_token_brings_what_changed_since(google: GoogleWorld) -> None:
    ann = google.person()
    for number in range(3):
        ann.insert({"id": f"evt000{number}", "summary": "x"})
    token = ann.listing().json["nextSyncToken"]
    assert ann.listing(syncToken=token).json["items"] == []
    ann.patch("evt0001", {"summary": "y"})
    ann.delete("evt0002")
    changed = ann.listing(syncToken=token).json
    assert [item["id"] for item in changed["items"]] == ["evt0001", "evt0002"]
    assert set(changed["items"][1]) == {"kind", "etag", "id", "status"}
    assert ann.listing(syncToken=token, showDeleted="true").json["items"][1]["summary"] == "x"
    assert ann.listing(syncToken=changed["nextSyncToken"]).json["items"] == []


def test_a_sync_token_seeded_without_receiving_any_event(google: GoogleWorld) -> None:
    ann = google.person()
    ann.insert()
    seeded = ann.listing(fields="nextPageToken,nextSyncToken", maxResults=2500).json
    assert list(seeded) == ["nextSyncToken"]


def test_what_changes_while_paging_is_not_lost(google: GoogleWorld) -> None:
    ann = google.person()
    for number in range(4):
        ann.insert({"id": f"evt000{number}"})
    first = ann.listing(maxResults=2).json
    ann.patch("evt0000", {"summary": "changed"})
    last = ann.listing(maxResults=2, pageToken=first["nextPageToken"]).json
    assert ann.ids(syncToken=last["nextSyncToken"]) == ["evt0000"]


@pytest.mark.parametrize(
    "query",
    [
        {"iCalUID": "x@google.com"},
        {"orderBy": "updated"},
        {"privateExtendedProperty": "a=b"},
        {"sharedExtendedProperty": "a=b"},
        {"q": "x"},
        {"timeMin": "2026-01-01T00:00:00Z"},
        {"timeMax": "2026-01-01T00:00:00Z"},
        {"updatedMin": "2026-01-01T00:00:00Z"},
        {"showDeleted": "false"},
    ],
)
def test_what_cannot_go_with_a_sync_token(google: GoogleWorld, query: dict[str, str]) -> None:
    ann = google.person()
    token = ann.listing().json["nextSyncToken"]
    assert ann.listing(syncToken=token, **query).problem == (400, "invalidParameter")


def test_a_dead_sync_token_asks_for_a_full_sync(google: GoogleWorld) -> None:
    ann = google.person()
    google.person("bob@example.com")
    token = ann.listing().json["nextSyncToken"]
    google.admin("expire_sync_tokens")
    dead = ann.listing(syncToken=token)
    assert dead.problem == (410, "fullSyncRequired")
    assert dead.json["error"]["errors"][0]["location"] == "syncToken"
    assert ann.listing(syncToken="nonsense").problem == (410, "fullSyncRequired")
    token = ann.listing().json["nextSyncToken"]
    rule = {"role": "reader", "scope": {"type": "user", "value": "bob@example.com"}}
    ann.call("POST", "calendars/primary/acl", rule)  # rights changed: tokens die
    assert ann.listing(syncToken=token).problem == (410, "fullSyncRequired")


def test_updated_min_brings_the_deleted_along(google: GoogleWorld) -> None:
    ann = google.person()
    ann.insert({"id": "evt0001"})
    google.advance(100)
    stamp = ann.insert({"id": "evt0002"}).json["updated"]
    ann.insert({"id": "evt0003"})
    ann.delete("evt0003")
    assert ann.ids(updatedMin=stamp) == ["evt0002", "evt0003"]
    assert ann.ids(updatedMin=stamp, showDeleted="false") == ["evt0002", "evt0003"]
    assert ann.ids(updatedMin=stamp, privateExtendedProperty="gw=1") == []
    google.advance(29 * 86_400)
    old = ann.listing(updatedMin=stamp)
    assert old.problem == (410, "updatedMinTooLongAgo")


def test_time_bounds_are_exclusive(google: GoogleWorld) -> None:
    ann = google.person(time_zone="Europe/Berlin")
    ann.insert(_at(10, id="evt0010"))
    ann.insert(_at(12, id="evt0012"))
    ann.insert({"id": "evt0aaa", "start": {"date": "2026-12-02"}, "end": {"date": "2026-12-03"}})
    assert ann.ids(timeMin="2026-12-01T11:00:00Z") == ["evt0012", "evt0aaa"]
    assert ann.ids(timeMin="2026-12-01T10:59:59Z") == ["evt0010", "evt0012", "evt0aaa"]
    assert ann.ids(timeMax="2026-12-01T12:00:00Z") == ["evt0010"]
    # All day is the calendar's day: it begins at 23:00 UTC in Berlin.
    assert ann.ids(timeMin="2026-12-01T20:00:00Z", timeMax="2026-12-01T23:00:00Z") == []
    assert ann.ids(timeMin="2026-12-01T20:00:00Z", timeMax="2026-12-01T23:00:01Z") == ["evt0aaa"]
    assert ann.listing(timeMin="2026-12-01T11:00:00").problem == (400, "invalidParameter")
    assert ann.listing(timeMin="2026-12-02T00:00:00Z", timeMax="2026-12-01T00:00:00Z").status == 400


def test_order_search_uid_and_types(google: GoogleWorld) -> None:
    ann = google.person()
    ann.insert(_at(14, id="evt0001", summary="Call Bob", attendees=[{"email": "bob@example.com"}]))
    ann.insert(_at(10, id="evt0002", description="about Bob and Cat"))
    google.advance(1)
    ann.patch("evt0001", {"location": "Room 1"})
    assert ann.ids(orderBy="updated") == ["evt0002", "evt0001"]
    assert ann.ids(orderBy="startTime", singleEvents="true") == ["evt0002", "evt0001"]
    assert ann.listing(orderBy="startTime").problem == (400, "invalid")
    assert ann.ids(q="BOB cat") == ["evt0002"]
    assert ann.ids(q="room") == ["evt0001"]
    assert ann.ids(q="bob@example.com") == ["evt0001"]
    assert ann.ids(iCalUID="evt0002@google.com") == ["evt0002"]
    ann.insert({"id": "evt0003", "eventType": "focusTime"})
    assert ann.ids(eventTypes="focusTime") == ["evt0003"]
    assert ann.ids(eventTypes=["focusTime", "default"]) == ["evt0001", "evt0002", "evt0003"]


def test_a_series_is_one_item_or_its_instances(google: GoogleWorld) -> None:
    ann = google.person(time_zone="Europe/Berlin")
    ann.insert({"id": "serial01", "summary": "Stand-up", **DAILY})
    (master,) = ann.listing().json["items"]
    assert (master["id"], master["recurrence"]) == ("serial01", DAILY["recurrence"])
    items = ann.listing(singleEvents="true", orderBy="startTime").json["items"]
    # Nine o'clock stays nine o'clock across the change of clocks on 25 October.
    assert [item["start"]["dateTime"] for item in items] == [
        "2026-10-23T09:00:00+02:00",
        "2026-10-24T09:00:00+02:00",
        "2026-10-25T09:00:00+01:00",
        "2026-10-26T09:00:00+01:00",
    ]
    assert items[2]["id"] == "serial01_20261025T080000Z"
    assert {item["recurringEventId"] for item in items} == {"serial01"}
    assert items[2]["originalStartTime"]["dateTime"] == "2026-10-25T09:00:00+01:00"
    assert all("recurrence" not in item for item in items)
    instances = ann.get("calendars/primary/events/serial01/instances").json["items"]
    assert instances == items
    assert ann.ids(timeMin="2026-10-26T00:00:00Z") == ["serial01"]
    assert ann.ids(timeMin="2026-10-27T00:00:00Z") == []


def test_one_instance_changed_and_one_cancelled(google: GoogleWorld) -> None:
    ann = google.person(time_zone="Europe/Berlin")
    ann.insert({"id": "serial01", "summary": "Stand-up", **DAILY, **_tagged("dep.1")})
    second, third = "serial01_20261024T070000Z", "serial01_20261025T080000Z"
    assert ann.event(second).json["recurringEventId"] == "serial01"
    changed = ann.patch(second, {"summary": "Retro"}).json
    assert (changed["id"], changed["recurringEventId"]) == (second, "serial01")
    assert ann.delete(third).status == 204
    assert ann.delete(third).problem == (410, "deleted")
    items = {item["id"]: item for item in ann.listing().json["items"]}
    assert set(items) == {"serial01", second, third}
    assert set(items[third]) == {"kind", "etag", "id", "status", "recurringEventId", "originalStartTime"}
    assert items["serial01"]["summary"] == "Stand-up"
    single = [item.get("summary") for item in ann.listing(singleEvents="true", orderBy="startTime").json["items"]]
    assert single == ["Stand-up", "Retro", "Stand-up"]
    assert ann.ids(privateExtendedProperty="gw=dep.1") == ["serial01", second]
    assert ann.event("serial01_20261224T070000Z").problem == (404, "notFound")
    ann.delete("serial01")
    assert ann.ids() == []
    assert ann.event("serial01_20261026T080000Z").status == 404


def test_making_an_event_recurring_keeps_its_id(google: GoogleWorld) -> None:
    ann = google.person()
    event_id = ann.insert(_at(9)).json["id"]
    zones = {"start": {"timeZone": "Europe/Berlin"}, "end": {"timeZone": "Europe/Berlin"}}
    rule = ["RRULE:FREQ=WEEKLY;UNTIL=20261216T000000Z", "EXDATE;TZID=Europe/Berlin:20261208T100000"]
    master = ann.patch(event_id, {"recurrence": rule, **zones}).json
    assert (master["id"], master["recurrence"]) == (event_id, rule)
    starts = [item["start"]["dateTime"] for item in ann.listing(singleEvents="true").json["items"]]
    assert starts == ["2026-12-01T09:00:00Z", "2026-12-15T09:00:00Z"]


@pytest.mark.parametrize(
    "rule", ["DTSTART:20261201T090000Z", "RRULE:FREQ=SOMETIMES", "nonsense", "EXDATE;TZID=No/Where:1"]
)
def test_what_is_no_rule(google: GoogleWorld, rule: str) -> None:
    assert google.person().insert({**DAILY, "recurrence": [rule]}).problem == (400, "invalid")


def test_an_all_day_series(google: GoogleWorld) -> None:
    ann = google.person()
    days = {"start": {"date": "2026-12-01"}, "end": {"date": "2026-12-03"}}
    rule = ["RRULE:FREQ=WEEKLY;UNTIL=20261216", "RDATE;VALUE=DATE:20261220", "EXDATE;VALUE=DATE:20261208"]
    ann.insert({"id": "fest01", **days, "recurrence": rule})
    items = ann.listing(singleEvents="true").json["items"]
    assert [(item["start"]["date"], item["end"]["date"]) for item in items] == [
        ("2026-12-01", "2026-12-03"),
        ("2026-12-15", "2026-12-17"),
        ("2026-12-20", "2026-12-22"),
    ]
    assert ann.event("fest01_20261215").json["originalStartTime"] == {"date": "2026-12-15"}


def test_an_endless_series_can_be_listed(google: GoogleWorld) -> None:
    ann = google.person()
    ann.insert({"id": "serial01", **DAILY, "recurrence": ["RRULE:FREQ=DAILY"]})
    found = ann.ids(singleEvents="true", timeMin="2026-11-01T00:00:00Z", timeMax="2026-11-03T00:00:00Z")
    assert found == ["serial01_20261101T080000Z", "serial01_20261102T080000Z"]
    assert len(ann.ids(singleEvents="true", maxResults=2500)) == 730


def test_clearing_a_primary_calendar(google: GoogleWorld) -> None:
    ann = google.person()
    ann.insert({"id": "evt0001"})
    other = ann.call("POST", "calendars", {"summary": "Other"}).json["id"]
    assert ann.call("POST", "calendars/primary/clear").status == 204
    assert ann.ids() == []
    assert ann.event("evt0001").json["status"] == "cancelled"
    assert ann.call("POST", f"calendars/{other}/clear").problem == (400, "invalid")
