"""Batching policies on a virtual clock: no model, no threads, the same answer every time.

A batch of n texts padded to L tokens takes a + b n L milliseconds. Clients run a closed loop. Printed are, for each
policy, its share of the best offline rate (everything known and sorted), p50 and p99, and how much of what is computed
is padding.

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
from membench_backends.embedding.limit.layout import cut
from membench_backends.embedding.strategies.cost import BatchCost
from membench_backends.embedding.strategies.policy import next_batch, patience_ns

LENGTHS = {"turns": (TURN_LOG_MEAN, TURN_LOG_DEVIATION), "skewed": (2.6, 0.7)}
"""Mean and deviation of the logarithm of a text's tokens."""
COSTS = {"zen5-fp32": (3.337, 0.2119), "zen5-int8": (0.835, 0.1122), "zen3-fp32": (4.291, 0.5515)}
"""Milliseconds a batch and a token on one core, fitted to bge-small in ONNX Runtime with the other core busy."""
BUDGETS = (64, 128, 256, 512, 1024)
NS_PER_MS = 1_000_000


@dataclass(eq=False)
class Request:
    """A text that waits, in nanoseconds of the virtual clock."""

    since_ns: int
    length: int
    due_ns: int


Policy = Callable[[Sequence[Request], int, int, BatchCost], list[int]]
"""From what waits, ascending in length, the clock, the idle batchers and the cost: the indices of the next batch."""


@dataclass(frozen=True)
class Outcome:
    """What a policy gave."""

    texts_per_s: float
    waits_ms: tuple[float, ...]
    """From a request to its answer, ascending."""
    padding_factor: float
    longest_batch_ms: float
    latest_ms: float
    """The longest that an answer took after the end of its request's patience; negative if none took that long."""

    def percentile_ms(self, share: float) -> float:
        """The latency that a share of the requests stays below."""
        return self.waits_ms[min(int(len(self.waits_ms) * share), len(self.waits_ms) - 1)]


def first_come(size: int) -> Policy:
    """The oldest requests, whatever their lengths."""

    def choose(waiting: Sequence[Request], now_ns: int, idle: int, cost: BatchCost) -> list[int]:
        by_age = sorted(range(len(waiting)), key=lambda index: waiting[index].since_ns)
        return sorted(by_age[:size])

    return choose


def longest_first(budget: int) -> Policy:
    """The longest request and its neighbours within a budget of tokens."""

    def choose(waiting: Sequence[Request], now_ns: int, idle: int, cost: BatchCost) -> list[int]:
        size = min(budget // waiting[-1].length, -(-len(waiting) // idle))
        return list(range(len(waiting) - max(size, 1), len(waiting)))

    return choose


def most_useful(waiting: Sequence[Request], now_ns: int, idle: int, cost: BatchCost) -> list[int]:
    """The neighbours of the oldest request with the most tokens a millisecond: the policy that ours replaced."""
    oldest = min(range(len(waiting)), key=lambda index: waiting[index].since_ns)
    best, best_rate = range(oldest, oldest + 1), 0.0
    for first in range(oldest, -1, -1):
        useful = sum(request.length for request in waiting[first:oldest])
        for last in range(oldest, min(len(waiting), first + -(-len(waiting) // idle))):
            useful += waiting[last].length
            rate = useful / cost.ms(last - first + 1, waiting[last].length)
            if rate > best_rate:
                best, best_rate = range(first, last + 1), rate
    return list(best)


POLICIES: dict[str, Policy] = {
    "one by one": first_come(1),
    "first come, 8": first_come(8),
    "longest first, 256 tokens": longest_first(256),
    "oldest, most tokens/ms": most_useful,
    "adaptive": next_batch,
}


def closed_loop(
    policy: Policy, cost: BatchCost, lengths: Callable[[], int], clients: int, batchers: int, texts: int
) -> Outcome:
    """Run clients that ask for one text after another until so many are answered.

    Args:
        policy: Chooses the batches; `cost`, exactly known, is what they take.
        cost: What a batch takes.
        lengths: Gives the tokens of the next text.
        clients: Requests that wait or run at any moment.
        batchers: Batches that run at once.
        texts: Answers to wait for.
    """
    now_ns, idle, serial, waiting_tokens = 0, batchers, 0, 0
    waiting: list[Request] = []
    running: list[tuple[int, int, list[Request]]] = []
    waits_ms: list[float] = []
    useful = computed = 0
    longest_ms, latest_ms = 0.0, -math.inf

    def ask() -> None:
        nonlocal waiting_tokens
        length = lengths()
        waiting_tokens += length
        waiting.append(Request(now_ns, length, now_ns + patience_ns(waiting_tokens, batchers, cost)))

    for _ in range(clients):
        ask()
    while len(waits_ms) < texts:
        while idle and waiting:
            waiting.sort(key=lambda request: request.length)
            batch = [waiting[index] for index in policy(waiting, now_ns, idle, cost)]
            waiting = [request for request in waiting if request not in batch]
            tokens = [request.length for request in batch]
            waiting_tokens -= sum(tokens)
            useful, computed = useful + sum(tokens), computed + len(tokens) * max(tokens)
            took_ms = cost.ms(len(tokens), max(tokens))
            longest_ms = max(longest_ms, took_ms)
            idle, serial = idle - 1, serial + 1
            heapq.heappush(running, (now_ns + round(took_ms * NS_PER_MS), serial, batch))
        now_ns, _, batch = heapq.heappop(running)
        idle += 1
        for request in batch:
            waits_ms.append((now_ns - request.since_ns) / NS_PER_MS)
            latest_ms = max(latest_ms, (now_ns - request.due_ns) / NS_PER_MS)
            ask()
    texts_per_s = len(waits_ms) / now_ns * 1e9
    return Outcome(texts_per_s, tuple(sorted(waits_ms)), computed / useful, longest_ms, latest_ms)


def offline_texts_per_s(cost: BatchCost, lengths: Sequence[int], batchers: int) -> float:
    """The best rate when all lengths are known: sorted, and cut at the best budget of tokens."""
    ascending = sorted(lengths)
    least_ms = min(
        sum(cost.ms(batch.stop - batch.start, ascending[batch.stop - 1]) for batch in cut(ascending, budget))
        for budget in BUDGETS
    )
    return batchers * len(ascending) / least_ms * 1e3


def lognormal(lengths: str, seed: int = 1) -> Callable[[], int]:
    """Tokens of one text after another, as in the corpus `turns` or with more skew."""
    generator = random.Random(seed)
    mean, deviation = LENGTHS[lengths]

    def draw() -> int:
        tokens = round(math.exp(generator.gauss(mean, deviation)))
        return min(max(tokens, TURN_TOKENS_MIN), TURN_TOKENS_MAX)

    return draw


def main() -> None:
    """Simulate, and print a table."""
    options = _options()
    for name in options.cost:
        cost = BatchCost(COSTS[name])
        for lengths in options.lengths:
            draw = lognormal(lengths)
            limit = offline_texts_per_s(cost, [draw() for _ in range(options.texts)], options.batchers)
            print(f"{name}, {lengths}: best offline {limit:.0f} texts/s")
            for clients in options.clients:
                for policy, choose in POLICIES.items():
                    got = closed_loop(choose, cost, lognormal(lengths), clients, options.batchers, options.texts)
                    p50, p99 = got.percentile_ms(0.5), got.percentile_ms(0.99)
                    print(
                        f"  {clients:3d} clients  {policy:26s}{got.texts_per_s / limit:5.2f} of it  p50 {p50:7.1f} ms  "
                        f"p99 {p99:7.1f} ms, {p99 / p50:4.1f} x  padding {got.padding_factor - 1:4.0%}"
                    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cost", nargs="+", choices=list(COSTS), default=list(COSTS))
    parser.add_argument("--lengths", nargs="+", choices=list(LENGTHS), default=list(LENGTHS))
    parser.add_argument("--clients", nargs="+", type=int, default=[2, 8, 20, 64])
    parser.add_argument("--batchers", type=int, default=2)
    parser.add_argument("--texts", type=int, default=4000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
