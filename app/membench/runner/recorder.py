"""What a client writes down, at the least cost: appended on the hot path, drained from outside, never locked."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from membench.runner.threads import ClientClock

if TYPE_CHECKING:
    from numpy.typing import NDArray

# An HdrHistogram of three digits has 2,048 sub-buckets: values keep their 11 highest bits.
_KEPT_BITS = 11


class ClientLog:
    """The notes of one client. Only its own thread adds to them; the sampler takes them away.

    Taking needs no lock: a slice and a deletion are one step each under the interpreter's lock, and what is appended
    between the two lands behind what is deleted.
    """

    __slots__ = (
        "_drained",
        "_takes_lists",
        "clock",
        "ended_ns",
        "errors",
        "failed",
        "idle_ns",
        "latencies_ns",
        "list_items",
    )

    def __init__(self, takes_lists: bool) -> None:
        self.latencies_ns = array("q")
        """Of the operations that returned, since they were last drained."""
        self.list_items = 0
        """Memories acknowledged in lists."""
        self.errors: Counter[str] = Counter()
        """Operations that raised, in all, by kind."""
        self.failed: list[str] = []
        """Texts of the operations that raised: attempted, perhaps stored, not acknowledged."""
        self.ended_ns = 0
        """When the last operation ended."""
        self.idle_ns = 0
        """Slept in this repeat of an open loop, until an operation fell due."""
        self.clock = ClientClock()
        """Where the client's time in this repeat goes."""
        self._takes_lists = takes_lists
        self._drained = 0

    def drain(self) -> array[int]:
        """Take the latencies noted so far, in nanoseconds."""
        count = len(self.latencies_ns)
        taken = self.latencies_ns[:count]
        del self.latencies_ns[:count]
        self._drained += count
        return taken

    @property
    def acknowledged(self) -> int:
        """Memories that the operations drained so far have acknowledged; a list being drained may be a tick early."""
        return self.list_items if self._takes_lists else self._drained

    def fail(self, error: Exception, texts: list[str]) -> None:
        """Note an operation that raised."""
        self.errors[type(error).__name__] += 1
        self.failed += texts


def fold(latencies_ns: list[array[int]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Latencies as values of an HdrHistogram's buckets, ascending, and how often each occurred."""
    joined = np.concatenate([np.frombuffer(part, np.int64) for part in latencies_ns if part] or [np.empty(0, np.int64)])
    values, counts = np.unique(_bucket_values(joined), return_counts=True)
    return tuple(values.tolist()), tuple(counts.tolist())


def _bucket_values(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The lowest value of the bucket that each value falls in: all but the highest 11 bits cleared."""
    _, bits = np.frexp(values.astype(np.float64))
    shift = np.maximum(bits - _KEPT_BITS, 0)
    lowest: NDArray[np.int64] = (values >> shift) << shift
    return lowest
