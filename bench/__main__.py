"""``python -m bench [--quick] [part ...]``: run the benchmarks, print the table, keep the figures as JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from bench import backfill, calls, intake, reflect
from bench.house import House
from bench.table import Row, render

RESULTS = Path(__file__).with_name("results")

Part = Callable[[House], list[Row]]

FULL: Mapping[str, Part] = {
    "reflect": lambda house: reflect.run(house, seconds=20, turns=3),
    "calls": lambda house: calls.run(house, times=5),
    "backfill": lambda house: backfill.run(house, tasks=1000, turns=2),
    "intake": lambda house: intake.run(house, seconds=10, turns=3),
}
QUICK: Mapping[str, Part] = {
    "reflect": lambda house: reflect.run(house, seconds=3, turns=1),
    "calls": lambda house: calls.run(house, times=1),
    "backfill": lambda house: backfill.run(house, tasks=100, turns=1),
    "intake": lambda house: intake.run(house, seconds=2, turns=2),
}


def main() -> int:
    """Exit code 1 when a target was missed."""
    asked = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    asked.add_argument("--quick", action="store_true", help="fewer and shorter rounds, under two minutes")
    asked.add_argument("parts", nargs="*", help=f"of {', '.join(FULL)}; all of them if none is named")
    options = asked.parse_args()
    parts = QUICK if options.quick else FULL
    if unknown := set(options.parts) - parts.keys():
        asked.error(f"no such part: {', '.join(sorted(unknown))}")
    began, rows = time.monotonic(), []
    with House(LOG_LEVEL="WARNING") as house:
        for name in options.parts or parts:
            sys.stderr.write(f"bench: {name}\n")
            rows += parts[name](house)
    print(render(rows))
    print(f"\n{time.monotonic() - began:.0f} s, kept as {_keep(rows)}")
    return 1 if any(row.met is False for row in rows) else 0


def _keep(rows: list[Row]) -> Path:
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
    kept = {"at": now.isoformat(timespec="seconds"), "machine": machine, "rows": [row.shown() for row in rows]}
    path = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(kept, indent=1) + "\n")
    return path


if __name__ == "__main__":
    sys.exit(main())
