"""The one list of CRMs. A new CRM is a folder beside ``generic`` and one line in :func:`kinds`."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.ports import Clock, CrmKind
from gateway.crms import espocrm, generic, hubspot, twenty
from gateway.crms.hosts import Outbound

_KINDS = (generic.kind, twenty.kind, espocrm.kind, hubspot.kind)


def kinds(outbound: Outbound, clock: Clock) -> Mapping[str, CrmKind]:
    """Every kind of CRM by its name, allowed to call only what ``outbound`` allows."""
    return {made.name: made for made in (make(outbound, clock) for make in _KINDS)}
