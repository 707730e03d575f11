"""Turns what clients note down into ticks: deltas of counts, latencies, CPU and memory."""

from __future__ import annotations

import resource
import sys
from collections import Counter

import psutil

from membench.messages.run import Tick
from membench.runner.load import NS_PER_S
from membench.runner.meters import Meters
from membench.runner.recorder import ClientLog, fold

INTERVAL_NS = 100_000_000
CONTENTION_EVERY = 5
"""Ticks from one look at locks and threads to the next: it costs more than counting, and half a second will do."""
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_BYTES_PER_MB = 1e6


class Sampler:
    """Makes the ticks of one repeat."""

    def __init__(self, repeat: int, logs: list[ClientLog], meters: Meters) -> None:
        self._repeat = repeat
        self._meters = meters
        self._ticks = 0
        self._logs = logs
        self._items = [log.acknowledged for log in logs]
        self._errors = _error_counts(logs)
        psutil.cpu_percent(percpu=True)  # the next call counts from here

    def start(self, start_ns: int) -> None:
        """Say when the clients started, before the first tick."""
        self._start_ns = self._last_ns = start_ns

    def tick(self, now_ns: int, last: bool) -> Tick:
        """What happened since the tick before, or since the start; the last tick of a repeat always tells of locks."""
        self._ticks += 1
        drained = [log.drain() for log in self._logs]
        values, counts = fold(drained)
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
            rss_mb=peak_memory_mb(),
            client_items=client_items,
            client_longest_ns=tuple(max(taken, default=0) for taken in drained),
            contention=self._meters.read(self._logs) if last or not self._ticks % CONTENTION_EVERY else None,
        )
        self._last_ns, self._items, self._errors = now_ns, items, errors
        return tick


def peak_memory_mb() -> float:
    """The most memory this process has held resident, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / _BYTES_PER_MB


def _error_counts(logs: list[ClientLog]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for log in logs:
        totals.update(log.errors.copy())
    return totals
