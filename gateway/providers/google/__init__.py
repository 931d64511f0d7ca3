"""Google Calendar as a provider: what the one list of providers holds for it."""

from __future__ import annotations

from gateway.core.ports import Account, Calendar, Provider, Style
from gateway.providers.google import notifications, translate
from gateway.providers.google.account import GoogleAccount
from gateway.providers.google.calendar import GoogleCalendar
from gateway.providers.google.config import GoogleConfig
from gateway.providers.google.oauth import GoogleSignIn
from gateway.providers.google.transport import Client
from gateway.providers.http import Outbound

__all__ = ["GoogleConfig", "provider"]

TITLE_LIMIT = 500
"""Google names no limit for a title; what is longer could not be read in a calendar anyway."""


def provider(config: GoogleConfig) -> Provider:
    """The provider for one OAuth client. Safe to share between threads; the calendars it opens are not."""
    outbound = Outbound(config.count)

    def open_calendar(access_token: str, calendar_id: str, style: Style) -> Calendar:
        return GoogleCalendar(Client(config, outbound, access_token), calendar_id, style, config.now())

    def open_account(access_token: str) -> Account:
        return GoogleAccount(Client(config, outbound, access_token))

    return Provider(
        name="google",
        label="Google Calendar",
        sign_in=GoogleSignIn(config, outbound),
        open_calendar=open_calendar,
        open_account=open_account,
        read_notification=notifications.read,
        names_the_event=False,
        title_limit=TITLE_LIMIT,
        encode_text=translate.encode_text,
        doubts=config.doubts,
    )
