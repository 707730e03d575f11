"""The operations of one run: how long they took, how they ended, and how busy they kept the clients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import mul
from typing import Any

from membench.messages.run import RepeatEnded, Tick, TimeSplit
from membench.results.latency import PERCENTILES, Latencies, bucket_of
from membench.spec.run import RunSpec

NS_PER_S = 1e9


class Operations:
    """Counts of operations by latency in nanoseconds, to three significant digits, over all repeats."""

    def __init__(self, spec: RunSpec) -> None:
        self._spec = spec
        self._returned: Counter[int] = Counter()
        self._failed: Counter[int] = Counter()
        self._unstarted: Counter[int] = Counter()
        """Operations of an open loop that never started, by how long they had been due."""
        self._returned_count = 0
        self._returned_ns = 0
        """Sum of the latencies of the operations that returned."""
        self._ended_s = 0.0
        """Wall time of the repeats that ended, from the barrier to the end of the last operation."""
        self._unfinished_s = 0.0
        """Wall time of the repeat in progress."""

    @property
    def returned(self) -> int:
        """Operations that returned."""
        return self._returned_count

    def add(self, tick: Tick) -> None:
        """Take the operations of a tick into account."""
        _add_counts(self._returned, tick.latency_ns, tick.latency_counts)
        _add_counts(self._failed, tick.failure_ns, tick.failure_counts)
        self._returned_count += sum(tick.latency_counts)
        self._returned_ns += sum(map(mul, tick.latency_ns, tick.latency_counts))
        self._unfinished_s = tick.elapsed_s

    def end_repeat(self, repeat: RepeatEnded) -> None:
        """Take the end of a repeat into account, and the operations that never started in it."""
        _add_counts(self._unstarted, repeat.unstarted_ns, repeat.unstarted_counts)
        self._ended_s += repeat.wall_s
        self._unfinished_s = 0.0

    def latencies(self) -> Latencies:
        """Return the latencies of operations that returned, and the least that those that never started waited."""
        return Latencies.of(self._returned + self._unstarted)

    def encoded_failures(self) -> str | None:
        """Return the histogram of the operations that raised; None if none did."""
        return Latencies.of(self._failed).encode() if self._failed else None

    def figures(self, latencies: Latencies, measured_s: float, time: TimeSplit | None) -> dict[str, Any]:
        """Return the figures of the operations by their names in `Figures`; without any operation, there are none.

        Args:
            latencies: The result of `latencies`, possibly of some time ago: sorting takes time from the run.
            measured_s: Wall time of all repeats.
            time: The time of the clients over the same repeats; None if it was not measured.
        """
        return {**self._latency_figures(latencies, measured_s, time), **self._failure_figures(), **self._load(time)}

    def _latency_figures(self, latencies: Latencies, measured_s: float, time: TimeSplit | None) -> dict[str, Any]:
        if not self._returned_count:
            return {}
        p50, p90, p99, p99_9 = map(latencies.percentile_ms, PERCENTILES)
        return {
            "operations_per_s": self._returned_count / measured_s if measured_s else None,
            "latency_p50_ms": p50,
            "latency_p90_ms": p90,
            "latency_p99_ms": p99,
            "latency_p99_9_ms": p99_9,
            "latency_max_ms": latencies.max_ms,
            "latency_mean_ms": self._returned_ns / NS_PER_S * 1e3 / self._returned_count,
            "context_switches_per_operation": time.switches / self._returned_count if time and time.switches else None,
        }

    def _failure_figures(self) -> dict[str, Any]:
        if not self._failed:
            return {}
        failures = Latencies.of(self._failed)
        return {
            "error_latency_p50_ms": failures.percentile_ms(50.0),
            "error_latency_mean_ms": _total_s(self._failed) * 1e3 / failures.total,
            "error_latency_max_ms": failures.max_ms,
        }

    def _load(self, time: TimeSplit | None) -> dict[str, Any]:
        """Return how busy the clients were, and what an open loop left undone."""
        wall_s = self._ended_s + self._unfinished_s
        busy_s = self._returned_ns / NS_PER_S + _total_s(self._failed)
        if not wall_s or not busy_s:
            return {}
        in_progress_s = busy_s + _total_s(self._unstarted)
        clients_s = time.wall_s if time else 0.0
        load: dict[str, Any] = {"effective_concurrency": in_progress_s / wall_s}
        if self._spec.loop == "open":
            if self._spec.duration_s is not None and self._ended_s:
                load["due_not_started"] = self._unstarted.total()
            if time and clients_s:
                load["idle_share"] = time.idle_s / clients_s
        if clients_s:
            load["harness_share"] = max(1 - busy_s / clients_s, 0.0)
        # While a repeat is in progress, the clients' time and the latencies are not of the same moment.
        if clients_s and self._spec.loop == "closed" and not self._unfinished_s:
            load["little_ratio"] = busy_s / clients_s
            load["finished_early_share"] = max(1 - clients_s / (wall_s * self._spec.clients), 0.0)
        return load


def _add_counts(totals: Counter[int], values_ns: Sequence[int], counts: Sequence[int]) -> None:
    for value, count in zip(values_ns, counts, strict=True):
        totals[bucket_of(value)] += count


def _total_s(counts: Counter[int]) -> float:
    """Return the sum of the latencies that a histogram counts."""
    total_ns: int = sum(map(mul, counts.keys(), counts.values()))
    return total_ns / NS_PER_S
