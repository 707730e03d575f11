"""What clients record, at the lowest cost: clients append, the sampler drains, and nothing takes a lock."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from membench.messages.run import LATENCY_BITS
from membench.runner.threads import ClientClock

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ClientLog:
    """The log of one client. Only the client's thread appends to it, and only the sampler drains it.

    Draining needs no lock. Copying a slice and deleting it are each a single step under the GIL, and a value appended
    between the two steps lies beyond the deleted slice.
    """

    __slots__ = (
        "_batched",
        "_drained",
        "batch_items",
        "clock",
        "ended_ns",
        "errors",
        "failed_texts",
        "failures_ns",
        "idle_ns",
        "latencies_ns",
    )

    def __init__(self, batched: bool) -> None:
        self.latencies_ns = array("q")
        """Latencies of the operations that returned since the last drain."""
        self.batch_items = 0
        """Memories acknowledged by operations that carry a batch."""
        self.errors: Counter[str] = Counter()
        """Operations that raised, by type of exception."""
        self.failed_texts: list[str] = []
        """Texts of the operations that raised: attempted, possibly stored, not acknowledged."""
        self.failures_ns = array("q")
        """Latencies of the operations that raised since the last drain."""
        self.ended_ns = 0
        """When the client's last operation ended."""
        self.idle_ns = 0
        """Time that the client of an open loop has slept until its operations fell due."""
        self.clock = ClientClock()
        """How the client spends its time."""
        self._batched = batched
        self._drained = 0

    def drain(self) -> array[int]:
        """Remove and return the latencies recorded so far, in nanoseconds."""
        drained = drain(self.latencies_ns)
        self._drained += len(drained)
        return drained

    def drain_failures(self) -> array[int]:
        """Remove and return the latencies of the operations that raised, in nanoseconds."""
        return drain(self.failures_ns)

    @property
    def acknowledged(self) -> int:
        """Memories acknowledged by the drained operations. A batch may count one tick before its latency is drained."""
        return self.batch_items if self._batched else self._drained

    def record_failure(self, error: Exception, texts: list[str], latency_ns: int) -> None:
        """Record an operation that raised, with the texts it carried and how long it took."""
        self.failures_ns.append(latency_ns)
        self.errors[type(error).__name__] += 1
        self.failed_texts += texts


def drain(values: array[int]) -> array[int]:
    """Remove and return the values of an array to which other threads append."""
    count = len(values)
    drained = values[:count]
    del values[:count]
    return drained


def bucket_counts(latencies_ns: list[array[int]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the lowest values of the HdrHistogram buckets that hold latencies, ascending, and the bucket counts."""
    joined = np.concatenate([np.frombuffer(part, np.int64) for part in latencies_ns if part] or [np.empty(0, np.int64)])
    values, counts = np.unique(_bucket_values(joined), return_counts=True)
    return tuple(values.tolist()), tuple(counts.tolist())


def _bucket_values(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the lowest value of each value's bucket: all bits but the highest 11 cleared."""
    _, bits = np.frexp(values.astype(np.float64))
    shift = np.maximum(bits - LATENCY_BITS, 0)
    lowest: NDArray[np.int64] = (values >> shift) << shift
    return lowest
