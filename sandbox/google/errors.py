"""The error bodies of Calendar v3, by name.

Shape: ``{"error": {code, message, errors: [{domain, reason, message, locationType?, location?}], status?}}``.
Reasons and statuses: https://developers.google.com/workspace/calendar/api/guides/errors
"""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer of Calendar v3 that is not a success: raised by a rule, rendered by the door."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        domain: str = "global",
        location: tuple[str, str] | None = None,
        status: str | None = None,
    ) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.domain = domain
        self.location = location
        self.status = status

    def body(self) -> dict[str, Any]:
        """The JSON body as the API sends it."""
        detail: dict[str, Any] = {"domain": self.domain, "reason": self.reason, "message": self.message}
        if self.location:
            detail["locationType"], detail["location"] = self.location
        error: dict[str, Any] = {"code": self.code, "message": self.message, "errors": [detail]}
        if self.status:
            error["status"] = self.status
        return {"error": error}


def invalid(message: str) -> ApiError:
    """400: a value that the API refuses."""
    return ApiError(400, "invalid", message)


def required(message: str) -> ApiError:
    """400: something that must be there is not."""
    return ApiError(400, "required", message)


def bad_parameter(name: str, message: str) -> ApiError:
    """400: a query parameter that is unknown, repeated, mistyped or not allowed here."""
    return ApiError(400, "invalidParameter", message, location=("parameter", name))


def bad_body(message: str) -> ApiError:
    """400: a body that is not JSON, or has a field the discovery document does not have."""
    return ApiError(400, "badRequest", message, status="INVALID_ARGUMENT")


def time_range_empty(parameter: str | None = None) -> ApiError:
    """400: the end is not after the start; ``parameter`` is the query's bound at fault, if it is one."""
    location = ("parameter", parameter) if parameter is not None else None
    text = "The specified time range is empty."
    return ApiError(400, "timeRangeEmpty", text, domain="calendar", location=location)


def unauthenticated() -> ApiError:
    """401: no access token, or one that is unknown, expired or revoked."""
    text = "Request had invalid authentication credentials. Expected OAuth 2 access token."
    return ApiError(401, "authError", text, location=("header", "Authorization"), status="UNAUTHENTICATED")


def insufficient_scope() -> ApiError:
    """403: the token's scopes do not cover this method on this calendar."""
    text = "Request had insufficient authentication scopes."
    return ApiError(403, "insufficientPermissions", text, status="PERMISSION_DENIED")


def required_access_level(role: str) -> ApiError:
    """403: the person's role on the calendar is too low."""
    return ApiError(403, "requiredAccessLevel", f"You need to have {role} access to this calendar.", domain="calendar")


def forbidden(message: str = "Forbidden") -> ApiError:
    """403: not allowed, whatever the scopes."""
    return ApiError(403, "forbidden", message)


def not_a_calendar_user() -> ApiError:
    """403: the account has no Google Calendar (https://github.com/webhookdb/webhookdb/pull/624)."""
    text = "The user must be signed up for Google Calendar."
    return ApiError(403, "notACalendarUser", text, domain="calendar")


def calendar_usage_limits() -> ApiError:
    """403: too many calendars made in a short time (https://support.google.com/a/answer/2905486)."""
    return ApiError(403, "quotaExceeded", "Calendar usage limits exceeded.", domain="usageLimits")


def not_found(message: str = "Not Found") -> ApiError:
    """404: unknown, or not visible to this person."""
    return ApiError(404, "notFound", message)


def duplicate() -> ApiError:
    """409: the id is in use, also by a deleted event."""
    return ApiError(409, "duplicate", "The requested identifier already exists.")


def already_deleted() -> ApiError:
    """410: deleted before."""
    return ApiError(410, "deleted", "Resource has been deleted")


def full_sync_required() -> ApiError:
    """410: the sync token is dead."""
    text = "Sync token is no longer valid, a full sync is required."
    return ApiError(410, "fullSyncRequired", text, domain="calendar", location=("parameter", "syncToken"))


def updated_min_too_long_ago() -> ApiError:
    """410: ``updatedMin`` is older than what is remembered."""
    text = "The requested minimum modification time lies too far in the past."
    return ApiError(410, "updatedMinTooLongAgo", text, domain="calendar", location=("parameter", "updatedMin"))


def stale_etag() -> ApiError:
    """412: ``If-Match`` does not name the present version."""
    return ApiError(412, "conditionNotMet", "Precondition Failed", location=("header", "If-Match"))
