"""The stand-in Twenty sends what the real one sent, byte for byte: each capture is built again from its meaning."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.twenty import webhooks
from sandbox.twenty.model import Actor, Member, Record
from sandbox.twenty.text import blocks
from tests.crms.captured import Captured, captures

SECRET = "twsecret0123456789"
ALL = captures(Path(__file__).parents[1] / "crms" / "twenty" / "captures")


def at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def actor(said: dict[str, Any], user_id: str = "") -> Actor:
    member_id = said["workspaceMemberId"]
    member = Member(member_id, user_id, "tim@apple.dev", said["name"], "") if member_id else None
    return Actor(said["source"], said["name"], member)


def rebuilt(capture: Captured) -> bytes:
    """The event told in the stand-in's own terms; searchVector and the editor's blocks are its own work."""
    said = json.loads(capture.raw)
    record = said["record"]
    ids = iter([block["id"] for block in json.loads(record["bodyV2"]["blocknote"] or "[]")])
    custom = ("calendarSync", "priority", "calendarSyncState", "calendarSyncNote")
    created, updated = at(record["createdAt"]), at(record["updatedAt"])
    assert created
    assert updated
    task = Record(
        id=record["id"],
        created_at=created,
        updated_at=updated,
        created_by=actor(record["createdBy"]),
        updated_by=actor(record["updatedBy"]),
        position=record["position"],
        title=record["title"],
        blocknote=blocks(record["bodyV2"]["markdown"], lambda: next(ids)),
        markdown=record["bodyV2"]["markdown"],
        due_at=at(record["dueAt"]),
        status=record["status"],
        assignee_id=record["assigneeId"],
        deleted_at=at(record["deletedAt"]),
        custom={name: record[name] for name in custom},
    )
    hook = webhooks.Hook(said["webhookId"], said["targetUrl"], ("task.*",), SECRET)
    workspace = webhooks.Workspace(said["workspaceId"], said["objectMetadata"]["id"])
    who = {"source": "MANUAL", "name": "Tim Apple", "workspaceMemberId": said.get("workspaceMemberId")}
    happened = at(said["eventDate"])
    assert happened
    event = webhooks.Event(
        said["eventName"].partition(".")[2],
        happened,
        task,
        actor(who, said.get("userId", "")),
        said.get("updatedFields"),
    )
    return webhooks.body(workspace, hook, event)


@pytest.mark.parametrize("capture", ALL, ids=lambda one: one.name)
def test_the_same_event_is_the_same_bytes(capture: Captured) -> None:
    assert rebuilt(capture) == capture.raw


@pytest.mark.parametrize("capture", ALL, ids=lambda one: one.name)
def test_the_same_bytes_go_with_the_same_headers(capture: Captured) -> None:
    stamp = int(capture.headers["x-twenty-webhook-timestamp"])
    left = datetime.fromtimestamp(stamp / 1000, UTC)
    made = webhooks.headers(SECRET, capture.raw, left, capture.headers["x-twenty-webhook-nonce"])
    sent = {name.lower(): value for name, value in made.items()}
    of_the_connection = {"host", "connection", "content-length"}
    assert sent == {name: value for name, value in capture.headers.items() if name not in of_the_connection}


def test_every_kind_of_event_was_captured() -> None:
    events = {json.loads(capture.raw)["eventName"] for capture in ALL}
    assert events == {f"task.{action}" for action in webhooks.ACTIONS}
