"""Why a run is as slow as it is: one verdict, the figures that led to it, and one thing to try next.

Each cause has a test of its own. They are asked in an order in which an earlier one explains the signs of a later one:
threads that outnumber the cores also hold locks for longer, a queue's timer also leaves cores idle. What fits none of
them is `unclear`, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from membench.results.record import Record
from membench.units import format_latency, format_rate, format_share

Verdict = Literal[
    "lock-bound",
    "compute-bound",
    "timer-bound",
    "store-bound",
    "gil-bound",
    "oversubscribed",
    "padding-bound",
    "harness-bound",
    "under-loaded",
    "unclear",
]

HARNESS_SHARE = 0.25
"""Of client time outside the operations, from which on the figure is the harness's."""
KEPT_UP = 0.97
"""Achieved over asked rate, from which on an open loop was kept up with."""
IDLE_SHARE = 0.2
"""Of client time with nothing due, from which on an open loop was kept up with, however few arrivals there were."""
SPARE_SHARE = 0.3
"""Of the processors, unused in an open loop that was kept up with: there is room for more."""
CROWDED = 1.8
"""Busy threads a core, workers among them, from which on they are in each other's way."""
LOCK_SHARE = 0.4
TIMER_SHARE = 0.4
"""Of client time, spent waiting for a result."""
SLEEP_SHARE = 0.3
"""Of the measured time, slept by the thread that is waited for; on a busy machine its round takes longer."""
TIMER_OF_LATENCY = (0.25, 2.5)
"""What one sleep may be of a mean latency to be what the clients wait for: they come at its start or, at best, halfway;
a shorter one is somebody polling, a longer one a heartbeat."""
STORE_SHARE = 0.5
GIL_BUSY = 0.7
GIL_BLOCKED_SHARE = 0.3
GIL_LOAD = 0.7
"""Threads of the run that run or want to, below which nobody can be holding the interpreter's lock all the time."""
PADDING = 1.5
FREE_CORES = 0.5
"""Cores that nobody uses, below which there is no room for more calls at once."""
SATURATED = 0.8
"""Of the processors, used by the run: they are full."""
COMPUTE_SHARE = 0.6
"""Of client time, on a core or waiting for one: computing is what takes the time."""
QUEUEING_SHARE = 0.2
"""Of client time, waiting for a core, from which on no core is idle for long."""
OTHERS_CORES = 0.3
"""Used by other programs, from which on they are worth a word."""


class Diagnosis(msgspec.Struct, frozen=True):
    """What holds a run back."""

    verdict: Verdict
    evidence: list[str]
    """The figures that led to it, each a phrase."""
    advice: str
    """One step to try, as a sentence."""


def diagnose(record: Record) -> Diagnosis:
    """Find what holds a run back, from its record alone."""
    if not record.acknowledged or record.memories_per_s is None:
        return Diagnosis("unclear", ["no operation returned"], "Look at the run's error and its log.")
    for cause in _CAUSES:
        found = cause(record)
        if found is not None:
            return found
    return Diagnosis("unclear", _shares(record), _next_look(record))


def _next_look(record: Record) -> str:
    if record.locks is None:
        return "Measure without --no-metering: this run does not tell who waits for locks and results."
    return "Measure longer, with --repeats 3, and look at the stages."


def _harness_bound(record: Record) -> Diagnosis | None:
    """The clients spend their time between operations, not in them."""
    share = record.harness_share
    if record.loop == "open" or share is None or share < HARNESS_SHARE or record.latency_mean_ms is None:
        return None
    # A slow operation with pauses around it is not the harness's doing; one that raised has no latency, but took time.
    if record.latency_mean_ms > 0.1 or record.errors:
        return None
    return Diagnosis(
        "harness-bound",
        [
            f"{format_share(share)} of client time is between operations",
            f"mean latency {format_latency(record.latency_mean_ms)}",
        ],
        "This is the ceiling of the load generator itself: measure a backend that does something.",
    )


def _under_loaded(record: Record) -> Diagnosis | None:
    """An open loop that was kept up with, and processors to spare."""
    if record.loop == "closed" or record.target_operations_per_s is None or record.memories_per_s is None:
        return None
    achieved = record.memories_per_s / record.batch_size / record.target_operations_per_s
    used = _cores_used(record)
    kept_up = achieved >= KEPT_UP or (record.idle_share or 0.0) >= IDLE_SHARE
    if not kept_up or used is None or used > 1 - SPARE_SHARE:
        return None
    return Diagnosis(
        "under-loaded",
        [
            f"{format_share(achieved)} of the {record.target_operations_per_s:g} operations a second asked for",
            f"cores {format_share(used)} busy",
            *([f"clients are idle {format_share(record.idle_share)} of their time"] if record.idle_share else []),
        ],
        "Raise --rate until the achieved rate falls behind: only then does anything hold it back.",
    )


def _oversubscribed(record: Record) -> Diagnosis | None:
    """The threads inside the operations outnumber the cores, and clients come on top."""
    cores, clients, workers = _cores(record), record.client_load, record.worker_load
    if clients is None or workers is None or workers < cores - 0.5 or workers + clients < CROWDED * cores:
        return None
    evidence = [f"{workers:.1f} worker threads and {clients:.1f} clients ran or wanted to, on {cores} cores"]
    if record.threads and "sessions" in record.strategy_options:
        sessions = record.strategy_options["sessions"]
        how_many = f"{sessions} sessions" if sessions else "a session for each core"
        evidence.append(f"{how_many} x {record.threads} threads")
    if record.time_runqueue is not None:
        evidence.append(f"clients wait for a core {format_share(record.time_runqueue)} of their time")
    advice = "Use fewer threads in the system under test, at most one a core."
    if (record.threads or 1) > 1:
        advice = "Use fewer threads: with --threads 1 every session keeps to one core."
    return Diagnosis("oversubscribed", evidence, advice)


def _lock_bound(record: Record) -> Diagnosis | None:
    """Clients mostly wait for locks."""
    if record.time_lock is None or record.time_lock < LOCK_SHARE or not record.locks:
        return None
    lock = record.locks[0]
    held = min(float(lock["hold_s"]) / _measured_s(record), 1)
    evidence = [
        f"clients wait for locks {format_share(record.time_lock)} of their time",
        f"the lock made at {lock['site']} is held {format_share(held)} of the time",
        f"longest wait {format_latency(float(lock['longest_wait_ms']))}",
    ]
    used = _cores_used(record)
    if used is not None:
        evidence.append(f"cores {format_share(used)} busy")
    return Diagnosis("lock-bound", evidence, f"{_way_around(str(lock['site']))}{_gain(record, used)}.")


def _gain(record: Record, used: float | None) -> str:
    """What the clients could get done without the lock, as the end of a sentence."""
    if not used:
        return ""
    if (record.gil_busy or 0.0) >= GIL_BUSY:
        return ", but mind that its holder runs Python code, which would run one thread at a time without it too"
    free_cores = _cores(record) - (record.cores_used or 0.0) - _cores_used_by_others(record)
    if free_cores < FREE_CORES:
        return "; the cores are full, so fewer and larger calls help, more calls at once do not"
    # No more than the idle cores carry, and no more than the clients would do if they never waited.
    gain = min(1 + free_cores / max(record.cores_used or 0.0, 1e-3), 1 / max(1 - (record.time_lock or 0.0), 1e-3))
    return f"; the idle cores would give up to {gain:.1f}x"


def _way_around(site: str) -> str:
    if site.startswith("membench_backends/embedding/"):
        return "One lock serialises every embedding: try --strategy shared, or one that batches"
    if site.startswith("membench_backends/stores/"):
        return "The store works behind one lock: try --store edge"
    return f"Calls queue for the lock made at {site}: hold it for less, or write in batches"


def _timer_bound(record: Record) -> Diagnosis | None:
    """Clients wait for results while a thread sleeps on a clock and the processors have little to do."""
    if record.time_result is None or record.time_result < TIMER_SHARE or _is_full(record):
        return None
    timer = next((timer for timer in record.timers or () if _may_be_waited_for(timer, record)), None)
    if timer is None:
        return None
    share, each_ms = float(timer["slept_s"]) / _measured_s(record), _each_ms(timer)
    return Diagnosis(
        "timer-bound",
        [
            f"clients wait for a result {format_share(record.time_result)} of their time",
            f"meanwhile {timer['site']} sleeps {format_share(min(share, 1))} of it, {each_ms:.3g} ms at a time",
            *([f"the timer is set to {record.strategy_options['wait_ms']:g} ms"]
              if "wait_ms" in record.strategy_options else []),
        ],
        "Start as soon as somebody is idle instead of waiting for a clock: a shorter timer, or none.",
    )  # fmt: skip


def _may_be_waited_for(timer: Mapping[str, int | float | str], record: Record) -> bool:
    """Whether a thread sleeps there much of the time, and for about as long as an operation takes."""
    if float(timer["slept_s"]) / _measured_s(record) < SLEEP_SHARE or not timer["sleeps"]:
        return False
    shortest, longest = TIMER_OF_LATENCY
    latency_ms = record.latency_mean_ms
    return latency_ms is None or shortest * latency_ms <= _each_ms(timer) <= longest * latency_ms


def _each_ms(timer: Mapping[str, int | float | str]) -> float:
    return float(timer["slept_s"]) / int(timer["sleeps"]) * 1e3


def _gil_bound(record: Record) -> Diagnosis | None:
    """Clients are blocked by no lock that can be seen, the interpreter's own is taken, and a core's worth is used."""
    blocked, busy = record.time_other, record.gil_busy
    if blocked is None or busy is None or busy < GIL_BUSY or blocked < GIL_BLOCKED_SHARE or record.clients < 2:
        return None
    # Somebody must be running who holds it; and where more than one core's worth runs, that is not what it allows.
    load = (record.client_load or 0.0) + (record.worker_load or 0.0)
    if load < GIL_LOAD or (_cores(record) > 1 and _is_full(record)):
        return None
    return Diagnosis(
        "gil-bound",
        [
            f"clients are blocked {format_share(blocked)} of their time, by no lock, result or store",
            f"the interpreter's lock was taken at {format_share(busy)} of the looks",
            f"clients used {(record.time_cpu or 0) * record.clients:.1f} of {_cores(record)} cores",
        ],
        "Python code runs one thread at a time: do less of it per operation, or use processes.",
    )


def _store_bound(record: Record) -> Diagnosis | None:
    """Most of an operation is writing to the store."""
    stages = record.stage_ms or {}
    kept_ms = {name: stages[name] for name in ("store", "history") if name in stages}
    told_ms = sum(stages.get(name, 0.0) for name in ("embed", "store", "history"))
    whole_ms = max(told_ms, (record.latency_mean_ms or 0.0) / _calls_an_operation(record))
    if not kept_ms or not whole_ms or sum(kept_ms.values()) / whole_ms < STORE_SHARE:
        return None
    slowest = max(kept_ms, key=lambda name: kept_ms[name])
    return Diagnosis(
        "store-bound",
        [
            f"{format_share(sum(kept_ms.values()) / whole_ms)} of an operation is keeping the memory",
            *(f"{name} {format_latency(mean)} on average" for name, mean in stages.items()),
        ],
        f"Embedding is not the problem: look at the {slowest}, or compare --store local,edge.",
    )


def _padding_bound(record: Record) -> Diagnosis | None:
    """The processors are full, but with tokens that only fill batches up."""
    used = _cores_used(record)
    if record.padding_factor is None or record.padding_factor < PADDING or used is None or used < SATURATED:
        return None
    return Diagnosis(
        "padding-bound",
        [f"{record.padding_factor:.2f} tokens computed for one of text", f"cores {format_share(used)} busy"],
        "Batch texts of like length: sort by length, or cap a batch by its tokens.",
    )


def _compute_bound(record: Record) -> Diagnosis | None:
    """The processors, or all that the clients can use of them, are busy with the work itself."""
    used, cores = _cores_used(record), _cores(record)
    share = None if record.time_runqueue is None else (record.time_cpu or 0) + record.time_runqueue
    full = _is_full(record)
    if not full and (share is None or share < COMPUTE_SHARE):
        return None
    evidence = [f"cores {format_share(used)} busy"] if used is not None else []
    if share is not None and share >= QUEUEING_SHARE:
        evidence.append(f"clients are on a core or waiting for one {format_share(share)} of their time")
    others = _cores_used_by_others(record)
    if others >= OTHERS_CORES:
        evidence.append(f"other programs used {others:.1f} cores")
    if not full and others >= OTHERS_CORES and (record.time_runqueue or 0) >= QUEUEING_SHARE:
        advice = "Other programs take the cores that this run wants: end them and measure again."
    elif full or (record.time_runqueue or 0) >= QUEUEING_SHARE:
        advice = f"The {cores} cores are full: only cheaper work helps, such as larger batches or int8."
    else:
        advice = "Each client keeps one core busy and others idle: use more clients, or more --threads."
    return Diagnosis("compute-bound", evidence, advice)


_CAUSES: tuple[Callable[[Record], Diagnosis | None], ...] = (
    _harness_bound,
    _under_loaded,
    _oversubscribed,
    _lock_bound,
    _timer_bound,
    _gil_bound,
    _store_bound,
    _padding_bound,
    _compute_bound,
)


def _cores(record: Record) -> int:
    return len(record.cpu_percent_per_core or ()) or 1


def _cores_used(record: Record) -> float | None:
    """Share of all processors that the run itself used, 0 to 1."""
    return None if record.cores_used is None else min(record.cores_used / _cores(record), 1.0)


def _is_full(record: Record) -> bool:
    """Whether the run itself keeps the processors busy."""
    used = _cores_used(record)
    return used is not None and used >= SATURATED


def _calls_an_operation(record: Record) -> int:
    """How often an operation passes through each stage."""
    return record.batch_size if record.batch_call is False else 1


def _cores_used_by_others(record: Record) -> float:
    """Cores that were busy with something that is no part of the run."""
    machine = sum(record.cpu_percent_per_core or ()) / 100
    return max(machine - (record.cores_used or 0.0), 0.0)


def _measured_s(record: Record) -> float:
    """Wall time of all repeats."""
    return record.measured_s or 1.0


def _shares(record: Record) -> list[str]:
    shares: dict[str, Any] = {
        "on a core": record.time_cpu,
        "waiting for a core": record.time_runqueue,
        "waiting for locks": record.time_lock,
        "waiting for results": record.time_result,
        "blocked otherwise": record.time_other,
    }
    told = [f"{format_share(share)} {what}" for what, share in shares.items() if share is not None and share >= 0.01]
    return (
        ["clients spend " + ", ".join(told)] if told else [f"{format_rate(record.memories_per_s)} ops/s, no more known"]
    )
