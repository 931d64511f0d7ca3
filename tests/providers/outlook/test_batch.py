"""Our events read by their ids, twenty in a call, where Graph refuses to list them by our property (B22)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
import requests

from gateway.core.errors import EventGone, Forbidden, Refused, TargetGone, TryLater, Unauthorised
from gateway.core.model import Absence, EventId, EventWrite, Moment, NoEvent, Span
from gateway.core.ports import Mark
from tests.providers.outlook.conftest import EVENT, EVENTS, GRAPH, NOW, a_failure, a_resource, own, sent

BATCH = f"{GRAPH}/$batch"
HERE = "/me/calendars/AQMkADtasks%3D"
HOUR = timedelta(hours=1)


def refuse_the_list(net, status: int = 400, code: str = "ErrorInvalidProperty") -> None:
    net.get(EVENTS, **a_failure(status, code))


def answer_batches(net, **answers: dict[str, Any]) -> None:
    """Answer each part by the event that it names, last part first; ``_`` stands for ``=`` in the names of ids."""

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        responses = []
        for one in reversed(json.loads(request.body or "")["requests"]):
            name = unquote(urlsplit(one["url"]).path).rpartition("/")[2]
            told = answers.get(name.replace("=", "_"), a_part(404, "ErrorItemNotFound"))
            responses.append({"id": one["id"], **told})
        return 200, {"Content-Type": "application/json"}, json.dumps({"responses": responses})

    net.add_callback("POST", BATCH, answer)


def a_part(status: int, code: str, **headers: str) -> dict[str, Any]:
    return {"status": status, "headers": headers, "body": {"error": {"code": code, "message": "Call Ada"}}}


def an_event(name: str, **more: Any) -> dict[str, Any]:
    return {"status": 200, "headers": {}, "body": a_resource(id=name, **more)}


def ids(*names: str) -> list[EventId]:
    return [EventId(name) for name in names]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ErrorInvalidProperty"),  # "does not support filtering"
        (400, "UnsupportedEntityExpression"),
        (400, "InefficientFilter"),
        (501, "NotImplemented"),
    ],
)
def test_a_refused_filter_leads_to_reads_of_just_our_ids(net, calendar, status, code):
    refuse_the_list(net, status, code)
    stray = an_event("AAkC=", singleValueExtendedProperties=own(Tag="another"))
    answer_batches(net, AAkALgAbCdEf_=an_event(EVENT), AAkB_=an_event("AAkB="), AAkC_=stray)
    known = ids(EVENT, "AAkB=", "AAkC=", "AAkGone=", EVENT, "derived1")
    assert [one.id for one in calendar.ours("tag-1", known=known)] == [EVENT, "AAkB="]
    parts = sent(net)["requests"]
    assert [one["id"] for one in parts] == ["0", "1", "2", "3"], "each once, and none by an id that Graph never gave"
    assert {one["method"] for one in parts} == {"GET"}
    assert urlsplit(parts[0]["url"]).path == f"{HERE}/events/AAkALgAbCdEf%3D"
    asked = dict(parse_qsl(urlsplit(parts[0]["url"]).query))
    assert set(asked) == {"$select", "$expand"}
    assert "body" not in asked["$select"].split(",")
    assert all('IdType="ImmutableId"' in one["headers"]["Prefer"] for one in parts)
    assert all('outlook.timezone="UTC"' in one["headers"]["Prefer"] for one in parts)


def test_at_most_twenty_in_a_call(net, calendar):
    refuse_the_list(net)
    known = ids(*(f"AAk{number:02}=" for number in range(45)))
    answer_batches(net, **{name.replace("=", "_"): an_event(name) for name in known})
    assert [one.id for one in calendar.ours("tag-1", known=known)] == known
    assert [len(sent(net, number)["requests"]) for number in (1, 2, 3)] == [20, 20, 5]


def test_what_changed_lately_is_sorted_out_here(net, calendar):
    refuse_the_list(net)
    old = an_event("AAkB=", lastModifiedDateTime="2026-11-19T07:00:00Z")
    answer_batches(net, AAkA_=an_event("AAkA="), AAkB_=old)
    found = calendar.ours("tag-1", known=ids("AAkA=", "AAkB="), changed_since=NOW - 2 * HOUR)
    assert [one.id for one in found] == ["AAkA="]


@pytest.mark.parametrize("known", [[], ids("derived1")])
def test_without_an_id_to_name_the_refusal_stands(net, calendar, known):
    refuse_the_list(net)
    with pytest.raises(Refused):
        calendar.ours("tag-1", known=known)


def test_the_longest_wait_asked_for_counts(net, calendar):
    refuse_the_list(net)
    answer_batches(
        net,
        AAkA_=an_event("AAkA="),
        AAkB_=a_part(429, "ApplicationThrottled", **{"Retry-After": "7"}),
        AAkC_=a_part(503, "ErrorServerBusy", **{"retry-after": "90"}),
        AAkD_=a_part(429, "TooManyRequests"),
        AAkE_=a_part(403, "ErrorAccessDenied"),
    )
    with pytest.raises(TryLater) as caught:
        calendar.ours("tag-1", known=ids("AAkA=", "AAkB=", "AAkC=", "AAkD=", "AAkE="))
    assert caught.value.after == timedelta(seconds=90)
    assert caught.value.everyone
    assert "Ada" not in str(caught.value)


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (a_part(401, "InvalidAuthenticationToken"), Unauthorised),
        (a_part(403, "ErrorAccessDenied"), Forbidden),
        (a_part(404, "ErrorFolderNotFound"), TargetGone),
        (a_part(400, "BadRequest"), Refused),
        (a_part(409, "ErrorIrresolvableConflict"), TryLater),
        (a_part(504, "UnknownError"), TryLater),
        ({"status": 200, "headers": {}, "body": "PGh0bWw+"}, TryLater),
        ({"status": "200"}, TryLater),
    ],
)
def test_one_part_that_fails_fails_the_look(net, calendar, told, error):
    refuse_the_list(net)
    answer_batches(net, AAkA_=an_event("AAkA="), AAkB_=told)
    with pytest.raises(error):
        calendar.ours("tag-1", known=ids("AAkA=", "AAkB="))


@pytest.mark.parametrize("answer", [{"responses": []}, {"responses": "none"}, {}])
def test_an_answer_that_lacks_parts_is_no_absence(net, calendar, answer):
    refuse_the_list(net)
    net.post(BATCH, json=answer)
    with pytest.raises(TryLater):
        calendar.ours("tag-1", known=ids("AAkA="))


def test_nothing_found_in_a_calendar_that_is_gone_is_no_absence(net, calendar):
    refuse_the_list(net)
    answer_batches(net)
    net.get(f"{GRAPH}{HERE}", **a_failure(404, "ErrorItemNotFound"))
    with pytest.raises(TargetGone):
        calendar.ours("tag-1", known=ids("AAkA=", "AAkB="))


def test_nothing_found_in_a_calendar_that_is_there_is_an_absence(net, calendar):
    refuse_the_list(net)
    answer_batches(net)
    net.get(f"{GRAPH}{HERE}", json={"id": "AQMkADtasks=", "canEdit": True})
    assert calendar.ours("tag-1", known=ids("AAkA=")) == []


# --- over the wire: the stand-in refuses every list of events


def refuse_lists(bench) -> None:
    error = {"error": {"code": "ErrorInvalidProperty", "message": "The property does not support filtering."}}
    match = {"direction": "in", "method": "GET", "path": "/events$", "caller": "gateway"}
    bench.world.admin("faults", match=match, do="status", status=400, body=error, times=None)


def inserted(bench, number: int, tag: str = "tag-1"):
    write = EventWrite(1, f"Task {number}", Span(Moment(NOW), HOUR))
    return bench.open().insert(EventId(f"derived{number}"), Mark(tag, f"link-{number}"), write)


def test_over_the_wire_only_the_ids_given_are_named(bench):
    mine, other = inserted(bench, 1), inserted(bench, 2)
    theirs, deleted = inserted(bench, 3, "another"), inserted(bench, 4)
    bench.delete(deleted)
    refuse_lists(bench)
    mark = len(bench.world.ledger())
    found = bench.open().ours("tag-1", known=[mine.id, theirs.id, deleted.id])
    assert [(one.id, one.title, one.number, one.link) for one in found] == [(mine.id, "Task 1", 1, "link-1")]
    assert other.id not in str(bench.world.ledger()[mark:])


def test_over_the_wire_moved_and_deleted_are_told_apart_without_a_list(bench):
    moved, deleted, kept = inserted(bench, 1), inserted(bench, 2), inserted(bench, 3)
    bench.carry(moved, bench.other_calendar())
    bench.delete(deleted)
    refuse_lists(bench)
    calendar = bench.open()
    assert calendar.get(moved.id, doubted=True) == NoEvent(Absence.MOVED)
    assert calendar.get(deleted.id, doubted=True) == NoEvent(Absence.DELETED)
    assert calendar.get(kept.id, doubted=True).title == "Task 3"
    bench.drop_calendar()
    with pytest.raises((TargetGone, EventGone)):
        calendar.ours("tag-1", known=[kept.id])
