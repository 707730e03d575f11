"""Which waiting requests form the next batch. A pure function, so that the simulator and tests can run it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from membench_backends.embedding.strategies.cost import BatchCost

SPLIT_COST_SHARE = 0.67
"""Share of a batch's fixed cost that counts against splitting texts into one more batch. It is below 1 because requests
left in the queue can join a later batch. In the simulation (`benchmarks/simulate_batching.py`), 0.6 to 0.8 is best for
every cost and distribution of lengths."""
BATCH_TOKENS_MAX = 1024
"""Maximum tokens of a batch, padding included. Beyond it a token costs more, because activations exceed the cache."""
NEIGHBOURS = 64
"""Requests considered on either side of the oldest one, in order of length."""
PATIENCE = 3.0
"""A request is overdue after this many times the duration of clearing the queue as it was on arrival; it then joins the
next batch, whatever its length. Under a steady load no request is overdue; the rule is for a text of unusual length."""
PATIENCE_MIN_NS = 20_000_000


class WaitingRequest(Protocol):
    """A request in the queue."""

    @property
    def length(self) -> int:
        """Number of tokens of its text."""

    @property
    def since_ns(self) -> int:
        """Time of arrival."""

    @property
    def due_ns(self) -> int:
        """Time at which it is overdue."""


def next_batch(waiting: Sequence[WaitingRequest], now_ns: int, idle: int, cost: BatchCost) -> list[int]:
    """Choose the next batch.

    Of the cheapest way to clear the queue, that is the batch with the oldest request, plus every overdue request.

    Args:
        waiting: The queued requests in ascending order of length; at least one.
        now_ns: The current time, on the clock of `since_ns` and `due_ns`.
        idle: Idle batchers, including the one that calls. The batch leaves the others their share of the queue.
        cost: The cost of a batch.

    Returns:
        Indices into `waiting`, ascending.
    """
    oldest = min(range(len(waiting)), key=lambda index: waiting[index].since_ns)
    begin = max(oldest - NEIGHBOURS, 0)
    lengths = [request.length for request in waiting[begin : oldest + NEIGHBOURS + 1]]
    share = -(-len(waiting) // idle)
    for batch in cheapest_batches(lengths, cost, share):
        if begin + batch.stop > oldest:
            chosen = range(begin + batch.start, begin + batch.stop)
            break
    overdue = [index for index, request in enumerate(waiting) if request.due_ns <= now_ns and index not in chosen]
    return sorted([*chosen, *overdue]) if overdue else list(chosen)


def cheapest_batches(lengths: Sequence[int], cost: BatchCost, max_texts: int) -> list[slice]:
    """Split texts into the batches with the lowest total cost: a compromise of little padding and few batches.

    Solved exactly by dynamic programming: the cheapest split of the first j texts is the cheapest split of the first i
    texts, followed by one batch of texts i to j, for the best i.

    Args:
        lengths: Token counts of the texts, ascending.
        cost: The cost of a batch.
        max_texts: Maximum texts per batch.

    Returns:
        The batches, shortest texts first.
    """
    fixed_ms, token_ms = SPLIT_COST_SHARE * cost.fixed_ms, cost.token_ms
    total_ms = [0.0]
    first_of_last = [0]
    for end, longest in enumerate(lengths, 1):
        padded_ms = token_ms * longest
        size_max = max(min(max_texts, BATCH_TOKENS_MAX // max(longest, 1)), 1)
        best_ms, best_first = float("inf"), end - 1
        for first in range(end - 1, max(end - size_max, 0) - 1, -1):
            split_ms = total_ms[first] + padded_ms * (end - first)
            if split_ms < best_ms:
                best_ms, best_first = split_ms, first
        total_ms.append(best_ms + fixed_ms)
        first_of_last.append(best_first)
    batches = []
    end = len(lengths)
    while end:
        batches.append(slice(first_of_last[end], end))
        end = first_of_last[end]
    return batches[::-1]


def patience_ns(waiting_tokens: int, batchers: int, cost: BatchCost) -> int:
    """Return how long a new request waits before it is overdue.

    Args:
        waiting_tokens: Tokens of all queued requests, including the new one.
        batchers: Batches that run at the same time.
        cost: The cost of a batch.
    """
    clearing_ms = (cost.fixed_ms + cost.token_ms * waiting_tokens) / batchers
    return max(round(PATIENCE * clearing_ms * 1e6), PATIENCE_MIN_NS)
