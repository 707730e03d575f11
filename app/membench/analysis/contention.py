"""What held the clients of a run up: the meter readings of its repeats, combined into figures."""

from __future__ import annotations

import itertools
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from membench.analysis.figures import reading_rules
from membench.messages.run import (
    PROGRAMS_SHOWN,
    Contention,
    HoldSplit,
    LockKind,
    LockUse,
    ProgramUse,
    TimerUse,
    TimeSplit,
)

Number = TypeVar("Number", int, float)


def meter_figures(repeats: Sequence[Contention]) -> dict[str, Any]:
    """Combine the readings at the end of each repeat.

    Returns:
        Figures by their names in `Figures`. Those that no meter read are absent.
    """
    if not repeats:
        return {}
    tokens, padded = _gauge(repeats, "tokens", 0), _gauge(repeats, "padded_tokens", 0)
    return {
        **_client_time(client_time(repeats)),
        **{name: _over_repeats(name, rule, repeats) for name, rule in reading_rules().items()},
        "locks": _locks(repeats),
        "timers": _timers(repeats),
        "other_programs": _programs(repeats),
        "stage_ms": _stages(repeats, 0) or None,
        "stage_p99_ms": _stages(repeats, 1) or None,
        "queue_depth_p99": _gauge(repeats, "queue_depth", 1),
        "batch_size_mean": _gauge(repeats, "batch_size", 0),
        "padding_factor": padded / tokens if tokens and padded else None,
    }


def client_time(repeats: Sequence[Contention]) -> TimeSplit | None:
    """Add up the time of all clients over the repeats; None where it was not measured."""
    splits = [repeat.time for repeat in repeats if repeat.time]
    if not splits:
        return None
    switches = [split.switches for split in splits]
    return TimeSplit(
        wall_s=sum(split.wall_s for split in splits),
        cpu_s=sum(split.cpu_s for split in splits),
        runqueue_s=_total([split.runqueue_s for split in splits]),
        lock_s=_total([split.lock_s for split in splits]),
        result_s=_total([split.result_s for split in splits]),
        idle_s=sum(split.idle_s for split in splits),
        slept_s=_total([split.slept_s for split in splits]),
        switches=None if None in switches else sum(count or 0 for count in switches),
    )


def _client_time(time: TimeSplit | None) -> dict[str, float | None]:
    """Return the time in which clients had something to do, and its shares.

    Small overlaps (a lock acquired while no core was free) are removed by scaling the known shares down to 1. The
    share of all other blocking follows only where the rest is known.
    """
    if time is None:
        return {}
    known_s = [time.cpu_s, time.runqueue_s, time.lock_s, time.result_s]
    whole_s = max(time.wall_s - time.idle_s, sum(part_s or 0.0 for part_s in known_s))
    if not whole_s:
        return {}
    shares = [None if part_s is None else part_s / whole_s for part_s in known_s]
    cpu, runqueue, lock, result = shares
    total = _total(shares)
    return {
        "client_time_s": whole_s,
        "time_cpu": cpu,
        "time_runqueue": runqueue,
        "time_lock": lock,
        "time_result": result,
        "time_other": None if total is None else max(1.0 - total, 0.0),
        "time_sleep": None if time.slept_s is None else min(time.slept_s / whole_s, 1.0),
    }


def _locks(repeats: Sequence[Contention]) -> tuple[LockUse, ...]:
    """Combine the locks of one line, name and kind: totals are added up, shares weighted by the time they are of."""
    uses: defaultdict[tuple[str, str, LockKind], list[tuple[LockUse, float]]] = defaultdict(list)
    for repeat in repeats:
        for lock in repeat.locks:
            uses[lock.site, lock.name, lock.kind].append((lock, repeat.readings.get("metered_s", 1.0)))
    metered_s = sum(repeat.readings.get("metered_s", 1.0) for repeat in repeats)
    combined = [_combined(same, metered_s) if len(repeats) > 1 else same[0][0] for same in uses.values()]
    return tuple(sorted(combined, key=lambda lock: (lock.wait_s, lock.other_wait_s or 0, lock.hold_s), reverse=True))


def _combined(same: Sequence[tuple[LockUse, float]], metered_s: float) -> LockUse:
    """Return the use of the same locks over all repeats.

    Args:
        same: The use in each repeat that has one, and the repeat's metered seconds.
        metered_s: Metered seconds of all repeats.
    """
    uses = [lock for lock, _ in same]
    handovers = [(lock.handover_runqueue, (lock.handover or 0.0) * repeat_s) for lock, repeat_s in same]
    return msgspec.structs.replace(
        uses[0],
        acquisitions=sum(lock.acquisitions for lock in uses),
        contended=sum(lock.contended for lock in uses),
        wait_s=sum(lock.wait_s for lock in uses),
        hold_s=sum(lock.hold_s for lock in uses),
        longest_wait_ms=max(lock.longest_wait_ms for lock in uses),
        longest_queue=max(lock.longest_queue for lock in uses),
        permits=max(lock.permits for lock in uses),
        locks=max((lock.locks for lock in uses if lock.locks is not None), default=None),
        failed=_total([lock.failed for lock in uses]),
        other_contended=_total([lock.other_contended for lock in uses]),
        other_wait_s=_total([lock.other_wait_s for lock in uses]),
        utilisation=_weighted([(lock.utilisation, repeat_s) for lock, repeat_s in same], metered_s),
        handover=_weighted([(lock.handover, repeat_s) for lock, repeat_s in same], metered_s),
        handover_runqueue=_weighted(handovers),
        hold_split=_hold_split(uses),
        inner_site=max(uses, key=_inner_wait_s).inner_site,
    )


def _hold_split(uses: Sequence[LockUse]) -> HoldSplit | None:
    known = [(lock.hold_split, lock.hold_s) for lock in uses if lock.hold_split]
    if not known:
        return None
    shares = (_weighted([(getattr(split, name), hold_s) for split, hold_s in known]) for name in _SPLIT)
    return HoldSplit(*(share or 0.0 for share in shares))


_SPLIT = HoldSplit.__struct_fields__


def _inner_wait_s(lock: LockUse) -> float:
    return lock.hold_split.lock * lock.hold_s if lock.hold_split else 0.0


def _weighted(values: Sequence[tuple[float | None, float]], whole: float | None = None) -> float | None:
    """Return the mean of the known values, weighted; the weights of repeats without the lock are part of `whole`."""
    known = [(value, weight) for value, weight in values if value is not None]
    total = (whole or sum(weight for _, weight in known)) if known else 0.0
    return sum(value * weight for value, weight in known) / total if total else None


def _programs(repeats: Sequence[Contention]) -> tuple[ProgramUse, ...] | None:
    """Return the programs of all repeats that were read to their end; None where none was."""
    known = [repeat.other_programs for repeat in repeats if repeat.other_programs is not None]
    if not known:
        return None
    cores: defaultdict[str, float] = defaultdict(float)
    for program in itertools.chain.from_iterable(known):
        cores[program.name] += program.cores / len(known)
    programs = [ProgramUse(name, used) for name, used in cores.items()]
    return tuple(sorted(programs, key=lambda program: program.cores, reverse=True)[:PROGRAMS_SHOWN])


def _timers(repeats: Sequence[Contention]) -> tuple[TimerUse, ...]:
    by_site: defaultdict[str, list[TimerUse]] = defaultdict(list)
    for repeat in repeats:
        for timer in repeat.timers:
            by_site[timer.site].append(timer)
    combined = [
        TimerUse(site, sum(timer.sleeps for timer in uses), sum(timer.slept_s for timer in uses))
        for site, uses in by_site.items()
    ]
    return tuple(sorted(combined, key=lambda timer: timer.slept_s, reverse=True))


def _stages(repeats: Sequence[Contention], index: int) -> dict[str, float]:
    """Return the mean (index 0) or the 99th percentile (index 1) of each stage, averaged over repeats that state it."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for repeat in repeats:
        for name, statistic in repeat.stage_ms.items():
            if (value := statistic[index]) is not None:
                values[name].append(value)
    return {name: statistics.fmean(each) for name, each in values.items()}


def _gauge(repeats: Sequence[Contention], name: str, index: int) -> float | None:
    values = [value for repeat in repeats if (value := repeat.gauges.get(name, (None, None))[index]) is not None]
    return statistics.fmean(values) if values else None


def _over_repeats(name: str, rule: str, repeats: Sequence[Contention]) -> float | None:
    values = [repeat.readings[name] for repeat in repeats if name in repeat.readings]
    if not values:
        return None
    return _RULES[rule](values)


_RULES: dict[str, Callable[[Sequence[float]], float]] = {"mean": statistics.fmean, "sum": sum, "max": max}


def _total(values: Sequence[Number | None]) -> Number | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
