from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations, pairwise

import pytest
from benchmarks.simulate_batching import COSTS, POLICIES, Request, closed_loop, lognormal

from membench_backends.embedding.strategies.cost import BatchCost
from membench_backends.embedding.strategies.policy import BATCH_TOKENS_MAX, PARTING, cheapest_parts, next_batch

COST = BatchCost(COSTS["zen5-fp32"])
NEVER_NS = 10**18


def every_way_to_part(count: int) -> Iterator[list[slice]]:
    for cuts in range(count):
        for inner in combinations(range(1, count), cuts):
            edges = [0, *inner, count]
            yield [slice(begin, end) for begin, end in pairwise(edges)]


def price(parts: list[slice], lengths: list[int]) -> float:
    token_ms = sum((part.stop - part.start) * lengths[part.stop - 1] for part in parts) * COST.token_ms
    return token_ms + PARTING * COST.fixed_ms * len(parts)


def requests(lengths: list[int], due_ns: int = NEVER_NS) -> list[Request]:
    """Requests of these lengths, the first the oldest."""
    return [Request(since_ns, length, due_ns) for since_ns, length in enumerate(lengths)]


def by_length(waiting: list[Request]) -> list[Request]:
    return sorted(waiting, key=lambda request: request.length)


class TestCheapestParts:
    def test_no_other_way_is_cheaper(self) -> None:
        generator = random.Random(1)
        for _ in range(60):
            lengths = sorted(generator.randint(4, 110) for _ in range(generator.randint(1, 10)))
            most = generator.randint(1, len(lengths))
            parts = cheapest_parts(lengths, COST, most)
            allowed = (ways for ways in every_way_to_part(len(lengths)) if all(w.stop - w.start <= most for w in ways))
            assert price(parts, lengths) == pytest.approx(min(price(ways, lengths) for ways in allowed))

    def test_every_text_is_in_one_part(self) -> None:
        lengths = sorted(random.Random(2).randint(1, 600) for _ in range(200))
        parts = cheapest_parts(lengths, COST, 200)
        assert [index for part in parts for index in range(part.start, part.stop)] == list(range(200))

    def test_a_batch_keeps_to_the_cache_unless_one_text_is_too_long_for_that(self) -> None:
        parts = cheapest_parts([17] * 500 + [2 * BATCH_TOKENS_MAX], COST, 501)
        assert max(part.stop - part.start for part in parts) == BATCH_TOKENS_MAX // 17
        assert parts[-1] == slice(500, 501)


class TestNextBatch:
    def test_holds_the_oldest(self) -> None:
        generator = random.Random(3)
        for _ in range(200):
            waiting = by_length(requests([generator.randint(4, 110) for _ in range(generator.randint(1, 200))]))
            chosen = next_batch(waiting, 0, generator.randint(1, 4), COST)
            assert any(waiting[index].since_ns == 0 for index in chosen)
            assert chosen == sorted(set(chosen))

    def test_leaves_idle_batchers_their_share(self) -> None:
        assert len(next_batch(requests([17] * 12), 0, 2, COST)) == 6
        assert len(next_batch(requests([17] * 12), 0, 1, COST)) == 12

    def test_takes_what_is_overdue_whatever_its_length(self) -> None:
        waiting = by_length([*requests([10, 10, 11]), Request(3, 110, due_ns=5), Request(4, 109, due_ns=NEVER_NS)])
        assert [waiting[index].length for index in next_batch(waiting, 4, 1, COST)] == [10, 10, 11]
        assert [waiting[index].length for index in next_batch(waiting, 5, 1, COST)] == [10, 10, 11, 110]


class TestOnAVirtualClock:
    @pytest.mark.parametrize("clients", [2, 8, 20, 64])
    @pytest.mark.parametrize("lengths", ["turns", "skewed"])
    def test_nobody_waits_longer_than_patience_and_two_batches(self, clients: int, lengths: str) -> None:
        got = closed_loop(next_batch, COST, lognormal(lengths), clients, batchers=2, texts=1500)
        assert got.latest_ms <= 2 * got.longest_batch_ms

    def test_a_text_that_nothing_resembles_does_not_starve(self) -> None:
        generator = random.Random(4)
        got = closed_loop(next_batch, COST, lambda: 110 if generator.random() < 0.01 else 8, 64, 2, 3000)
        assert got.latest_ms <= 2 * got.longest_batch_ms
        assert got.waits_ms[-1] <= 10 * got.percentile_ms(0.5)

    @pytest.mark.parametrize("cost", COSTS)
    @pytest.mark.parametrize("clients", [8, 20])
    def test_is_faster_than_every_other_policy(self, cost: str, clients: int) -> None:
        rates = {
            name: closed_loop(policy, BatchCost(COSTS[cost]), lognormal("turns"), clients, 2, 1500).texts_per_s
            for name, policy in POLICIES.items()
        }
        assert max(rates, key=lambda name: rates[name]) == "adaptive"
