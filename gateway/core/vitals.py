"""What the doctor measures in the stores: who has been heard of lately, whose time it is, what the keys still open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the queue's server knows. ``at``: its own time, aware UTC. ``threads``: worker threads heard of in the last
    45 seconds, by lane. ``has_clock``: whether a clock had a good round in the last minute. ``limit_bytes``: 0 where
    there is no limit; ``eviction``: empty where the server does not tell."""

    at: datetime
    threads: Mapping[str, int]
    has_clock: bool
    used_bytes: int
    limit_bytes: int
    eviction: str


@dataclass(frozen=True, slots=True)
class DatabaseVitals:
    """``at``: the server's time, aware UTC. ``version``: as in 140005. ``connections``: open now, by anybody; ``most``:
    how many ordinary users may open."""

    at: datetime
    version: int
    connections: int
    most: int


@dataclass(frozen=True, slots=True)
class KeyState:
    """Ciphertexts that are not under the newest key: ``older`` open with another one of ours, ``lost`` with none."""

    older: int
    lost: int
