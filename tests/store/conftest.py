"""The store's fixtures, for the tests here."""

from __future__ import annotations

from tests.fakes_store import clock, store, store_database, store_engine

__all__ = ["clock", "store", "store_database", "store_engine"]
