from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from membench_backends.base import Strategy
from membench_backends.embedding.engines.onnxruntime import FastEmbedModel
from membench_backends.embedding.strategies.adaptive import AdaptiveOptions, AdaptiveStrategy
from membench_backends.embedding.strategies.cost import BatchCost

if TYPE_CHECKING:
    from membench_backends.base import Vector


class Poisoned(Exception):
    """What the scripted model raises for a text that it cannot take."""


class ScriptedModel:
    """A token model whose vector of a text is its length, that raises for `poison`, and waits for its gate."""

    dimensions = 1

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.batches: list[list[int]] = []

    def embed(self, texts: Sequence[str], batch_size: int = 256) -> Vector:
        return np.array([[len(text)] for text in texts], np.float32)

    def tokenise(self, text: str) -> Sequence[int]:
        return [-1] if text == "poison" else [1] * len(text)

    def run_tokens(self, batch: Sequence[Sequence[int]]) -> Any:
        self.batches.append([len(tokens) for tokens in batch])
        self.entered.release()
        assert self.gate.wait(30)
        if any(tokens[0] < 0 for tokens in batch if tokens):
            raise Poisoned
        return [len(tokens) for tokens in batch]

    def finish(self, output: Any, row: int) -> Vector:
        return np.array([output[row]], np.float32)


def build(model: ScriptedModel, **options: int) -> Strategy:
    return AdaptiveStrategy(lambda threads=None: model, AdaptiveOptions(**options))


def test_a_lone_caller_does_not_queue() -> None:
    model = ScriptedModel()
    strategy = build(model, batchers=1)
    ran_in: list[str] = []
    run_tokens = model.run_tokens
    model.run_tokens = lambda batch: ran_in.append(threading.current_thread().name) or run_tokens(batch)  # type: ignore[method-assign]
    strategy.embed("alone")
    strategy.close()
    assert ran_in == [threading.current_thread().name]


def test_what_waits_is_batched_by_length_around_the_oldest() -> None:
    model = ScriptedModel()
    strategy = build(model, batchers=1)
    model.gate.clear()
    with ThreadPoolExecutor(8) as clients:
        running = clients.submit(strategy.embed, "a")
        model.entered.acquire()
        waiting = []
        for number, length in enumerate((90, 10, 11, 12, 100), 1):
            waiting.append(clients.submit(strategy.embed, "x" * length))
            until_waiting(strategy, number)
        model.gate.set()
        assert [int(future.result(30)[0]) for future in waiting] == [90, 10, 11, 12, 100]
        running.result(30)
    strategy.close()
    assert model.batches[1] == [90, 100], "the oldest with its neighbour in length, not with the short ones"
    assert sorted(model.batches[2]) == [10, 11, 12]


def test_a_poisonous_text_fails_alone() -> None:
    model = ScriptedModel()
    strategy = build(model, batchers=1)
    model.gate.clear()
    with ThreadPoolExecutor(8) as clients:
        running = clients.submit(strategy.embed, "a")
        model.entered.acquire()
        good = [clients.submit(strategy.embed, "b") for _ in range(3)]
        bad = clients.submit(strategy.embed, "poison")
        until_waiting(strategy, 4)
        model.gate.set()
        assert [int(future.result(30)[0]) for future in good] == [1, 1, 1]
        with pytest.raises(Poisoned):
            bad.result(30)
        running.result(30)
    strategy.close()


def test_the_bound_of_the_queue_holds() -> None:
    model = ScriptedModel()
    strategy = build(model, batchers=1, waiting=3)
    model.gate.clear()
    with ThreadPoolExecutor(12) as clients:
        running = clients.submit(strategy.embed, "a")
        model.entered.acquire()
        more = [clients.submit(strategy.embed, "b" * length) for length in range(1, 11)]
        until_waiting(strategy, 3)
        assert len(strategy._waiting) == 3  # type: ignore[attr-defined]
        model.gate.set()
        assert sorted(int(future.result(30)[0]) for future in more) == list(range(1, 11))
        running.result(30)
    strategy.close()


@pytest.mark.parametrize("seed", range(5))
def test_every_waiter_is_answered_also_when_it_closes(seed: int) -> None:
    """64 clients, random lengths, injected failures, a close at a random moment: none hangs or gets another's."""
    model = ScriptedModel()
    strategy = build(model, batchers=2, waiting=16)
    generator = random.Random(seed)
    close_at = generator.randrange(200, 600)
    outcomes: list[str] = []
    closer = threading.Thread(target=strategy.close)

    def client(number: int) -> None:
        own = random.Random(number)
        for _ in range(20):
            text = "poison" if own.random() < 0.05 else "x" * own.randint(1, 100)
            try:
                right = int(strategy.embed(text)[0]) == len(text)
                outcomes.append("right" if right else "wrong")
            except Poisoned:
                outcomes.append("poisoned" if text == "poison" else "wrong")
            except RuntimeError:
                outcomes.append("closed")
            if len(outcomes) == close_at:
                closer.start()

    with ThreadPoolExecutor(64) as clients:
        for future in [clients.submit(client, number) for number in range(64)]:
            future.result(60)
    closer.join(30) if closer.ident else strategy.close()
    assert len(outcomes) == 64 * 20
    assert "wrong" not in outcomes
    assert {"right", "closed"} <= set(outcomes)
    with pytest.raises(RuntimeError, match="closed"):
        strategy.embed("late")


def test_results_equal_those_of_one_by_one_embedding(tiny_model: FastEmbedModel) -> None:
    generator = random.Random(3)
    words = ["memory", "garden", "coffee", "yesterday", "camera", "restaurant", "holiday", "morning"]
    texts = [" ".join(generator.choices(words, k=generator.randint(1, 60))) for _ in range(300)]
    strategy = AdaptiveStrategy(lambda threads=None: tiny_model, AdaptiveOptions(batchers=2))
    with ThreadPoolExecutor(20) as clients:
        vectors = list(clients.map(strategy.embed, texts))
    np.testing.assert_allclose(vectors, tiny_model.embed(texts, batch_size=1), atol=1e-5)
    np.testing.assert_allclose(strategy.embed_batch(texts), vectors, atol=1e-5)
    assert strategy.embed_batch([]).shape == (0, tiny_model.dimensions)
    strategy.close()


def test_the_cost_of_a_batch_is_learned() -> None:
    cost = BatchCost()
    generator = random.Random(1)
    for _ in range(300):
        texts, longest = generator.randint(1, 32), generator.randint(4, 110)
        cost.learn(texts, longest, (0.8 + 0.11 * texts * longest) * generator.uniform(0.95, 1.05))
    assert cost.fixed_ms == pytest.approx(0.8, rel=0.25)
    assert cost.token_ms == pytest.approx(0.11, rel=0.05)


def test_batches_of_one_size_leave_the_cost_positive() -> None:
    cost = BatchCost()
    for _ in range(500):
        cost.learn(1, 17, 4.0)
    assert cost.fixed_ms > 0
    assert cost.token_ms > 0


def test_nobody_waits_for_a_batcher_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    monkeypatch.setattr("membench_backends.embedding.strategies.adaptive.next_batch", broken_policy)
    model = ScriptedModel()
    strategy = build(model, batchers=1)
    model.gate.clear()
    with ThreadPoolExecutor(3) as clients:
        alone = clients.submit(strategy.embed, "a")
        model.entered.acquire()
        waiting = clients.submit(strategy.embed, "b")
        until_waiting(strategy, 1)
        model.gate.set()
        alone.result(30)
        with pytest.raises(ZeroDivisionError):
            waiting.result(30)
    with pytest.raises(RuntimeError, match="closed"):
        strategy.embed("c")
    strategy.close()


def broken_policy(*_: object) -> list[int]:
    raise ZeroDivisionError


def until_waiting(strategy: Any, number: int) -> None:
    """Wait until that many requests wait."""
    until = time.monotonic() + 30
    while len(strategy._waiting) < number:
        assert time.monotonic() < until
        time.sleep(0.001)
