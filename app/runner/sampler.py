"""Turns what clients note down into ticks: deltas of counts, latencies, CPU and memory."""

from __future__ import annotations

import resource
import sys
from collections import Counter

import psutil

from app.messages import Tick
from app.runner.load import NS_PER_S
from app.runner.recorder import ClientLog, fold

INTERVAL_NS = 100_000_000
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_BYTES_PER_MB = 1e6


class Sampler:
    """Makes the ticks of one repeat."""

    def __init__(self, repeat: int, start_ns: int, logs: list[ClientLog]) -> None:
        self._repeat = repeat
        self._start_ns = start_ns
        self._last_ns = start_ns
        self._logs = logs
        self._items = [log.acknowledged for log in logs]
        self._errors = _error_counts(logs)
        psutil.cpu_percent(percpu=True)  # the next call counts from here

    def tick(self, now_ns: int) -> Tick:
        """What happened since the tick before, or since the start."""
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
