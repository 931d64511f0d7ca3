"""`python -m sandbox`: the stand-ins as one process, each on its port, until SIGTERM or SIGINT.

Prints one JSON line with the addresses when all are ready.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import sandbox.crm
import sandbox.espocrm
import sandbox.google
import sandbox.graph
import sandbox.hubspot
import sandbox.twenty
from sandbox import conformance
from sandbox.kit.clock import Clock
from sandbox.kit.standin import StandIn


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stand-ins whose ports were given (0: any free port) and return 0 after a clean stop; or, with
    `conformance` as the first word, ask a CRM whether it speaks the contract."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["conformance"]:
        return conformance.main(given[1:])
    options = _options(given)
    running = _start(options)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    print(json.dumps({f"{stand_in.name}_url": stand_in.url for stand_in in running}), flush=True)
    stopped.wait()
    for stand_in in running:
        stand_in.stop()
    return 0


def _start(options: argparse.Namespace) -> list[StandIn]:
    clock = Clock(options.clock_file)
    pace = {"notify_delay_ms": options.notify_delay_ms, "latency_ms": options.latency_ms}
    running: list[StandIn] = []
    crms = (
        (sandbox.crm.start, options.crm_port),
        (sandbox.twenty.start, options.twenty_port),
        (sandbox.espocrm.start, options.espocrm_port),
        (sandbox.hubspot.start, options.hubspot_port),
    )
    running += [start(port, clock, options.seed, **pace) for start, port in crms if port is not None]
    if options.google_port is not None:
        google = sandbox.google.start(
            options.google_port, clock, options.seed, quota_per_minute=options.quota_per_minute, **pace
        )
        running.append(google)
    if options.graph_port is not None:
        graph = sandbox.graph.start(
            options.graph_port, clock, options.seed, quota_per_minute=options.quota_per_minute, **pace
        )
        running.append(graph)
    return running


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="Stand-ins for a CRM, Google and Microsoft.")
    parser.add_argument("--crm-port", type=int, metavar="N", help="serve the CRM on this port (0: any free one)")
    for name in ("Twenty", "EspoCRM", "HubSpot"):
        parser.add_argument(f"--{name.lower()}-port", type=int, metavar="N", help=f"serve {name} on this port")
    parser.add_argument("--google-port", type=int, metavar="N", help="serve Google Calendar on this port")
    parser.add_argument("--graph-port", type=int, metavar="N", help="serve Microsoft's login and Graph on this port")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="ids, tokens and chance follow from it")
    parser.add_argument("--notify-delay-ms", type=float, default=0, metavar="N", help="wait before a webhook or push")
    parser.add_argument("--latency-ms", type=float, default=0, metavar="N", help="wait before each answer")
    parser.add_argument("--clock-file", type=Path, metavar="F", help="seconds added to every now(), shared by all")
    parser.add_argument(
        "--quota-per-minute", type=int, metavar="N", help="requests a provider allows a person a minute"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
