"""The figures of a run: each is declared here once, with its unit, and nowhere else.

The accumulator fills them, the record stores them, and the live view, the tables and the exports read them. A figure
that does not apply, or is not known yet, is None and never 0.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

import msgspec
import msgspec.inspect
from msgspec import Meta

from membench.messages.run import LockUse, ProgramUse, TimerUse
from membench.spec.run import RunSpec

MeanOfRepeats = Annotated[float | None, Meta(extra={"over_repeats": "mean"})]
"""A reading of the process (see `Contention.readings`) whose repeats are averaged."""
SumOfRepeats = Annotated[float | None, Meta(extra={"over_repeats": "sum"})]
"""A reading of the process whose repeats are added up."""
HighestOfRepeats = Annotated[float | None, Meta(extra={"over_repeats": "max"})]
"""A reading of the process of which the highest repeat counts."""


class Figures(RunSpec, frozen=True, kw_only=True):
    """The settings of a run and everything measured under them so far."""

    weights: Literal["real", "twin"] | None = None
    precision_cosine: float | None = None
    """Mean cosine of int8 vectors to those of fp32 over a fixed sample of texts; real weights only."""
    session_threads: tuple[int, ...] | None = None
    """Intra-op threads of each session that the strategy loaded; None where no model embeds."""
    threads_auto: bool | None = None
    """Whether library and strategy chose the threads; None where no model embeds, and in older records."""
    bm25: bool | None = None
    """Whether keyword vectors for BM25 were written beside the memories; None for a backend that cannot write any."""
    memories_per_s: float | None = None
    """Memories acknowledged per second: the geometric mean over repeats (in older records, the median)."""
    memories_per_s_low: float | None = None
    """The 95 % interval of `memories_per_s`, from three repeats on."""
    memories_per_s_high: float | None = None
    memories_per_s_repeats: tuple[float, ...] = ()
    repeats_started_at: tuple[str, ...] = ()
    """When the process of each repeat started, in UTC, ISO 8601; empty where all repeats shared one (older records)."""
    memories_per_s_windows: tuple[float, ...] | None = None
    """In ten equal windows of a repeat, start and tail included, averaged over repeats; None where it was too short."""
    operations_per_s: float | None = None
    """Operations that returned per second of the measured time."""
    latency_p50_ms: float | None = None
    """Latencies are those of operations: a batch of 100 is one. In an open loop they start at the planned start.

    A percentile with fewer than ten operations beyond it is None.
    """
    latency_p90_ms: float | None = None
    latency_p99_ms: float | None = None
    latency_p99_9_ms: float | None = None
    latency_max_ms: float | None = None
    latency_mean_ms: float | None = None
    latency_hdr: str | None = None
    """The whole histogram in nanoseconds: HdrHistogram's compressed V2 encoding, base64."""
    due_not_started: int | None = None
    """Operations of an open loop that fell due but never started: the clients were all busy until the deadline.

    They are in the percentiles with the time from when they fell due to the deadline: the least that they waited.
    """
    errors: int | None = None
    """Operations that raised."""
    error_latency_p50_ms: float | None = None
    """Latencies of the operations that raised; they are in no other latency."""
    error_latency_mean_ms: float | None = None
    error_latency_max_ms: float | None = None
    error_latency_hdr: str | None = None
    """Their whole histogram, encoded like `latency_hdr`."""
    error_kinds: dict[str, int] = msgspec.field(default_factory=dict)
    """Operations that raised, by type of exception."""
    measured_s: float | None = None
    """Wall time of all repeats together."""
    acknowledged: int | None = None
    """Memories acknowledged; this and the following counts are memories."""
    stored: int | None = None
    lost: int | None = None
    """Acknowledged, but not stored."""
    duplicated: int | None = None
    corrupted: int | None = None
    """Foreign texts, and vectors that are not those of their texts: also where texts share a vector that differ."""
    misplaced: int | None = None
    """Stored under another user than the one who added it; None where the backend does not state users."""
    history_missing: int | None = None
    """Acknowledged, but not in the history; None where the system keeps none, or does not show it."""
    store_reopened: bool | None = None
    """Whether a store on disk was closed and opened again before the audit read it; None where nothing was read."""
    metered_s: SumOfRepeats = None
    """Wall time that the meters' readings cover: while a run is in progress, a little less than `measured_s`."""
    client_time_s: float | None = None
    """Time of all clients together, without the time in which no operation was due. Shares of client time are of it."""
    time_cpu: float | None = None
    """Share of client time on a core. The five shares add up to 1."""
    time_runqueue: float | None = None
    """Share of client time ready to run, with no core free."""
    time_lock: float | None = None
    """Share of client time waiting for a lock or a semaphore."""
    time_result: float | None = None
    """Share of client time waiting for a queue, a future or an event."""
    time_other: float | None = None
    """Share of client time blocked on anything else: the disk, the interpreter's lock, a clock."""
    time_sleep: float | None = None
    """Share of client time in `time.sleep`, which is part of `time_other`."""
    harness_share: float | None = None
    """Share of client time between operations: the load generator's own."""
    effective_concurrency: float | None = None
    """Operations in progress on average, failed ones included: the sum of all latencies over the wall time. In an open
    loop, those that are due but not started yet are included."""
    little_ratio: float | None = None
    """Throughput x latency over the clients at work, in a closed loop: 1 by Little's law.

    It is less by the time that clients spent between operations; more means that latencies are recorded wrongly.
    """
    finished_early_share: float | None = None
    """Share of the clients' wall time after they had finished, in a closed loop: the last one still worked."""
    idle_share: float | None = None
    """Share of wall time in an open loop until the next operation fell due: 0 once the loop falls behind."""
    context_switches_per_operation: float | None = None
    stage_ms: dict[str, float] | None = None
    """Mean duration of each stage."""
    stage_p99_ms: dict[str, float] | None = None
    locks: tuple[LockUse, ...] | None = None
    """The longest wait of clients first; None where locks were not metered."""
    timers: tuple[TimerUse, ...] | None = None
    """Sleep of threads other than clients, the longest first; None where sleeps were not metered."""
    cpu_percent_per_core: tuple[float, ...] | None = None
    """Mean use of each core of the machine, 0 to 100."""
    usable_cores: MeanOfRepeats = None
    """Cores that the run may use: physical cores within its processor affinity and its CPU quota."""
    cores_used: MeanOfRepeats = None
    """Cores that the run itself kept busy."""
    cores_used_by_others: MeanOfRepeats = None
    """Cores that other programs kept busy, of those within the run's processor affinity."""
    other_programs: tuple[ProgramUse, ...] | None = None
    """Other programs on this machine that used the cores most; None until a repeat has ended."""
    client_load: MeanOfRepeats = None
    """Clients that ran or were ready to run."""
    worker_load: MeanOfRepeats = None
    """Other threads of the run that ran or were ready to run."""
    gil_busy: MeanOfRepeats = None
    """Share of probes that found the interpreter's lock taken: busy, which is not yet contended."""
    rss_peak_mb: HighestOfRepeats = None
    """Peak resident memory of the runner, in 10^6 bytes."""
    fairness_jain: float | None = None
    """Jain's index of the memories of each client: 1 is even. None where each client has a fixed share of the items."""
    client_items: tuple[int, ...] | None = None
    """Memories acknowledged to each client."""
    client_longest_ms: tuple[float, ...] | None = None
    """The longest latency of each client."""
    queue_depth_p99: float | None = None
    """Requests that wait for a batch."""
    batch_size_mean: float | None = None
    """Texts per call of the model."""
    padding_factor: float | None = None
    """Tokens computed per token of text."""
    limit_memories_per_s: float | None = None
    """The best offline rate found on this machine under the same conditions: no proof that none is higher."""
    limit_share: float | None = None

    def wait_share(self, lock: LockUse) -> float | None:
        """Return the share of client time that was spent waiting for a lock."""
        client_time_s = self.client_time_s
        if client_time_s is None and self.measured_s is not None:  # a record of schema 1
            client_time_s = self.measured_s * self.clients * (1 - (self.idle_share or 0.0))
        if not client_time_s:
            return None
        share = lock.wait_s / client_time_s
        # Records of schema 2 and older include the waits of other threads, so the whole is a better bound.
        return min(share, self.time_lock if lock.other_wait_s is None and self.time_lock is not None else 1.0)

    def held_share(self, lock: LockUse) -> float | None:
        """Return the share of the time for which the busiest of the locks created at one line was held.

        Records of schema 2 and older know only the time of all of them together.
        """
        if lock.utilisation is not None:
            return lock.utilisation
        whole_s = self.metered_s or self.measured_s  # a record of schema 1 has no metered time
        return min(lock.hold_s / whole_s, 1.0) if whole_s else None

    @property
    def cores(self) -> int:
        """The cores that the run may use; records of schema 1 know only those of the machine. 0: unknown."""
        return round(self.usable_cores or 0) or len(self.cpu_percent_per_core or ())

    @property
    def failed_audit(self) -> bool:
        """Whether the store does not hold what was acknowledged, so that the rate means nothing."""
        return any((self.lost, self.duplicated, self.corrupted, self.misplaced, self.history_missing))


@cache
def reading_rules() -> dict[str, str]:
    """Return the figures that the runner reads itself, and how their repeats are combined: `mean`, `sum` or `max`."""
    structure = msgspec.inspect.type_info(Figures)
    assert isinstance(structure, msgspec.inspect.StructType)
    return {
        field.name: field.type.extra["over_repeats"]
        for field in structure.fields
        if isinstance(field.type, msgspec.inspect.Metadata) and field.type.extra and "over_repeats" in field.type.extra
    }
