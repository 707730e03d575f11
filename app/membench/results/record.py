"""The record of a run: one flat row of named figures with units. What a run cannot have is None, never 0."""

from __future__ import annotations

from typing import Literal

import msgspec

from membench.messages.run import embedding_note, run_title

SCHEMA = 1

Status = Literal["ok", "failed", "partial", "timeout", "crashed"]

TIME_PARTS = (
    ("time_lock", "lock", "█"),
    ("time_result", "result", "▓"),
    ("time_runqueue", "waiting for a core", "▒"),
    ("time_cpu", "on a core", "░"),
    ("time_other", "other", "·"),
)
"""Shares of client time in a record, what they are called, and how they are drawn without colour."""


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
    precision_cosine: float | None = None
    """Mean cosine of int8 vectors with those of fp32 over a fixed sample of texts; real weights only."""
    embedder: Literal["model", "fixed"] | None = None
    """Where vectors come from: a model, or a table of ready ones; None for a backend that does not embed."""
    threads: int | None
    """Intra-op threads of one session, also where they were left to the library."""
    clients: int
    loop: Literal["closed", "open"]
    target_operations_per_s: float | None
    """Asked for, in operations a second; `memories_per_s` beside it is what was achieved."""
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
    memories_per_s: float | None
    """Memories acknowledged a second: the median over repeats."""
    memories_per_s_low: float | None = None
    memories_per_s_high: float | None = None
    memories_per_s_repeats: tuple[float, ...] = ()
    memories_per_s_windows: tuple[float, ...] | None = None
    """In ten equal windows of the measured time, start and tail among them; None where it was too short for that."""
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
    measured_s: float | None = None
    """Wall time of all repeats together."""
    acknowledged: int = 0
    stored: int | None = None
    lost: int | None = None
    duplicated: int | None = None
    corrupted: int | None = None
    time_cpu: float | None = None
    """Shares of client time, sum 1: on a core,"""
    time_runqueue: float | None = None
    """ready to run but without one,"""
    time_lock: float | None = None
    """waiting for a lock,"""
    time_result: float | None = None
    """waiting for a queue, a future or an event,"""
    time_other: float | None = None
    """and blocked on anything else: the disk, the interpreter's lock, a clock."""
    harness_share: float | None = None
    """Of client time, spent between operations: the load generator's own."""
    idle_share: float | None = None
    """Of client time in an open loop, until the next operation fell due: none of it once the loop falls behind."""
    context_switches_per_op: float | None = None
    """Times a client was given a core, an operation."""
    stage_ms: dict[str, float] | None = None
    stage_p99_ms: dict[str, float] | None = None
    locks: list[dict[str, int | float | str]] | None = None
    """The most waited for first, each with the fields of `membench.messages.run.LockUse`."""
    timers: list[dict[str, int | float | str]] | None = None
    """Sleeping by threads that are no clients, the longest first: the fields of `membench.messages.run.TimerUse`."""
    cpu_percent_per_core: tuple[float, ...] | None = None
    """Mean over the measured time, of the whole machine."""
    cores_used: float | None = None
    """Cores that the run itself kept busy, on average."""
    client_load: float | None = None
    """Clients that ran or wanted to run, on average."""
    worker_load: float | None = None
    """Other threads of the run that did."""
    gil_busy: float | None = None
    """Share of looks at which the interpreter's lock was taken: busy, which is not yet contended."""
    fairness_jain: float | None = None
    """Jain's index of the memories each client got done: 1 is even."""
    client_items: tuple[int, ...] | None = None
    """Memories each client got done."""
    client_longest_ms: tuple[float, ...] | None = None
    """The longest latency of each client."""
    queue_depth_p99: float | None = None
    batch_size_mean: float | None = None
    padding_factor: float | None = None
    """Tokens computed for one token of text."""
    rss_peak_mb: float | None = None
    limit_memories_per_s: float | None = None
    limit_share: float | None = None
    verdict: str | None = None
    verdict_evidence: list[str] | None = None
    verdict_advice: str | None = None
    drawn: str | None = None
    """What was drawn while it was measured: `headless` (nothing), `quiet` (the elapsed time), or redraws, `4/s`."""
    environment: dict[str, str] = {}

    def title(self) -> str:
        """The run in a few words, as its `RunSpec` says it."""
        how = (self.strategy, embedding_note(self.precision, self.embedder), self.store)
        return run_title(self.scenario, self.backend, *how, clients=self.clients)
