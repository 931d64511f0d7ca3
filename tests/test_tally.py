"""What is counted reaches the deployment's sums, once."""

from __future__ import annotations

import threading

import pytest

from gateway import tally as room
from gateway.core.counts import Series
from gateway.core.repositories import StoreDown
from gateway.store.unit_of_work import PgStore, PgUnitOfWork
from gateway.tally import Tally
from tests.fakes_store import clock, store, store_database, store_engine
from tests.patience import until

__all__ = ["clock", "store", "store_database", "store_engine"]

RUNG = Series("rings", (("lane", "now"), ("outcome", "rung")))


class Down:
    """A store that does not answer."""

    def begin(self) -> PgUnitOfWork:
        raise StoreDown("away")


def test_counted_by_name_and_labels():
    tally = Tally()
    tally.count("rings", outcome="rung", lane="now")
    tally.count("rings", lane="now", outcome="rung")
    tally.count("rings")
    assert tally.waiting() == {RUNG: 2, Series("rings"): 1}


def test_series_do_not_grow_without_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, "SERIES_LIMIT", 3)
    tally = Tally()
    for number in range(10):
        tally.count("x", label=str(number))
    tally.count("x", label="0")
    assert len(tally.waiting()) == 3
    assert tally.waiting()[Series("x", (("label", "0"),))] == 2


def test_two_processes_add_up(store: PgStore):
    for _process in range(2):
        tally = Tally()
        tally.add_to(store)
        tally.count("rings", outcome="rung", lane="now")
        tally.count("rings")
        tally.close()
        assert tally.waiting() == {}
        tally.close()
    with store.begin() as uow:
        assert uow.counts.all() == {RUNG: 2, Series("rings"): 2}


def test_what_could_not_be_added_is_kept(store: PgStore):
    tally = Tally()
    tally.add_to(Down())
    tally.count("rings")
    tally.add()
    tally.count("rings")
    assert tally.waiting() == {Series("rings"): 2}
    tally.add_to(store)
    tally.close()
    with store.begin() as uow:
        assert uow.counts.all() == {Series("rings"): 2}


def test_it_adds_by_itself(store: PgStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, "ADD_SECONDS", 0.05)
    tally = Tally()
    tally.add_to(store)

    def count_many() -> None:
        for _ in range(500):
            tally.count("rings")

    crowd = [threading.Thread(target=count_many) for _ in range(4)]
    for one in crowd:
        one.start()

    def sums() -> int:
        with store.begin() as uow:
            return uow.counts.all().get(Series("rings"), 0)

    until(lambda: sums() == 2000)
    tally.close()
