"""What a link remembers survives being written down, also by older and newer code."""

from __future__ import annotations

import json
import timeit
from dataclasses import MISSING, fields
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import (
    Day,
    Event,
    Field,
    FieldConflict,
    Memory,
    Moment,
    NoEvent,
    Owed,
    OwedDelete,
    Task,
    TaskGone,
    TaskOff,
)
from gateway.core.records import EventHint, ReadAgain, TaskHint
from gateway.store.codec import EVENT_HINT, FIELD_CONFLICT, MEMORY, TASK_HINT, CodecError, places_in, places_out
from gateway.store.vault import Vault
from tests.store.rows import NOW, a_memory, a_place

words = st.text(st.characters(), max_size=20)  # lone surrogates and NUL included
days = st.dates(date(1970, 1, 1), date(2100, 1, 1)).map(Day)
instants = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
moments = st.builds(Moment, instants, st.none() | st.sampled_from(["Europe/Berlin", "Pacific/Kiritimati"]))
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: words,
    int: st.integers(0, 2**63 - 1),
    bool: st.booleans(),
    type(None): st.none(),
    Day: days,
    Moment: moments,
    datetime: instants,
    timedelta: st.timedeltas(timedelta(), timedelta(days=400)),
}


@cache
def of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type, as the model declares it."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in PLAIN:
        return PLAIN[kind]
    if hasattr(kind, "__supertype__"):
        return of(kind.__supertype__)
    if origin in (Union, UnionType):
        return st.one_of(*[of(one) for one in arguments])
    if origin is tuple:
        return st.lists(of(arguments[0]), max_size=2).map(tuple)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return st.sampled_from(kind)
    bare = origin or kind
    bound = dict(zip(getattr(bare, "__parameters__", ()), arguments, strict=True))
    hints = get_type_hints(bare)
    return st.builds(bare, **{one.name: of(bound.get(hints[one.name], hints[one.name])) for one in fields(bare)})


@given(of(Memory))
def test_memory(memory: Memory):
    assert MEMORY.load(MEMORY.dump(memory)) == memory


@given(of(TaskHint))
def test_task_hint(hint: Any):
    found = TASK_HINT.load(TASK_HINT.dump(hint))
    assert found == hint
    assert type(found) is type(hint)


@given(of(EventHint))
def test_event_hint(hint: Any):
    found = EVENT_HINT.load(EVENT_HINT.dump(hint))
    assert found == hint
    assert type(found) is type(hint)


@given(of(FieldConflict))
def test_conflict(conflict: FieldConflict):
    assert FIELD_CONFLICT.load(FIELD_CONFLICT.dump(conflict)) == conflict


@given(moments)
def test_a_moment_keeps_the_zone_it_is_shown_in(moment: Moment):
    conflict = FieldConflict(Field.DUE, calendar=moment, kept="")
    found = FIELD_CONFLICT.load(FIELD_CONFLICT.dump(conflict)).calendar
    assert isinstance(found, Moment)
    assert found.zone == moment.zone  # which equality does not look at


def test_a_day_a_moment_and_a_text_that_looks_like_one_are_three_things():
    for value in (Day(date(2026, 11, 22)), Moment(NOW), "2026-11-22", NOW.isoformat(), '{"day": "2026-11-22"}', ""):
        found = FIELD_CONFLICT.load(FIELD_CONFLICT.dump(FieldConflict(Field.DUE, value, value)))
        assert (found.calendar, type(found.kept)) == (value, type(value))


def test_places():
    places = (a_place("e1"), a_place("e2", "c2"))
    assert places_in(json.loads(json.dumps(places_out(places)))) == places
    assert places_in([]) == ()


def test_newer_code_wrote_more_and_older_less():
    raw = json.loads(MEMORY.dump(a_memory()))
    raw["of_tomorrow"] = {"deep": [1]}
    raw["task"]["of_tomorrow"] = 1
    raw["agreed"]["title"]["of_tomorrow"] = 1
    assert MEMORY.load(json.dumps(raw).encode()) == a_memory()
    assert MEMORY.load(b"{}") == Memory()


def test_defaults_are_not_written():
    assert MEMORY.dump(Memory()) == b"{}"
    assert json.loads(MEMORY.dump(Memory(owed=OwedDelete()))) == {"owed": {"is": "OwedDelete"}}


def test_every_field_of_a_memory_has_a_default():
    """Or rows of before it was added could not be read."""
    assert [one.name for one in fields(Memory) if one.default is MISSING and one.default_factory is MISSING] == []


def test_unions_are_told_apart_by_name_so_names_stay():
    names = {kind.__name__ for kind in (*Owed.__args__, Task, TaskOff, TaskGone, ReadAgain, Event, NoEvent)}
    assert names == {
        "OwedEvent", "OwedTask", "OwedDelete", "OwedMove",
        "Task", "TaskOff", "TaskGone", "ReadAgain", "Event", "NoEvent",
    }  # fmt: skip


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", b"{", b"\xff", b'{"task": {"title": "secret"}}', b'{"owed": {"is": "secret"}}']
)
def test_not_readable_tells_no_words(raw: bytes):
    with pytest.raises(CodecError) as caught:
        MEMORY.load(raw)
    assert str(caught.value) == "memory: not readable"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_quick_enough_for_every_run():
    memory, vault, where = a_memory(), Vault((b"k" * 32,)), ("tenant", "row", "column")

    def there_and_back() -> None:
        MEMORY.load(vault.decrypt(vault.encrypt(MEMORY.dump(memory), *where), *where))

    there_and_back()
    best = min(timeit.repeat(there_and_back, number=100, repeat=5)) / 100
    assert best < 0.001, "150 us on an idle machine; a ten times slower one may not fail"
