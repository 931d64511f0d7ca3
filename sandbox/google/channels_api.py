"""events.watch and channels.stop.

https://developers.google.com/workspace/calendar/api/guides/push
"""

from __future__ import annotations

from sandbox.google.call import Answer, Call


def watch(call: Call) -> Answer:
    """Open a channel for the events of one calendar."""
    calendar = call.calendar("reader")
    types = frozenset(call.texts("eventTypes"))
    return Answer(call.world.channels.watch(calendar, call.who, call.body, types, call.now).answer())


def stop(call: Call) -> Answer:
    """End a channel."""
    call.world.channels.stop(call.who, call.body, call.now)
    return Answer(None)
