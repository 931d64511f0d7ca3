"""Outlook as a provider, work and personal accounts: what the one list of providers holds for it."""

from __future__ import annotations

from gateway.core.ports import Account, Calendar, Provider, Style
from gateway.providers.http import Outbound
from gateway.providers.outlook import notifications, translate
from gateway.providers.outlook.account import OutlookAccount
from gateway.providers.outlook.calendar import OutlookCalendar
from gateway.providers.outlook.config import OutlookConfig
from gateway.providers.outlook.oauth import OutlookSignIn
from gateway.providers.outlook.transport import Client

__all__ = ["OutlookConfig", "provider"]


def provider(config: OutlookConfig) -> Provider:
    """The provider for one app registration. Safe to share between threads; the calendars it opens are not."""
    outbound = Outbound(config.count)

    def open_calendar(access_token: str, calendar_id: str, style: Style) -> Calendar:
        return OutlookCalendar(Client(config, outbound, access_token), calendar_id, style)

    def open_account(access_token: str) -> Account:
        return OutlookAccount(Client(config, outbound, access_token))

    return Provider(
        name="outlook",
        label="Outlook",
        sign_in=OutlookSignIn(config, outbound),
        open_calendar=open_calendar,
        open_account=open_account,
        read_notification=notifications.read,
        names_the_event=True,
        title_limit=translate.TITLE_LIMIT,
        encode_text=str,
        push_limit=notifications.LIMIT,
        refuses_strangers=False,
        same_version=notifications.same_version,
        renew_after=0.5,
        door="microsoft",
        extras="Colours for the categories of your tasks",
        walled=False,
        doubts=config.doubts,
    )
