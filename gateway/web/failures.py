"""Every failure that may reach a request, in one table: its status, its code, and words that are safe outside.

The same row is told to programs as a problem document and to people as a plain page. What stands in an exception's own
text never leaves the house, but for the hints of ``NotReadable``, which are made for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException

from gateway.core import errors
from gateway.core.ports import ConsentFailed, ConsentFailure
from gateway.core.repositories import StoreDown
from gateway.services.conflicts import MovedOnError, NoSuchConflictError
from gateway.services.connect import NoConnectionError
from gateway.services.consent import CONNECT, FLOW, SpentError
from gateway.services.held import DecidedError, NoSuchBatchError
from gateway.services.installations import SecretByCrmError
from gateway.services.lookout import NothingThereError
from gateway.services.pausing import ForeignError
from gateway.services.personal_data import NobodyError
from gateway.services.tasks import NoSuchTaskError, SwitchInCrmError
from gateway.web.fields import Fault, faults_of
from gateway.web.pace import TooFastError
from gateway.web.security import NotFromHere

SOON = timedelta(seconds=5)
"""When to come back, where nobody said."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a request failed. ``title``: one line; ``says``: what it means and the way out; ``after``: when to try
    again; ``faults``: the fields at fault; ``reference``: what ``says`` names for whoever looks into the log."""

    status: int
    code: str
    title: str
    says: str = ""
    after: timedelta | None = None
    faults: tuple[Fault, ...] = ()
    reference: str = ""

    @property
    def retry_after(self) -> dict[str, str]:
        """The header that tells when to come back, in whole seconds."""
        return {} if self.after is None else {"Retry-After": str(max(1, math.ceil(self.after.total_seconds())))}


def unexpected(reference: str) -> Failure:
    """A bug of ours: generic words outside, the reference number for whoever looks into the log."""
    says = f"It was recorded under the reference {reference}. Trying again may help."
    return Failure(500, "internal_error", "Something went wrong on our side", says, reference=reference)


def failure_of(error: BaseException) -> Failure | None:
    """The row of this error; ``None``: nobody expected it."""
    match error:
        case errors.NotReadable() | ValidationError():
            return replace(_NOT_READABLE, faults=faults_of(error))
        case errors.TryLater():
            return replace(_TRY_LATER, after=error.after or SOON)
        case errors.Refused():
            faults = tuple(Fault(name, "refused", "the other side refuses this value") for name in error.fields)
            return replace(_REFUSED, faults=faults)
        case TooFastError():
            return Failure(429, "too_fast", "Too many requests", "Wait a moment.", after=timedelta(seconds=error.after))
        case SpentError():
            return _spent(error)
        case ConsentFailed():
            return _CONSENT[error.how]
        case HTTPException():
            return _http(error)
    return next((failure for kind, failure in _TABLE.items() if isinstance(error, kind)), None)


UNWELL = Failure(
    503, "try_later", "The provider is not well at the moment", "Nothing was connected. Begin again.", after=SOON
)
"""While somebody signs in."""
_NOT_READABLE = Failure(400, "not_readable", "The request cannot be read", "See errors for the fields at fault.")
_TRY_LATER = Failure(503, "try_later", "Not now", "The other side is not well at the moment. Try again.", after=SOON)
_REFUSED = Failure(422, "refused", "The other side refuses this change")
_TABLE: dict[type[BaseException], Failure] = {
    StoreDown: Failure(503, "store_down", "Not now", "Nothing was changed. Try again in a moment.", after=SOON),
    NotFromHere: Failure(
        403, "not_from_here", "This was not sent from our own page", "Open the page again and send the form from there."
    ),
    NoSuchTaskError: Failure(404, "unknown_task", "No such task", "It never had sync switched on, or does not exist."),
    ForeignError: Failure(
        409, "foreign", "The database is another deployment's", "Say how to go on: its events are ours now, or not."
    ),
    NothingThereError: Failure(404, "unknown", "There is nothing here", "It may have been removed."),
    NoSuchConflictError: Failure(404, "unknown_conflict", "No such conflict"),
    NoSuchBatchError: Failure(404, "unknown_batch", "No such held change"),
    DecidedError: Failure(409, "decided", "It was decided already", "Somebody has said the opposite in between."),
    SecretByCrmError: Failure(
        409,
        "secret_by_crm",
        "The CRM makes this secret itself",
        "Make it there; the gateway is told when it is installed.",
    ),
    NobodyError: Failure(404, "unknown_user", "Nothing is held about this user"),
    NoConnectionError: Failure(404, "not_connected", "No calendar is connected", "Make a connect link for this user."),
    SwitchInCrmError: Failure(
        409, "switch_in_crm", "The switch is the CRM's own", "Switch sync on at the task in the CRM."
    ),
    MovedOnError: Failure(
        409, "moved_on", "The task has changed since", "Look at it again: the calendar's value would overwrite news."
    ),
    errors.NotTrusted: Failure(
        401, "not_trusted", "Not trusted", "Send the installation's API token as Authorization: Bearer <token>."
    ),
    errors.AccessRevoked: Failure(
        409, "reconnect", "The calendar must be connected again", "Its provider has withdrawn the access."
    ),
    errors.SignInAgain: Failure(
        409, "reconnect", "The calendar must be connected again", "Its provider asks the person to sign in again."
    ),
    errors.TargetGone: Failure(409, "calendar_gone", "The calendar does not exist any more", "Choose another one."),
    errors.EventGone: Failure(409, "moved_on", "The event is gone", "Look at it again."),
    errors.StaleWrite: Failure(409, "moved_on", "It changed at this very moment", "Look at it again."),
    errors.AlreadyExists: Failure(409, "already_there", "It is there already"),
    errors.LeaseLost: Failure(409, "busy", "It is being worked on", "Try again in a moment."),
    errors.Forbidden: Failure(
        403, "forbidden", "A right is missing", "The other side does not allow this with the permission it gave."
    ),
    errors.Unauthorised: Failure(
        503, "not_accepted", "Not now", "The other side does not accept the gateway's access at the moment.", after=SOON
    ),
    errors.OperatorFault: Failure(
        503, "operator_fault", "This gateway is not set up correctly", "Its operator has to look at it.", after=SOON
    ),
    errors.GatewayError: Failure(503, "try_later", "Not now", "Try again in a moment.", after=SOON),
}
"""The first kind that fits decides, so the root comes last."""

_CONSENT = {
    ConsentFailure.DENIED: Failure(
        403,
        "denied",
        "You said no",
        "Nothing was connected and nothing is kept. If that was a slip, begin again and choose Allow.",
    ),
    ConsentFailure.SCOPE_MISSING: Failure(
        403,
        "scope_missing",
        "A permission is missing",
        "A box on the provider's page was left without its tick. Begin again and tick every box; nothing is kept of "
        "this try.",
    ),
    ConsentFailure.NEEDS_ADMIN: Failure(
        403,
        "needs_admin",
        "Your organisation must allow this first",
        "An administrator of your organisation has to approve this app. Ask them, then begin again; or use another "
        "account.",
    ),
    ConsentFailure.NO_CALENDAR: Failure(
        409,
        "no_calendar",
        "This account has no calendar",
        "Open the provider's calendar once with this account, or begin again with another account.",
    ),
    ConsentFailure.NO_LICENCE: Failure(
        409,
        "no_licence",
        "This account may not use its calendar",
        "Its licence for the mailbox seems to be missing. Ask your administrator, or begin again with another account.",
    ),
    ConsentFailure.WRONG_TENANT: Failure(
        403,
        "wrong_tenant",
        "This account is not from the right organisation",
        "The app is open to one organisation only. Begin again with your account there.",
    ),
    ConsentFailure.ERROR: Failure(
        400, "consent_error", "Signing in did not work", "The provider did not say why. Begin again."
    ),
}

_SPENT = {
    CONNECT: Failure(
        410,
        "spent_link",
        "This link cannot be used any more",
        "It works once and for ten minutes. Go back to your CRM and choose Connect again.",
    ),
    FLOW: Failure(
        400,
        "spent_sign_in",
        "This sign-in cannot be used any more",
        "It was used already, took longer than ten minutes, or was begun in another browser. Nothing was changed. Go "
        "back to your CRM and choose Connect again.",
    ),
}
_TOO_OLD = Failure(
    410,
    "expired_link",
    "This link is too old",
    "It works for ten minutes, and nothing was done with it. Go back to your CRM and choose Connect again.",
)
_CLOSED = Failure(
    403, "session_over", "This page is closed", "It stays open for 30 minutes. Open it again from your CRM."
)

_WORDS = {
    400: "The request cannot be read",
    401: "Not trusted",
    403: "Not allowed",
    404: "There is nothing here",
    405: "Not in this way",
    413: "Too large",
    415: "Not JSON",
}
_HINTS = {413: "Send less at once.", 415: "Send the body as application/json."}


_ON_PAGES: Final = frozenset({StoreDown, NotFromHere, NoConnectionError, NoSuchTaskError, MovedOnError})
"""What people meet beside the errors that have a next move."""


def texts() -> set[str]:
    """Every title and sentence that people may meet, for the catalogue of words: pages say them in the reader's
    language. What only programs are told stays as it is."""
    alone = (_TOO_OLD, _CLOSED, UNWELL, _NOT_READABLE, _TRY_LATER, _REFUSED, unexpected(""))
    met = [row for kind, row in _TABLE.items() if kind.__module__ == errors.__name__ or kind in _ON_PAGES]
    rows = [*met, *_CONSENT.values(), *_SPENT.values(), *alone]
    said = {text for row in rows for text in (row.title, row.says)} | set(_WORDS.values()) | set(_HINTS.values())
    return said - {"", unexpected("").says}


def _spent(error: SpentError) -> Failure:
    kind = error.args[0] if error.args else ""
    if kind == CONNECT and error.args[1:] == (True,):
        return _TOO_OLD
    return _SPENT.get(kind, _CLOSED)


def _http(error: HTTPException) -> Failure:
    status = error.code or 500
    phrase = HTTPStatus(status).phrase
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    return Failure(status, code, _WORDS.get(status, phrase), _HINTS.get(status, ""))
