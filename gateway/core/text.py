"""A title on its way to the calendar and back. A calendar title has no markup, so "done" is drawn with U+0336.

The promise: what was written is read back as the same title, for every Unicode title, even after a provider has brought
it into another canonical form. Why this holds:

* The stroke goes **after** a grapheme cluster (https://www.unicode.org/reports/tr29/, rule GB9: nothing breaks before
  it), so it moves no boundary, with one exception: after a control or a format character such as U+200E it would begin
  a cluster of its own and swallow marks that follow. Those characters show nothing, so they get no stroke.
* U+0336 has combining class 1, the lowest there is. Normalising may pull it forward over marks of a higher class
  (https://www.unicode.org/reports/tr15/), but never over a base character, a joiner or another mark of class 1, and it
  blocks no composition. So ours stays the **last** U+0336 of its cluster, and that one is taken back.

Lengths are in code points. Compare titles only after :func:`clean` or :func:`read`: both answer in NFC.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from itertools import accumulate

import regex  # type: ignore[import-untyped]  # ships no types

NO_TITLE = "(no title)"
"""What the calendar shows for a task without a title. Never flows back."""

STROKE = "\u0336"
ELLIPSIS = "\u2026"

_CLUSTER = regex.compile(r"\X")
_UNSTRIKABLE = regex.compile(r"[\p{GCB=Control}\p{GCB=CR}\p{GCB=LF}]")
_UNPRINTABLE = regex.compile(r"\r\n|[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]")
_INVISIBLE = regex.compile(r"[\s\p{Default_Ignorable_Code_Point}]*")


def clean(title: str) -> str:
    """The title in NFC, each line break, control character and lone surrogate a space. Nothing is trimmed."""
    return unicodedata.normalize("NFC", _UNPRINTABLE.sub(" ", title))


def is_blank(title: str) -> bool:
    """Whether nothing of the title can be seen: empty, white space, or only format characters and fillers."""
    return _INVISIBLE.fullmatch(clean(title)) is not None


def strike(title: str) -> str:
    """The title struck through: U+0336 after every grapheme cluster that can carry one."""
    return "".join(map(_struck, _CLUSTER.findall(title)))


def unstrike(title: str) -> str:
    """The title without our stroke, in NFC: one U+0336 less in each cluster that has one.

    What a person typed plainly into a struck title stays; a U+0336 that the title held before we struck it stays too.
    """
    return unicodedata.normalize("NFC", "".join(map(_unstruck, _CLUSTER.findall(title))))


def is_struck(title: str) -> bool:
    """Whether a calendar's raw title is struck through from end to end."""
    told = clean(title)
    return STROKE in told and strike(unstrike(told)) == told


def lacks_strokes(title: str) -> bool:
    """Whether a calendar's raw title, once struck by us, shows a cluster without a stroke: a person typed into it."""
    told = clean(title)
    return strike(unstrike(told)).count(STROKE) > told.count(STROKE)


def clip(title: str, limit: int) -> str:
    """The title in at most ``limit`` code points: unchanged, or cut after a whole cluster, with an ellipsis.

    Raises ``ValueError`` when not even the ellipsis fits.
    """
    return _cut(title, limit, len)


def shown(title: str, *, struck: bool, limit: int) -> str:
    """What is written to the calendar for a CRM's title, in at most ``limit`` code points, strokes included."""
    told = NO_TITLE if is_blank(title) else clean(title)
    return strike(_cut(told, limit, _struck_length)) if struck else clip(told, limit)


def fits(title: str, *, struck: bool, limit: int) -> bool:
    """Whether :func:`shown` holds the whole title, so that what is read back may be taken for the title."""
    told = clean(title)
    return (_struck_length(told) if struck else len(told)) <= limit


def read(raw: str, *, struck: bool) -> str:
    """The title that a calendar's raw title stands for. ``struck``: whether we struck it; if not, nothing is taken."""
    return unstrike(clean(raw)) if struck else clean(raw)


def _struck(cluster: str) -> str:
    return cluster if _UNSTRIKABLE.match(cluster) else cluster + STROKE


def _unstruck(cluster: str) -> str:
    before, _, after = cluster.rpartition(STROKE)
    return before + after


def _struck_length(title: str) -> int:
    return len(strike(title))


def _cut(title: str, limit: int, length: Callable[[str], int]) -> str:
    """The longest run of leading clusters that leaves room for the ellipsis; the title itself where it fits."""
    if length(title) <= limit:
        return title
    room = limit - length(ELLIPSIS)
    if room < 0:
        raise ValueError(f"a title cannot be cut to {limit} characters")
    clusters = _CLUSTER.findall(title)
    ends = accumulate(map(length, clusters))
    return "".join(cluster for cluster, end in zip(clusters, ends, strict=True) if end <= room) + ELLIPSIS
