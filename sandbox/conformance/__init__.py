"""The conformance kit: `python -m sandbox conformance --crm-url ... --token ...` asks a CRM that speaks the generic
contract everything that the gateway will ever ask of it, and says what passes, what does not, and why that matters.

It uses one task that is on, changes its title and due date, and puts both back. Run it against a test tenant.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from sandbox.conformance import reading, reporting, telling, writing
from sandbox.conformance.bench import Bench, Check, Outcome, Result, run
from sandbox.conformance.listener import Listener

CHECKS: tuple[Check, ...] = (*reading.CHECKS, *writing.CHECKS, *reporting.CHECKS, *telling.CHECKS)
"""In the order in which they run."""

_MARKS = {Outcome.PASSES: "ok  ", Outcome.FAILS: "FAIL", Outcome.NOT_TRIED: "-   "}


def main(arguments: Sequence[str]) -> int:
    """Run it, print the report, and return 0 if nothing fails, else 1."""
    options = _options(arguments)
    listener = Listener(options.listen, options.webhook_secret) if options.listen is not None else None
    bench = Bench(options.crm_url, options.token, options.task, listener, switches_off=options.switch_off)
    try:
        results = run(bench, CHECKS)
    finally:
        bench.close()
        if listener is not None:
            listener.stop()
    sys.stdout.write(as_json(results) if options.json else as_text(results))
    return 1 if any(result.outcome is Outcome.FAILS for result in results) else 0


def as_text(results: Sequence[Result]) -> str:
    """One line each; under a failure what was seen, and why it matters."""
    lines = []
    for result in results:
        lines.append(f"{_MARKS[result.outcome]} {result.check.name}: {result.check.promise}")
        if result.seen:
            lines.append(f"       {result.seen}")
        if result.outcome is Outcome.FAILS:
            lines.append(f"       Why it matters: {result.check.why}")
    counts = [sum(result.outcome is one for result in results) for one in Outcome]
    lines.append(f"{counts[0]} pass, {counts[1]} fail, {counts[2]} were not tried.")
    return "\n".join(lines) + "\n"


def as_json(results: Sequence[Result]) -> str:
    """The same for a machine."""
    told = [
        {"check": r.check.name, "outcome": r.outcome.value, "promise": r.check.promise, "seen": r.seen} for r in results
    ]
    return json.dumps({"results": told}, indent=1) + "\n"


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox conformance", description="Does a CRM speak the generic contract?"
    )
    parser.add_argument("--crm-url", required=True, metavar="URL", help="where its API begins")
    parser.add_argument("--token", required=True, help="the token that the gateway will use")
    parser.add_argument("--task", metavar="ID", help="which task may be changed; else the first that is on")
    parser.add_argument("--listen", type=int, metavar="PORT", help="take in webhooks at http://127.0.0.1:PORT/")
    parser.add_argument("--webhook-secret", default="", metavar="whsec_...", help="what signs them")
    parser.add_argument("--switch-off", action="store_true", help="at the end switch the task off; it stays off")
    parser.add_argument("--json", action="store_true", help="for a machine")
    options = parser.parse_args(arguments)
    if options.listen is not None and not options.webhook_secret.startswith("whsec_"):
        parser.error("--listen needs --webhook-secret whsec_..., the one that the CRM signs with")
    return options
