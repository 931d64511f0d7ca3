"""An event that was left as a static copy when its person disconnected, and is taken up again (B20).

Its link has forgotten all text. So the event counts as agreed just as it stands: what the task says beyond it is news,
and nothing on it is. A copy that was edited in the meantime was in nobody's care, so there is no conflict to tell of.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.core.model import Agreed, Event, Memory, Pair, Sent, Task
from gateway.core.render import Rules, block
from gateway.core.text import is_struck, read
from gateway.core.weigh import number_on


def was_left(memory: Memory) -> bool:
    """Whether this is the memory of a link that was dormant. Only asked where the link still has a place: nothing else
    leaves a place without anything agreed, owed or once noted."""
    return memory.agreed is None and memory.owed is None and not memory.strays


def taken_up(memory: Memory, task: Task, event: Event, rules: Rules) -> Memory:
    """The memory with the event as it stands for agreed. Colour, reminders and length are taken for the person's."""
    struck = is_struck(event.title)
    title = read(event.title, struck=struck)
    mine = block(task, rules)
    sent = Sent(
        block=mine if mine in (event.description or "") else "",
        priority=task.priority,
        done=struck,
        duration=task.duration,
        look=event.look,
    )
    agreed = Agreed(number_on(event), Pair(title, title), Pair(event.start, event.start))
    return replace(memory, agreed=agreed, sent=sent)
