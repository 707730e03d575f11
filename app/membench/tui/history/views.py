"""Runs of the history as the dashboard shows runs: a row of the list, or the whole of one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from hdrh.histogram import HdrHistogram

from membench.analysis.contention import Shares, Summary
from membench.messages.run import Corpus, LockUse, RunSpec, TimerUse, TimeSplit, Workload
from membench.results.history import HistoryRow
from membench.results.record import Record
from membench.tui.common.snapshot import Course, Latencies, Point, RunView, bin_of

NOT_KNOWN = Corpus(kind="benchmark")
"""Records do not say which texts were added; nothing that is shown of a run does."""


def view_of(record: Record, hue: int) -> RunView:
    """A run as if it had just been measured: with its locks and latencies, and ten points of its course."""
    course = Course(
        points=_points(record),
        mean=record.memories_per_s,
        latencies=_latencies(record),
        acknowledged=record.acknowledged,
        errors=record.errors,
        weights=record.weights,
        contention=_contention(record),
    )
    return RunView(hue, _spec(record), course=course, limit_memories_per_s=record.limit_memories_per_s, record=record)


def row_of(row: HistoryRow, hue: int) -> RunView:
    """A run of which only that is known which a list shows."""
    known: dict[str, Any] = {name: getattr(row, name) for name in HistoryRow.__struct_fields__ if name != "reference"}
    record = Record(**_UNKNOWN | known)
    course = Course(
        latencies=Latencies(percentiles_ms=() if row.latency_p99_ms is None else (0.0, 0.0, row.latency_p99_ms, 0.0)),
        weights=row.weights,
        contention=Summary(shares=Shares(lock=row.time_lock)),
    )
    return RunView(hue, _spec(record), course=course, record=record)


_UNKNOWN: dict[str, Any] = {
    **{"plan_id": "", "membench_version": "", "operation": "add", "strategy_options": {}, "model": None},
    **{
        "threads": None,
        "loop": "closed",
        "target_operations_per_s": None,
        "arrivals": None,
        "batch_size": 1,
        "batch_call": None,
    },
    **{"repeats": 1, "items": None, "duration_s": None},
}
"""Of a record, what no list shows."""


def _spec(record: Record) -> RunSpec:
    """What the run was, as far as its record says."""
    workload = Workload(
        operation="add_batch" if record.operation == "add_batch" else "add",
        corpus=NOT_KNOWN,
        clients=record.clients,
        items=record.items,
        duration_s=record.duration_s,
        batch_size=record.batch_size,
        repeats=record.repeats,
        target_operations_per_s=record.target_operations_per_s,
    )
    return RunSpec(
        run_id=record.run_id,
        plan_id=record.plan_id,
        scenario=record.scenario,
        workload=workload,
        backend=record.backend,
        strategy=record.strategy,
        strategy_options=record.strategy_options,
        store=record.store,
        model=record.model or "",
        precision="int8" if record.precision == "int8" else "fp32",
        embedder=record.embedder,
        threads=record.threads,
        metering=record.locks is not None,
    )


def _points(record: Record) -> tuple[Point, ...]:
    windows = record.memories_per_s_windows
    if not windows or not record.measured_s:
        return ()
    width_s = record.measured_s / len(windows)
    cores = record.cpu_percent_per_core or ()
    return tuple(
        Point(number * width_s, width_s, round(rate * width_s), cores) for number, rate in enumerate(windows, 1)
    )


def _latencies(record: Record) -> Latencies:
    if record.latency_hdr is None:
        return Latencies()
    bins: Counter[int] = Counter()
    for item in HdrHistogram.decode(record.latency_hdr).get_recorded_iterator():
        bins[bin_of(item.value_iterated_to)] += item.count_at_value_iterated_to
    percentiles = (record.latency_p50_ms, record.latency_p90_ms, record.latency_p99_ms, record.latency_p99_9_ms)
    return Latencies(
        bins=tuple(sorted(bins.items())),
        percentiles_ms=tuple(each for each in percentiles if each is not None),
        longest_ms=record.latency_max_ms,
    )


def _contention(record: Record) -> Summary | None:
    """The meters, from the shares that were made of them."""
    if record.time_cpu is None or not record.measured_s:
        return None
    wall_s = record.measured_s * record.clients
    working_s = wall_s * (1 - (record.idle_share or 0.0))
    runqueue, lock, result = (
        None if share is None else share * working_s
        for share in (record.time_runqueue, record.time_lock, record.time_result)
    )
    return Summary(
        shares=Shares(record.time_cpu, record.time_runqueue, record.time_lock, record.time_result, record.time_other),
        time=TimeSplit(wall_s, record.time_cpu * working_s, runqueue, lock, result, wall_s - working_s, None),
        locks=[msgspec.convert(use, LockUse) for use in record.locks or ()],
        timers=[msgspec.convert(use, TimerUse) for use in record.timers or ()],
        stage_ms=record.stage_ms,
        stage_p99_ms=record.stage_p99_ms,
        queue_depth_p99=record.queue_depth_p99,
        batch_size_mean=record.batch_size_mean,
        padding_factor=record.padding_factor,
        gil_busy=record.gil_busy,
        cores_used=record.cores_used,
        client_load=record.client_load,
        worker_load=record.worker_load,
    )
