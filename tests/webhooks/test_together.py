"""Group commit: nobody waits for company, nobody suffers from it, nobody is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from tests.patience import until
from webhooks.together import MOST, Together


class EverybodysError(Exception):
    pass


@dataclass
class Work:
    """Doubles what it is given; stands still while ``gate`` is shut; fails where told to."""

    gate: threading.Event = field(default_factory=threading.Event)
    groups: list[list[int]] = field(default_factory=list)
    fails: Callable[[Sequence[int]], Exception | None] = lambda _group: None

    def __call__(self, group: Sequence[int]) -> Sequence[int]:
        self.groups.append(list(group))
        assert self.gate.wait(20)
        if error := self.fails(group):
            raise error
        return [2 * one for one in group]


@dataclass
class Crowd:
    together: Together[int, int]
    results: dict[int, int | str] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)

    def send(self, *numbers: int) -> None:
        for number in numbers:
            self.threads.append(threading.Thread(target=self._one, args=(number,)))
            self.threads[-1].start()

    def _one(self, number: int) -> None:
        try:
            self.results[number] = self.together(number)
        except (EverybodysError, ValueError) as error:
            self.results[number] = type(error).__name__

    def join(self) -> dict[int, int | str]:
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive()
        return self.results

    def waiting(self) -> int:
        return len(self.together._row)


def crowd_at(work: Work, late: Sequence[int]) -> Crowd:
    """The first is under way, the others have come meanwhile."""
    crowd = Crowd(Together(work, lambda error: isinstance(error, EverybodysError)))
    crowd.send(0)
    until(lambda: work.groups == [[0]])
    crowd.send(*late)
    until(lambda: crowd.waiting() == len(late))
    work.gate.set()
    return crowd


def test_alone_goes_at_once_and_again():
    work = Work()
    work.gate.set()
    together = Together(work, lambda _error: True)
    assert [together(1), together(2)] == [2, 4]
    assert work.groups == [[1], [2]]


def test_who_comes_meanwhile_goes_together():
    work = Work()
    crowd = crowd_at(work, range(1, 8))
    assert crowd.join() == {number: 2 * number for number in range(8)}
    assert [len(group) for group in work.groups] == [1, 7]


def test_a_group_has_an_end_and_nobody_is_forgotten():
    work = Work()
    many = range(1, 2 * MOST + 4)
    crowd = crowd_at(work, many)
    assert crowd.join() == {number: 2 * number for number in (0, *many)}
    assert [len(group) for group in work.groups] == [1, MOST, MOST, 3]


def test_what_one_brought_is_that_ones_trouble():
    work = Work(fails=lambda group: ValueError("three") if 3 in group else None)
    crowd = crowd_at(work, range(1, 6))
    assert crowd.join() == {0: 0, 1: 2, 2: 4, 3: "ValueError", 4: 8, 5: 10}


def test_what_is_everybodys_is_told_to_everybody_at_once():
    work = Work(fails=lambda group: EverybodysError() if len(group) > 1 else None)
    crowd = crowd_at(work, range(1, 6))
    assert crowd.join() == {0: 0} | dict.fromkeys(range(1, 6), "EverybodysError")
    assert len(work.groups) == 2


def test_a_failure_alone_is_raised_and_the_next_goes_on():
    work = Work(fails=lambda group: ValueError("one") if group == [1] else None)
    work.gate.set()
    together = Together(work, lambda _error: False)
    with pytest.raises(ValueError, match="one"):
        together(1)
    assert together(2) == 4
