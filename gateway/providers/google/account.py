"""The port ``Account`` on Google: which calendars there are, and a new one of our own."""

from __future__ import annotations

from typing import Any

from gateway.core.errors import EventGone, Forbidden, TryLater
from gateway.core.ports import CalendarInfo, ConsentFailed, ConsentFailure
from gateway.providers.google.errors import NoCalendarUser
from gateway.providers.google.transport import Client

_PAGE = 250
_MOST_PAGES = 20


class GoogleAccount:
    """One person's account. Both methods raise ``ConsentFailed(NO_CALENDAR)`` for an account without Calendar."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def calendars(self) -> list[CalendarInfo]:
        """The calendars the person owns; empty where the grant cannot list them."""
        found: list[CalendarInfo] = []
        page: str | None = None
        for _ in range(_MOST_PAGES):
            try:
                answer = self._client.call(self._list(page))
            except NoCalendarUser:
                raise ConsentFailed(ConsentFailure.NO_CALENDAR) from None
            except (Forbidden, EventGone):
                return []
            found += [_info(entry) for entry in answer.get("items", ()) if "id" in entry and not entry.get("deleted")]
            page = answer.get("nextPageToken")
            if not page:
                return found
        raise TryLater("the list of calendars has no end")

    def create_calendar(self, name: str, zone: str | None) -> CalendarInfo:
        """Make a calendar of our own. Not repeatable: an answer lost on the way leaves a calendar nobody uses."""
        body = {"summary": name} | ({"timeZone": zone} if zone else {})
        try:
            return _info(self._client.call(self._client.calendars.insert(body=body, fields="id,summary,timeZone")))
        except NoCalendarUser:
            raise ConsentFailed(ConsentFailure.NO_CALENDAR) from None
        except KeyError:
            raise TryLater("Google's answer does not name the new calendar") from None

    def _list(self, page: str | None) -> Any:
        fields = "nextPageToken,items(id,summary,summaryOverride,primary,timeZone,deleted)"
        return self._client.calendar_list.list(minAccessRole="owner", maxResults=_PAGE, pageToken=page, fields=fields)


def _info(entry: dict[str, Any]) -> CalendarInfo:
    return CalendarInfo(
        id=str(entry["id"]),
        name=str(entry.get("summaryOverride") or entry.get("summary") or entry["id"]),
        primary=bool(entry.get("primary")),
        zone=entry.get("timeZone"),
    )
