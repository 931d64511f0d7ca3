"""Calendars, the calendar list, roles, scopes and quota."""

from __future__ import annotations

import pytest

import sandbox.google
from sandbox.kit.clock import Clock
from tests.sandbox.google_world import APP_CREATED, EVENTS, LIST_READONLY, OWNED, Api, GoogleWorld

CALENDAR = "https://www.googleapis.com/auth/calendar"


def _make(api: Api, summary: str = "Tasks") -> str:
    answer = api.call("POST", "calendars", {"summary": summary})
    assert answer.status == 200, answer.json
    return str(answer.json["id"])


def _share(api: Api, email: str, role: str, calendar: str = "primary") -> None:
    rule = {"role": role, "scope": {"type": "user", "value": email}}
    assert api.call("POST", f"calendars/{calendar}/acl", rule).status == 200


def test_the_calendar_list(google: GoogleWorld) -> None:
    ann = google.person(time_zone="Europe/Berlin")
    other = _make(ann)
    answer = ann.get("users/me/calendarList").json
    assert answer["kind"] == "calendar#calendarList"
    first, second = sorted(answer["items"], key=lambda entry: entry.get("primary", False), reverse=True)
    assert first["id"] == "ann@example.com"
    assert first["accessRole"] == "owner"
    assert first["timeZone"] == "Europe/Berlin"
    assert "dataOwner" not in first
    assert second["id"] == other
    assert second["id"].endswith("@group.calendar.google.com")
    assert second["dataOwner"] == "ann@example.com"
    assert "primary" not in second
    assert ann.get("users/me/calendarList/primary").json == first
    page = ann.get("users/me/calendarList", maxResults=1).json
    rest = ann.get("users/me/calendarList", maxResults=1, pageToken=page["nextPageToken"]).json
    assert {page["items"][0]["id"], rest["items"][0]["id"]} == {"ann@example.com", other}


def test_the_calendar_list_in_steps(google: GoogleWorld) -> None:
    ann = google.person()
    other = _make(ann)
    token = ann.get("users/me/calendarList").json["nextSyncToken"]
    assert ann.get("users/me/calendarList", syncToken=token).json["items"] == []
    ann.call("PATCH", f"calendars/{other}", {"summary": "Renamed"})
    (changed,) = ann.get("users/me/calendarList", syncToken=token).json["items"]
    assert changed["summary"] == "Renamed"
    ann.call("DELETE", f"calendars/{other}")
    (gone,) = ann.get("users/me/calendarList", syncToken=token).json["items"]
    assert (gone["id"], gone["deleted"]) == (other, True)
    both = ann.get("users/me/calendarList", syncToken=token, minAccessRole="owner")
    assert both.problem == (400, "invalidParameter")
    google.admin("expire_sync_tokens")
    assert ann.get("users/me/calendarList", syncToken=token).problem == (410, "fullSyncRequired")


def test_what_a_person_sets_for_themselves(google: GoogleWorld) -> None:
    ann = google.person()
    other = _make(ann)
    reminders = [{"method": "email", "minutes": 60}]
    body = {"summaryOverride": "Mine", "hidden": True, "defaultReminders": reminders}
    entry = ann.call("PATCH", f"users/me/calendarList/{other}", body).json
    assert (entry["summaryOverride"], entry["summary"]) == ("Mine", "Tasks")
    assert ann.listing(other).json["defaultReminders"] == reminders
    assert other not in {one["id"] for one in ann.get("users/me/calendarList").json["items"]}
    assert other in {one["id"] for one in ann.get("users/me/calendarList", showHidden="true").json["items"]}


def test_a_calendars_own_fields(google: GoogleWorld) -> None:
    ann = google.person(time_zone="Europe/Berlin")
    made = ann.call("POST", "calendars", {"summary": "Tasks", "timeZone": "Asia/Tokyo", "description": "by us"}).json
    assert (made["kind"], made["timeZone"], made["description"]) == ("calendar#calendar", "Asia/Tokyo", "by us")
    path = f"calendars/{made['id']}"
    assert ann.get(path).json == made
    assert ann.call("PATCH", path, {"summary": "Tasks"}).json["etag"] == made["etag"]  # changes nothing
    renamed = ann.call("PATCH", path, {"summary": "To do", "description": None}).json
    assert (renamed["summary"], "description" in renamed) == ("To do", False)
    assert renamed["etag"] != made["etag"]
    stale = ann.call("PATCH", path, {"summary": "x"}, {"If-Match": made["etag"]})
    assert stale.problem == (412, "conditionNotMet")
    assert ann.call("PUT", path, {"summary": "Whole", "location": "Here"}).json["timeZone"] == "Asia/Tokyo"
    assert ann.call("PATCH", path, {"timeZone": "Mars/Olympus"}).problem == (400, "invalid")
    assert ann.call("POST", "calendars", {}).problem == (400, "required")
    event = ann.insert({"id": "abcde12345"}, made["id"]).json
    assert event["start"]["dateTime"] == "2026-12-01T19:00:00+09:00"
    ann.call("PATCH", path, {"timeZone": "UTC"})
    assert ann.event("abcde12345", made["id"]).json["start"]["dateTime"] == "2026-12-01T10:00:00Z"


def test_only_the_data_owner_deletes_and_never_a_primary(google: GoogleWorld) -> None:
    ann, bob = google.person(), google.person("bob@example.com")
    other = _make(ann)
    _share(ann, "bob@example.com", "owner", other)
    assert ann.call("DELETE", "calendars/primary").problem == (400, "invalid")
    assert bob.call("DELETE", f"calendars/{other}").problem == (403, "forbidden")
    assert ann.call("DELETE", f"calendars/{other}").status == 204
    assert ann.get(f"calendars/{other}").problem == (404, "notFound")


def test_sixty_new_calendars_are_enough(google: GoogleWorld) -> None:
    ann = google.person()
    made = [_make(ann) for _ in range(60)]
    ann.call("DELETE", f"calendars/{made[0]}")  # refunds nothing
    refused = ann.call("POST", "calendars", {"summary": "One more"})
    assert refused.problem == (403, "quotaExceeded")
    assert refused.json["error"]["message"] == "Calendar usage limits exceeded."
    google.advance(86_401)
    assert ann.call("POST", "calendars", {"summary": "One more"}).status == 200


def test_roles_decide(google: GoogleWorld) -> None:
    ann, bob = google.person(), google.person("bob@example.com")
    event_id = ann.insert({"summary": "one"}).json["id"]
    assert bob.listing("ann@example.com").problem == (404, "notFound")
    _share(ann, "bob@example.com", "reader")
    assert bob.event(event_id, "ann@example.com").status == 200
    assert bob.patch(event_id, {"summary": "x"}, calendar="ann@example.com").problem == (403, "requiredAccessLevel")
    _share(ann, "bob@example.com", "writer")
    assert bob.patch(event_id, {"summary": "x"}, calendar="ann@example.com").status == 200
    roles = {"reader": 2, "writer": 2, "owner": 1}
    for lowest, count in roles.items():
        entries = bob.get("users/me/calendarList", minAccessRole=lowest).json["items"]
        assert len(entries) == count, lowest
    assert len(ann.get("calendars/primary/acl").json["items"]) == 2
    assert ann.call("DELETE", "calendars/primary/acl/user:bob@example.com").status == 204
    assert bob.event(event_id, "ann@example.com").problem == (404, "notFound")
    assert ann.call("DELETE", "calendars/primary/acl/user:bob@example.com").problem == (404, "notFound")
    assert ann.call("DELETE", "calendars/primary/acl/user:ann@example.com").problem == (403, "forbidden")


@pytest.mark.parametrize(
    "rule",
    [
        {"role": "king", "scope": {"type": "user", "value": "bob@example.com"}},
        {"role": "reader", "scope": {"type": "user", "value": "nobody@example.com"}},
        {"role": "reader", "scope": {"type": "default"}},
    ],
)
def test_what_is_no_rule(google: GoogleWorld, rule: dict[str, object]) -> None:
    ann = google.person()
    google.person("bob@example.com")
    assert ann.call("POST", "calendars/primary/acl", rule).problem == (400, "invalid")


def test_app_created_reaches_only_its_own_calendars(google: GoogleWorld) -> None:
    ann = google.person()
    private = _make(ann, "Private")
    app = google.app("ann@example.com", APP_CREATED)
    own = _make(app)
    event_id = app.insert({"summary": "one"}, own).json["id"]
    assert app.ids(own) == [event_id]
    assert app.get(f"calendars/{own}").status == 200
    assert app.get(f"users/me/calendarList/{own}").status == 200
    for foreign in ("primary", private):
        assert app.listing(foreign).problem == (403, "insufficientPermissions")
        assert app.insert({}, foreign).problem == (403, "insufficientPermissions")
        assert app.get(f"calendars/{foreign}").problem == (403, "insufficientPermissions")
    assert app.get("users/me/calendarList").problem == (403, "insufficientPermissions")
    moved = app.call("POST", f"calendars/{own}/events/{event_id}/move", destination=own)
    assert moved.problem == (403, "insufficientPermissions")
    client = google.admin("clients")
    google.client_id, google.client_secret = client["client_id"], client["client_secret"]
    assert google.app("ann@example.com", APP_CREATED).listing(own).problem == (403, "insufficientPermissions")


def test_each_scope_reaches_as_far_as_documented(google: GoogleWorld) -> None:
    ann = google.person()
    google.person("bob@example.com")
    _share(ann, "bob@example.com", "writer")
    owned = google.app("bob@example.com", OWNED)
    assert owned.listing().status == 200
    assert owned.listing("ann@example.com").problem == (403, "insufficientPermissions")
    assert owned.get("colors").status == 200
    assert owned.get("users/me/calendarList").problem == (403, "insufficientPermissions")
    events = google.app("bob@example.com", EVENTS)
    assert events.listing("ann@example.com").status == 200
    assert events.get("colors").problem == (403, "insufficientPermissions")
    listing = google.app("bob@example.com", LIST_READONLY)
    assert len(listing.get("users/me/calendarList").json["items"]) == 2
    assert listing.listing().problem == (403, "insufficientPermissions")
    readonly = google.app("bob@example.com", f"{CALENDAR}.events.readonly")
    assert readonly.listing().status == 200
    assert readonly.insert().problem == (403, "insufficientPermissions")
    freebusy = google.app("bob@example.com", f"{CALENDAR}.events.freebusy")
    assert freebusy.listing().problem == (403, "insufficientPermissions")


def test_no_token_no_calendar_no_method(google: GoogleWorld) -> None:
    assert google.api("nonsense").listing().problem == (401, "authError")
    without = google.person("cat@example.com", calendar=False)
    assert without.listing().problem == (403, "notACalendarUser")
    ann = google.person()
    assert ann.get("nonsense").problem == (404, "notFound")
    assert ann.get("users/me/settings").problem == (501, "notImplemented")
    assert ann.get("colors").json["event"]["11"]["background"] == "#dc2127"


def test_the_admin_plane_names_what_it_cannot_use(google: GoogleWorld) -> None:
    wrong = {
        "persons": [{}, {"email": "x@example.com", "time_zone": "Mars/Olympus"}],
        "consent": [{"email": "nobody@example.com"}, {"email": "x", "decision": "maybe"}],
        "revoke": [{"email": "nobody@example.com"}],
    }
    for name, bodies in wrong.items():
        for body in bodies:
            answer = google._http.post(f"{google.url}/_sandbox/{name}", json=body, timeout=10)
            assert answer.status_code == 400
            assert answer.json()["error"]
    assert google.person().token == google.person().token


def test_the_quota_is_a_sliding_minute_per_person_and_patches_cost_three() -> None:
    clock = Clock(None)
    running = sandbox.google.start(clock=clock, quota_per_minute=10)
    google = GoogleWorld(running)
    ann, bob = google.person(), google.person("bob@example.com")
    app = google.app("ann@example.com", OWNED)
    event_id = app.insert().json["id"]
    clock.advance(30)
    assert [app.patch(event_id, {"summary": str(n)}).status for n in range(3)] == [200, 200, 200]
    refusals = [app.listing() for _ in range(3)]
    assert [refused.problem for refused in refusals] == [
        (403, "rateLimitExceeded"),
        (403, "userRateLimitExceeded"),
        (429, "rateLimitExceeded"),
    ]
    assert {refused.json["error"]["errors"][0]["domain"] for refused in refusals} == {"usageLimits"}
    assert google.app("bob@example.com", OWNED).listing().status == 200
    assert ann.listing().status == 200
    assert bob.listing().status == 200
    clock.advance(31)
    assert app.listing().status == 200  # the insert's unit has left the minute
    assert app.listing().status == 403
    clock.advance(30)
    assert app.listing().status == 200
    google.close()
    running.stop()
