"""Two calendar apps: Google Calendar and Outlook as their own apps use them for one person, told in one language.

Edits go through the providers' public APIs with a person's token, as anybody's calendar app would make them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote

from sandbox.demo.outside import Api, Person

_COLOURS = {"11": "#d50000", "6": "#c43e00", "9": "#3f51b5", "2": "#0b7a4b", "8": "#616161"}
_CATEGORIES = {
    "Urgent priority": "#c50f1f",
    "High priority": "#b3470e",
    "Normal priority": "#0f6cbd",
    "Low priority": "#498205",
    "Done": "#5a696e",
}


@dataclass(frozen=True)
class Span:
    """From a moment to a moment (aware), or from a day to the day after the last."""

    start: datetime | date
    end: datetime | date

    @property
    def all_day(self) -> bool:
        """Whether it is days, not moments."""
        return not isinstance(self.start, datetime)


@dataclass(frozen=True)
class Event:
    """An event as a calendar app shows it. ``ours``: the gateway made it, which only a mark of its own tells."""

    id: str
    title: str
    span: Span
    ours: bool
    colour: str
    description: str


class CalendarApp(Protocol):
    """What a person can do in a calendar."""

    @property
    def url(self) -> str:
        """The provider's root."""

    @property
    def person(self) -> Person:
        """Whose calendar it is."""

    def events(self, start: datetime, end: datetime) -> list[Event]:
        """Everything between two aware moments, in order."""

    def create(self, title: str, span: Span) -> None:
        """A new event."""

    def change(self, event_id: str, title: str | None = None, span: Span | None = None) -> None:
        """Rename or move one."""

    def delete(self, event_id: str) -> None:
        """Delete one."""


@dataclass(frozen=True)
class GoogleApp:
    """By https://developers.google.com/workspace/calendar/api/v3/reference/events ."""

    url: str
    person: Person

    @property
    def _api(self) -> Api:
        return Api(f"{self.url}/calendar/v3/calendars/{self.person.calendar_id}", self.person.calendar_token)

    def events(self, start: datetime, end: datetime) -> list[Event]:
        """See ``CalendarApp``."""
        query = {"timeMin": start.isoformat(), "timeMax": end.isoformat(), "singleEvents": "true"}
        return [_of_google(one) for one in self._pages(query | {"orderBy": "startTime", "maxResults": "2500"})]

    def create(self, title: str, span: Span) -> None:
        """See ``CalendarApp``."""
        self._api.call("POST", "/events", json={"summary": title, **self._times(span)})

    def change(self, event_id: str, title: str | None = None, span: Span | None = None) -> None:
        """See ``CalendarApp``."""
        changes = ({} if title is None else {"summary": title}) | ({} if span is None else self._times(span))
        self._api.call("PATCH", f"/events/{quote(event_id, safe='')}", json=changes)

    def delete(self, event_id: str) -> None:
        """See ``CalendarApp``."""
        self._api.call("DELETE", f"/events/{quote(event_id, safe='')}")

    def _pages(self, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        asked = dict(query)
        while True:
            page = self._api.call("GET", "/events", params=asked)
            yield from page.get("items", [])
            if "nextPageToken" not in page:
                return
            asked["pageToken"] = page["nextPageToken"]

    def _times(self, span: Span) -> dict[str, Any]:
        """A patch must clear the kind of time that no longer holds.

        https://developers.google.com/workspace/calendar/api/guides/performance#patch
        """
        if span.all_day:
            return {
                name: {"date": day.isoformat(), "dateTime": None, "timeZone": None}
                for name, day in (("start", span.start), ("end", span.end))
            }
        return {
            name: {"dateTime": moment.isoformat(), "timeZone": self.person.time_zone, "date": None}
            for name, moment in (("start", span.start), ("end", span.end))
        }


@dataclass(frozen=True)
class OutlookApp:
    """By https://learn.microsoft.com/graph/api/resources/event ."""

    url: str
    person: Person

    @property
    def _api(self) -> Api:
        return Api(f"{self.url}/v1.0/me", self.person.calendar_token)

    def events(self, start: datetime, end: datetime) -> list[Event]:
        """See ``CalendarApp``."""
        within = f"start/dateTime lt '{_utc(end)}' and end/dateTime gt '{_utc(start)}'"
        query = {"$filter": within, "$orderby": "start/dateTime", "$top": "1000"}
        path = f"/calendars/{quote(self.person.calendar_id, safe='')}/events"
        prefer = {"Prefer": 'IdType="ImmutableId", outlook.timezone="UTC", outlook.body-content-type="text"'}
        return [_of_outlook(one) for one in self._api.call("GET", path, params=query, headers=prefer)["value"]]

    def create(self, title: str, span: Span) -> None:
        """See ``CalendarApp``."""
        path = f"/calendars/{quote(self.person.calendar_id, safe='')}/events"
        self._api.call("POST", path, json={"subject": title, **self._times(span)})

    def change(self, event_id: str, title: str | None = None, span: Span | None = None) -> None:
        """See ``CalendarApp``."""
        changes = ({} if title is None else {"subject": title}) | ({} if span is None else self._times(span))
        self._api.call("PATCH", f"/events/{quote(event_id, safe='')}", json=changes)

    def delete(self, event_id: str) -> None:
        """See ``CalendarApp``."""
        self._api.call("DELETE", f"/events/{quote(event_id, safe='')}")

    def _times(self, span: Span) -> dict[str, Any]:
        """All-day is a flag, and its bounds are midnights: https://learn.microsoft.com/graph/api/event-update ."""
        bounds = (("start", span.start), ("end", span.end))
        return {"isAllDay": span.all_day, **{name: {"dateTime": _utc(at), "timeZone": "UTC"} for name, at in bounds}}


def calendar_app(urls: Mapping[str, str], person: Person) -> CalendarApp:
    """The app that goes with the person's provider. ``urls``: the stand-ins' roots, ``google`` and ``graph``."""
    if person.provider == "outlook":
        return OutlookApp(urls["graph"], person)
    return GoogleApp(urls["google"], person)


def _of_google(event: Mapping[str, Any]) -> Event:
    return Event(
        id=event["id"],
        title=event.get("summary", ""),
        span=Span(*(_google_bound(event[name]) for name in ("start", "end"))),
        ours=bool((event.get("extendedProperties") or {}).get("private")),
        colour=_COLOURS.get(str(event.get("colorId", "")), ""),
        description=event.get("description", ""),
    )


def _google_bound(bound: Mapping[str, str]) -> datetime | date:
    return date.fromisoformat(bound["date"]) if "date" in bound else datetime.fromisoformat(bound["dateTime"])


def _of_outlook(event: Mapping[str, Any]) -> Event:
    """People's apps name no transaction, so an event that has one was made by an app with a repeatable key."""
    bounds = [_outlook_bound(event[name]) for name in ("start", "end")]
    return Event(
        id=event["id"],
        title=event["subject"],
        span=Span(*(bound.date() if event["isAllDay"] else bound for bound in bounds)),
        ours=bool(event.get("transactionId")),
        colour=next((_CATEGORIES[name] for name in event["categories"] if name in _CATEGORIES), ""),
        description=event["body"]["content"],
    )


def _outlook_bound(bound: Mapping[str, str]) -> datetime:
    """Graph writes seven decimals, Python reads six; we asked for UTC."""
    return datetime.fromisoformat(bound["dateTime"][:26]).replace(tzinfo=UTC)


def _utc(bound: datetime | date) -> str:
    """A moment in UTC, or a day's midnight."""
    if isinstance(bound, datetime):
        return bound.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{bound.isoformat()}T00:00:00"


def days(first: date, count: int = 1) -> Span:
    """Whole days."""
    return Span(first, first + timedelta(days=count))
