"""Twenty (https://twenty.com): full records in signed webhooks that are sent once, custom fields made by its API."""

from __future__ import annotations

import secrets

from gateway.core.ports import Clock, Crm, CrmAccount, CrmKind
from gateway.crms.hosts import Outbound
from gateway.crms.twenty import notifications
from gateway.crms.twenty.client import TwentyCrm

SECRET_BYTES = 32


def kind(outbound: Outbound, clock: Clock) -> CrmKind:
    """The record of this kind of CRM. ``outbound``: which hosts may be called; ``clock``: for dates in answers."""

    def open_crm(account: CrmAccount) -> Crm:
        return TwentyCrm(account, outbound, clock)

    return CrmKind(
        name="twenty",
        label="Twenty",
        open=open_crm,
        read_webhook=notifications.read,
        new_secret=lambda: secrets.token_hex(SECRET_BYTES),
        retries=False,
    )
