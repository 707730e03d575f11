"""What held the clients of a run up: the meters of its repeats, added up and turned into shares."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from membench.messages.run import Contention, LockUse, TimerUse, TimeSplit


class Shares(msgspec.Struct, frozen=True):
    """Where client time went; those that are known add up to 1."""

    cpu: float | None = None
    runqueue: float | None = None
    lock: float | None = None
    result: float | None = None
    other: float | None = None
    """Blocked on anything else; None unless all the rest is known."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The meters of all repeats together. None: not metered, or not to be had here."""

    shares: Shares = Shares()
    time: TimeSplit | None = None
    locks: list[LockUse] = []
    """The most waited for first."""
    timers: list[TimerUse] = []
    stage_ms: dict[str, float] | None = None
    """Mean of each stage."""
    stage_p99_ms: dict[str, float] | None = None
    queue_depth_p99: float | None = None
    batch_size_mean: float | None = None
    padding_factor: float | None = None
    gil_busy: float | None = None
    cores_used: float | None = None
    client_load: float | None = None
    worker_load: float | None = None


def summarise(repeats: Sequence[Contention]) -> Summary:
    """Add up what the meters said at the end of each repeat."""
    if not repeats:
        return Summary()
    time = _time([repeat.time for repeat in repeats if repeat.time])
    tokens, padded = _gauge(repeats, "tokens", 0), _gauge(repeats, "padded_tokens", 0)
    return Summary(
        shares=shares(time) if time else Shares(),
        time=time,
        locks=_locks(repeats),
        timers=_timers(repeats),
        stage_ms=_stages(repeats, 0) or None,
        stage_p99_ms=_stages(repeats, 1) or None,
        queue_depth_p99=_gauge(repeats, "queue_depth", 1),
        batch_size_mean=_gauge(repeats, "batch_size", 0),
        padding_factor=padded / tokens if tokens and padded else None,
        gil_busy=_mean([repeat.gil_busy for repeat in repeats]),
        cores_used=_mean([repeat.cores_used for repeat in repeats]),
        client_load=_mean([repeat.client_load for repeat in repeats]),
        worker_load=_mean([repeat.worker_load for repeat in repeats]),
    )


def shares(time: TimeSplit) -> Shares:
    """A split as shares of the time that clients had something to do.

    Small overlaps (a lock that was got while no core was free) are taken out by scaling what is known down to 1.
    """
    known_s = [time.cpu_s, time.runqueue_s, time.lock_s, time.result_s]
    whole_s = max(time.wall_s - time.idle_s, sum(part or 0.0 for part in known_s))
    if not whole_s:
        return Shares()
    cpu, runqueue, lock, result = (None if part is None else part / whole_s for part in known_s)
    if cpu is None or runqueue is None or lock is None or result is None:
        return Shares(cpu, runqueue, lock, result)
    return Shares(cpu, runqueue, lock, result, max(1.0 - cpu - runqueue - lock - result, 0.0))


def _time(splits: Sequence[TimeSplit]) -> TimeSplit | None:
    if not splits:
        return None
    return TimeSplit(
        wall_s=sum(split.wall_s for split in splits),
        cpu_s=sum(split.cpu_s for split in splits),
        runqueue_s=_total([split.runqueue_s for split in splits]),
        lock_s=_total([split.lock_s for split in splits]),
        result_s=_total([split.result_s for split in splits]),
        idle_s=sum(split.idle_s for split in splits),
        switches=None if any(split.switches is None for split in splits) else sum(s.switches or 0 for s in splits),
    )


def _locks(repeats: Sequence[Contention]) -> list[LockUse]:
    by_site: defaultdict[tuple[str, str], list[LockUse]] = defaultdict(list)
    for repeat in repeats:
        for lock in repeat.locks:
            by_site[lock.site, lock.name].append(lock)
    added = [
        LockUse(
            site=site,
            name=name,
            acquisitions=sum(lock.acquisitions for lock in uses),
            contended=sum(lock.contended for lock in uses),
            wait_s=sum(lock.wait_s for lock in uses),
            hold_s=sum(lock.hold_s for lock in uses),
            longest_wait_ms=max(lock.longest_wait_ms for lock in uses),
            longest_queue=max(lock.longest_queue for lock in uses),
        )
        for (site, name), uses in by_site.items()
    ]
    return sorted(added, key=lambda lock: (lock.wait_s, lock.hold_s), reverse=True)


def _timers(repeats: Sequence[Contention]) -> list[TimerUse]:
    by_site: defaultdict[str, list[TimerUse]] = defaultdict(list)
    for repeat in repeats:
        for timer in repeat.timers:
            by_site[timer.site].append(timer)
    added = [
        TimerUse(site, sum(timer.sleeps for timer in uses), sum(timer.slept_s for timer in uses))
        for site, uses in by_site.items()
    ]
    return sorted(added, key=lambda timer: timer.slept_s, reverse=True)


def _stages(repeats: Sequence[Contention], figure: int) -> dict[str, float]:
    """A figure of each stage (0: the mean, 1: the 99th percentile), averaged over repeats."""
    names = dict.fromkeys(name for repeat in repeats for name in repeat.stage_ms)
    return {
        name: statistics.fmean(repeat.stage_ms[name][figure] for repeat in repeats if name in repeat.stage_ms)
        for name in names
    }


def _gauge(repeats: Sequence[Contention], name: str, figure: int) -> float | None:
    return _mean([repeat.gauges[name][figure] if name in repeat.gauges else None for repeat in repeats])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
