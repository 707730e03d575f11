"""The messages about a run: what its process reports from loading to the audit."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec

Key = TypeVar("Key")
Buckets = tuple[tuple[int, ...], tuple[int, ...]]
"""A histogram: the lowest values of its buckets in nanoseconds, ascending, and their counts."""
LATENCY_BITS = 11
"""Bits of a latency that are significant: an HdrHistogram of three digits has 2,048 sub-buckets."""
BEYOND_MIN = 10
"""Least values beyond a percentile for which it is stated: with fewer, it depends on chance."""


def is_stated(percentile: float, values: int) -> bool:
    """Return whether a percentile (0 to 100) has enough of the values beyond it: p50 of 20, p99 of 1,000 values."""
    return round(values * (100 - percentile), 6) >= BEYOND_MIN * 100


class Loading(msgspec.Struct, frozen=True, tag=True):
    """The runner is preparing the run; `stage` describes the current step."""

    stage: str


class WarmingUp(msgspec.Struct, frozen=True, tag=True):
    """The warm-up of `items` memories is in progress. Repeated until all operations have ended."""

    items: int
    done: int = 0
    """Memories whose operations have ended. When all have, the clients start."""


class Started(msgspec.Struct, frozen=True, tag=True):
    """The model is loaded and the clients wait at the barrier. Holds the facts that only the runner knows."""

    weights: Literal["real", "twin"] | None
    """None where no model embeds."""
    threads: int | None
    """Intra-op threads of a session, also where the library chose the number."""
    dimensions: int
    environment: dict[str, str]
    precision_cosine: float | None = None
    """Mean cosine of int8 vectors to those of fp32; None for fp32, and for a twin, whose vectors have no meaning."""
    session_threads: tuple[int, ...] = ()
    """Intra-op threads of each session that the strategy has loaded."""


Component = Literal["strategy", "store"]
LockKind = Literal["lock", "semaphore"]


class HoldSplit(msgspec.Struct, frozen=True):
    """What the holds of a lock consisted of, from a sample of them: shares of hold time, which add up to 1."""

    cpu: float
    """On a core."""
    runqueue: float
    """Ready to run, with no core free."""
    lock: float
    """Waiting for another metered lock."""
    result: float
    """Waiting for a queue, a future or an event."""
    sleep: float
    other: float
    """Blocked on anything else: the disk, the interpreter's lock, native code in other threads."""


class LockUse(msgspec.Struct, frozen=True):
    """The use of all locks created at one line of code."""

    site: str
    """File and line, such as `mem0/memory/storage.py:15`."""
    name: str
    """The attribute or variable that holds the lock; empty if it cannot be determined."""
    acquisitions: int
    contended: int
    """Attempts of clients to acquire a lock that had to wait; in records of schema 2 and older, of all threads."""
    wait_s: float
    """Wait of all clients together; in records of schema 2 and older, of all threads."""
    hold_s: float
    """Hold of all these locks together."""
    longest_wait_ms: float
    longest_queue: int
    """Most clients that waited for one of these locks at the same time."""
    component: Component | None = None
    """The part of the run that created the lock, if it is the strategy or the store."""
    kind: LockKind = "lock"
    permits: int = 1
    """Threads that one semaphore admits at the same time; of several semaphores, the highest number."""
    locks: int | None = None
    """Locks created at this line so far. This and the following are None in records of schema 2 and older."""
    failed: int | None = None
    """Waits of any thread that ended without an acquisition, because their time was up."""
    other_contended: int | None = None
    """Attempts of threads other than clients that had to wait."""
    other_wait_s: float | None = None
    utilisation: float | None = None
    """Share of the metered time for which the busiest of these locks was held; of a semaphore, per permit."""
    handover: float | None = None
    """Share of the metered time in which the busiest of these locks passed from a thread to one that waited for it."""
    handover_runqueue: float | None = None
    """Share of the hand-over in which the next holder waited for a core."""
    hold_split: HoldSplit | None = None
    """None where no hold was sampled, or where the system does not report what threads wait for."""
    inner_site: str | None = None
    """The lock that holders waited for the longest while they held this one."""

    @property
    def contended_share(self) -> float:
        """Share of the attempts of all threads that had to wait."""
        attempts = self.acquisitions + (self.failed or 0)
        return min((self.contended + (self.other_contended or 0)) / attempts, 1.0) if attempts else 0.0

    @property
    def occupied(self) -> float | None:
        """Share of the metered time for which the busiest of these locks was held or being handed over."""
        if self.utilisation is None:
            return None
        return min(self.utilisation + (self.handover or 0.0), 1.0)


PROGRAMS_SHOWN = 3
"""The most programs that are named."""


class ProgramUse(msgspec.Struct, frozen=True):
    """Another program that ran at the same time."""

    name: str
    cores: float
    """Cores that its processes kept busy, on average."""


class TimerUse(msgspec.Struct, frozen=True):
    """The sleep of all threads but clients at one line of code: `time.sleep`, and waits that timed out."""

    site: str
    sleeps: int
    slept_s: float

    @property
    def mean_sleep_ms(self) -> float:
        """Mean length of one sleep; 0 before the first."""
        return self.slept_s / self.sleeps * 1e3 if self.sleeps else 0.0


class TimeSplit(msgspec.Struct, frozen=True):
    """The time of all clients together, in seconds, by what they did. None is unknown."""

    wall_s: float
    cpu_s: float
    runqueue_s: float | None
    """Ready to run, with no core free."""
    lock_s: float | None
    result_s: float | None
    """Waiting for a queue, a future or an event."""
    idle_s: float
    """In an open loop, waiting for the next operation to fall due."""
    switches: int | None
    """Context switches: how often a client was given a core."""
    slept_s: float | None = None
    """In `time.sleep`: part of the time that is blocked on something else."""


class Contention(msgspec.Struct, frozen=True, kw_only=True):
    """The readings of all meters since the repeat started."""

    time: TimeSplit | None
    locks: tuple[LockUse, ...]
    """The longest wait first; empty when locks are not metered."""
    timers: tuple[TimerUse, ...]
    """The longest sleep first."""
    stage_ms: dict[str, tuple[float, float | None]]
    """Mean and 99th percentile of each stage, in milliseconds; None with too few values for a percentile."""
    gauges: dict[str, tuple[float, float | None]]
    """Mean and 99th percentile of each gauge, such as `queue_depth`."""
    readings: dict[str, float]
    """Figures of the process by their names in `membench.analysis.figures.Figures`; unknown ones are absent."""
    other_programs: tuple[ProgramUse, ...] | None = None
    """Those that used the cores most; only in the last reading of a repeat."""


class Tick(msgspec.Struct, frozen=True, tag=True):
    """The changes since the previous tick. The sum of a repeat's ticks is the whole repeat."""

    repeat: int
    elapsed_s: float
    """From the start of the repeat to the end of this tick."""
    duration_s: float
    operations: int
    """Calls that returned."""
    items: int
    """Memories that those calls acknowledged."""
    errors: dict[str, int]
    """Calls that raised, by type of exception."""
    latency_ns: tuple[int, ...]
    """Latencies of the calls that returned, to three significant digits, ascending; counts are in `latency_counts`."""
    latency_counts: tuple[int, ...]
    cpu_percent_per_core: tuple[float, ...]
    """Use of each core of the machine, 0 to 100."""
    client_items: tuple[int, ...]
    """Memories acknowledged to each client."""
    client_longest_ns: tuple[int, ...] = ()
    """The longest latency of each client."""
    failure_ns: tuple[int, ...] = ()
    """Latencies of the calls that raised, like `latency_ns`; counts are in `failure_counts`."""
    failure_counts: tuple[int, ...] = ()
    contention: Contention | None = None
    """Since the start of the repeat, not since the previous tick; absent from most ticks."""


class RepeatEnded(msgspec.Struct, frozen=True, tag=True):
    """All clients have finished one repeat."""

    repeat: int
    wall_s: float
    """From the barrier to the end of the last operation."""
    operations: int
    items: int
    unstarted_ns: tuple[int, ...] = ()
    """Open loop: how long operations that fell due but never started had waited, like `Tick.latency_ns`."""
    unstarted_counts: tuple[int, ...] = ()


class Auditing(msgspec.Struct, frozen=True, tag=True):
    """The clients have finished, and the runner reads the store back. Repeated until it is done."""

    acknowledged: int = 0
    """Memories to check."""
    checked: int = 0
    """Memories read back so far, from the store and from the history."""


class Audit(msgspec.Struct, frozen=True):
    """The contents of the store, compared with what was acknowledged. Counts are memories; None is unknown."""

    acknowledged: int
    stored: int | None
    lost: int | None
    duplicated: int | None
    corrupted: int | None
    """Foreign texts, and vectors that are not those of their texts: also where texts share a vector that differ."""
    misplaced: int | None = None
    """Stored under another user; None where the backend does not state users."""
    history_missing: int | None = None
    """Acknowledged, but not in the system's history; None where it has none."""
    reopened: bool = False
    """Whether the store was closed and opened again before it was read."""
    problem: str | None = None
    """What is wrong, as a sentence, when the store cannot be read or its contents differ."""

    def plus(self, other: Audit) -> Audit:
        """Return both audits together: the sums of their counts, and what was wrong first."""
        sums: dict[str, Any] = {
            name: None if None in (mine := getattr(self, name), theirs := getattr(other, name)) else mine + theirs
            for name in self.__struct_fields__
            if name not in ("reopened", "problem")
        }
        return Audit(**sums, reopened=self.reopened and other.reopened, problem=self.problem or other.problem)


class Finished(msgspec.Struct, frozen=True, tag=True):
    """The run is complete. `audit` is None for a backend that stores nothing."""

    audit: Audit | None
    bm25: bool | None = None
    """Whether the memories have keyword vectors; None for a backend that cannot write any."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The process cannot continue; `error` is one line, and the log has the traceback."""

    error: str


def merge(first: Tick, second: Tick) -> Tick:
    """Return one tick that stands for two consecutive ticks of the same repeat."""
    latency_ns, latency_counts = _merged(
        (first.latency_ns, first.latency_counts), (second.latency_ns, second.latency_counts)
    )
    failure_ns, failure_counts = _merged(
        (first.failure_ns, first.failure_counts), (second.failure_ns, second.failure_counts)
    )
    duration_s = first.duration_s + second.duration_s
    weight = first.duration_s / duration_s if duration_s else 0.5
    return Tick(
        repeat=second.repeat,
        elapsed_s=second.elapsed_s,
        duration_s=duration_s,
        operations=first.operations + second.operations,
        items=first.items + second.items,
        errors=_sums(first.errors, second.errors),
        latency_ns=latency_ns,
        latency_counts=latency_counts,
        cpu_percent_per_core=tuple(
            weight * before + (1 - weight) * after
            for before, after in zip(first.cpu_percent_per_core, second.cpu_percent_per_core, strict=True)
        ),
        client_items=tuple(a + b for a, b in zip(first.client_items, second.client_items, strict=True)),
        client_longest_ns=tuple(map(max, zip(first.client_longest_ns, second.client_longest_ns, strict=True))),
        failure_ns=failure_ns,
        failure_counts=failure_counts,
        contention=second.contention or first.contention,
    )


def _merged(first: Buckets, second: Buckets) -> Buckets:
    """Return the buckets of two histograms together, ascending."""
    counts = _sums(dict(zip(*first, strict=True)), dict(zip(*second, strict=True)))
    values = sorted(counts)
    return tuple(values), tuple(counts[value] for value in values)


def _sums(first: dict[Key, int], second: dict[Key, int]) -> dict[Key, int]:
    return {key: first.get(key, 0) + second.get(key, 0) for key in (*first, *second)}
