"""``/metrics`` for Prometheus: the numbers of the whole deployment, whichever web process is asked (B27).

Everything comes from the database, where all processes leave what they count: one address to ask on any platform, also
where the processes cannot be reached one by one. https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from flask import Blueprint, Response, request
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry
from werkzeug.exceptions import NotFound

from gateway.core.counts import Series
from gateway.core.errors import NotTrusted
from gateway.core.reflecting import Slot, percentile, together
from gateway.core.repositories import UnitOfWork
from gateway.deployment import Gateway
from gateway.web.door import gateway

metrics = Blueprint("metrics", __name__)

PREFIX: Final = "calendar_gateway"
LATELY: Final = timedelta(hours=1)
"""The time whose changes are told of as quantiles."""

QUANTILES: Final = (0.5, 0.95, 0.99)
_HELP: Final = {
    "arrivals": "Arrivals at the calendar providers' doors, by the status they were answered with.",
    "calls": "Calls to the outside, by the status of the answer.",
    "deliveries": "Deliveries at the CRM's door, by the status they were answered with.",
    "drains": "Times a worker looked into a mailbox.",
    "pushes": "Arrivals that were taken or refused.",
    "rings": "Times somebody was woken.",
    "work": "Pieces of work, by what became of them.",
}


@metrics.get("/metrics")
def tell() -> Response:
    """All metrics, for who has ``METRICS_TOKEN``, as a bearer token; without that setting there is nothing here."""
    token = gateway().settings.metrics_token
    if not token:
        raise NotFound
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise NotTrusted("the metrics are not for everybody: send METRICS_TOKEN as a bearer token")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(gateway()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Numbers(Collector):
    """One look at the database, told as metric families."""

    def __init__(self, of: Gateway) -> None:
        self._of = of

    def collect(self) -> Iterable[Metric]:
        """All of them, in one transaction."""
        now = self._of.ctx.clock.now()
        with self._of.store.begin() as uow:
            yield from _counted(uow)
            yield from _owed(uow, now)
            yield from _people(uow, now)
            yield from _reflected(uow.reflections.slots(now - LATELY, LATELY))


def _counted(uow: UnitOfWork) -> Iterator[Metric]:
    families: dict[str, list[tuple[Series, int]]] = {}
    for series, value in uow.counts.all().items():
        families.setdefault(series.name, []).append((series, value))
    for name, rows in families.items():
        labels = sorted({label for series, _ in rows for label, _value in series.labels})
        family = CounterMetricFamily(f"{PREFIX}_{name}", _HELP.get(name, name), labels=labels)
        for series, value in rows:
            known = dict(series.labels)
            family.add_metric([known.get(label, "") for label in labels], value)
        yield family


def _owed(uow: UnitOfWork, now: datetime) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(f"{PREFIX}_work_waiting", "Owed work, by how it stands.", labels=["topic", "stands"])
    oldest = GaugeMetricFamily(f"{PREFIX}_work_oldest_seconds", "How long the oldest due is owed.", labels=["topic"])
    for one in uow.survey.waiting(now):
        due = one.count - one.running - one.retrying - one.later
        standing = {"due": max(0, due), "running": one.running, "retrying": one.retrying, "later": one.later}
        for stands, count in standing.items():
            waiting.add_metric([one.topic.value, stands], count)
        age = (now - one.oldest_at).total_seconds() if one.oldest_at else 0.0
        oldest.add_metric([one.topic.value], max(0.0, age))
    parked = GaugeMetricFamily(f"{PREFIX}_work_parked", "Work set aside.", labels=["topic", "reason"])
    for kind in uow.survey.parked_kinds():
        parked.add_metric([kind.topic.value, kind.reason], kind.count)
    yield from (waiting, oldest, parked)


def _people(uow: UnitOfWork, now: datetime) -> Iterator[Metric]:
    connections = GaugeMetricFamily(f"{PREFIX}_connections", "Connections.", labels=["status", "provider"])
    for one in uow.survey.connection_counts():
        connections.add_metric([one.name, one.kind], one.count)
    ending = GaugeMetricFamily(
        f"{PREFIX}_subscriptions", "Live ones, by whole days left; -1: should have ended.", labels=["days_left"]
    )
    for days, count in uow.survey.expiry_by_day(now).items():
        ending.add_metric([str(days)], count)
    yield from (connections, ending)


def _reflected(slots: Iterable[Slot]) -> Iterator[Metric]:
    lately = f"in the last {int(LATELY.total_seconds() // 60)} minutes"
    seconds = GaugeMetricFamily(
        f"{PREFIX}_reflect_seconds",
        f"Time to reach the other side, {lately}.",
        labels=["direction", "provider", "quantile"],
    )
    many = GaugeMetricFamily(
        f"{PREFIX}_reflected", f"Changes that reached the other side {lately}.", labels=["direction", "provider"]
    )
    kinds: dict[tuple[str, str], list[Slot]] = {}
    for slot in slots:
        kinds.setdefault((slot.direction.value, slot.provider), []).append(slot)
    for kind, own in sorted(kinds.items()):
        steps = together(own)
        many.add_metric(list(kind), sum(steps.values()))
        for share in QUANTILES:
            took = percentile(steps, share)
            if took is not None:
                seconds.add_metric([*kind, f"{share:g}"], took.total_seconds())
    yield from (seconds, many)
