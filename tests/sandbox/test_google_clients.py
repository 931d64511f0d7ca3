"""Two clients that none of us wrote work against the stand-in: Google's own, and gcal-sync."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import pytest
from gcal_sync.api import GoogleCalendarService, ListEventsRequest, LocalListEventsRequest, Range
from gcal_sync.auth import AbstractAuth
from gcal_sync.exceptions import ApiForbiddenException, AuthException
from gcal_sync.model import DateOrDatetime, Event
from gcal_sync.sync import CalendarEventSyncManager, CalendarListSyncManager
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import Resource, build
from googleapiclient.errors import HttpError

from tests.sandbox.google_world import ONE_HOUR, OWNED, GoogleWorld

DAILY = {
    "start": {"dateTime": "2026-12-01T09:00:00", "timeZone": "Europe/Berlin"},
    "end": {"dateTime": "2026-12-01T09:30:00", "timeZone": "Europe/Berlin"},
    "recurrence": ["RRULE:FREQ=DAILY;COUNT=3"],
}


def _credentials(google: GoogleWorld) -> Credentials:
    google.admin("persons", email="ann@example.com")
    tokens = google.sign_in("ann@example.com", [OWNED])
    return Credentials(
        tokens["access_token"],
        refresh_token=tokens["refresh_token"],
        token_uri=f"{google.url}/token",
        client_id=google.client_id,
        client_secret=google.client_secret,
    )


@pytest.fixture
def service(google: GoogleWorld) -> Iterator[Resource]:
    options = {"api_endpoint": google.stand_in.endpoint}
    with build("calendar", "v3", credentials=_credentials(google), client_options=options) as service:
        yield service


def test_googles_client_writes_and_reads(service: Any) -> None:
    events = service.events()
    body = {**ONE_HOUR, "id": "abcde12345", "extendedProperties": {"private": {"gw": "d.1"}}}
    made = events.insert(calendarId="primary", body=body, sendUpdates="none").execute()
    request = events.patch(calendarId="primary", eventId="abcde12345", body={"summary": "Call"}, sendUpdates="none")
    request.headers["If-Match"] = made["etag"]
    assert request.execute()["summary"] == "Call"
    with pytest.raises(HttpError) as stale:
        request.execute()
    assert stale.value.status_code == 412
    assert stale.value.error_details[0]["reason"] == "conditionNotMet"
    listed = events.list(
        calendarId="primary",
        privateExtendedProperty="gw=d.1",
        singleEvents=False,
        showDeleted=False,
        maxResults=2500,
        fields="nextPageToken,items(id,etag,status,summary,start,extendedProperties/private)",
    ).execute()
    assert [item["summary"] for item in listed["items"]] == ["Call"]
    assert events.delete(calendarId="primary", eventId="abcde12345").execute() == ""
    with pytest.raises(HttpError) as gone:
        events.delete(calendarId="primary", eventId="abcde12345").execute()
    assert gone.value.status_code == 410


def test_googles_client_pages(service: Any) -> None:
    events = service.events()
    for _ in range(5):
        events.insert(calendarId="primary", body=ONE_HOUR).execute()
    request = events.list(calendarId="primary", maxResults=2)
    sizes = []
    while request is not None:
        answer = request.execute()
        sizes.append(len(answer["items"]))
        request = events.list_next(request, answer)
    assert sizes == [2, 2, 1]


def test_a_long_get_comes_as_a_post(service: Any) -> None:
    wanted = ",".join(["items(id,etag,status,summary,start,end,recurrence)"] * 60)
    assert service.events().list(calendarId="primary", fields=wanted).execute() == {"items": []}


def test_googles_client_watches_and_stops(service: Any) -> None:
    body = {"id": "ch-1", "type": "web_hook", "address": "http://127.0.0.1:9/push", "params": {"ttl": "3600"}}
    answer = service.events().watch(calendarId="primary", body=body).execute()
    stop = {"id": answer["id"], "resourceId": answer["resourceId"]}
    assert service.channels().stop(body=stop).execute() == ""


def test_googles_client_refreshes_by_itself_until_access_is_revoked(google: GoogleWorld, service: Any) -> None:
    request = service.events().list(calendarId="primary")
    google.advance(3601)
    assert request.execute()["items"] == []
    google.admin("revoke", email="ann@example.com")
    with pytest.raises(RefreshError) as dead:
        service.events().list(calendarId="primary").execute()
    assert "invalid_grant" in str(dead.value)


class _Auth(AbstractAuth):
    def __init__(self, session: aiohttp.ClientSession, google: GoogleWorld, token: str) -> None:
        super().__init__(session, f"{google.url}/calendar/v3")
        self._token = token

    async def async_get_access_token(self) -> str:
        return self._token


def _with_gcal_sync(google: GoogleWorld, token: str, play: Callable[[GoogleCalendarService], Awaitable[None]]) -> None:
    async def run() -> None:
        async with aiohttp.ClientSession() as session:
            await play(GoogleCalendarService(_Auth(session, google, token)))

    # In a thread of its own: a browser that another test has open keeps this one's loop.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(lambda: asyncio.run(run())).result()


def test_gcal_sync_reads_lists_and_follows_changes(google: GoogleWorld) -> None:
    ann = google.person(time_zone="Europe/Berlin")
    ann.insert({"id": "abcde12345", "summary": "one"})
    ann.insert({"id": "series1", "summary": "Stand-up", **DAILY})

    async def play(service: GoogleCalendarService) -> None:
        calendars = CalendarListSyncManager(service)
        await calendars.run()
        await calendars.run()
        (calendar,) = (await calendars.store_service.async_list_calendars()).calendars
        assert (calendar.id, calendar.primary, calendar.timezone) == ("ann@example.com", True, "Europe/Berlin")
        assert (await service.async_get_calendar("primary")).id == "ann@example.com"
        event = await service.async_get_event("primary", "abcde12345")
        assert event.start.value == dt.datetime(2026, 12, 1, 10, tzinfo=dt.UTC)

        manager = CalendarEventSyncManager(service, "ann@example.com")
        await manager.run()
        timeline = await manager.store_service.async_get_timeline(dt.UTC)
        assert [event.summary for event in timeline] == ["Stand-up", "one", "Stand-up", "Stand-up"]
        ann.patch("abcde12345", {"summary": "two"})
        ann.delete("series1_20261202T080000Z")
        await manager.run()
        timeline = await manager.store_service.async_get_timeline(dt.UTC)
        assert [event.summary for event in timeline] == ["Stand-up", "two", "Stand-up"]
        google.admin("expire_sync_tokens")
        ann.delete("series1")
        await manager.run()  # 410: it starts over by itself
        local = LocalListEventsRequest(start_time=dt.datetime(2026, 11, 1, tzinfo=dt.UTC))
        events = (await manager.store_service.async_list_events(local)).events
        assert [event.summary for event in events] == ["two"]

    _with_gcal_sync(google, ann.token, play)


def test_gcal_sync_writes(google: GoogleWorld) -> None:
    ann = google.person()
    ann.insert({"id": "series1", "summary": "Stand-up", **DAILY})

    async def play(service: GoogleCalendarService) -> None:
        start = DateOrDatetime(date=dt.date(2026, 12, 5))
        end = DateOrDatetime(date=dt.date(2026, 12, 6))
        await service.async_create_event("primary", Event(summary="All day", start=start, end=end))
        manager = CalendarEventSyncManager(service, "primary")
        await manager.run()
        await manager.store_service.async_delete_event(
            "series1@google.com", "series1_20261202T080000Z", recurrence_range=Range.NONE
        )
        since = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
        request = ListEventsRequest(calendarId="primary", timeMin=since)
        answer = await service.async_list_events(request)
        assert [event.summary for event in answer.items] == ["Stand-up", "Stand-up", "All day"]

    _with_gcal_sync(google, ann.token, play)
    assert ann.event("series1_20261202T080000Z").json["status"] == "cancelled"


def test_gcal_sync_understands_the_refusals(google: GoogleWorld) -> None:
    async def strange(service: GoogleCalendarService) -> None:
        with pytest.raises(AuthException):
            await service.async_list_calendars()

    async def narrow(service: GoogleCalendarService) -> None:
        with pytest.raises(ApiForbiddenException, match="403"):
            await service.async_list_calendars()

    _with_gcal_sync(google, "nonsense", strange)
    google.person()
    _with_gcal_sync(google, google.app("ann@example.com", OWNED).token, narrow)
