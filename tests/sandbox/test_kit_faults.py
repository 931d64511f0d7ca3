"""The rules of misbehaviour: what fits, how often, and what is held."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kit.faults import BadFault, Faults


def test_a_rule_without_match_fits_anything_once():
    faults = Faults()
    fault_id = faults.add({"do": "drop"})
    found = faults.match("in", "GET", "/", None)
    assert found is not None
    assert (found.id, found.do) == (fault_id, "drop")
    assert faults.match("in", "GET", "/", None) is None


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({"direction": "in"}, True),
        ({"direction": "out"}, False),
        ({"method": "patch"}, True),
        ({"method": "GET"}, False),
        ({"path": "^/tasks/t-[0-9]+$"}, True),
        ({"path": "events"}, False),
        ({"person": "ada@example.test"}, True),
        ({"person": "bob@example.test"}, False),
        ({"direction": "in", "method": "PATCH", "path": "tasks", "person": "ada@example.test"}, True),
        ({"direction": "in", "method": "PATCH", "path": "tasks", "person": "bob@example.test"}, False),
    ],
)
def test_every_key_of_match_must_fit(match: dict[str, str], fits: bool):
    faults = Faults()
    faults.add({"match": match, "do": "hold"})
    assert (faults.match("in", "PATCH", "/tasks/t-1", "ada@example.test") is not None) is fits


def test_times_counts_down_and_null_never_ends():
    faults = Faults()
    faults.add({"do": "drop", "times": 2})
    faults.add({"do": "delay", "delay_ms": 1500, "times": None})
    found = [faults.match("in", "GET", "/", None) for _ in range(5)]
    assert [fault.do if fault else None for fault in found] == ["drop", "drop", "delay", "delay", "delay"]
    assert found[4] is not None
    assert found[4].delay_s == 1.5
    faults.clear()
    assert faults.match("in", "GET", "/", None) is None


def test_what_is_held_goes_once_in_order_and_clearing_lets_it_go():
    faults, gone = Faults(), list[int]()
    faults.hold(lambda: gone.append(1))
    faults.hold(lambda: gone.append(2))
    assert faults.release() == 2
    assert faults.release() == 0
    faults.hold(lambda: gone.append(3))
    faults.clear()
    assert gone == [1, 2, 3]


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({}, "do"),
        ({"do": "explode"}, "do"),
        ({"do": "drop", "when": "now"}, "when"),
        ({"do": "drop", "match": {"host": "x"}}, "host"),
        ({"do": "drop", "match": []}, "match"),
        ({"do": "drop", "match": {"direction": "up"}}, "direction"),
        ({"do": "drop", "match": {"path": "("}}, "path"),
        ({"do": "drop", "match": {"path": 1}}, "path"),
        ({"do": "drop", "times": 0}, "times"),
        ({"do": "status", "status": 99}, "status"),
        ({"do": "status", "headers": [1]}, "headers"),
        ({"do": "delay", "delay_ms": -1}, "delay_ms"),
    ],
)
def test_a_bad_description_is_refused_by_name(spec: dict[str, Any], named: str):
    with pytest.raises(BadFault, match=f"^{named}:"):
        Faults().add(spec)


def test_one_rule_is_lifted_and_the_others_stand() -> None:
    faults = Faults()
    first = faults.add({"do": "status", "status": 429, "times": None})
    faults.add({"do": "drop", "times": None})
    faults.lift(first)
    faults.lift("fault-99")
    found = faults.match("in", "GET", "/", None)
    assert found is not None
    assert found.do == "drop"
