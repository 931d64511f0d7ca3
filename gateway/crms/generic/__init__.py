"""The generic contract: any CRM that sends Standard Webhooks and answers the calls of ``/docs``."""

from __future__ import annotations

import base64
import secrets

from gateway.core.ports import Clock, Crm, CrmAccount, CrmKind
from gateway.crms.generic import notifications
from gateway.crms.generic.client import GenericCrm
from gateway.crms.hosts import Outbound

SECRET_BYTES = 32


def kind(outbound: Outbound, clock: Clock) -> CrmKind:
    """The record of this kind of CRM. ``outbound``: which hosts may be called; ``clock``: for dates in answers."""

    def open_crm(account: CrmAccount) -> Crm:
        return GenericCrm(account, outbound, clock)

    return CrmKind(
        name="generic",
        label="Generic contract",
        open=open_crm,
        read_webhook=lambda knock: notifications.read(knock.headers, knock.raw, knock.secrets, knock.now),
        new_secret=new_secret,
        retries=True,
    )


def new_secret() -> str:
    """A fresh webhook secret: ``whsec_`` and 32 random bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")
