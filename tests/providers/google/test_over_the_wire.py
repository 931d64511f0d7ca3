"""The adapter over real HTTP where the stand-in misbehaves, many work at once, and other people's events are near."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from gateway.core.errors import AlreadyExists, Forbidden, StaleWrite, TryLater, Unauthorised
from gateway.core.model import Absence, Event, EventWrite, NoEvent, Span
from gateway.core.ports import Mark, Mode, Style
from gateway.providers import PROVIDERS, google
from tests.contracts.calendar_benches import an_id, google_config, moment, sign_in
from tests.providers.google.conftest import CONFIG

TAG = "deployment-1.0123456789abcdef"
MARK = Mark(TAG, "link-1")
SPAN = Span(moment("2026-12-01T09:00:00+01:00"), timedelta(minutes=30), "Europe/Vienna")
CALL = EventWrite(1, title="Call Ada", span=SPAN)


def fault(bench, method, **what):
    bench.world.admin("faults", match={"direction": "in", "method": method, "path": "/events"}, times=1, **what)


def test_the_list_of_providers_names_them_right():
    assert [(name, build(CONFIG).name) for name, build in PROVIDERS.items() if name == "google"] == [
        ("google", "google")
    ]


def test_a_create_whose_answer_was_lost_is_found_by_its_id(google_bench):
    calendar = google_bench.open()
    fault(google_bench, "POST", do="cut_after_write")
    with pytest.raises(TryLater):
        calendar.insert(an_id(1), MARK, CALL)
    with pytest.raises(AlreadyExists):
        calendar.insert(an_id(1), MARK, CALL)
    found = calendar.get(an_id(1))
    assert isinstance(found, Event)
    assert (found.number, found.link) == (1, "link-1")


def test_a_patch_whose_answer_was_lost_is_told_by_its_number(google_bench):
    calendar = google_bench.open()
    made = calendar.insert(an_id(1), MARK, CALL)
    fault(google_bench, "PATCH", do="cut_after_write")
    with pytest.raises(TryLater):
        calendar.patch(made.id, EventWrite(2, title="Call Bob"), made.etag)
    with pytest.raises(StaleWrite):
        calendar.patch(made.id, EventWrite(3, title="Call Bob"), made.etag)
    found = calendar.get(made.id)
    assert isinstance(found, Event)
    assert (found.number, found.title) == (2, "Call Bob")


@pytest.mark.parametrize(
    "what",
    [
        {"do": "drop"},
        {"do": "status", "status": 502, "body": "<html>Bad Gateway</html>", "headers": {"Content-Type": "text/html"}},
        {"do": "status", "status": 200, "body": "<html>Hello</html>", "headers": {"Content-Type": "text/html"}},
        {"do": "status", "status": 200, "body": '{"items": [{"id": "tas'},
        {"do": "status", "status": 503},
    ],
    ids=["dropped", "502-page", "200-page", "truncated", "503"],
)
def test_trouble_on_the_way_is_no_deletion(google_bench, what):
    calendar = google_bench.open()
    made = calendar.insert(an_id(1), MARK, CALL)
    for call in (lambda: calendar.get(made.id), lambda: calendar.ours(TAG)):
        fault(google_bench, "GET", **what)
        with pytest.raises(TryLater):
            call()
    assert calendar.get(made.id) == made
    assert [one.id for one in calendar.ours(TAG)] == [made.id]


def test_ours_over_short_and_empty_pages(google_bench):
    calendar = google_bench.open()
    made = {calendar.insert(an_id(number), MARK, CALL).id for number in range(7)}
    google_bench.world.admin("quirks", short_pages=2)
    assert {one.id for one in calendar.ours(TAG)} == made


def test_a_quota_that_is_spent_slows_the_mailbox(google_bench):
    body = '{"error": {"code": 403, "message": "Rate Limit Exceeded", "errors": [{"reason": "rateLimitExceeded"}]}}'
    fault(google_bench, "GET", do="status", status=403, body=body, headers={"Retry-After": "9"})
    with pytest.raises(TryLater) as caught:
        google_bench.open().ours(TAG)
    assert (caught.value.after, caught.value.everyone) == (timedelta(seconds=9), True)


def test_an_access_token_that_has_expired(google_bench):
    google_bench.advance(timedelta(hours=2))
    with pytest.raises(Unauthorised):
        google_bench.open().ours(TAG)


def test_an_event_deleted_so_long_ago_that_google_forgot_it(google_bench):
    calendar = google_bench.open()
    made = calendar.insert(an_id(1), MARK, CALL)
    calendar.delete(made.id)
    google_bench.advance(timedelta(days=60))
    renewed = google_bench.provider.sign_in.refresh(google_bench.grant.credential, google_bench.now())
    google_bench.token = google_bench.provider.sign_in.access_token(renewed, google_bench.now())
    assert google_bench.open().get(made.id) == NoEvent(Absence.UNKNOWN)


def test_a_calendar_of_our_own_is_all_that_its_grant_can_see(google_server):
    with google_server.bench(Mode.OWN) as bench:
        foreign = bench.person.insert({"summary": "Doctor"}).json["id"]
        with pytest.raises(Forbidden):
            bench.open("ann@example.com").get(foreign)
        with pytest.raises(Forbidden):
            bench.open("ann@example.com").ours(TAG)
        assert bench.account().calendars() == []


def test_no_foreign_event_is_read_or_named(google_bench):
    for number in range(5):
        google_bench.person.insert({"summary": f"Private {number}"}, google_bench.calendar_id)
    other = google_bench.other_calendar()
    google_bench.person.insert({"summary": "Private elsewhere"}, other)
    calendar = google_bench.open()
    made = calendar.insert(an_id(1), MARK, CALL)
    moved = calendar.insert(an_id(2), MARK, CALL)
    google_bench.carry(moved, other)
    calendar.ours(TAG)
    calendar.get(made.id)
    assert calendar.get(moved.id) == NoEvent(Absence.MOVED)
    google_bench.delete(made)
    calendar.get(made.id)
    by_us = [entry for entry in google_bench.world.ledger() if entry["caller"] == "gateway"]
    seen = [name for entry in by_us for name in entry["ids"]]
    assert len(by_us) > 5
    assert set(seen) <= {made.id, moved.id}
    assert all(one for entry in by_us for one in entry["ours"])


def test_many_jobs_at_once_never_get_each_others_answers(google_world, google_clock):
    provider = google.provider(google_config(google_world, google_clock))
    people = [f"person{number}@example.com" for number in range(6)]
    tokens = {}
    for email in people:
        google_world.person(email)
        credential = sign_in(google_world, provider, email, Mode.EXISTING).credential
        tokens[email] = provider.sign_in.access_token(credential, google_clock.now()) or ""
        provider.open_calendar(tokens[email], email, Style()).insert(
            an_id(1), MARK, EventWrite(1, title=email, span=SPAN)
        )

    def job(email: str) -> list[str]:
        calendar = provider.open_calendar(tokens[email], email, Style())
        read = [calendar.get(an_id(1)) for _ in range(5)]
        return [one.title for one in read if isinstance(one, Event)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(job, people * 5))
    assert answers == [[email] * 5 for email in people * 5]
