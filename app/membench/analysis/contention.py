"""What held the clients of a run up: the meter readings of its repeats, combined into figures."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from membench.analysis.figures import reading_rules
from membench.messages.run import Contention, LockUse, TimerUse, TimeSplit


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
    }


def _locks(repeats: Sequence[Contention]) -> tuple[LockUse, ...]:
    by_site: defaultdict[tuple[str, str], list[LockUse]] = defaultdict(list)
    for repeat in repeats:
        for lock in repeat.locks:
            by_site[lock.site, lock.name].append(lock)
    combined = [
        LockUse(
            site=site,
            name=name,
            acquisitions=sum(lock.acquisitions for lock in uses),
            contended=sum(lock.contended for lock in uses),
            wait_s=sum(lock.wait_s for lock in uses),
            hold_s=sum(lock.hold_s for lock in uses),
            longest_wait_ms=max(lock.longest_wait_ms for lock in uses),
            longest_queue=max(lock.longest_queue for lock in uses),
            component=uses[0].component,
        )
        for (site, name), uses in by_site.items()
    ]
    return tuple(sorted(combined, key=lambda lock: (lock.wait_s, lock.hold_s), reverse=True))


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


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
