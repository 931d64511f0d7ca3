"""HubSpot (https://hubspot.com): one app and one webhook address for all accounts, thin batches, instants only."""

from __future__ import annotations

from gateway.core.ports import Clock, Crm, CrmAccount, CrmKind
from gateway.crms.hosts import Outbound
from gateway.crms.hubspot import notifications
from gateway.crms.hubspot.client import HubSpotCrm
from gateway.crms.hubspot.tokens import Tokens


def kind(outbound: Outbound, clock: Clock) -> CrmKind:
    """The record of this kind of CRM. ``outbound``: which hosts may be called; ``clock``: for the ages of tokens."""
    tokens = Tokens()

    def open_crm(account: CrmAccount) -> Crm:
        return HubSpotCrm(account, outbound, clock, tokens)

    return CrmKind(
        name="hubspot",
        label="HubSpot",
        open=open_crm,
        read_webhook=notifications.read,
        retries=True,
        new_secret=None,
        many_accounts=True,
    )
