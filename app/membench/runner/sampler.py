"""The sampler: turns what clients and meters record into ticks."""

from __future__ import annotations

from collections import Counter

import psutil

from membench.messages.run import Tick
from membench.runner.load import NS_PER_S
from membench.runner.meters import Meters
from membench.runner.recorder import ClientLog, bucket_counts

INTERVAL_NS = 100_000_000
METERS_EVERY = 5
"""Ticks between two readings of the meters, which cost more than counting."""


class Sampler:
    """The source of the ticks of one repeat."""

    def __init__(self, repeat: int, logs: list[ClientLog], meters: Meters) -> None:
        self._repeat = repeat
        self._meters = meters
        self._ticks = 0
        self._logs = logs
        self._items = [log.acknowledged for log in logs]
        self._errors = _error_counts(logs)
        psutil.cpu_percent(percpu=True)  # the next call counts from here

    def start(self, start_ns: int) -> None:
        """Set the moment at which the clients started; call it before the first tick."""
        self._start_ns = self._last_ns = start_ns
        self._meters.start(start_ns)

    def tick(self, now_ns: int, last: bool) -> Tick:
        """Return the changes since the previous tick. The last tick of a repeat always has the meters' readings."""
        self._ticks += 1
        drained = [log.drain() for log in self._logs]
        values, counts = bucket_counts(drained)
        failure_ns, failure_counts = bucket_counts([log.drain_failures() for log in self._logs])
        items = [log.acknowledged for log in self._logs]
        client_items = tuple(now - before for now, before in zip(items, self._items, strict=True))
        errors = _error_counts(self._logs)
        tick = Tick(
            repeat=self._repeat,
            elapsed_s=(now_ns - self._start_ns) / NS_PER_S,
            duration_s=(now_ns - self._last_ns) / NS_PER_S,
            operations=sum(counts),
            items=sum(client_items),
            errors=dict(errors - self._errors),
            latency_ns=values,
            latency_counts=counts,
            cpu_percent_per_core=tuple(psutil.cpu_percent(percpu=True)),
            client_items=client_items,
            client_longest_ns=tuple(max(latencies, default=0) for latencies in drained),
            failure_ns=failure_ns,
            failure_counts=failure_counts,
            contention=self._meters.read(self._logs, last) if last or not self._ticks % METERS_EVERY else None,
        )
        self._last_ns, self._items, self._errors = now_ns, items, errors
        return tick


def _error_counts(logs: list[ClientLog]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for log in logs:
        totals.update(log.errors.copy())
    return totals
