"""Which of the requests that wait go together, and go next: pure, so that the simulator and the tests run it too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from membench_backends.embedding.strategies.cost import BatchCost

PARTING = 0.67
"""Of a batch's fixed cost, counted when texts are parted: what stays behind will find new company. In the simulation
(`benchmarks/simulate_batching.py`) anything from 0.6 to 0.8 is best, for every cost and every mix of lengths."""
BATCH_TOKENS_MAX = 1024
"""Of a batch, padding included: beyond, a token begins to cost more, because activations leave the cache."""
NEIGHBOURS = 64
"""Requests to either side of the oldest, by length, that are looked at."""
PATIENCE = 3.0
"""Times as long as clearing all that waited when a request came: then it goes with the next batch, whatever its length.
Under a steady load that never happens; it is for the text that nothing else resembles."""
PATIENCE_FLOOR_NS = 20_000_000


class Waiting(Protocol):
    """A request that waits."""

    @property
    def length(self) -> int:
        """Tokens of its text."""

    @property
    def since_ns(self) -> int:
        """When it came."""

    @property
    def due_ns(self) -> int:
        """When its patience ends."""


def next_batch(waiting: Sequence[Waiting], now_ns: int, idle: int, cost: BatchCost) -> list[int]:
    """Which requests go next: those that go with the oldest in the cheapest way to clear everything, and all overdue.

    Args:
        waiting: The requests, ascending in length; at least one.
        now_ns: The clock of `since_ns` and `due_ns`.
        idle: Batchers that have nothing to do, the one that asks among them: each is left its share.
        cost: What a batch takes.

    Returns:
        Indices, ascending.
    """
    oldest = min(range(len(waiting)), key=lambda index: waiting[index].since_ns)
    begin = max(oldest - NEIGHBOURS, 0)
    lengths = [request.length for request in waiting[begin : oldest + NEIGHBOURS + 1]]
    share = -(-len(waiting) // idle)
    for part in cheapest_parts(lengths, cost, share):
        if begin + part.stop > oldest:
            chosen = range(begin + part.start, begin + part.stop)
            break
    overdue = [index for index, request in enumerate(waiting) if request.due_ns <= now_ns and index not in chosen]
    return sorted([*chosen, *overdue]) if overdue else list(chosen)


def cheapest_parts(lengths: Sequence[int], cost: BatchCost, most: int) -> list[slice]:
    """The cheapest way to embed all of these texts: neighbours in length together, little padding, few batches.

    Solved exactly from the shortest text on: the cheapest way to embed the first j texts ends with some batch of
    texts i to j, after the cheapest way to embed the first i.

    Args:
        lengths: Tokens of the texts, ascending.
        cost: What a batch takes.
        most: Texts that a batch may have.

    Returns:
        The batches, shortest texts first.
    """
    fixed_ms, token_ms = PARTING * cost.fixed_ms, cost.token_ms
    total_ms = [0.0]
    first_of_last = [0]
    for end, longest in enumerate(lengths, 1):
        padded_ms = token_ms * longest
        room = max(min(most, BATCH_TOKENS_MAX // max(longest, 1)), 1)
        best_ms, best = float("inf"), end - 1
        for first in range(end - 1, max(end - room, 0) - 1, -1):
            this_ms = total_ms[first] + padded_ms * (end - first)
            if this_ms < best_ms:
                best_ms, best = this_ms, first
        total_ms.append(best_ms + fixed_ms)
        first_of_last.append(best)
    parts = []
    end = len(lengths)
    while end:
        parts.append(slice(first_of_last[end], end))
        end = first_of_last[end]
    return parts[::-1]


def patience_ns(waiting_tokens: int, batchers: int, cost: BatchCost) -> int:
    """How long a request waits before it goes whatever its length.

    Args:
        waiting_tokens: Tokens of all requests that wait, the new one among them.
        batchers: Batches that run at once.
        cost: What a batch takes.
    """
    clearing_ms = (cost.fixed_ms + cost.token_ms * waiting_tokens) / batchers
    return max(round(PATIENCE * clearing_ms * 1e6), PATIENCE_FLOOR_NS)
