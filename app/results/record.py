"""The record of a run: one flat row of named figures with units. What a run cannot have is None, never 0."""

from __future__ import annotations

from typing import Literal

import msgspec

SCHEMA = 1

Status = Literal["ok", "failed", "partial", "timeout", "crashed"]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known about a run when it is over, however it ended."""

    schema: int = SCHEMA
    run_id: str
    plan_id: str
    started_at: str
    """UTC, ISO 8601."""
    membench_version: str
    scenario: str
    operation: str
    backend: str
    strategy: str | None
    strategy_options: dict[str, int | float | bool | str | None]
    store: str | None
    model: str | None
    weights: Literal["real", "twin"] | None
    precision: str | None
    threads: int | None
    """Intra-op threads of one session, also where they were left to the library."""
    clients: int
    loop: Literal["closed", "open"]
    rate_ops_s: float | None
    """Asked for, in operations a second; `ops_per_s` beside it is what was achieved."""
    arrivals: Literal["constant", "poisson"] | None
    batch_size: int
    """Memories an operation carries."""
    batch_call: bool | None
    """Whether the backend takes a list in one call, for `add_batch`; False: it looped over single adds."""
    repeats: int
    items: int | None
    """Memories asked for in one repeat; None where time was the limit."""
    duration_s: float | None
    """Time asked for in one repeat; None where items were the limit."""
    status: Status
    error: str | None
    ops_per_s: float | None
    """Memories acknowledged a second: the median over repeats."""
    ops_per_s_low: float | None = None
    ops_per_s_high: float | None = None
    ops_per_s_repeats: tuple[float, ...] = ()
    latency_p50_ms: float | None = None
    """Latencies are of operations: a batch of 100 is one. In an open loop they count from the planned start."""
    latency_p90_ms: float | None = None
    latency_p99_ms: float | None = None
    latency_p99_9_ms: float | None = None
    latency_max_ms: float | None = None
    latency_mean_ms: float | None = None
    latency_hdr: str | None = None
    """The whole histogram in nanoseconds, HdrHistogram's compressed V2 encoding, base64."""
    errors: int = 0
    error_kinds: dict[str, int] = {}
    acknowledged: int = 0
    stored: int | None = None
    lost: int | None = None
    duplicated: int | None = None
    corrupted: int | None = None
    time_cpu: float | None = None
    time_runqueue: float | None = None
    time_lock: float | None = None
    time_result: float | None = None
    time_other: float | None = None
    stage_ms: dict[str, float] | None = None
    locks: list[dict[str, int | float | str]] | None = None
    cpu_percent_per_core: tuple[float, ...] | None = None
    """Mean over the measured time, of the whole machine."""
    gil_busy: float | None = None
    fairness_jain: float | None = None
    """Jain's index of the memories each client got done: 1 is even."""
    queue_depth_p99: float | None = None
    batch_size_mean: float | None = None
    padding_factor: float | None = None
    rss_peak_mb: float | None = None
    limit_ops_per_s: float | None = None
    limit_share: float | None = None
    verdict: str | None = None
    verdict_evidence: list[str] | None = None
    environment: dict[str, str] = {}
