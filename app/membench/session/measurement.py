"""Adds up what a runner reports, and makes the record of it: also of a run that was cut short."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property

import msgspec
from hdrh.histogram import HdrHistogram

from membench.analysis.contention import Summary, summarise
from membench.analysis.diagnosis import Diagnosis, diagnose
from membench.analysis.statistics import bootstrap_interval, jain_index
from membench.machine.facts import own_version
from membench.messages.run import Audit, Contention, Finished, Message, RepeatEnded, RunSpec, Started, Tick
from membench.results.limits import Limit, limit_for
from membench.results.record import Record, Status
from membench.session.timeline import Windows

LATENCY_HIGHEST_NS = 3_600_000_000_000
LATENCY_DIGITS = 3
NS_PER_MS = 1e6
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


def latency_histogram() -> HdrHistogram:
    """An empty histogram of nanoseconds, 1 ns to an hour, to three significant digits."""
    return HdrHistogram(1, LATENCY_HIGHEST_NS, LATENCY_DIGITS)


class Measurement:
    """The running account of one run. Feed it every message; ask for figures or the record at any time."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.started_at = datetime.now(UTC)
        self.started: Started | None = None
        self.audit: Audit | None = None
        self.latency_counts: Counter[int] = Counter()
        """Operations by their latency in nanoseconds, to three significant digits."""
        self.errors: Counter[str] = Counter()
        self.acknowledged = 0
        self.measured_s = 0.0
        self.rss_peak_mb: float | None = None
        self._rates: list[float] = []
        self._repeat_items = 0
        self._repeat_s = 0.0
        self._windows = Windows()
        self._core_seconds: list[float] = []
        self._client_items: list[float] = []
        self._client_longest_ns: list[int] = []
        self._contention: dict[int, Contention] = {}

    def feed(self, message: Message) -> None:
        """Take one message into account."""
        match message:
            case Started():
                self.started = message
            case Tick():
                self._add(message)
            case RepeatEnded():
                self._rates.append(message.items / message.wall_s if message.wall_s else 0.0)
                self._repeat_items, self._repeat_s = 0, 0.0
            case Finished():
                self.audit = message.audit
            case _:
                pass

    def _add(self, tick: Tick) -> None:
        for value, count in zip(tick.latency_ns, tick.latency_counts, strict=True):
            self.latency_counts[value] += count
        self.errors.update(tick.errors)
        self.acknowledged += tick.items
        self.measured_s += tick.duration_s
        self._windows.add(tick.duration_s, tick.items)
        self.rss_peak_mb = tick.rss_mb
        self._repeat_items += tick.items
        self._repeat_s = tick.elapsed_s
        self._core_seconds = _added(
            self._core_seconds, [percent * tick.duration_s for percent in tick.cpu_percent_per_core]
        )
        self._client_items = _added(self._client_items, tick.client_items)
        if tick.client_longest_ns:
            longest = self._client_longest_ns or [0] * len(tick.client_longest_ns)
            self._client_longest_ns = list(map(max, longest, tick.client_longest_ns))
        if tick.contention:
            self._contention[tick.repeat] = tick.contention

    @property
    def memories_per_s(self) -> float | None:
        """Memories a second: the median of the repeats that ended; before that, of what there is."""
        if self._rates:
            return statistics.median(self._rates)
        return self._repeat_items / self._repeat_s if self._repeat_s else None

    @property
    def cpu_percent_per_core(self) -> tuple[float, ...] | None:
        """Mean use of each core, 0 to 100."""
        return tuple(total / self.measured_s for total in self._core_seconds) if self.measured_s else None

    @property
    def contention(self) -> Summary:
        """What held the clients up, over all repeats so far."""
        return summarise(list(self._contention.values()))

    @property
    def latencies(self) -> HdrHistogram:
        """All latencies as a histogram, made anew: what looks at them ten times a second reads `latency_counts`."""
        histogram = latency_histogram()
        for value, count in self.latency_counts.items():
            histogram.record_value(value, count)
        return histogram

    def diagnosis(self) -> Diagnosis:
        """What seems to hold the run back, by what was measured so far."""
        return diagnose(self._figures("partial", None, None))

    def record(self, status: Status, error: str | None = None, batch_call: bool | None = None) -> Record:
        """Everything known by now as a record, with the status that the run ended in."""
        record = self._figures(status, error, batch_call)
        low, high = bootstrap_interval(self._rates)
        record = msgspec.structs.replace(record, memories_per_s_low=low, memories_per_s_high=high)
        if not self.latency_counts:
            return record
        found = diagnose(record)
        return msgspec.structs.replace(
            record,
            **self._latency_figures(),
            verdict=found.verdict,
            verdict_evidence=found.evidence,
            verdict_advice=found.advice,
        )

    def _latency_figures(self) -> dict[str, float | str]:
        latencies = self.latencies
        p50, p90, p99, p99_9 = (latencies.get_value_at_percentile(percentile) / NS_PER_MS for percentile in PERCENTILES)
        return {
            "latency_p50_ms": p50,
            "latency_p90_ms": p90,
            "latency_p99_ms": p99,
            "latency_p99_9_ms": p99_9,
            "latency_max_ms": latencies.get_max_value() / NS_PER_MS,
            "latency_hdr": latencies.encode().decode("ascii"),
        }

    def _figures(self, status: Status, error: str | None, batch_call: bool | None) -> Record:
        """The record but for its verdict, and for what is worth its while at the end only."""
        spec, workload, audit = self.spec, self.spec.workload, self.audit
        contention = self.contention
        time = contention.time
        metered = spec.metering and bool(self._contention)
        operations = self.latency_counts.total()
        busy_s = sum(value * count for value, count in self.latency_counts.items()) / 1e9
        record = Record(
            run_id=spec.run_id,
            plan_id=spec.plan_id,
            started_at=self.started_at.isoformat(timespec="milliseconds"),
            membench_version=own_version(),
            scenario=spec.scenario,
            operation=workload.operation,
            backend=spec.backend,
            strategy=spec.strategy,
            strategy_options=spec.strategy_options,
            store=spec.store,
            model=spec.model if spec.strategy else None,
            weights=self.started.weights if self.started else None,
            precision=spec.precision if spec.strategy else None,
            precision_cosine=self.started.precision_cosine if self.started else None,
            embedder=spec.embedder,
            threads=self.started.threads if self.started else spec.threads,
            clients=workload.clients,
            loop="closed" if workload.target_operations_per_s is None else "open",
            target_operations_per_s=workload.target_operations_per_s,
            arrivals=workload.arrivals if workload.target_operations_per_s is not None else None,
            batch_size=workload.batch_size,
            batch_call=batch_call if workload.operation == "add_batch" else None,
            repeats=workload.repeats,
            items=workload.items,
            duration_s=workload.duration_s,
            status=status,
            error=error,
            memories_per_s=self.memories_per_s,
            memories_per_s_repeats=tuple(self._rates),
            memories_per_s_windows=self._windows.rates(),
            latency_mean_ms=busy_s * 1e3 / operations if operations else None,
            errors=self.errors.total(),
            error_kinds=dict(self.errors),
            acknowledged=audit.acknowledged if audit else self.acknowledged,
            stored=audit.stored if audit else None,
            lost=audit.lost if audit else None,
            duplicated=audit.duplicated if audit else None,
            corrupted=audit.corrupted if audit else None,
            measured_s=self.measured_s or None,
            time_cpu=contention.shares.cpu,
            time_runqueue=contention.shares.runqueue,
            time_lock=contention.shares.lock,
            time_result=contention.shares.result,
            time_other=contention.shares.other,
            harness_share=max(1 - busy_s / time.wall_s, 0.0) if time and operations else None,
            idle_share=time.idle_s / time.wall_s
            if time and time.wall_s and workload.target_operations_per_s is not None
            else None,
            context_switches_per_op=time.switches / operations if time and time.switches and operations else None,
            stage_ms=contention.stage_ms,
            stage_p99_ms=contention.stage_p99_ms,
            locks=[msgspec.structs.asdict(lock) for lock in contention.locks] if metered else None,
            timers=[msgspec.structs.asdict(timer) for timer in contention.timers] if metered else None,
            cpu_percent_per_core=self.cpu_percent_per_core,
            cores_used=contention.cores_used,
            client_load=contention.client_load,
            worker_load=contention.worker_load,
            gil_busy=contention.gil_busy,
            fairness_jain=jain_index(self._client_items),
            client_items=tuple(map(int, self._client_items)) or None,
            client_longest_ms=tuple(longest / NS_PER_MS for longest in self._client_longest_ns) or None,
            queue_depth_p99=contention.queue_depth_p99,
            batch_size_mean=contention.batch_size_mean,
            padding_factor=contention.padding_factor,
            rss_peak_mb=self.rss_peak_mb,
            environment=self.started.environment if self.started else {},
        )
        if self._limit and record.memories_per_s is not None:
            share = record.memories_per_s / self._limit.texts_per_s
            record = msgspec.structs.replace(record, limit_memories_per_s=self._limit.texts_per_s, limit_share=share)
        return record

    @cached_property
    def _limit(self) -> Limit | None:
        return limit_for(self.spec)


def _added(totals: Sequence[float], more: Sequence[float]) -> list[float]:
    return [a + b for a, b in zip(totals, more, strict=True)] if totals else list(more)
