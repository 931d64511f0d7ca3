"""What signs EspoCRM's webhooks, as one text: each hook has an id, a secret of its own, and tells one kind of event.

A delivery names neither its event nor its task's kind; but the hook's id stands in its signature, and says both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

EVENTS: Final = ("create", "update", "delete")


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook of EspoCRM. ``event``: one of :data:`EVENTS`."""

    event: str
    id: str
    secret: str = field(repr=False)


def written(hooks: Sequence[Hook]) -> str:
    """The text that is kept, for :func:`read_all`; the same for the same hooks."""
    return " ".join(f"{hook.event}:{hook.id}:{hook.secret}" for hook in sorted(hooks, key=lambda one: one.event))


def read_all(secrets: Sequence[str]) -> Mapping[str, Hook]:
    """Every hook whose secret is valid now, by its id. What is no hook of ours is left out."""
    found: dict[str, Hook] = {}
    for text in reversed(secrets):
        for part in text.split(" "):
            event, _, rest = part.partition(":")
            hook_id, _, secret = rest.partition(":")
            if event in EVENTS and hook_id and secret:
                found[hook_id] = Hook(event, hook_id, secret)
    return found
