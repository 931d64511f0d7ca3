"""Graph's error bodies, by name.

Shape: ``{"error": {"code", "message", "innerError": {"date", "request-id", "client-request-id"}}}``, statuses:
https://learn.microsoft.com/graph/errors. The codes are those seen in public reports, named at each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class GraphError(Exception):
    """An answer of Graph that is not a success: raised by a rule, rendered by the door."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})

    def body(self, inner: Mapping[str, str]) -> dict[str, Any]:
        """The JSON body; ``inner`` are the date and the ids of the request."""
        return {"error": {"code": self.code, "message": self.message, "innerError": dict(inner)}}


def bad_request(message: str) -> GraphError:
    """400: the request cannot be understood."""
    return GraphError(400, "BadRequest", message)


def unknown_property(name: str, type_name: str) -> GraphError:
    """400: https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/450."""
    text = f"The property '{name}' does not exist on type '{type_name}'. "
    hint = "Make sure to only use property names that are defined by the type or mark the type as open type."
    return GraphError(400, "RequestBodyRead", text + hint)


def mistyped(name: str, wanted: str) -> GraphError:
    """400: a value of another type than the property's."""
    return GraphError(400, "RequestBodyRead", f"Cannot convert the value of property '{name}' to type '{wanted}'.")


def not_selectable(name: str, type_name: str) -> GraphError:
    """400: ``$select``, ``$filter``, ``$expand`` or ``$orderby`` names what the type does not have."""
    text = f"Parsing OData Select and Expand failed: Could not find a property named '{name}' on type '{type_name}'."
    return bad_request(text)


def validation_failure() -> GraphError:
    """400: https://github.com/microsoftgraph/microsoft-graph-docs/issues/7919 (an end before the start)."""
    return GraphError(400, "ErrorPropertyValidationFailure", "At least one property failed validation.")


def invalid(message: str) -> GraphError:
    """400 ``ErrorInvalidRequest``: well-formed, but not allowed so."""
    return GraphError(400, "ErrorInvalidRequest", message)


def bad_zone(name: str) -> GraphError:
    """400: https://learn.microsoft.com/graph/api/resources/datetimetimezone lists the names that are known."""
    text = f"A valid TimeZone value must be specified. The following TimeZone value is not supported: '{name}'."
    return GraphError(400, "TimeZoneNotSupportedException", text)


def unauthenticated(why: str) -> GraphError:
    """401: no access token, or one that is unknown or expired."""
    return GraphError(401, "InvalidAuthenticationToken", why, {"WWW-Authenticate": 'Bearer realm=""'})


def access_denied(message: str = "Access is denied. Check credentials and try again.") -> GraphError:
    """403: the scopes, the licence or the calendar do not allow it."""
    return GraphError(403, "ErrorAccessDenied", message)


def no_mailbox() -> GraphError:
    """404: the account has no mailbox in the cloud (reported widely; the text is SysKit's and many others')."""
    return GraphError(404, "MailboxNotEnabledForRESTAPI", "REST API is not yet supported for this mailbox.")


def item_not_found() -> GraphError:
    """404: no such event or category, or deleted."""
    return GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def folder_not_found() -> GraphError:
    """404: no such calendar."""
    return GraphError(404, "ErrorFolderNotFound", "The specified folder could not be found in the store.")


def subscription_not_found() -> GraphError:
    """404: gone or never there: https://learn.microsoft.com/graph/change-notifications-lifecycle-events."""
    return GraphError(404, "ResourceNotFound", "The object was not found.")


def folder_exists() -> GraphError:
    """409: that calendar name is taken. Refused for certain; status and code are unconfirmed."""
    return GraphError(409, "ErrorFolderExists", "A folder with the specified name already exists.")


def category_exists() -> GraphError:
    """409: that category name is taken. Refused for certain (displayName is unique); the code is unconfirmed.

    https://learn.microsoft.com/graph/api/resources/outlookcategory
    """
    return GraphError(409, "CategoryNameDuplicate", "There is already a category with this name.")


def stale() -> GraphError:
    """412: ``If-Match`` does not name the present version (https://learn.microsoft.com/answers/questions/271870)."""
    text = "The send or update operation could not be performed because the change key passed in the request does not"
    return GraphError(412, "ErrorIrresolvableConflict", f"{text} match the current change key for the item.")


def too_many_requests(retry_after_s: int) -> GraphError:
    """429: https://learn.microsoft.com/graph/throttling."""
    return GraphError(429, "TooManyRequests", "Please retry again later.", {"Retry-After": str(retry_after_s)})


def mailbox_concurrency() -> GraphError:
    """429: more than four at once (https://github.com/magodo/terraform-provider-outlook/issues/21)."""
    text = "Application is over its MailboxConcurrency limit."
    return GraphError(429, "ApplicationThrottled", text, {"Retry-After": "1"})


def not_modelled(what: str) -> GraphError:
    """501: the real service may well know this; the stand-in says that it does not play it."""
    return GraphError(501, "NotModelled", f"This stand-in does not model {what}.")
