"""EspoCRM 8 to 10: webhooks that tell changes only, in batches; an optimistic lock; three fields of our own.

https://docs.espocrm.com/administration/webhooks, https://docs.espocrm.com/development/api
"""

from __future__ import annotations

from gateway.core.ports import Clock, Crm, CrmAccount, CrmKind
from gateway.crms.espocrm import notifications
from gateway.crms.espocrm.client import EspoCrm
from gateway.crms.hosts import Outbound


def kind(outbound: Outbound, clock: Clock) -> CrmKind:
    """The record of this kind of CRM. ``outbound``: which hosts may be called; ``clock``: for dates in answers."""

    def open_crm(account: CrmAccount) -> Crm:
        return EspoCrm(account, outbound, clock)

    return CrmKind(
        name="espocrm",
        label="EspoCRM",
        open=open_crm,
        read_webhook=notifications.read,
        # It tries four times, ten minutes apart; but most refusals, and from 10.0 on a refused connection, are final.
        retries=False,
    )
