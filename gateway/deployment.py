"""The built gateway: what the web door, the workers and the commands are handed. Made by ``gateway.wiring``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.core.ports import Lane
from gateway.core.repositories import Store
from gateway.core.vitals import DatabaseVitals, KeyState, Pulse
from gateway.services.context import Context
from gateway.settings import Settings
from gateway.tally import Tally

Probe = Callable[[], str | None]
"""Looks whether a part is there: ``None`` when it is, else why not, in a few words. Takes 3 s at most."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """How the doctor looks, and how the clock is noticed. ``queue``: ``None`` where it does not answer. ``database``,
    ``keys``: raise ``StoreDown``. ``went_round``: the clock has had a good round; never raises."""

    queue: Callable[[], Pulse | None]
    database: Callable[[], DatabaseVitals]
    keys: Callable[[], KeyState]
    went_round: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything of one process. ``probes``: ``database``, ``migrations``, ``queue``, for ``/readyz``.

    ``heard``: take a mailbox's ring back, before looking into it. ``tally``: what was counted in this process.
    ``rotate_keys``: encrypt everything under the newest key; yields after each portion how many are done, how many open
    with none of our keys, and how many are left.
    """

    settings: Settings = field(repr=False)
    ctx: Context = field(repr=False)
    store: Store = field(repr=False)
    probes: Mapping[str, Probe] = field(repr=False)
    heard: Callable[[str, Lane], None] = field(repr=False)
    tally: Tally = field(repr=False)
    rotate_keys: Callable[[], Iterator[tuple[int, int, int]]] = field(repr=False)
    vitals: Vitals = field(repr=False)
