"""The usage of locks, as numbers: waits by clients and by other threads, holds, and what they consisted of."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from membench.messages.run import LockKind
from membench.runner.sites import Site


class LockKey(NamedTuple):
    """The locks of one kind created at one line."""

    site: Site
    kind: LockKind


class Waits:
    """Waits for locks. Times are in nanoseconds."""

    __slots__ = ("contended", "longest_ns", "longest_queue", "wait_ns")

    def __init__(self) -> None:
        self.contended = 0
        """Attempts to acquire a lock that had to wait, whether or not they succeeded."""
        self.wait_ns = 0
        self.longest_ns = 0
        self.longest_queue = 0
        """Most threads of the same group, clients or others, that waited for one lock at the same time."""

    def record(self, waited_ns: int, queue_length: int) -> None:
        """Record one wait."""
        self.contended += 1
        self.wait_ns += waited_ns
        self.longest_ns = max(self.longest_ns, waited_ns)
        self.longest_queue = max(self.longest_queue, queue_length)

    def add(self, other: Waits) -> None:
        """Add other waits to these."""
        self.contended += other.contended
        self.wait_ns += other.wait_ns
        self.longest_ns = max(self.longest_ns, other.longest_ns)
        self.longest_queue = max(self.longest_queue, other.longest_queue)


class Holds:
    """What the sampled holds consisted of, in nanoseconds. Each counts for all the holds that it stands for."""

    __slots__ = ("cpu_ns", "hold_ns", "inner", "lock_ns", "queued_ns", "result_ns", "slept_ns")

    def __init__(self) -> None:
        self.hold_ns = 0
        self.cpu_ns = 0
        self.queued_ns = 0
        """Ready to run, with no core free."""
        self.lock_ns = 0
        """Waiting for another metered lock."""
        self.result_ns = 0
        """Waiting for a queue, a future or an event."""
        self.slept_ns = 0
        self.inner: Counter[LockKey] = Counter()
        """The part of `lock_ns` by the lock that was waited for."""

    def add(self, other: Holds, sign: int = 1) -> None:
        """Add other holds to these, or remove them: `sign` is 1 or -1."""
        self.hold_ns += sign * other.hold_ns
        self.cpu_ns += sign * other.cpu_ns
        self.queued_ns += sign * other.queued_ns
        self.lock_ns += sign * other.lock_ns
        self.result_ns += sign * other.result_ns
        self.slept_ns += sign * other.slept_ns
        for key, lock_ns in other.inner.items():
            self.inner[key] += sign * lock_ns


class Usage:
    """The usage of one lock, or of all locks created at one line. Times are in nanoseconds."""

    __slots__ = (
        "acquisitions",
        "busiest_handover_ns",
        "busiest_hold_ns",
        "client_waits",
        "failed",
        "handover_ns",
        "handover_queued_ns",
        "hold_ns",
        "locks",
        "other_waits",
        "overtaken_ns",
        "permits",
        "sampled",
    )

    def __init__(self) -> None:
        self.locks = 0
        """Locks created, whether or not they still exist."""
        self.permits = 1
        """Threads that can hold one lock at the same time: more than one for a semaphore."""
        self.acquisitions = 0
        """Completed acquisitions: the lock was released again."""
        self.failed = 0
        """Waits that ended without an acquisition, because their time was up."""
        self.hold_ns = 0
        self.handover_ns = 0
        """From a release to the next acquisition by a thread that was waiting already."""
        self.handover_queued_ns = 0
        """The part of `handover_ns` in which the next holder waited for a core."""
        self.overtaken_ns = 0
        """From a release to the next acquisition by a thread that did not wait, while others waited to be woken."""
        self.busiest_hold_ns = 0
        """Hold of the lock that was taken the longest since `start_period`."""
        self.busiest_handover_ns = 0
        """The time in which that lock was neither held nor free for others: `handover_ns` and `overtaken_ns`."""
        self.client_waits = Waits()
        self.other_waits = Waits()
        self.sampled: Holds | None = None
        """None before the first sample."""

    def add(self, other: Usage) -> None:
        """Add the usage of other locks to this one."""
        self.locks += other.locks
        self.permits = max(self.permits, other.permits)
        self.acquisitions += other.acquisitions
        self.failed += other.failed
        self.hold_ns += other.hold_ns
        self.handover_ns += other.handover_ns
        self.handover_queued_ns += other.handover_queued_ns
        self.overtaken_ns += other.overtaken_ns
        self.client_waits.add(other.client_waits)
        self.other_waits.add(other.other_waits)
        if other.sampled:
            self.sampled = self.sampled or Holds()
            self.sampled.add(other.sampled)
        busiest_ns = other.busiest_hold_ns + other.busiest_handover_ns
        if busiest_ns > self.busiest_hold_ns + self.busiest_handover_ns:
            self.busiest_hold_ns, self.busiest_handover_ns = other.busiest_hold_ns, other.busiest_handover_ns

    def waits_of(self, is_client: bool) -> Waits:
        """Return the waits of clients, or of other threads."""
        return self.client_waits if is_client else self.other_waits
