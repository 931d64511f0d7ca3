"""The permissions that this stand-in knows, by their short names.

https://learn.microsoft.com/graph/permissions-reference and
https://learn.microsoft.com/entra/identity-platform/scopes-oidc
"""

from __future__ import annotations

from typing import Final

SIGN_IN: Final = frozenset({"openid", "profile", "email", "offline_access"})
GRAPH: Final = frozenset(
    {"Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite", "Calendars.Read.Shared"}
    | {"Calendars.ReadWrite.Shared", "MailboxSettings.Read", "MailboxSettings.ReadWrite", "User.Read"}
)
_PREFIX: Final = "https://graph.microsoft.com/"

READ_EVENTS: Final = frozenset({"Calendars.Read", "Calendars.ReadWrite"})
READ_CALENDARS: Final = READ_EVENTS | {"Calendars.ReadBasic"}
WRITE: Final = frozenset({"Calendars.ReadWrite"})
READ_SETTINGS: Final = frozenset({"MailboxSettings.Read", "MailboxSettings.ReadWrite"})
WRITE_SETTINGS: Final = frozenset({"MailboxSettings.ReadWrite"})
PROFILE: Final = frozenset({"User.Read"})
ANY: Final = GRAPH


def short(text: str) -> tuple[str, ...]:
    """The scopes of a request in order, each once, without the resource in front."""
    return tuple(dict.fromkeys(name.removeprefix(_PREFIX) for name in text.split()))


def unknown(names: tuple[str, ...]) -> str | None:
    """The first scope that neither the sign-in nor Graph has."""
    return next((name for name in names if name not in SIGN_IN | GRAPH), None)
