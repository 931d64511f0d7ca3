"""What a CRM's news leaves at a link: decided from what was told and what is known, without a look at anything.

A delivery says "look again" (a full, versioned snapshot is kept as a hint). Older than what is known: not applied.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from gateway.core.model import Cause, LinkStatus, Task, TaskGone, TaskOff, UserId
from gateway.core.records import Link, ReadAgain, TaskHint
from gateway.core.signals import Kind, TaskSignal
from gateway.core.stories import Story


@dataclass(frozen=True, slots=True)
class News:
    """What is to be told and, where there is a ``hint``, left for a run that is owed.

    ``version`` replaces the newest one heard of where it is given. ``owner``: whose calendar the run will call, as far
    as was told.
    """

    story: Story
    hint: TaskHint | None = field(default=None, repr=False)
    version: int | None = None
    owner: UserId | None = None

    @property
    def ends(self) -> bool:
        """Whether it is known to end what was before: the switch is off, or the task gone, since this version."""
        return self.version is not None and self.story in (Story.SWITCHED_OFF, Story.TASK_DELETED)

    def left_at(self, link: Link) -> Link:
        """The link with it."""
        if self.hint is None:
            return link
        return replace(
            link,
            task_hint=self.hint,
            task_version=link.task_version if self.version is None else self.version,
            owner_id=self.owner if self.owner and isinstance(self.hint, Task) else link.owner_id,
            status=LinkStatus.LIVE,
        )


@dataclass(frozen=True, slots=True)
class Forget:
    """The task of a link that is dormant is no more: its text and the event's place are forgotten."""


def is_on(signal: TaskSignal) -> bool:
    """Whether the task is told to be there with its switch on."""
    if signal.kind is Kind.DELETED or isinstance(signal.said, TaskOff | TaskGone):
        return False
    if isinstance(signal.said, Task):
        return signal.said.sync_on
    return signal.sync_on is not False


def may_keep(signal: TaskSignal, link: Link | None) -> bool:
    """Whether what was told of this task may be kept: it is on, as far as is known (B1)."""
    return is_on(signal) and not _is_unknown(signal, link)


def take(signal: TaskSignal, link: Link | None) -> News | Forget | None:
    """What one task's news means; ``None``: nothing at all. For a ``link`` that does not exist yet the answer is for a
    new one."""
    if not is_on(signal):
        return _take_off(signal, link)
    if _is_unknown(signal, link):
        return None
    if link is None or link.status is not LinkStatus.LIVE:
        # Nothing is known that a late delivery could be older than, and the switch may have gone off since: only a read
        # tells whether the task's text may go anywhere (B1).
        return _news(Story.SWITCHED_ON, link, ReadAgain(), signal)
    if (story := _old_story(link, signal)) is not None:
        return News(story)
    hint: TaskHint = signal.said if isinstance(signal.said, Task) and _in_order(link, signal) else ReadAgain()
    return _news(Story.TASK_SAME if _is_same(link, hint) else Story.TASK_CHANGED, link, hint, signal)


def _is_same(link: Link, hint: TaskHint) -> bool:
    """Whether a newer version tells nothing new: where a state report counts as an edit, this is what it looks like. It
    is run all the same, which costs no call: the version is learnt, and what waits is decided again."""
    known = link.memory.task if link.task_hint is None else link.task_hint
    if not isinstance(hint, Task) or not isinstance(known, Task):
        return False
    return replace(hint, version=known.version, updated_at=known.updated_at) == known


def _take_off(signal: TaskSignal, link: Link | None) -> News | Forget | None:
    """Switched off or deleted. For a link that is off or dormant already this calls nothing."""
    if link is None or link.status is LinkStatus.OFF:
        return None
    deleted = signal.kind is Kind.DELETED or isinstance(signal.said, TaskGone)
    if link.status is LinkStatus.DORMANT:
        return Forget() if deleted else None
    if not deleted and (story := _old_story(link, signal)) is not None:
        return News(story)
    if deleted:
        cause = signal.said.cause if isinstance(signal.said, TaskGone) else Cause.DELETED
        known = signal if _in_order(link, signal) else replace(signal, version=None)
        return _news(Story.TASK_DELETED, link, ReadAgain(cause), known)
    hint: TaskHint = TaskOff(signal.version) if _in_order(link, signal) else ReadAgain()
    return _news(Story.SWITCHED_OFF, link, hint, signal)


def _news(story: Story, link: Link | None, hint: TaskHint, signal: TaskSignal) -> News:
    """A read that is owed stays owed: what a deletion asked for is not undone by a snapshot that overtook it."""
    owed = link.task_hint if link else None
    if isinstance(owed, ReadAgain) and not (isinstance(hint, ReadAgain) and hint.cause):
        hint = owed
    told = signal.said.owner.id if isinstance(signal.said, Task) and signal.said.owner else None
    return News(story, hint, signal.version, told)


def _is_unknown(signal: TaskSignal, link: Link | None) -> bool:
    """Whether the sender told a change, but not of the switch, and the task is not one that is on."""
    return signal.switch_stands and (link is None or link.status is not LinkStatus.LIVE)


def _old_story(link: Link, signal: TaskSignal) -> Story | None:
    """Why a delivery is not applied, or ``None`` if it is news. One dated later than what is known is news all the
    same: the CRM was restored, so it is read."""
    if signal.version is None or link.task_version is None or signal.version > link.task_version:
        return None
    if signal.version == link.task_version:
        return Story.TASK_ECHO if signal.actor == "api" else Story.TASK_REPEATED
    return None if _went_backwards(link, signal) else Story.TASK_OLD


def _in_order(link: Link, signal: TaskSignal) -> bool:
    """Whether a snapshot may be taken at its word: it is versioned, and newer than what is known."""
    if signal.version is None:
        return False
    return link.task_version is None or signal.version > link.task_version


def _went_backwards(link: Link, signal: TaskSignal) -> bool:
    """An older version that happened later: the CRM was restored from a backup, and only a read tells the truth."""
    known = link.memory.task.updated_at if link.memory.task else None
    happened = signal.said.updated_at if isinstance(signal.said, Task) else signal.at
    return known is not None and happened is not None and happened > known
