"""Batching policies on a virtual clock: no model, no threads, and the same result every time.

A batch of n texts padded to L tokens takes a + b n L milliseconds. Clients run a closed loop. For each policy, the
script prints its share of the best offline rate (every text known in advance and sorted), the latency percentiles, and
how much of the computation is padding.

    python benchmarks/simulate_batching.py
    python benchmarks/simulate_batching.py --cost zen3-fp32 --lengths turns --clients 8 20 64
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from membench.spec.corpus import TURN_LOG_DEVIATION, TURN_LOG_MEAN, TURN_TOKENS_MAX, TURN_TOKENS_MIN
from membench.units import plural
from membench_backends.embedding.limit.layout import cut
from membench_backends.embedding.strategies.cost import BatchCost
from membench_backends.embedding.strategies.policy import next_batch, patience_ns

LOG_TOKENS = {"turns": (TURN_LOG_MEAN, TURN_LOG_DEVIATION), "skewed": (2.6, 0.7)}
"""Mean and standard deviation of the logarithm of a text's token count; `skewed` has a long tail, 17 on average."""
COSTS = {"zen5-fp32": (3.337, 0.2119), "zen5-int8": (0.835, 0.1122), "zen3-fp32": (4.291, 0.5515)}
"""Milliseconds per batch and per token on one core, fitted to bge-small in ONNX Runtime with the other core busy."""
TOKEN_BUDGETS = (64, 128, 256, 512, 1024)
"""Token budgets of a batch that the offline rate is searched over."""
NS_PER_MS = 1_000_000


@dataclass(eq=False)
class Request:
    """A text in the queue; times are on the virtual clock."""

    since_ns: int
    length: int
    """Number of tokens of its text."""
    due_ns: int
    """Time at which it is overdue."""


Policy = Callable[[Sequence[Request], int, int, BatchCost], list[int]]
"""Maps waiting requests (ascending in length), the time, idle batchers and the cost to the indices of a batch."""


@dataclass(frozen=True)
class Outcome:
    """The result of a simulation."""

    texts_per_s: float
    latencies_ms: tuple[float, ...]
    """Latencies of the requests, ascending."""
    padding_factor: float
    """Tokens computed per token of text."""
    longest_batch_ms: float
    overdue_max_ms: float
    """The longest time from the moment a request is overdue to its answer; negative if none was."""

    def percentile_ms(self, share: float) -> float:
        """Return the latency that this share of the requests does not exceed."""
        return self.latencies_ms[min(int(len(self.latencies_ms) * share), len(self.latencies_ms) - 1)]


def first_come(size: int) -> Policy:
    """Return a policy that takes the oldest requests, whatever their lengths."""

    def choose(waiting: Sequence[Request], now_ns: int, idle: int, cost: BatchCost) -> list[int]:
        by_age = sorted(range(len(waiting)), key=lambda index: waiting[index].since_ns)
        return sorted(by_age[:size])

    return choose


def longest_first(token_budget: int) -> Policy:
    """Return a policy that takes the longest request and its neighbours within a budget of tokens."""

    def choose(waiting: Sequence[Request], now_ns: int, idle: int, cost: BatchCost) -> list[int]:
        size = min(token_budget // waiting[-1].length, -(-len(waiting) // idle))
        return list(range(len(waiting) - max(size, 1), len(waiting)))

    return choose


def most_tokens_per_ms(waiting: Sequence[Request], now_ns: int, idle: int, cost: BatchCost) -> list[int]:
    """Choose the oldest request and the neighbours with which it embeds the most tokens per millisecond."""
    oldest = min(range(len(waiting)), key=lambda index: waiting[index].since_ns)
    best, best_tokens_per_ms = range(oldest, oldest + 1), 0.0
    for first in range(oldest, -1, -1):
        tokens = sum(request.length for request in waiting[first:oldest])
        for last in range(oldest, min(len(waiting), first + -(-len(waiting) // idle))):
            tokens += waiting[last].length
            tokens_per_ms = tokens / cost.ms(last - first + 1, waiting[last].length)
            if tokens_per_ms > best_tokens_per_ms:
                best, best_tokens_per_ms = range(first, last + 1), tokens_per_ms
    return list(best)


POLICIES: dict[str, Policy] = {
    "one by one": first_come(1),
    "first come, 8": first_come(8),
    "longest first, 256 tokens": longest_first(256),
    "oldest, most tokens/ms": most_tokens_per_ms,
    "adaptive": next_batch,
}


class _Simulation:
    """Closed-loop clients and the batchers that serve them, on a virtual clock."""

    def __init__(self, policy: Policy, cost: BatchCost, lengths: Callable[[], int], batchers: int) -> None:
        self.latencies_ms: list[float] = []
        self._policy, self._cost, self._lengths, self._batchers = policy, cost, lengths, batchers
        self._now_ns = 0
        self._waiting: list[Request] = []
        self._running: list[tuple[int, int, list[Request]]] = []
        """A heap of end times, batch numbers (no two are equal, so requests are never compared) and batches."""
        self._batches = 0
        self._text_tokens = self._computed_tokens = 0
        self._longest_batch_ms, self._overdue_max_ms = 0.0, -math.inf

    def submit(self) -> None:
        """Add a client's next request."""
        length = self._lengths()
        waiting_tokens = sum(request.length for request in self._waiting) + length
        due_ns = self._now_ns + patience_ns(waiting_tokens, self._batchers, self._cost)
        self._waiting.append(Request(self._now_ns, length, due_ns))

    def start_batches(self) -> None:
        """Start batches while there are idle batchers and waiting requests."""
        while self._waiting and (idle := self._batchers - len(self._running)):
            self._waiting.sort(key=lambda request: request.length)
            batch = [self._waiting[index] for index in self._policy(self._waiting, self._now_ns, idle, self._cost)]
            self._waiting = [request for request in self._waiting if request not in batch]
            self._start(batch)

    def finish_batch(self) -> None:
        """Advance the clock to the end of the next batch; its clients submit their next requests."""
        self._now_ns, _, batch = heapq.heappop(self._running)
        for request in batch:
            self.latencies_ms.append((self._now_ns - request.since_ns) / NS_PER_MS)
            self._overdue_max_ms = max(self._overdue_max_ms, (self._now_ns - request.due_ns) / NS_PER_MS)
            self.submit()

    def outcome(self) -> Outcome:
        """Return the result so far."""
        return Outcome(
            texts_per_s=len(self.latencies_ms) / self._now_ns * 1e9,
            latencies_ms=tuple(sorted(self.latencies_ms)),
            padding_factor=self._computed_tokens / self._text_tokens,
            longest_batch_ms=self._longest_batch_ms,
            overdue_max_ms=self._overdue_max_ms,
        )

    def _start(self, batch: list[Request]) -> None:
        tokens = [request.length for request in batch]
        self._text_tokens += sum(tokens)
        self._computed_tokens += len(tokens) * max(tokens)
        batch_ms = self._cost.ms(len(tokens), max(tokens))
        self._longest_batch_ms = max(self._longest_batch_ms, batch_ms)
        self._batches += 1
        heapq.heappush(self._running, (self._now_ns + round(batch_ms * NS_PER_MS), self._batches, batch))


def closed_loop(
    policy: Policy, cost: BatchCost, lengths: Callable[[], int], clients: int, batchers: int, texts: int
) -> Outcome:
    """Simulate clients that submit one text after another.

    Args:
        policy: Chooses the batches.
        cost: What a batch takes, known exactly to the policy.
        lengths: Returns the token count of the next text.
        clients: Requests that wait or run at any moment.
        batchers: Batches that run at the same time.
        texts: How many answers end the simulation.
    """
    simulation = _Simulation(policy, cost, lengths, batchers)
    for _ in range(clients):
        simulation.submit()
    while len(simulation.latencies_ms) < texts:
        simulation.start_batches()
        simulation.finish_batch()
    return simulation.outcome()


def offline_texts_per_s(cost: BatchCost, lengths: Sequence[int], batchers: int) -> float:
    """Return the best rate when all lengths are known: texts sorted, and cut at the best token budget."""
    ascending = sorted(lengths)
    fastest_ms = min(
        sum(cost.ms(batch.stop - batch.start, ascending[batch.stop - 1]) for batch in cut(ascending, budget))
        for budget in TOKEN_BUDGETS
    )
    return batchers * len(ascending) / fastest_ms * 1e3


def lognormal(lengths: str, seed: int = 1) -> Callable[[], int]:
    """Return a generator function of token counts, distributed as `lengths` in `LOG_TOKENS` says."""
    generator = random.Random(seed)
    mean, deviation = LOG_TOKENS[lengths]

    def draw() -> int:
        tokens = round(math.exp(generator.gauss(mean, deviation)))
        return min(max(tokens, TURN_TOKENS_MIN), TURN_TOKENS_MAX)

    return draw


def main() -> None:
    """Simulate every policy, and print a table per cost and distribution of lengths."""
    options = _options()
    for cost_name in options.cost:
        for lengths in options.lengths:
            _report(cost_name, lengths, options)


def _report(cost_name: str, lengths: str, options: argparse.Namespace) -> None:
    cost = BatchCost(COSTS[cost_name])
    draw = lognormal(lengths)
    limit_texts_per_s = offline_texts_per_s(cost, [draw() for _ in range(options.texts)], options.batchers)
    print(f"{cost_name}, {lengths}: best offline rate {limit_texts_per_s:.0f} texts/s")
    for clients in options.clients:
        print(f"  {plural(clients, 'client')}")
        for name, policy in POLICIES.items():
            outcome = closed_loop(policy, cost, lognormal(lengths), clients, options.batchers, options.texts)
            p50_ms, p99_ms = outcome.percentile_ms(0.5), outcome.percentile_ms(0.99)
            print(
                f"    {name:26s}{outcome.texts_per_s / limit_texts_per_s:5.2f} of the limit  p50 {p50_ms:7.1f} ms  "
                f"p99 {p99_ms:7.1f} ms, {p99_ms / p50_ms:4.1f} x p50  padding {outcome.padding_factor - 1:4.0%}"
            )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cost", nargs="+", choices=list(COSTS), default=list(COSTS), help="cost of a batch")
    parser.add_argument(
        "--lengths", nargs="+", choices=list(LOG_TOKENS), default=list(LOG_TOKENS), help="distribution of token counts"
    )
    parser.add_argument("--clients", nargs="+", type=int, default=[2, 8, 20, 64])
    parser.add_argument("--batchers", type=int, default=2, help="batches that run at the same time")
    parser.add_argument("--texts", type=int, default=4000, help="texts in one simulation")
    return parser.parse_args()


if __name__ == "__main__":
    main()
