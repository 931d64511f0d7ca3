"""What Microsoft's sign-in means by its errors: one table for the way back from the consent, one for a refresh.

The ``error`` decides, then the ``suberror``, then the AADSTS number, of which Microsoft says that it may change:
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.core.errors import AccessRevoked, GatewayError, OperatorFault, SignInAgain, TryLater
from gateway.core.ports import ConsentFailure

_NUMBER = re.compile(r"AADSTS(\d{4,8})")
_PLAIN = re.compile(r"[A-Za-z_]{1,60}")

_UNWELL = frozenset({"temporarily_unavailable", "server_error"})
_OPERATOR = frozenset({"invalid_client", "unauthorized_client", "invalid_scope", "unsupported_grant_type"})
_OPERATOR_NUMBERS = frozenset({700016, 7000215, 7000218, 7000222, 50011, 500112, 90002})
"""Our app registration, its secret or its redirect URI."""

_NEEDS_ADMIN = frozenset({90094, 90093, 90095, 650056, 50105})
"""An administrator has to approve the app, or to assign the person to it."""
_WRONG_TENANT = frozenset({50020, 50194, 90072, 500208, 50178})

_SEE_THE_PERSON = frozenset({"interaction_required", "login_required"})
_SEE_THE_PERSON_SUB = frozenset({"basic_action", "additional_action", "message_only", "user_password_expired"})
_SEE_THE_PERSON_NUMBERS = frozenset(
    {50055, 50058, 50072, 50074, 50076, 50078, 50079, 50097, 50125, 50127, 50129, 50131, 50133, 50140, 50144, 50158}
    | {53000, 53001, 53002, 53003, 53004, 70043}
)
"""Multi-factor sign-in, sign-in frequency, Conditional Access, an expired password: the grant may come back."""
_DEAD = frozenset({"invalid_grant", "consent_required"})


@dataclass(frozen=True, slots=True)
class Told:
    """An OAuth error as Microsoft words it. ``number``: the AADSTS number, 0 where there is none."""

    error: str
    suberror: str
    number: int
    described: bool

    @property
    def words(self) -> str:
        """For logs and people: codes alone, nothing a person had typed."""
        return f"AADSTS{self.number}" if self.number else self.error or "unknown"


def told(answer: Mapping[str, Any]) -> Told:
    """The error in a callback's form or in a token answer."""
    described = str(answer.get("error_description") or "")
    found = _NUMBER.search(described)
    listed = answer.get("error_codes")
    number = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], int) else 0
    suberror = answer.get("suberror") or answer.get("error_subcode")
    return Told(
        _plain(answer.get("error")), _plain(suberror), number or (int(found[1]) if found else 0), bool(described)
    )


def consent_failure(error: Told) -> ConsentFailure:
    """How a consent failed. Raises ``OperatorFault`` for our own set-up, ``TryLater`` for a service in trouble."""
    _raise_what_is_nobodys(error)
    if error.number in _NEEDS_ADMIN or error.error == "consent_required":
        return ConsentFailure.NEEDS_ADMIN
    if error.number in _WRONG_TENANT:
        return ConsentFailure.WRONG_TENANT
    if error.error != "access_denied":
        return ConsentFailure.ERROR
    # Somebody who goes back from the page "Need admin approval" comes with this subcode and without a description; a
    # person who declines comes with AADSTS65004 (work) or a description without number (personal).
    went_back = error.suberror == "cancel" and not error.described
    return ConsentFailure.NEEDS_ADMIN if went_back else ConsentFailure.DENIED


def refresh_failure(error: Told) -> GatewayError:
    """What a refused refresh says of the grant. Only the token endpoint's own words touch the person."""
    if error.error in _OPERATOR or error.number in _OPERATOR_NUMBERS:
        return OperatorFault(operator_words(error))
    if error.error in _SEE_THE_PERSON:
        return SignInAgain(error.words)
    if error.error in _DEAD:
        asks = error.suberror in _SEE_THE_PERSON_SUB or error.number in _SEE_THE_PERSON_NUMBERS
        return SignInAgain(error.words) if asks else AccessRevoked(error.words)
    return TryLater(f"Microsoft's sign-in says {error.words}")


def operator_words(error: Told) -> str:
    """What the operator is told."""
    settings = "MICROSOFT_CLIENT_ID, MICROSOFT_CLIENT_SECRET and the redirect URI registered for them"
    return f"Microsoft's sign-in says {error.words}: check {settings}"


def _raise_what_is_nobodys(error: Told) -> None:
    if error.error in _UNWELL:
        raise TryLater(f"Microsoft's sign-in says {error.words}")
    if error.error in _OPERATOR or error.number in _OPERATOR_NUMBERS:
        raise OperatorFault(operator_words(error))


def _plain(code: object) -> str:
    return code if isinstance(code, str) and _PLAIN.fullmatch(code) else ""
