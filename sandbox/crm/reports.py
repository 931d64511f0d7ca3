"""What the gateway may report: the state of a task's sync and of a user's connection, checked to the letter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.crm import checks
from sandbox.crm.checks import invalid

STATES = ("off", "pending", "synced", "conflict", "error")
REASONS = (
    "no_due_date",
    "owner_not_connected",
    "reauthorize",
    "disconnected",
    "revoked",
    "event_deleted",
    "moved_calendar",
    "calendar_gone",
    "forbidden",
    "invalid_value",
    "refused",
    "clipped",
    "time_dropped",
    "paused",
    "held",
)
CONNECTION_STATUSES = (
    "none",
    "choosing_calendar",
    "connected",
    "reauthorize",
    "revoked",
    "disconnected",
    "calendar_gone",
    "paused",
    "suspect",
)
PROVIDERS = ("google", "outlook")
_STATE_KEYS = frozenset({"state", "reason", "event_url", "provider", "synced_at", "conflict", "field"})
_CONNECTION_KEYS = frozenset({"status", "provider", "account_email", "reason", "reconnect_url"})
_CONFLICT_KEYS = frozenset({"id", "fields", "detected_at"})
_CONFLICT_FIELD_KEYS = frozenset({"name", "calendar", "kept"})


def check_state(report: Mapping[str, Any]) -> None:
    """Accept a state report or raise Invalid with every field at fault.

    `field` (optional) names the field behind the reasons `refused` and `invalid_value`.
    """
    conflict, state = report.get("conflict"), report.get("state")
    checks.all_of(
        lambda: checks.known(report, _STATE_KEYS),
        lambda: checks.one_of(state, "state", STATES),
        lambda: _optional(report, "reason", REASONS),
        lambda: _optional(report, "provider", PROVIDERS),
        lambda: checks.address(report.get("event_url"), "event_url"),
        lambda: _optional_instant(report, "synced_at"),
        lambda: _optional_text(report, "field"),
        lambda: _check_conflict(conflict, state == "conflict"),
    )


def check_connection(report: Mapping[str, Any]) -> None:
    """Accept a connection report or raise Invalid with every field at fault."""
    checks.all_of(
        lambda: checks.known(report, _CONNECTION_KEYS),
        lambda: checks.one_of(report.get("status"), "status", CONNECTION_STATUSES),
        lambda: _optional(report, "provider", PROVIDERS),
        lambda: _optional(report, "reason", REASONS),
        lambda: _optional_text(report, "account_email"),
        lambda: checks.address(report.get("reconnect_url"), "reconnect_url"),
    )


def _check_conflict(conflict: object, wanted: bool) -> None:
    if conflict is None:
        if wanted:
            raise invalid("conflict", "required")
        return
    if not wanted:
        raise invalid("conflict", "only_with_state_conflict")
    if not isinstance(conflict, Mapping):
        raise invalid("conflict", "must_be_object")
    checks.known(conflict, _CONFLICT_KEYS, "conflict.")
    if not checks.text(conflict.get("id"), "conflict.id", 255):
        raise invalid("conflict.id", "empty")
    checks.instant(conflict.get("detected_at"), "conflict.detected_at")
    fields = conflict.get("fields")
    if not isinstance(fields, list) or not fields:
        raise invalid("conflict.fields", "empty")
    for number, field in enumerate(fields):
        _check_conflict_field(field, f"conflict.fields[{number}]")


def _check_conflict_field(field: object, name: str) -> None:
    if not isinstance(field, Mapping):
        raise invalid(name, "must_be_object")
    checks.known(field, _CONFLICT_FIELD_KEYS, f"{name}.")
    kind = checks.one_of(field.get("name"), f"{name}.name", ("title", "due"))
    for side in ("calendar", "kept"):
        if side not in field:
            raise invalid(f"{name}.{side}", "required")
        if kind == "due":
            checks.due(field[side], f"{name}.{side}")
        else:
            checks.text(field[side], f"{name}.{side}", checks.DESCRIPTION_LIMIT)


def _optional(report: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> None:
    if report.get(name) is not None:
        checks.one_of(report[name], name, allowed)


def _optional_text(report: Mapping[str, Any], name: str) -> None:
    if report.get(name) is not None:
        checks.text(report[name], name, 255)


def _optional_instant(report: Mapping[str, Any], name: str) -> None:
    if report.get(name) is not None:
        checks.instant(report[name], name)
