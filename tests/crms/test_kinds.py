"""The one list of CRMs: every kind keeps what its record promises."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.core.errors import NotTrusted, OperatorFault
from gateway.core.ports import CrmAccount, Knock
from gateway.crms import kinds
from gateway.crms.hosts import Outbound

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)


class FixedClock:
    def now(self) -> datetime:
        return NOW


KINDS = kinds(Outbound(), FixedClock())


def test_a_kind_is_found_by_its_name() -> None:
    assert "generic" in KINDS
    assert all(name == kind.name and kind.label for name, kind in KINDS.items())


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_opens_only_over_https_unless_allowed(name: str) -> None:
    assert KINDS[name].open(CrmAccount("https://crm.example/api", "token")).capabilities.days in (True, False)
    with pytest.raises(OperatorFault):
        KINDS[name].open(CrmAccount("http://crm.example/api", "token"))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_trusts_nothing_unsigned_and_makes_new_secrets(name: str) -> None:
    kind = KINDS[name]
    made = [kind.new_secret() for _ in range(2)] if kind.new_secret else []
    assert len(set(made)) == len(made)
    with pytest.raises(NotTrusted):
        kind.read_webhook(Knock({}, b"{}", made, NOW, "https://gateway.example/webhooks/crm/k"))
