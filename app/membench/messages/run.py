"""The messages about a run: what its process reports from loading to the audit."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

Key = TypeVar("Key")
LATENCY_BITS = 11
"""Bits of a latency that are significant: an HdrHistogram of three digits has 2,048 sub-buckets."""


class Loading(msgspec.Struct, frozen=True, tag=True):
    """The runner is preparing the run; `stage` describes the current step."""

    stage: str


class WarmingUp(msgspec.Struct, frozen=True, tag=True):
    """The warm-up of `items` memories has started."""

    items: int


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


class LockUse(msgspec.Struct, frozen=True):
    """The use of all locks created at one line of code."""

    site: str
    """File and line, such as `mem0/memory/storage.py:15`."""
    name: str
    """The attribute or variable that holds the lock; empty if it cannot be determined."""
    acquisitions: int
    contended: int
    """Acquisitions that had to wait."""
    wait_s: float
    """Wait of all threads together."""
    hold_s: float
    longest_wait_ms: float
    longest_queue: int
    """Most threads that waited for one of these locks at the same time."""
    component: Component | None = None
    """The part of the run that created the lock, if it is the strategy or the store."""

    @property
    def contended_share(self) -> float:
        """Share of the acquisitions that had to wait."""
        return min(self.contended / self.acquisitions, 1.0) if self.acquisitions else 0.0


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


class Contention(msgspec.Struct, frozen=True, kw_only=True):
    """The readings of all meters since the repeat started."""

    time: TimeSplit | None
    locks: tuple[LockUse, ...]
    """The longest wait first; empty when locks are not metered."""
    timers: tuple[TimerUse, ...]
    """The longest sleep first."""
    stage_ms: dict[str, tuple[float, float]]
    """Mean and 99th percentile of each stage, in milliseconds."""
    gauges: dict[str, tuple[float, float]]
    """Mean and 99th percentile of each gauge, such as `queue_depth`."""
    readings: dict[str, float]
    """Figures of the process by their names in `membench.analysis.figures.Figures`; unknown ones are absent."""


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
    contention: Contention | None = None
    """Since the start of the repeat, not since the previous tick; absent from most ticks."""


class RepeatEnded(msgspec.Struct, frozen=True, tag=True):
    """All clients have finished one repeat."""

    repeat: int
    wall_s: float
    """From the barrier to the end of the last operation."""
    operations: int
    items: int


class Auditing(msgspec.Struct, frozen=True, tag=True):
    """The clients have finished, and the runner reads the store back."""


class Audit(msgspec.Struct, frozen=True):
    """The contents of the store, compared with what was acknowledged. Counts are memories; None is unknown."""

    acknowledged: int
    stored: int | None
    lost: int | None
    duplicated: int | None
    corrupted: int | None
    problem: str | None = None
    """What is wrong, as a sentence, when the store cannot be read or its contents differ."""


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
    counts = _sums(dict(zip(first.latency_ns, first.latency_counts, strict=True)),
                   dict(zip(second.latency_ns, second.latency_counts, strict=True)))  # fmt: skip
    values = sorted(counts)
    duration_s = first.duration_s + second.duration_s
    weight = first.duration_s / duration_s if duration_s else 0.5
    return Tick(
        repeat=second.repeat,
        elapsed_s=second.elapsed_s,
        duration_s=duration_s,
        operations=first.operations + second.operations,
        items=first.items + second.items,
        errors=_sums(first.errors, second.errors),
        latency_ns=tuple(values),
        latency_counts=tuple(counts[value] for value in values),
        cpu_percent_per_core=tuple(
            weight * before + (1 - weight) * after
            for before, after in zip(first.cpu_percent_per_core, second.cpu_percent_per_core, strict=True)
        ),
        client_items=tuple(a + b for a, b in zip(first.client_items, second.client_items, strict=True)),
        client_longest_ns=tuple(map(max, zip(first.client_longest_ns, second.client_longest_ns, strict=True))),
        contention=second.contention or first.contention,
    )


def _sums(first: dict[Key, int], second: dict[Key, int]) -> dict[Key, int]:
    return {key: first.get(key, 0) + second.get(key, 0) for key in (*first, *second)}
