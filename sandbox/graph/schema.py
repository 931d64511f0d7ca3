"""The types that Graph knows here: names of properties and what their values may be.

https://learn.microsoft.com/graph/api/resources/event, /calendar, /subscription, /outlookcategory (v1.0). A property
that the type does not have is refused, in requests and, by ``conformance``, in the stand-in's own answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.graph import errors


@dataclass(frozen=True)
class Many:
    """A collection."""

    of: Kind


@dataclass(frozen=True)
class Choice:
    """An enumeration."""

    name: str
    values: frozenset[str]


@dataclass(frozen=True)
class Complex:
    """An object; an ``open`` one may hold anything (parts that this stand-in stores without looking)."""

    name: str
    properties: Mapping[str, Kind] = field(default_factory=dict)
    open: bool = False


Kind = str | Many | Choice | Complex
STRING, BOOLEAN, NUMBER = "Edm.String", "Edm.Boolean", "Edm.Int32"


def _choice(name: str, values: str) -> Choice:
    return Choice(f"microsoft.graph.{name}", frozenset(values.split()))


def _open(name: str) -> Complex:
    return Complex(f"microsoft.graph.{name}", open=True)


MOMENT: Final = Complex("microsoft.graph.dateTimeTimeZone", {"dateTime": STRING, "timeZone": STRING})
BODY: Final = Complex("microsoft.graph.itemBody", {"contentType": _choice("bodyType", "text html"), "content": STRING})
ADDRESS: Final = Complex("microsoft.graph.emailAddress", {"name": STRING, "address": STRING})
RECIPIENT: Final = Complex("microsoft.graph.recipient", {"emailAddress": ADDRESS})
RESPONSE: Final = Complex("microsoft.graph.responseStatus", {"response": STRING, "time": STRING})
ATTENDEE: Final = Complex(
    "microsoft.graph.attendee",
    {
        "emailAddress": ADDRESS,
        "type": _choice("attendeeType", "required optional resource"),
        "status": RESPONSE,
        "proposedNewTime": _open("timeSlot"),
    },
)
LOCATION: Final = Complex(
    "microsoft.graph.location",
    {
        "address": _open("physicalAddress"),
        "coordinates": _open("outlookGeoCoordinates"),
        "displayName": STRING,
        "locationEmailAddress": STRING,
        "locationType": STRING,
        "locationUri": STRING,
        "uniqueId": STRING,
        "uniqueIdType": STRING,
    },
)
PROPERTY: Final = Complex("microsoft.graph.singleValueLegacyExtendedProperty", {"id": STRING, "value": STRING})
EVENT: Final = Complex(
    "microsoft.graph.event",
    {
        "allowNewTimeProposals": BOOLEAN,
        "attendees": Many(ATTENDEE),
        "body": BODY,
        "bodyPreview": STRING,
        "categories": Many(STRING),
        "changeKey": STRING,
        "createdDateTime": STRING,
        "end": MOMENT,
        "hasAttachments": BOOLEAN,
        "hideAttendees": BOOLEAN,
        "iCalUId": STRING,
        "id": STRING,
        "importance": _choice("importance", "low normal high"),
        "isAllDay": BOOLEAN,
        "isCancelled": BOOLEAN,
        "isDraft": BOOLEAN,
        "isOnlineMeeting": BOOLEAN,
        "isOrganizer": BOOLEAN,
        "isReminderOn": BOOLEAN,
        "lastModifiedDateTime": STRING,
        "location": LOCATION,
        "locations": Many(LOCATION),
        "onlineMeeting": _open("onlineMeetingInfo"),
        "onlineMeetingProvider": STRING,
        "onlineMeetingUrl": STRING,
        "organizer": RECIPIENT,
        "originalEndTimeZone": STRING,
        "originalStart": STRING,
        "originalStartTimeZone": STRING,
        "recurrence": _open("patternedRecurrence"),
        "reminderMinutesBeforeStart": NUMBER,
        "responseRequested": BOOLEAN,
        "responseStatus": RESPONSE,
        "sensitivity": _choice("sensitivity", "normal personal private confidential"),
        "seriesMasterId": STRING,
        "showAs": _choice("freeBusyStatus", "free tentative busy oof workingElsewhere unknown"),
        "singleValueExtendedProperties": Many(PROPERTY),
        "start": MOMENT,
        "subject": STRING,
        "transactionId": STRING,
        "type": _choice("eventType", "singleInstance occurrence exception seriesMaster"),
        "webLink": STRING,
    },
)
CALENDAR: Final = Complex(
    "microsoft.graph.calendar",
    {
        "allowedOnlineMeetingProviders": Many(STRING),
        "canEdit": BOOLEAN,
        "canShare": BOOLEAN,
        "canViewPrivateItems": BOOLEAN,
        "changeKey": STRING,
        "color": STRING,
        "defaultOnlineMeetingProvider": STRING,
        "hexColor": STRING,
        "id": STRING,
        "isDefaultCalendar": BOOLEAN,
        "isRemovable": BOOLEAN,
        "isTallyingResponses": BOOLEAN,
        "name": STRING,
        "owner": ADDRESS,
    },
)
_COLOURS: Final = "none " + " ".join(f"preset{number}" for number in range(25))
CATEGORY: Final = Complex(
    "microsoft.graph.outlookCategory",
    {"id": STRING, "displayName": STRING, "color": _choice("categoryColor", _COLOURS)},
)
SUBSCRIPTION: Final = Complex(
    "microsoft.graph.subscription",
    {
        "applicationId": STRING,
        "changeType": STRING,
        "clientState": STRING,
        "creatorId": STRING,
        "encryptionCertificate": STRING,
        "encryptionCertificateId": STRING,
        "expirationDateTime": STRING,
        "id": STRING,
        "includeResourceData": BOOLEAN,
        "latestSupportedTlsVersion": STRING,
        "lifecycleNotificationUrl": STRING,
        "notificationQueryOptions": STRING,
        "notificationUrl": STRING,
        "notificationUrlAppId": STRING,
        "resource": STRING,
    },
)
USER: Final = Complex(
    "microsoft.graph.user", {"id": STRING, "displayName": STRING, "mail": STRING, "userPrincipalName": STRING}
)
_PLAIN: Final = {STRING: str, BOOLEAN: bool, NUMBER: int}


def check(kind: Complex, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with its values in their usual form.

    Raises GraphError 400 for a property that the type does not have, or a value of the wrong type.
    """
    found: dict[str, Any] = _usual(kind, body)
    wrong = next(problems(kind, found), None)
    if wrong is not None:
        raise wrong
    return found


def _usual(kind: Kind, value: Any) -> Any:
    """Values in the form that they are answered in.

    The case of an enumeration's names does not matter (Microsoft's own samples write ``"contentType": "HTML"``:
    https://learn.microsoft.com/graph/api/user-post-events), and O365, a widely used client, sends booleans as text
    (https://github.com/O365/python-o365, ``Event.to_api_data``).
    """
    match kind:
        case Complex(open=False) if isinstance(value, Mapping):
            return {name: _usual(kind.properties.get(name, ""), one) for name, one in value.items()}
        case Many() if isinstance(value, list):
            return [_usual(kind.of, one) for one in value]
        case Choice() if isinstance(value, str):
            return next((known for known in kind.values if known.lower() == value.lower()), value)
        case "Edm.Boolean" if value in ("true", "false"):
            return value == "true"
    return value


def problems(kind: Kind, value: Any, name: str = "") -> Iterator[errors.GraphError]:
    """Everything in ``value`` that the type does not allow. Null is allowed anywhere, and so are annotations."""
    if value is None:
        return
    match kind:
        case Complex():
            yield from _in_object(kind, value, name)
        case Many():
            if not isinstance(value, list):
                yield errors.mistyped(name, "Collection")
                return
            for one in value:
                yield from problems(kind.of, one, name)
        case Choice():
            if value not in kind.values:
                yield errors.mistyped(name, kind.name)
        case _:
            wanted = _PLAIN[kind]
            if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
                yield errors.mistyped(name, kind)


def _in_object(kind: Complex, value: Any, name: str) -> Iterator[errors.GraphError]:
    if not isinstance(value, Mapping):
        yield errors.mistyped(name, kind.name)
        return
    for key, one in value.items():
        # "@odata.type" and "start@odata.type" are control information, not properties (OData JSON Format 4.01, 4.6).
        if kind.open or "@" in key:
            continue
        if key not in kind.properties:
            yield errors.unknown_property(key, kind.name)
        else:
            yield from problems(kind.properties[key], one, key)
