"""Guests: the copies they have of an event, what all copies share and what is each person's own."""

from __future__ import annotations

from typing import Any

from tests.sandbox.google_world import OWNED, Api, GoogleWorld, Receiver

BOB = "bob@example.com"


def _invited(ann: Api, **more: Any) -> str:
    attendees = [{"email": BOB}, {"email": "stranger@example.org"}, {"email": "ann@example.com"}]
    answer = ann.insert({"summary": "Call", "attendees": attendees, **more})
    return str(answer.json["id"])


def test_an_invitation_puts_a_copy_on_the_guests_calendar(google: GoogleWorld, receiver: Receiver) -> None:
    ann, bob = google.person(), google.person(BOB, time_zone="Asia/Tokyo")
    app = google.app("ann@example.com", OWNED)
    bob.watch(receiver.url)
    properties = {"private": {"gw": "d"}, "shared": {"s": "1"}}
    event_id = _invited(app, colorId="11", transparency="transparent", extendedProperties=properties)
    copy = bob.event(event_id).json
    assert copy["summary"] == "Call"
    assert copy["start"]["dateTime"] == "2026-12-01T19:00:00+09:00"
    assert copy["organizer"] == {"email": "ann@example.com"}
    assert copy["creator"] == {"email": "ann@example.com"}
    assert copy["extendedProperties"] == {"shared": {"s": "1"}}
    assert "colorId" not in copy
    assert "transparency" not in copy
    assert copy["attendees"][0] == {"email": BOB, "responseStatus": "needsAction", "self": True}
    assert copy["attendees"][2]["organizer"] is True
    assert bob.ids(privateExtendedProperty="gw=d") == []
    assert len(receiver.expect(2)) == 2
    assert next(one["ours"] for one in google.ledger() if one["caller"] == f"person:{BOB}" and one["ids"]) == [False]
    assert ann.event(event_id).json["attendees"][2] == {
        "email": "ann@example.com",
        "responseStatus": "needsAction",
        "self": True,
        "organizer": True,
    }


def test_what_the_organizer_changes_reaches_the_copies_and_leaves_their_own_fields(google: GoogleWorld) -> None:
    ann, bob = google.person(), google.person(BOB)
    event_id = _invited(ann)
    bob.patch(event_id, {"colorId": "3", "extendedProperties": {"private": {"mine": "1"}}})
    assert "colorId" not in ann.event(event_id).json
    etag = bob.event(event_id).json["etag"]
    ann.patch(event_id, {"colorId": "5"})
    assert bob.event(event_id).json["etag"] == etag
    ann.patch(event_id, {"summary": "Call again"})
    copy = bob.event(event_id).json
    assert (copy["summary"], copy["colorId"]) == ("Call again", "3")
    assert copy["extendedProperties"] == {"private": {"mine": "1"}}
    assert copy["etag"] != etag


def test_a_guests_answer_reaches_the_organizer(google: GoogleWorld) -> None:
    ann, bob = google.person(), google.person(BOB)
    event_id = _invited(ann)
    before = ann.event(event_id).json
    attendees = [{**one, "responseStatus": "accepted"} if one["email"] == BOB else one for one in before["attendees"]]
    assert bob.patch(event_id, {"attendees": attendees, "summary": "Mine alone"}).status == 200
    after = ann.event(event_id).json
    assert after["attendees"][0]["responseStatus"] == "accepted"
    assert after["summary"] == "Call"
    assert after["etag"] != before["etag"]
    assert bob.delete(event_id).status == 204
    assert ann.event(event_id).json["attendees"][0]["responseStatus"] == "declined"
    assert ann.event(event_id).json["status"] == "confirmed"
    assert bob.ids() == []


def test_copies_go_when_the_event_or_the_invitation_goes(google: GoogleWorld) -> None:
    ann, bob = google.person(), google.person(BOB)
    first, second = _invited(ann), _invited(ann)
    ann.patch(first, {"attendees": [{"email": "stranger@example.org"}]})
    ann.delete(second)
    assert bob.ids() == []
    assert {bob.event(one).json["status"] for one in (first, second)} == {"cancelled"}
    ann.patch(first, {"attendees": [{"email": BOB}]})
    assert bob.ids() == [first]
    bob.delete(first)
    ann.patch(first, {"summary": "Call again"})
    assert bob.ids() == []


def test_a_move_changes_the_organizer_of_the_copies(google: GoogleWorld) -> None:
    ann, bob = google.person(), google.person(BOB)
    other = ann.call("POST", "calendars", {"summary": "Other"}).json["id"]
    event_id = _invited(ann)
    assert bob.call("POST", f"calendars/primary/events/{event_id}/move", destination="primary").status == 400
    ann.call("POST", f"calendars/primary/events/{event_id}/move", destination=other)
    copy = bob.event(event_id).json
    assert (copy["status"], copy["organizer"]["email"]) == ("confirmed", other)


def test_an_event_of_the_guests_own_with_that_id_is_left_alone(google: GoogleWorld) -> None:
    ann, bob = google.person(), google.person(BOB)
    bob.insert({"id": "abcde12345", "summary": "mine"})
    _invited(ann, id="abcde12345")
    assert bob.event("abcde12345").json["organizer"]["email"] == BOB
    ann.delete("abcde12345")
    assert bob.event("abcde12345").json["status"] == "confirmed"
