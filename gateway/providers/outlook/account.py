"""The port ``Account`` on Outlook: which calendars there are, and a new one of our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.core.errors import AlreadyExists, Forbidden, Refused, TryLater
from gateway.core.ports import CalendarInfo, ConsentFailed, ConsentFailure
from gateway.providers.outlook.errors import NoMailbox
from gateway.providers.outlook.transport import Client

_ADDITION = " (tasks)"
_LIST = "id,name,canEdit,isDefaultCalendar,owner"


class OutlookAccount:
    """One person's account. Both methods raise ``ConsentFailed`` for an account without mailbox or without licence.

    Microsoft tells no calendar's zone with this permission, so none is known here.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def calendars(self) -> list[CalendarInfo]:
        """The calendars the person owns and may write; what others share with them cannot be watched
        (https://learn.microsoft.com/graph/api/subscription-post-subscriptions#permissions)."""
        try:
            entries = list(self._client.pages("me/calendars", {"$select": _LIST}))
        except NoMailbox:
            raise ConsentFailed(ConsentFailure.NO_CALENDAR) from None
        except Forbidden:
            raise ConsentFailed(ConsentFailure.NO_LICENCE) from None
        person = next((_owner(entry) for entry in entries if entry.get("isDefaultCalendar")), "")
        return [_info(one) for one in entries if one.get("canEdit") and "id" in one and _owner(one) == person]

    def create_calendar(self, name: str, zone: str | None) -> CalendarInfo:
        """Make a calendar of our own. Names are unique in Outlook: one that is there already, from an answer lost on
        the way or from an earlier connection, is taken."""
        try:
            return _info(self._client.call("POST", "me/calendars", body={"name": name}))
        except NoMailbox:
            raise ConsentFailed(ConsentFailure.NO_CALENDAR) from None
        except Forbidden:
            raise ConsentFailed(ConsentFailure.NO_LICENCE) from None
        except AlreadyExists:
            known = next((one for one in self.calendars() if one.name.casefold() == name.casefold()), None)
        except KeyError:
            raise TryLater("Microsoft's answer does not name the new calendar") from None
        if known is not None:
            return known
        if name.endswith(_ADDITION):
            raise Refused("the name of the new calendar is taken by something else")
        return self.create_calendar(f"{name}{_ADDITION}", zone)


def _owner(entry: Mapping[str, Any]) -> str:
    owner = entry.get("owner")
    return str(owner.get("address", "")).casefold() if isinstance(owner, Mapping) else ""


def _info(entry: Mapping[str, Any]) -> CalendarInfo:
    return CalendarInfo(str(entry["id"]), str(entry.get("name") or entry["id"]), bool(entry.get("isDefaultCalendar")))
