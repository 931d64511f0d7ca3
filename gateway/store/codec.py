"""What a link remembers, as JSON bytes and back. Encrypted by the caller.

Old rows must stay readable: keys we do not know are ignored, keys that are missing take their default. So a field may
be added with a default, or dropped, but never change its meaning under the same name. Defaults are not written at all.

Forms: ``Day`` ``{"day": "2026-11-22"}``, ``Moment`` ``{"at": "2026-11-22T15:00:00+00:00", "zone": ...}``, a duration in
seconds, an instant in ISO 8601, unions by the class' name under ``"is"``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

import cattrs
from cattrs.strategies import configure_tagged_union

from gateway.core.model import ConnectionId, Day, EventId, FieldConflict, Memory, Moment, Owed, Place
from gateway.core.records import EventHint, TaskHint

T = TypeVar("T")
_write = json.JSONEncoder(separators=(",", ":")).encode
_read = json.loads


class CodecError(Exception):
    """Bytes that are not what they should be. The text holds nothing of them: they are people's words."""


class Form(Generic[T]):
    """One kind of value and its JSON bytes."""

    def __init__(self, kind: Any, name: str) -> None:
        self._name = name
        self._unstructure: Callable[[T], Any] = lambda value: _converter.unstructure(value, unstructure_as=kind)
        self._structure: Callable[[Any], T] = lambda raw: _converter.structure(raw, kind)

    def dump(self, value: T) -> bytes:
        """The value as bytes."""
        return _write(self._unstructure(value)).encode("ascii")

    def load(self, raw: bytes) -> T:
        """The value again. Raises ``CodecError``."""
        try:
            plain: dict[str, Any] = _read(raw)
            return self._structure(plain | {})  # of anything but an object the library would make defaults
        except Exception:  # noqa: BLE001 - whatever the library raises may quote the value
            raise CodecError(f"{self._name}: not readable") from None


def _converter_for_rows() -> cattrs.Converter:
    owed: Any = Owed  # a union, which the library's annotations do not take for a type
    made = cattrs.Converter(omit_if_default=True, detailed_validation=False)
    made.register_unstructure_hook_func(_is_enum, lambda value: value.value)
    made.register_unstructure_hook(timedelta, _seconds)
    made.register_structure_hook(timedelta, lambda raw, _: timedelta(seconds=raw))
    made.register_unstructure_hook(datetime, datetime.isoformat)
    made.register_structure_hook(datetime, lambda raw, _: datetime.fromisoformat(raw))
    made.register_unstructure_hook(Day, _when_out)
    made.register_structure_hook(Day, _when_in)
    made.register_unstructure_hook(Moment, _when_out)
    made.register_structure_hook(Moment, _when_in)
    for union in (Day | Moment, Day | Moment | None, str | Day | Moment):
        made.register_unstructure_hook(union, _when_out)
        made.register_structure_hook(union, _when_in)
    for tagged in (Owed, TaskHint, EventHint):
        configure_tagged_union(tagged, made, tag_name="is")
    # The library takes a union with None for another union; it must carry the same tags.
    made.register_unstructure_hook(owed | None, lambda value: value and made.unstructure(value, owed))
    made.register_structure_hook(owed | None, lambda raw, _: raw and made.structure(raw, owed))
    return made


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, StrEnum)


def _seconds(length: timedelta) -> float:
    seconds = length.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


def _when_out(value: str | Day | Moment | None) -> Any:
    match value:
        case Moment(at=at, zone=None):
            return {"at": at.isoformat()}
        case Moment(at=at, zone=zone):
            return {"at": at.isoformat(), "zone": zone}
        case Day(date=day):
            return {"day": day.isoformat()}
        case _:
            return value


def _when_in(raw: Any, _kind: Any) -> Any:
    if raw is None or isinstance(raw, str):
        return raw
    if "day" in raw:
        return Day(date.fromisoformat(raw["day"]))
    return Moment(datetime.fromisoformat(raw["at"]), raw.get("zone"))


_converter = _converter_for_rows()

MEMORY: Form[Memory] = Form(Memory, "memory")
TASK_HINT: Form[TaskHint] = Form(TaskHint, "task hint")
EVENT_HINT: Form[EventHint] = Form(EventHint, "event hint")
FIELD_CONFLICT: Form[FieldConflict] = Form(FieldConflict, "conflict")


def places_out(places: tuple[Place, ...]) -> list[dict[str, str]]:
    """Places for a column of plain JSON: ids only."""
    return [asdict(place) for place in places]


def places_in(raw: list[dict[str, str]]) -> tuple[Place, ...]:
    """The places again."""
    return tuple(
        Place(ConnectionId(one["connection_id"]), one["calendar_id"], EventId(one["event_id"])) for one in raw
    )
