"""What holds a run back, found from its figures alone.

A diagnosis consists of facts: a verdict, the figures that led to it, and one step to try. `membench.report.wording`
puts them into words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from membench.analysis.bottleneck import TAKEN, Bottleneck, find_bottleneck, lock_facts, taken_share, without_the_lock
from membench.analysis.facts import Fact, Value
from membench.analysis.figures import Figures
from membench.analysis.load import (
    SATURATED,
    clients_run_python,
    cores_of,
    cores_used_by_clients,
    cores_wanted,
    gil_is_taken,
    is_full,
    other_programs,
    share_used,
    wants_all_cores,
)
from membench.messages.run import TimerUse

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
"""Share of client time between operations from which on the figures describe the harness."""
KEPT_UP = 0.97
"""Achieved rate over target rate from which on the system keeps up with an open loop."""
IDLE_SHARE = 0.2
"""Share of client time with nothing due from which on it keeps up, however few operations there were."""
SPARE_SHARE = 0.3
"""Share of the cores unused, in an open loop that was kept up with: there is room for more."""
CROWDED = 1.8
"""Busy threads per core, workers included, from which on they get in each other's way."""
CROWD_MIN = 3.0
"""Busy threads below which they do not, however few the cores: two that take turns on one core lose nothing."""
WORKERS_MIN = 1.5
"""Busy workers below which a single unrelated thread can be all there is."""
TIMER_SHARE = 0.4
"""Share of client time spent waiting for a result."""
SLEEP_SHARE = 0.3
"""Share of the measured time for which the awaited thread sleeps; on a busy machine its cycle takes longer."""
TIMER_OF_LATENCY = (0.25, 2.5)
"""Length of a sleep, relative to the mean latency, at which clients can be waiting for it: they arrive at its start
or, at best, halfway. A shorter sleep is polling, a longer one a heartbeat."""
STORE_SHARE = 0.5
GIL_BLOCKED_SHARE = 0.3
"""Share of client time blocked on something that no meter shows."""
PADDING = 1.5
COMPUTE_SHARE = 0.6
"""Share of client time on a core or waiting for one from which on computing is what takes the time."""
ASLEEP_SHARE = 0.5
"""Share of client time in `time.sleep` from which on computing is not what takes the time, however full the cores."""
NOTED_SHARE = 0.3
"""Share of client time from which on a run without a cause says more about what it was spent on."""
QUEUEING_SHARE = 0.2
"""Share of client time waiting for a core from which on no core is idle for long."""


class Advice(msgspec.Struct, frozen=True):
    """One step to try."""

    step: str
    options: dict[str, Value] = {}
    """Run options to change, by the names of their flags; None where the direction matters but not the value."""
    values: dict[str, Value] = {}
    outlook: Fact | None = None
    """What the cores say for or against the step."""


class Diagnosis(msgspec.Struct, frozen=True):
    """What holds a run back."""

    verdict: Verdict
    evidence: tuple[Fact, ...]
    """The facts that led to it, the most telling first."""
    advice: Advice


def diagnose(figures: Figures) -> Diagnosis:
    """Find what holds a run back: the first cause whose conditions hold, or `unclear`."""
    if not figures.acknowledged or figures.memories_per_s is None:
        return Diagnosis("unclear", (Fact("no_operation"),), Advice("check_log"))
    for cause in _CAUSES:
        found = cause(figures)
        if found is not None:
            evidence = (*found.evidence, *_ran_out_of_clients(figures, found.verdict))
            return msgspec.structs.replace(found, evidence=evidence)
    step = Advice("enable_metering", {"metering": True}) if figures.locks is None else None
    evidence = (*_client_time(figures), *_waits(figures), *_ran_out_of_clients(figures, "unclear"))
    return Diagnosis("unclear", evidence, step or Advice("measure_longer", {"repeats": 3}))


def _harness_bound(figures: Figures) -> Diagnosis | None:
    """The clients spend their time between operations, not in them."""
    share = figures.harness_share
    if figures.loop == "open" or share is None or share < HARNESS_SHARE or figures.latency_mean_ms is None:
        return None
    # Pauses around a slow operation, or one that raised, are not the harness's.
    if figures.latency_mean_ms > 0.1 or figures.errors:
        return None
    evidence = (
        Fact("between_operations", {"share": share}),
        Fact("mean_latency", {"latency_ms": figures.latency_mean_ms}),
    )
    return Diagnosis("harness-bound", evidence, Advice("measure_a_backend"))


def _under_loaded(figures: Figures) -> Diagnosis | None:
    """An open loop that was kept up with, and cores to spare."""
    target = figures.target_operations_per_s
    if target is None or figures.memories_per_s is None:
        return None
    achieved = figures.memories_per_s / figures.batch_size / target
    used = share_used(figures)
    kept_up = achieved >= KEPT_UP or (figures.idle_share or 0.0) >= IDLE_SHARE
    if not kept_up or used is None or used > 1 - SPARE_SHARE:
        return None
    evidence = [
        Fact("rate_achieved", {"share": achieved, "target_operations_per_s": target}),
        Fact("cores_busy", {"share": used}),
    ]
    if figures.idle_share:
        evidence.append(Fact("clients_idle", {"share": figures.idle_share}))
    return Diagnosis("under-loaded", tuple(evidence), Advice("raise_rate", {"rate": None}))


def _oversubscribed(figures: Figures) -> Diagnosis | None:
    """The threads inside the operations outnumber the cores, and clients come on top."""
    cores, clients, workers = cores_of(figures), figures.client_load, figures.worker_load
    if clients is None or workers is None or workers < max(cores - 0.5, WORKERS_MIN):
        return None
    if workers + clients < max(CROWDED * cores, CROWD_MIN):
        return None
    evidence = [Fact("threads_ready", {"workers": workers, "clients": clients, "cores": cores})]
    if figures.threads and "sessions" in figures.strategy_options:
        sessions = figures.strategy_options["sessions"]
        evidence.append(Fact("sessions", {"sessions": sessions, "threads": figures.threads}))
    if figures.time_runqueue is not None:
        evidence.append(Fact("core_wait", {"share": figures.time_runqueue}))
    advice = Advice("fewer_threads", {"threads": 1}) if (figures.threads or 1) > 1 else Advice("fewer_worker_threads")
    return Diagnosis("oversubscribed", tuple(evidence), advice)


def _lock_bound(figures: Figures) -> Diagnosis | None:
    """Clients mostly wait for a lock that is taken nearly all the time, or for what holds its holders up."""
    bottleneck = find_bottleneck(figures)
    if bottleneck is None:
        return None
    if bottleneck.cause != "lock":
        return _convoy(bottleneck, figures)
    lock, used = bottleneck.lock, share_used(figures)
    evidence = [Fact("lock_wait", {"share": figures.time_lock}), *_outer(bottleneck), *lock_facts(lock, figures)]
    if used is not None:
        evidence.append(Fact("cores_busy", {"share": used}))
    evidence.extend(other_programs(figures))
    outlook = without_the_lock(lock, figures)
    match lock.component:
        case "strategy":
            advice = Advice("replace_strategy", {"strategy": "shared"}, outlook=outlook)
        case "store":
            advice = Advice("replace_store", {"store": "edge"}, outlook=outlook)
        case _ if lock.kind == "semaphore":
            advice = Advice("shorten_semaphore", values={"site": lock.site}, outlook=outlook)
        case _:
            advice = Advice("shorten_lock", values={"site": lock.site}, outlook=outlook)
    return Diagnosis("lock-bound", tuple(evidence), advice)


def _convoy(bottleneck: Bottleneck, figures: Figures) -> Diagnosis:
    """Clients queue at a lock, but only because its holders wait for something else, or because they fill the cores."""
    lock, others = bottleneck.lock, other_programs(figures)
    values: dict[str, Value] = {"site": lock.site, "kind": lock.kind, "share": bottleneck.held_up}
    symptom = [Fact("lock_wait", {"share": figures.time_lock}), *_outer(bottleneck), *lock_facts(lock, figures)]
    cores = [Fact("cores_busy", {"share": share_used(figures)})] if figures.cores_used is not None else []
    if bottleneck.cause == "gil":
        taken = [Fact("gil_taken", {"share": figures.gil_busy})] if gil_is_taken(figures) else []
        evidence = [Fact("convoy_gil", values), *taken, _client_cores(figures)]
        return Diagnosis("gil-bound", (*evidence, *symptom), Advice("less_python"))
    if bottleneck.cause == "cores":
        evidence = [Fact("convoy_cores", values), *cores, *others]
    else:
        evidence = [Fact("holders_fill_cores", values), *cores, *_wanted(figures), *others]
    if lock.component == "strategy":
        advice = Advice("batch_calls", {"strategy": "adaptive"}, outlook=Fact("work_fills_cores"))
    else:
        advice = Advice("end_other_programs") if others and not is_full(figures) else Advice("cheaper_work")
    return Diagnosis("compute-bound", (*evidence, *symptom), advice)


def _outer(bottleneck: Bottleneck) -> list[Fact]:
    """Return the lock at which clients queue, where it is not the one that limits them."""
    outer = bottleneck.outer
    return [Fact("outer_lock", {"site": outer.site, "inner_site": bottleneck.lock.site})] if outer else []


def _timer_bound(figures: Figures) -> Diagnosis | None:
    """Clients wait for results while a thread sleeps on a clock and the cores have little to do."""
    if figures.time_result is None or figures.time_result < TIMER_SHARE or is_full(figures):
        return None
    timer = next((timer for timer in figures.timers or () if _may_be_awaited(timer, figures)), None)
    if timer is None:
        return None
    slept_share = min(timer.slept_s / _metered_s(figures), 1.0)
    evidence = [
        Fact("result_wait", {"share": figures.time_result}),
        Fact("timer_sleeps", {"site": timer.site, "share": slept_share, "sleep_ms": timer.mean_sleep_ms}),
    ]
    if "wait_ms" in figures.strategy_options:
        evidence.append(Fact("timer_setting", {"wait_ms": figures.strategy_options["wait_ms"]}))
    return Diagnosis("timer-bound", tuple(evidence), Advice("remove_timer"))


def _may_be_awaited(timer: TimerUse, figures: Figures) -> bool:
    """Return whether a thread sleeps there most of the time, each time about as long as an operation takes."""
    if timer.slept_s / _metered_s(figures) < SLEEP_SHARE or not timer.sleeps:
        return False
    shortest, longest = TIMER_OF_LATENCY
    latency_ms = figures.latency_mean_ms
    return latency_ms is None or shortest * latency_ms <= timer.mean_sleep_ms <= longest * latency_ms


def _gil_bound(figures: Figures) -> Diagnosis | None:
    """Clients run Python code, and are blocked by nothing visible while the interpreter's lock is taken."""
    if figures.time_other is None or figures.clients < 2 or is_full(figures):
        return None
    if not (gil_is_taken(figures) and clients_run_python(figures)):
        return None
    blocked = figures.time_other - (figures.time_sleep or 0.0)
    if blocked < GIL_BLOCKED_SHARE:
        return None
    evidence = (
        Fact("blocked", {"share": blocked}),
        Fact("gil_taken", {"share": figures.gil_busy}),
        _client_cores(figures),
        *other_programs(figures),
    )
    return Diagnosis("gil-bound", evidence, Advice("less_python"))


def _client_cores(figures: Figures) -> Fact:
    return Fact("client_cores", {"cores_used": cores_used_by_clients(figures), "cores": cores_of(figures)})


def _store_bound(figures: Figures) -> Diagnosis | None:
    """Most of an operation is spent storing the memory."""
    stages = figures.stage_ms or {}
    storing_ms = {name: stages[name] for name in ("store", "history") if name in stages}
    known_ms = sum(stages.get(name, 0.0) for name in ("embed", "store", "history"))
    whole_ms = max(known_ms, (figures.latency_mean_ms or 0.0) / _calls_per_operation(figures))
    if not storing_ms or not whole_ms or sum(storing_ms.values()) / whole_ms < STORE_SHARE:
        return None
    evidence = (
        Fact("storing", {"share": sum(storing_ms.values()) / whole_ms}),
        *(Fact("stage", {"stage": name, "latency_ms": mean_ms}) for name, mean_ms in stages.items()),
    )
    slowest = max(storing_ms, key=lambda name: storing_ms[name])
    return Diagnosis("store-bound", evidence, Advice("compare_stores", {"store": "local,edge"}, {"stage": slowest}))


def _padding_bound(figures: Figures) -> Diagnosis | None:
    """The cores are full, but with tokens that only pad batches."""
    used = share_used(figures)
    if figures.padding_factor is None or figures.padding_factor < PADDING or used is None or used < SATURATED:
        return None
    evidence = (Fact("padding", {"padding_factor": figures.padding_factor}), Fact("cores_busy", {"share": used}))
    return Diagnosis("padding-bound", evidence, Advice("batch_by_length"))


def _compute_bound(figures: Figures) -> Diagnosis | None:
    """The cores, or all that the run can get of them, are busy with the work itself."""
    used, full, queueing = share_used(figures), is_full(figures), figures.time_runqueue or 0.0
    share = None if figures.time_runqueue is None else (figures.time_cpu or 0.0) + figures.time_runqueue
    short_of_cores = wants_all_cores(figures)
    if not full and not short_of_cores and (share is None or share < COMPUTE_SHARE):
        return None
    if (figures.time_sleep or 0.0) >= ASLEEP_SHARE:  # what keeps the cores busy is not what clients wait for
        return None
    evidence = [Fact("cores_busy", {"share": used})] if used is not None else []
    if share is not None and share >= QUEUEING_SHARE:
        evidence.append(Fact("computing", {"share": share}))
    evidence.extend(_wanted(figures))
    others = other_programs(figures)
    evidence.extend(others)
    if not full and others and (short_of_cores or queueing >= QUEUEING_SHARE):
        advice = Advice("end_other_programs")
    elif full or queueing >= QUEUEING_SHARE:
        advice = Advice("cheaper_work")
    else:
        advice = Advice("more_clients", {"clients": None, "threads": None})
    return Diagnosis("compute-bound", tuple(evidence), advice)


def _wanted(figures: Figures) -> list[Fact]:
    """Return the cores that the run could have used, where that is all of them and it did not get them."""
    if is_full(figures) or not wants_all_cores(figures):
        return []
    return [Fact("cores_wanted", {"cores_wanted": cores_wanted(figures), "cores": cores_of(figures)})]


_CAUSES: tuple[Callable[[Figures], Diagnosis | None], ...] = (
    _harness_bound,
    _under_loaded,
    _oversubscribed,
    _lock_bound,
    _timer_bound,
    _store_bound,
    _gil_bound,
    _padding_bound,
    _compute_bound,
)


def _calls_per_operation(figures: Figures) -> int:
    """Return how often an operation passes through each stage."""
    return figures.batch_size if figures.batch_call is False else 1


def _ran_out_of_clients(figures: Figures, verdict: Verdict) -> list[Fact]:
    """Return how many operations of an open loop never started; a few due at the very end are no sign of a shortage."""
    if not figures.due_not_started or verdict == "under-loaded":
        return []
    return [Fact("ran_out_of_clients", {"operations": figures.due_not_started})]


def _metered_s(figures: Figures) -> float:
    return figures.metered_s or figures.measured_s or 1.0


def _client_time(figures: Figures) -> tuple[Fact, ...]:
    """Return where client time went; the bare rate where that is unknown."""
    shares = {
        name: share
        for name in ("time_cpu", "time_runqueue", "time_lock", "time_result", "time_other")
        if (share := getattr(figures, name)) is not None and share >= 0.01
    }
    if shares:
        return (Fact("client_time", shares),)
    return (Fact("rate_only", {"memories_per_s": figures.memories_per_s}),)


def _waits(figures: Figures) -> list[Fact]:
    """Return more about what clients mostly wait for, where no cause is found, and what cannot be seen of it."""
    facts = []
    asleep, other = figures.time_sleep or 0.0, figures.time_other or 0.0
    if (figures.time_lock or 0.0) >= NOTED_SHARE and figures.locks:
        facts += lock_facts(figures.locks[0], figures)
    if (figures.time_result or 0.0) >= NOTED_SHARE:
        if figures.worker_load is not None:
            facts.append(Fact("workers_busy", {"workers": figures.worker_load, "cores": cores_of(figures)}))
        facts += [
            Fact("others_lock", {"site": lock.site, "share": taken_share(lock, figures)})
            for lock in figures.locks or ()
            if (lock.other_wait_s or 0.0) >= NOTED_SHARE * _metered_s(figures) and taken_share(lock, figures) >= TAKEN
        ]
    if asleep >= NOTED_SHARE:
        facts.append(Fact("clients_sleep", {"share": asleep}))
    if other - asleep >= NOTED_SHARE:
        facts.append(Fact("unseen_waits", {"share": other - asleep}))
    return [*facts, *other_programs(figures)]
