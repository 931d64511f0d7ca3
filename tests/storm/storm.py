"""Rounds of storm and quiet over one deployment, and what was found."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from gateway.core.model import InstallationId
from sandbox import embedded
from tests.conftest import migrate
from tests.storm.checker import Checker
from tests.storm.faults import Weather
from tests.storm.people import Crowd, Leaver
from tests.storm.place import Place

PEOPLE = (("ada@example.com", "google"), ("ola@example.com", "outlook"), ("bob@example.com", "google"))
THREADS = 3
EDIT_PAUSE_S = 0.25
CALM_S = 0.6
ROUND_S = 40.0
QUIET_S = 60.0
"""How long after the end of all faults due work may take (I1)."""

_STEPS_S = (3, 10, 40, 160, 1000, 4000, 15_000)
"""Jumps of time in which whatever waits for its time comes: retries of deliveries and of ours."""
_DAY_S = 26 * 3600.0
_RENEWAL_S = 23 * 86400.0


@dataclass
class Result:
    """What a storm was like, and what is wrong."""

    seed: int
    wrong: list[str] = field(default_factory=list)
    rounds: int = 0
    edits: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    slowest_s: float = 0.0
    took_s: float = 0.0

    def summary(self) -> str:
        """One line."""
        verdict = "clean" if not self.wrong else f"{len(self.wrong)} findings"
        return (
            f"storm seed={self.seed}: {verdict}; {self.rounds} rounds in {self.took_s:.0f} s, "
            f"{self.edits.total()} edits, {self.faults.total()} faults, {self.restarts} processes started again, "
            f"all done at most {self.slowest_s:.1f} s after the end of the faults"
        )


def storm(
    seed: int,
    seconds: float,
    folder: Path,
    path: str,
    *,
    round_s: float = ROUND_S,
    say: Callable[[str], Any] = lambda _: None,
) -> Result:
    """A storm of about so many seconds (rounds are never cut short). Call it from the main thread."""
    result, began = Result(seed), time.monotonic()
    with embedded.start(folder / "servers", {"PATH": path}, durable=False) as servers:
        database = embedded.create_database(servers, "storm")
        migrate(database)
        place = Place(folder, servers, database, path)
        try:
            _Rounds(place, result, say).blow(began + seconds, round_s)
        finally:
            place.stop()
    result.took_s = time.monotonic() - began
    return result


class _Rounds:
    def __init__(self, place: Place, result: Result, say: Callable[[str], Any]) -> None:
        self._place, self._result, self._say = place, result, say
        people = [place.user(email, provider) for email, provider in PEOPLE]
        self._crowd = Crowd(place, people, InstallationId(str(self._one("SELECT id FROM installations"))), result.seed)
        self._weather = Weather(place, result.seed, CALM_S)
        self._checker = Checker(place, self._crowd)
        self._until_done()

    def blow(self, until: float, round_s: float) -> None:
        """Rounds until then, or until one has found something."""
        while not self._result.wrong and (self._result.rounds == 0 or time.monotonic() + round_s < until):
            self._round(self._result.rounds, round_s)
            self._result.rounds += 1

    def _round(self, number: int, round_s: float) -> None:
        leaver = Leaver(self._place, self._crowd, ("google", "outlook")[number % 2], number)
        self._until_done()
        self._checker.begin_round()
        self._weather.story.clear()
        until = time.monotonic() + round_s
        leaving, lossy = self._leave(leaver, round_s / 2), number % 2 == 1
        threads = [
            *self._crowd.edit(until, THREADS, EDIT_PAUSE_S, number),
            self._weather.blow(until, number, lossy=lossy),
        ]
        for thread in threads:
            thread.join(round_s + 90)
        self._weather.calm()
        slow = self._settle(leaving)
        wrong = [] if lossy else self._checker.check()
        if not wrong:
            self._let_days_go_by()
            wrong = self._checker.check()
        wrong += [*self._checker.writes_after(leaver), *self._weather.errors]
        self._book(number, wrong, slow)

    def _leave(self, leaver: Leaver, after_s: float) -> threading.Thread:
        def leave() -> None:
            try:
                leaver.leave(after_s)
            except Exception as error:  # noqa: BLE001 - told with the round
                self._crowd.errors.append(f"leaving: {error!r}")

        thread = threading.Thread(target=leave)
        thread.start()
        return thread

    def _book(self, number: int, wrong: list[str], slow: float) -> None:
        result = self._result
        result.edits, result.faults = Counter(self._crowd.book.counts), Counter(self._weather.counts)
        result.restarts, result.slowest_s = self._place.restarts, max(result.slowest_s, slow)
        if wrong:
            result.wrong += [f"round {number} of seed {result.seed}:", *wrong, *self._weather.story]
        self._say(
            f"round {number}: {result.edits.total()} edits, {result.faults.total()} faults, {slow:.1f} s to quiet"
        )

    # --- the quiet ---

    def _settle(self, leaving: threading.Thread) -> float:
        """All is well again. Gives how long what was due then took; what waits for its time is brought it."""
        self._place.all_well()
        began = time.monotonic()
        self._until_done()
        took = time.monotonic() - began
        leaving.join(120)
        self._quiet()
        return took

    def _let_days_go_by(self) -> None:
        """Until everybody has looked unasked; now and then until subscriptions have run out."""
        for seconds in (_DAY_S, _RENEWAL_S) if self._result.rounds % 3 == 1 else (_DAY_S,):
            self._place.advance(seconds)
            self._until_done()
            self._place.advance(_STEPS_S[2])
            self._until_done()

    def _quiet(self) -> None:
        """Time goes by until everybody has said and heard everything."""
        for step in _STEPS_S:
            self._until_done()
            self._place.advance(step)
        self._until_done()

    def _until_done(self) -> None:
        """Until nothing is due, nothing runs, and nobody has said anything for a moment."""
        deadline, quiet, last = time.monotonic() + QUIET_S, 0, (-1, -1, -1)
        while quiet < 4:
            assert time.monotonic() < deadline, f"not at rest {QUIET_S} s after the end of the faults"
            heard = self._heard()
            quiet = quiet + 1 if heard == last and self._at_work() == 0 else 0
            last = heard
            time.sleep(0.15)

    def _heard(self) -> tuple[int, int, int]:
        place = self._place
        admins = (place.crm_admin, place.google_admin, place.graph_admin)
        first, second, third = (int(admin.call("GET", "/ledger?since=999999999")["next"]) for admin in admins)
        return first, second, third

    def _at_work(self) -> int:
        now = self._place.clock.now()
        return int(
            self._one(
                "SELECT count(*) FROM outbox AS o WHERE (lease_until > clock_timestamp() AND lease_no IS NOT NULL) OR"
                " (due_at <= %s AND NOT EXISTS (SELECT FROM mailbox_pauses AS p WHERE p.mailbox = o.mailbox"
                " AND p.until > %s))",
                now,
                now,
            )
        )

    def _one(self, query: str, *values: object) -> Any:
        with psycopg.connect(self._place.direct_database_url) as connection:
            found = connection.execute(query.encode(), values).fetchone()
        assert found is not None
        return found[0]
