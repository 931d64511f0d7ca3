"""A person's calendar app at either provider, as far as the storm needs one: our events, and edits on condition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Protocol

import requests

from tests.flows.house import Api, Person, is_ours
from tests.flows.outlook_house import IMMUTABLE, times

FIRST_DUE = datetime(2030, 3, 5, 9, tzinfo=UTC)
_SET = "String {6c1f0a52-93d4-4b7e-8f21-5d0e7a3b9c64} Name Gateway"
_PROPERTIES = " or ".join(f"id eq '{_SET}{name}'" for name in ("Tag", "Link", "Number"))


@dataclass(frozen=True)
class Seen:
    """One of our events as its person sees it."""

    id: str
    etag: str
    link: str
    title: str
    start: datetime


class CalendarApp(Protocol):
    """What both kinds can do."""

    def events(self) -> list[Seen]:
        """The live events of ours."""

    def edit(self, event: Seen, title: str | None, start: datetime | None) -> bool:
        """Change it, if it is still as seen; whether it was."""

    def delete(self, event: Seen) -> bool:
        """Take it away; whether it was there."""


class GoogleApp:
    """Google Calendar."""

    def __init__(self, who: Person) -> None:
        self._api, self._path = who.calendar, f"/calendars/{who.calendar_id}/events"

    def events(self) -> list[Seen]:
        listed = self._api.call("GET", self._path, params={"maxResults": 2500})["items"]
        return [_google(event) for event in listed if is_ours(event)]

    def edit(self, event: Seen, title: str | None, start: datetime | None) -> bool:
        fields: dict[str, Any] = {} if title is None else {"summary": title}
        if start is not None:
            fields["start"] = {"dateTime": start.isoformat()}
            fields["end"] = {"dateTime": (start + timedelta(minutes=30)).isoformat()}
        return changed(self._api, "PATCH", f"{self._path}/{event.id}", fields, {"If-Match": event.etag})

    def delete(self, event: Seen) -> bool:
        return changed(self._api, "DELETE", f"{self._path}/{event.id}")


class OutlookApp:
    """Outlook."""

    def __init__(self, who: Person) -> None:
        self._api, self._path = who.calendar, f"/me/calendars/{who.calendar_id}/events"

    def events(self) -> list[Seen]:
        query = {"$expand": f"singleValueExtendedProperties($filter={_PROPERTIES})", "$top": "1000"}
        listed = self._api.call("GET", self._path, params=query, headers=IMMUTABLE)["value"]
        return [_outlook(event) for event in listed if event.get("singleValueExtendedProperties")]

    def edit(self, event: Seen, title: str | None, start: datetime | None) -> bool:
        fields: dict[str, Any] = {} if title is None else {"subject": title}
        if start is not None:
            fields |= times(start, start + timedelta(minutes=30))
        return changed(self._api, "PATCH", f"/me/events/{event.id}", fields, {"If-Match": event.etag, **IMMUTABLE})

    def delete(self, event: Seen) -> bool:
        return changed(self._api, "DELETE", f"/me/events/{event.id}", headers=IMMUTABLE)


def changed(
    api: Api, method: str, path: str, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
) -> bool:
    """One edit of a person; ``False`` where what they saw has changed or gone."""
    given = {"Authorization": f"Bearer {api.token}", **(headers or {})}
    answer = requests.request(method, api.url + path, json=body, headers=given, timeout=15)
    if answer.status_code in (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return False
    assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:400]}"
    return True


def _google(event: dict[str, Any]) -> Seen:
    private, start = event["extendedProperties"]["private"], event["start"]["dateTime"]
    at = datetime.fromisoformat(start).astimezone(UTC)
    return Seen(event["id"], event["etag"], private.get("link", ""), event["summary"], at)


def _outlook(event: dict[str, Any]) -> Seen:
    told = {one["id"].rpartition("Gateway")[2]: one["value"] for one in event["singleValueExtendedProperties"]}
    at = datetime.fromisoformat(event["start"]["dateTime"][:19]).replace(tzinfo=UTC)
    return Seen(event["id"], event["@odata.etag"], told.get("Link", ""), event["subject"], at)
