"""Which lock limits a run, and what its holders do meanwhile.

A lock is the bottleneck if clients wait for it, the busiest single lock of its line is taken nearly all the time, and
its holders are not held up themselves. A lock is *taken* while it is held, and while it passes from a thread to one
that waits for it: the next holder must be woken up, and get a core and the interpreter's lock.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from membench.analysis.facts import Fact, Value
from membench.analysis.figures import Figures
from membench.analysis.load import (
    SATURATED,
    all_cores_busy,
    clients_run_python,
    cores_of,
    cores_used_by_clients,
    cores_used_by_others,
    gil_is_taken,
    is_full,
)
from membench.messages.run import HoldSplit, LockUse

LOCK_SHARE = 0.4
"""Share of client time waiting for locks from which on they can be what limits the run."""
ONE_LOCK_SHARE = 0.2
"""Share of client time waiting for the locks of one line."""
TAKEN = 0.7
"""Share of the time for which the busiest lock is taken. One that clients always wait for is taken for 0.9 and more."""
WAITING = 0.2
"""Share of the time in which the holder sleeps or waits for another lock, from which on removing the lock helps: such
waits overlap, whatever the cores do."""
HELD_UP = 0.5
"""Share of the time from which on the holders are mostly held up."""
FREE_CORES = 0.5
"""Unused cores below which there is no room for more concurrent calls."""
OTHER_THREADS = 0.5
"""Load of threads other than clients from which on they may be what keeps the interpreter's lock taken."""
HANDOVER = 0.05
"""Share of the time from which on handing over is worth mentioning."""

Cause = Literal["lock", "cores", "work", "gil"]
"""What limits the run where a lock is taken all the time: the lock itself, or, with the lock as a symptom, cores that
its holders wait for, cores that the run fills while they work, or the interpreter's lock that they wait for."""


class Bottleneck(msgspec.Struct, frozen=True):
    """A lock that is taken nearly all the time, and for which clients wait."""

    lock: LockUse
    cause: Cause
    outer: LockUse | None = None
    """The lock at which clients queue, if its holders wait for `lock`."""
    held_up: float = 0.0
    """Share of the time for which the holders were held up, where that is the cause."""


def find_bottleneck(figures: Figures) -> Bottleneck | None:
    """Return the lock for which clients wait the longest of those that are taken nearly all the time; None: no such."""
    if (figures.time_lock or 0.0) < LOCK_SHARE:
        return None
    for lock in figures.locks or ():
        if (figures.wait_share(lock) or 0.0) >= ONE_LOCK_SHARE and taken_share(lock, figures) >= TAKEN:
            innermost = _innermost(lock, figures)
            cause, held_up = _cause(innermost, figures)
            return Bottleneck(innermost, cause, None if innermost is lock else lock, held_up)
    return None


def taken_share(lock: LockUse, figures: Figures) -> float:
    """Return the share of the time for which the busiest lock of a line was held or being handed over."""
    return lock.occupied if lock.occupied is not None else figures.held_share(lock) or 0.0


def _innermost(lock: LockUse, figures: Figures) -> LockUse:
    """Follow holders that mostly wait for another lock, which is taken all the time as well."""
    visited = [lock]
    while (split := lock.hold_split) and split.lock >= HELD_UP:
        inner = next((other for other in figures.locks or () if other.site == lock.inner_site), None)
        if inner is None or inner in visited or taken_share(inner, figures) < TAKEN:
            break
        visited.append(lock := inner)
    return lock


def _cause(lock: LockUse, figures: Figures) -> tuple[Cause, float]:
    """Return what limits the run, and the share of the time for which it held the holders up."""
    taken, split = lock.occupied, lock.hold_split
    if split is None or not taken or lock.utilisation is None:
        return ("work" if is_full(figures) else "lock"), 0.0
    held, handover = lock.utilisation / taken, (lock.handover or 0.0) / taken
    queued = held * split.runqueue + handover * (lock.handover_runqueue or 0.0)
    handed_over = handover * (1.0 - (lock.handover_runqueue or 0.0))
    if held * (split.sleep + split.lock) >= WAITING:
        return "lock", 0.0
    if queued + handed_over >= HELD_UP and queued >= handed_over and all_cores_busy(figures):
        return "cores", queued
    # Holders blocked on something unseen may wait for native threads at work, unless it is the interpreter's lock.
    unseen = held * split.other + handed_over
    work = queued + held * (split.cpu + split.result) + (0.0 if gil_is_taken(figures) else unseen)
    if work >= HELD_UP and _fills_cores(lock, queued * taken, figures):
        return "work", 0.0
    # A thread that is given a lock needs a core and the interpreter's lock.
    waits_to_run = queued + handed_over
    if clients_run_python(figures) and (waits_to_run >= HELD_UP or (unseen >= HELD_UP and gil_is_taken(figures))):
        return "gil", max(waits_to_run, unseen)
    return "lock", 0.0


def _fills_cores(lock: LockUse, runqueue: float, figures: Figures) -> bool:
    """Return whether the run uses or wants all cores.

    Of the clients that are ready to run, only holders count: a thread that is woken when the lock is released, and
    finds it taken by another, waits for a core in vain.
    """
    if is_full(figures):
        return True
    if figures.worker_load is None or figures.time_cpu is None:
        return False
    wanted = figures.worker_load + cores_used_by_clients(figures) + runqueue * lock.permits
    return wanted >= SATURATED * cores_of(figures)


def lock_facts(lock: LockUse, figures: Figures) -> list[Fact]:
    """Return how busy the locks of a line are, and what their holders do."""
    held = figures.held_share(lock)
    if lock.kind == "semaphore":
        facts = [Fact("semaphore_held", {"site": lock.site, "permits": lock.permits, "share": held})]
    else:
        facts = [Fact("lock_held", {"site": lock.site, "share": held})]
    if (lock.locks or 1) > 1:
        facts.append(Fact("busiest_of", {"locks": lock.locks}))
    if (lock.handover or 0.0) >= HANDOVER:
        facts.append(Fact("handed_over", {"share": lock.handover}))
    if lock.hold_split:
        facts.append(Fact("hold_split", _visible(lock.hold_split)))
    if lock.longest_wait_ms:
        facts.append(Fact("longest_wait", {"latency_ms": lock.longest_wait_ms}))
    return facts


def _visible(split: HoldSplit) -> dict[str, Value]:
    shares = msgspec.structs.asdict(split)
    return {name: share for name, share in shares.items() if share >= 0.01} or {"cpu": split.cpu}


def without_the_lock(lock: LockUse, figures: Figures) -> Fact | None:
    """Return what speaks for or against removing the lock. How much faster that is, only trying shows."""
    if figures.cores_used is None:
        return None
    split = lock.hold_split
    if split and split.sleep + split.lock + split.result >= HELD_UP:
        return Fact("holder_waits")
    if _holder_keeps_gil(split, figures):
        return Fact("holder_runs_python")
    cores = cores_of(figures)
    idle_cores = cores - figures.cores_used - cores_used_by_others(figures)
    if idle_cores >= FREE_CORES:
        return Fact("cores_idle", {"idle_cores": idle_cores, "cores": cores})
    return Fact("run_fills_cores") if is_full(figures) else Fact("others_fill_cores")


def _holder_keeps_gil(split: HoldSplit | None, figures: Figures) -> bool:
    """Return whether the holder keeps the interpreter's lock taken, and not another thread of the run."""
    if not gil_is_taken(figures) or (figures.worker_load or 0.0) >= OTHER_THREADS:
        return False
    return split is None or split.cpu >= HELD_UP
