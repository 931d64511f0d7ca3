"""The methods of Graph that this stand-in models: verb and path, what permission they need, and who handles them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sandbox.graph import calendars_api, categories_api, events_api, listing, scopes, subscriptions_api
from sandbox.graph.call import Answer, Call


@dataclass(frozen=True, slots=True)
class Route:
    """One method. Any of ``scopes`` will do; ``locks_itself``: the handler takes the world's lock where it needs it."""

    verb: str
    parts: tuple[str, ...]
    handler: Callable[[Call], Answer]
    scopes: frozenset[str]
    mailbox: bool = True
    locks_itself: bool = False

    def match(self, verb: str, parts: tuple[str, ...]) -> dict[str, str] | None:
        """The values in the path if this is the method meant."""
        if verb != self.verb or len(parts) != len(self.parts):
            return None
        values: dict[str, str] = {}
        for wanted, given in zip(self.parts, parts, strict=True):
            if wanted.startswith("{"):
                values[wanted[1:-1]] = given
            elif wanted.lower() != given.lower():
                return None
        return values


def find(verb: str, parts: tuple[str, ...]) -> tuple[Route, dict[str, str]] | None:
    """The method behind verb and path, and the values in the path."""
    for route in _ROUTES:
        values = route.match(verb, parts)
        if values is not None:
            return route, values
    return None


def _path(text: str) -> tuple[str, ...]:
    return tuple(text.split("/"))


def _routes() -> list[Route]:
    found = [Route("GET", ("me",), calendars_api.get_me, scopes.PROFILE, mailbox=False)]
    for verb, path, handler, needed in (
        ("GET", "me/calendars", calendars_api.list_calendars, scopes.READ_CALENDARS),
        ("POST", "me/calendars", calendars_api.create_calendar, scopes.WRITE),
        ("DELETE", "me/calendars/{calendar_id}", calendars_api.delete_calendar, scopes.WRITE),
        ("GET", "me/events/{event_id}", events_api.get, scopes.READ_EVENTS),
        ("GET", "me/calendars/{calendar_id}/events/{event_id}", events_api.get, scopes.READ_EVENTS),
        ("PATCH", "me/events/{event_id}", events_api.update, scopes.WRITE),
        ("PATCH", "me/calendars/{calendar_id}/events/{event_id}", events_api.update, scopes.WRITE),
        ("DELETE", "me/events/{event_id}", events_api.delete, scopes.WRITE),
        ("DELETE", "me/calendars/{calendar_id}/events/{event_id}", events_api.delete, scopes.WRITE),
        ("GET", "me/outlook/masterCategories", categories_api.list_categories, scopes.READ_SETTINGS),
        ("POST", "me/outlook/masterCategories", categories_api.create_category, scopes.WRITE_SETTINGS),
        ("GET", "me/outlook/masterCategories/{category_id}", categories_api.get_category, scopes.READ_SETTINGS),
        ("PATCH", "me/outlook/masterCategories/{category_id}", categories_api.update_category, scopes.WRITE_SETTINGS),
        ("DELETE", "me/outlook/masterCategories/{category_id}", categories_api.delete_category, scopes.WRITE_SETTINGS),
    ):
        found.append(Route(verb, _path(path), handler, needed))
    for calendar in ("me/calendars/{calendar_id}", "me/calendar"):
        found.append(Route("GET", _path(calendar), calendars_api.get_calendar, scopes.READ_CALENDARS))
        found.append(Route("PATCH", _path(calendar), calendars_api.update_calendar, scopes.WRITE))
    for events in ("me/events", "me/calendar/events", "me/calendars/{calendar_id}/events"):
        found.append(Route("GET", _path(events), listing.list_events, scopes.READ_EVENTS))
        found.append(Route("POST", _path(events), events_api.create, scopes.WRITE))
    return [*found, *_subscription_routes()]


def _subscription_routes() -> list[Route]:
    one = "subscriptions/{subscription_id}"
    return [
        Route(verb, _path(path), handler, scopes.READ_EVENTS, locks_itself=True)
        for verb, path, handler in (
            ("GET", "subscriptions", subscriptions_api.list_all),
            ("POST", "subscriptions", subscriptions_api.create),
            ("GET", one, subscriptions_api.get),
            ("PATCH", one, subscriptions_api.renew),
            ("POST", f"{one}/reauthorize", subscriptions_api.reauthorize),
            ("DELETE", one, subscriptions_api.delete),
        )
    ]


_ROUTES: Final = tuple(_routes())
