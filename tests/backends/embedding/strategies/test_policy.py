from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations, pairwise

import pytest
from benchmarks.simulate_batching import COSTS, POLICIES, Request, closed_loop, lognormal

from membench_backends.embedding.strategies.cost import BatchCost
from membench_backends.embedding.strategies.policy import (
    BATCH_TOKENS_MAX,
    SPLIT_COST_SHARE,
    cheapest_batches,
    next_batch,
)

COST = BatchCost(COSTS["zen5-fp32"])
NEVER_NS = 10**18


def every_split(count: int) -> Iterator[list[slice]]:
    for cuts in range(count):
        for inner in combinations(range(1, count), cuts):
            edges = [0, *inner, count]
            yield [slice(begin, end) for begin, end in pairwise(edges)]


def split_cost_ms(batches: list[slice], lengths: list[int]) -> float:
    tokens = sum((batch.stop - batch.start) * lengths[batch.stop - 1] for batch in batches)
    return COST.token_ms * tokens + SPLIT_COST_SHARE * COST.fixed_ms * len(batches)


def requests(lengths: list[int], due_ns: int = NEVER_NS) -> list[Request]:
    """Return requests of these lengths, oldest first."""
    return [Request(since_ns, length, due_ns) for since_ns, length in enumerate(lengths)]


def by_length(waiting: list[Request]) -> list[Request]:
    return sorted(waiting, key=lambda request: request.length)


class TestCheapestBatches:
    def test_no_other_split_is_cheaper(self) -> None:
        generator = random.Random(1)
        for _ in range(60):
            lengths = sorted(generator.randint(4, 110) for _ in range(generator.randint(1, 10)))
            max_texts = generator.randint(1, len(lengths))
            batches = cheapest_batches(lengths, COST, max_texts)
            costs_ms = [
                split_cost_ms(split, lengths)
                for split in every_split(len(lengths))
                if all(batch.stop - batch.start <= max_texts for batch in split)
            ]
            assert split_cost_ms(batches, lengths) == pytest.approx(min(costs_ms))

    def test_every_text_is_in_one_batch(self) -> None:
        lengths = sorted(random.Random(2).randint(1, 600) for _ in range(200))
        batches = cheapest_batches(lengths, COST, 200)
        assert [index for batch in batches for index in range(batch.start, batch.stop)] == list(range(200))

    def test_a_batch_exceeds_the_token_limit_only_for_a_single_text(self) -> None:
        batches = cheapest_batches([17] * 500 + [2 * BATCH_TOKENS_MAX], COST, 501)
        assert max(batch.stop - batch.start for batch in batches) == BATCH_TOKENS_MAX // 17
        assert batches[-1] == slice(500, 501)


class TestNextBatch:
    def test_contains_the_oldest_request(self) -> None:
        generator = random.Random(3)
        for _ in range(200):
            waiting = by_length(requests([generator.randint(4, 110) for _ in range(generator.randint(1, 200))]))
            chosen = next_batch(waiting, 0, generator.randint(1, 4), COST)
            assert any(waiting[index].since_ns == 0 for index in chosen)
            assert chosen == sorted(set(chosen))

    def test_leaves_idle_batchers_their_share(self) -> None:
        assert len(next_batch(requests([17] * 12), 0, 2, COST)) == 6
        assert len(next_batch(requests([17] * 12), 0, 1, COST)) == 12

    def test_includes_overdue_requests_of_any_length(self) -> None:
        waiting = by_length([*requests([10, 10, 11]), Request(3, 110, due_ns=5), Request(4, 109, due_ns=NEVER_NS)])
        assert [waiting[index].length for index in next_batch(waiting, 4, 1, COST)] == [10, 10, 11]
        assert [waiting[index].length for index in next_batch(waiting, 5, 1, COST)] == [10, 10, 11, 110]


class TestOnVirtualClock:
    @pytest.mark.parametrize("clients", [2, 8, 20, 64])
    @pytest.mark.parametrize("lengths", ["turns", "skewed"])
    def test_every_answer_comes_within_two_batches_of_the_due_time(self, clients: int, lengths: str) -> None:
        outcome = closed_loop(next_batch, COST, lognormal(lengths), clients, batchers=2, texts=1500)
        assert outcome.overdue_max_ms <= 2 * outcome.longest_batch_ms

    def test_a_text_of_unusual_length_does_not_starve(self) -> None:
        generator = random.Random(4)
        outcome = closed_loop(next_batch, COST, lambda: 110 if generator.random() < 0.01 else 8, 64, 2, 3000)
        assert outcome.overdue_max_ms <= 2 * outcome.longest_batch_ms
        assert outcome.latencies_ms[-1] <= 10 * outcome.percentile_ms(0.5)

    @pytest.mark.parametrize("cost", COSTS)
    @pytest.mark.parametrize("clients", [8, 20])
    def test_is_faster_than_every_other_policy(self, cost: str, clients: int) -> None:
        rates = {
            name: closed_loop(policy, BatchCost(COSTS[cost]), lognormal("turns"), clients, 2, 1500).texts_per_s
            for name, policy in POLICIES.items()
        }
        assert max(rates, key=lambda name: rates[name]) == "adaptive"
