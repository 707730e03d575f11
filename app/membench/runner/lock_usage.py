"""How metered locks record their usage: each for itself, and all of them by the line that created them.

The thread that holds a lock writes to its usage, so recording needs no further lock. Reading what a hold consists of
costs some microseconds, so only a sample of the holds is read. Each is chosen at random before it begins, regardless of
its own length, and counts for as many holds as it was chosen from: the shares are right also where long and short
holds take turns.
"""

from __future__ import annotations

import os
import weakref
from _thread import allocate_lock as bare_lock
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from random import Random
from threading import get_ident
from time import perf_counter_ns, thread_time_ns
from typing import NamedTuple, TypeVar

from membench.runner import schedstat, timers
from membench.runner.usage import Holds, LockKey, Usage

SAMPLE_EVERY = 128
"""Short holds per sample, on average."""
HOLD_PER_SAMPLE_NS = 1_600_000
"""Hold time per sample of a lock that is held for longer, so that sampling takes at most 0.5 % of it."""
SAMPLE_EVERY_MIN = 2
SAMPLE_EVERY_FIRST = 4
"""Holds per sample of the first locks of a line, before the length of its holds is known."""
COLLECTED_PER_LOCK = 2
"""Usages checked for a dead lock whenever a lock is created: more than one, so that the dead do not accumulate."""

clients: set[int] = set()
"""The threads that are clients now, by Python's identifier."""


class LockUsage(Usage):
    """The usage of one lock. It outlives the lock until it is added to the totals of the lock's line."""

    __slots__ = (
        "acquired_ns",
        "base_handover_ns",
        "base_hold_ns",
        "key",
        "owner",
        "released_ns",
        "sample",
        "sample_at",
        "sample_weight",
        "waiters",
    )

    def __init__(self, owner: object, key: LockKey, permits: int = 1) -> None:
        super().__init__()
        self.owner = weakref.ref(owner)
        self.key = key
        self.locks = 1
        self.permits = permits
        self.acquired_ns = 0
        """Start of the latest hold, which is in progress if it is later than `released_ns`."""
        self.released_ns = 0
        self.waiters: dict[int, bool] = {}
        """The threads that wait now, and whether each is a client. Adding or removing a key is atomic."""
        self.sample: Sample | None = None
        """The readings at the start of a hold in progress that is sampled."""
        self.sample_weight = weight = _sample_every.get(key, SAMPLE_EVERY_FIRST)
        self.sample_at = _interval(weight)
        """Number of acquisitions from which on the next hold is sampled."""
        self.base_hold_ns = 0
        self.base_handover_ns = 0

    def end_hold(self) -> None:
        """Record that a hold ends now. The holder calls it before it releases the lock."""
        self.released_ns = now_ns = perf_counter_ns()
        hold_ns = now_ns - self.acquired_ns
        self.hold_ns += hold_ns
        self.acquisitions += 1
        if self.sample is not None:
            self.end_sample(hold_ns)

    def end_sample(self, hold_ns: int) -> None:
        """Record what the sampled hold consisted of, and choose the next one."""
        sample, self.sample = self.sample, None
        assert sample is not None
        if self.sampled is None:
            self.sampled = Holds()
        _record_sample(self.sampled, sample, hold_ns, self.sample_weight)
        mean_hold_ns = self.hold_ns // self.acquisitions + 1
        weight = max(min(HOLD_PER_SAMPLE_NS // mean_hold_ns, SAMPLE_EVERY), SAMPLE_EVERY_MIN)
        self.sample_weight = _sample_every[self.key] = weight
        self.sample_at = self.acquisitions + _interval(weight)

    def record_handover(self, since_ns: int, until_ns: int, queued_ns: int) -> None:
        """Record that the lock, released earlier, has passed to a thread that has waited `since_ns`."""
        handover_ns = max(until_ns - max(self.released_ns, since_ns), 0)
        self.handover_ns += handover_ns
        self.handover_queued_ns += min(queued_ns, handover_ns)

    def record_overtaking(self, now_ns: int) -> None:
        """Record that the calling thread took the lock at a time, and others have waited since it was released."""
        if self.released_ns:
            self.overtaken_ns += max(now_ns - self.released_ns, 0) // self.permits

    def start_period(self) -> None:
        """Set the maxima to 0, and let the busiest lock be found from now on."""
        self.sample_at = self.acquisitions + _interval(self.sample_weight)
        self.base_hold_ns = self.hold_ns + self.hold_in_progress_ns()
        self.base_handover_ns = self.handover_ns + self.overtaken_ns

    def so_far(self) -> Usage:
        """Return the usage including the hold and the waits in progress."""
        usage = Usage()
        usage.add(self)
        usage.hold_ns += self.hold_in_progress_ns()
        usage.busiest_hold_ns = max(usage.hold_ns - self.base_hold_ns, 0) // self.permits
        usage.busiest_handover_ns = self.handover_ns + self.overtaken_ns - self.base_handover_ns
        now_ns = perf_counter_ns()
        for thread, is_client in list(self.waiters.items()):
            if since_ns := _waiting_since_ns.get(thread):
                usage.waits_of(is_client).wait_ns += now_ns - since_ns
        return usage

    def hold_in_progress_ns(self) -> int:
        """Return how long the lock has been held by its holder of now; 0 if it is free."""
        acquired_ns = self.acquired_ns
        return perf_counter_ns() - acquired_ns if acquired_ns > self.released_ns else 0


class Wait(NamedTuple):
    """A wait for a lock that has ended."""

    acquired: bool
    begin_ns: int
    end_ns: int
    queued_ns: int
    """The part in which the thread had been given the lock but no core. It is not part of `waited_ns`."""
    waited_ns: int
    is_client: bool
    queue_length: int


# Shared by all locks. Appending to a deque, and storing under a key that no other thread uses, are atomic.
_lock_usages: deque[LockUsage] = deque()
_collected: defaultdict[LockKey, Usage] = defaultdict(Usage)
"""The usage of locks that have been garbage-collected."""
_failed: defaultdict[LockKey, Usage] = defaultdict(Usage)
"""Waits that ended without an acquisition. Those threads do not hold the lock, so they cannot write to its usage."""
_collecting, _failing = bare_lock(), bare_lock()
_wait_ns: defaultdict[int, int] = defaultdict(int)
_waiting_since_ns: dict[int, int] = {}
_last_waited: dict[int, LockKey] = {}
_sample_every: dict[LockKey, int] = {}
"""Holds per sample of the locks of a line, as the latest sample chose it."""
_random = Random()
Sample = tuple[int, int, int, int, int, int]
AnyUsage = TypeVar("AnyUsage", bound=LockUsage)


def new_usage(usage: AnyUsage) -> AnyUsage:
    """Register and return the usage of a new lock, and collect that of locks which no longer exist."""
    _lock_usages.append(usage)
    if _collecting.acquire(False):
        try:
            for _ in _live(COLLECTED_PER_LOCK):
                pass
        finally:
            _collecting.release()
    return usage


def usage_by_key() -> Mapping[LockKey, Usage]:
    """Return the usage of all metered locks so far, by line and kind; includes holds and waits in progress."""
    totals: defaultdict[LockKey, Usage] = defaultdict(Usage)
    with _collecting:
        for lock_usage in _live(len(_lock_usages)):
            totals[lock_usage.key].add(lock_usage.so_far())
        for key, collected in _collected.items():
            totals[key].add(collected)
    with _failing:
        for key, failed in _failed.items():
            totals[key].add(failed)
    return totals


def start_period() -> None:
    """Set the longest waits and queues to 0, and find the busiest locks from now on.

    Unlike the totals, a maximum cannot be computed as a difference.
    """
    with _collecting, _failing:
        for lock_usage in _live(len(_lock_usages)):
            lock_usage.start_period()
        for usage in chain(_lock_usages.copy(), _collected.values(), _failed.values()):
            for waits in (usage.client_waits, usage.other_waits):
                waits.longest_ns = waits.longest_queue = 0
        for usage in _collected.values():
            usage.busiest_hold_ns = usage.busiest_handover_ns = 0


def lock_wait_ns(thread: int) -> int:
    """Return how long a thread, given by its Python identifier, has waited for locks; includes a wait in progress."""
    total_ns, since_ns = _wait_ns.get(thread, 0), _waiting_since_ns.get(thread)
    return total_ns + (perf_counter_ns() - since_ns if since_ns else 0)


def is_waiting(thread: int) -> bool:
    """Return whether a thread waits for a lock now."""
    return thread in _waiting_since_ns


def add_wait_ns(thread: int, waited_ns: int) -> None:
    """Add a wait to a thread's own total."""
    _wait_ns[thread] += waited_ns


def read_sample() -> Sample:
    """Return the calling thread and its totals: CPU time, waits for a core, a lock and a result, and sleep."""
    me = get_ident()
    waits = _wait_ns.get(me, 0), timers.result_wait_ns(me), timers.slept_ns(me)
    return me, thread_time_ns(), schedstat.queued_ns(), *waits


def wait(usage: LockUsage, acquire: Callable[..., bool], timeout: float | None) -> Wait:
    """Wait for a lock that is not free. A wait that fails is recorded, and any other is left to the new holder."""
    me = get_ident()
    usage.waiters[me] = is_client = me in clients
    queue_length = list(usage.waiters.values()).count(is_client)
    queued_ns = schedstat.queued_ns()
    acquired = False
    _waiting_since_ns[me] = begin_ns = perf_counter_ns()
    try:
        acquired = acquire(True, timeout)
    finally:
        end_ns = perf_counter_ns()
        queued_ns = schedstat.queued_ns() - queued_ns
        waited_ns = max(end_ns - begin_ns - queued_ns, 0)
        _wait_ns[me] += waited_ns
        _last_waited[me] = usage.key
        _waiting_since_ns.pop(me, None)
        usage.waiters.pop(me, None)
    if not acquired:
        with _failing:
            failed = _failed[usage.key]
            failed.failed += 1
            failed.waits_of(is_client).record(waited_ns, queue_length)
    return Wait(acquired, begin_ns, end_ns, queued_ns, waited_ns, is_client, queue_length)


def record_acquisition(usage: LockUsage, ended: Wait) -> None:
    """Record a wait that has ended with an acquisition, and how long the lock took to arrive."""
    usage.waits_of(ended.is_client).record(ended.waited_ns, ended.queue_length)
    usage.record_handover(ended.begin_ns, ended.end_ns, ended.queued_ns)


def _record_sample(holds: Holds, begin: Sample, hold_ns: int, weight: int) -> None:
    """Record a hold that ends now, unless another thread ends it, whose totals say nothing about it."""
    end = read_sample()
    if end[0] != begin[0]:
        return
    cpu_ns, queued_ns, lock_ns, result_ns, slept_ns = (now - then for now, then in zip(end[1:], begin[1:], strict=True))
    cpu_ns = min(cpu_ns, hold_ns)
    holds.hold_ns += weight * hold_ns
    holds.cpu_ns += weight * cpu_ns
    holds.queued_ns += weight * min(queued_ns, hold_ns - cpu_ns)
    holds.lock_ns += weight * lock_ns
    holds.result_ns += weight * result_ns
    holds.slept_ns += weight * slept_ns
    if lock_ns and (inner := _last_waited.get(begin[0])):
        holds.inner[inner] += weight * lock_ns


def _live(count: int) -> Iterator[LockUsage]:
    """Yield those of the oldest `count` usages whose lock exists; add the others to the totals of their lines."""
    for _ in range(min(count, len(_lock_usages))):
        lock_usage = _lock_usages.popleft()
        if lock_usage.owner() is None:
            _collected[lock_usage.key].add(lock_usage.so_far())
        else:
            _lock_usages.append(lock_usage)
            yield lock_usage


def _interval(mean: int) -> int:
    """Return how many holds to skip, at random, so that one in `mean` is sampled."""
    return int(_random.random() * (2 * mean - 1))


def _reset_guards() -> None:
    """Free the locks of this module in a forked child, where the thread that held one does not exist."""
    for guard in (_collecting, _failing):
        guard._at_fork_reinit()  # type: ignore[attr-defined]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_guards)
