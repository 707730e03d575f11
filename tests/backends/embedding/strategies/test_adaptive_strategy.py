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


class BadTextError(Exception):
    """Raised by the scripted model for the text `bad`."""


class ScriptedModel:
    """Embeds a text as its length, raises for `bad`, and blocks while its gate is closed."""

    dimensions = 1

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.batches: list[list[int]] = []

    def embed(self, texts: Sequence[str], batch_size: int = 256) -> Vector:
        return np.array([[len(text)] for text in texts], np.float32)

    def tokenise(self, text: str) -> Sequence[int]:
        return [-1] if text == "bad" else [1] * len(text)

    def run_tokens(self, batch: Sequence[Sequence[int]]) -> Any:
        self.batches.append([len(tokens) for tokens in batch])
        self.entered.release()
        assert self.gate.wait(30)
        if any(tokens[0] < 0 for tokens in batch if tokens):
            raise BadTextError
        return [len(tokens) for tokens in batch]

    def finish(self, output: Any, row: int) -> Vector:
        return np.array([output[row]], np.float32)


def build(model: ScriptedModel, **options: int) -> Strategy:
    return AdaptiveStrategy(lambda threads=None: model, AdaptiveOptions(**options))


def test_a_lone_caller_runs_its_text_in_its_own_thread() -> None:
    model = ScriptedModel()
    strategy = build(model, batchers=1)
    threads: list[str] = []
    run_tokens = model.run_tokens
    model.run_tokens = lambda batch: threads.append(threading.current_thread().name) or run_tokens(batch)  # type: ignore[method-assign]
    strategy.embed("alone")
    strategy.close()
    assert threads == [threading.current_thread().name]


def test_the_oldest_request_is_batched_with_texts_of_similar_length() -> None:
    model = ScriptedModel()
    strategy = build(model, batchers=1)
    model.gate.clear()
    with ThreadPoolExecutor(8) as clients:
        running = clients.submit(strategy.embed, "a")
        model.entered.acquire()
        waiting = []
        for number, length in enumerate((90, 10, 11, 12, 100), 1):
            waiting.append(clients.submit(strategy.embed, "x" * length))
            wait_for_requests(strategy, number)
        model.gate.set()
        assert [int(future.result(30)[0]) for future in waiting] == [90, 10, 11, 12, 100]
        running.result(30)
    strategy.close()
    assert model.batches[1] == [90, 100], "the oldest request and its neighbour in length, not the short ones"
    assert sorted(model.batches[2]) == [10, 11, 12]


def test_only_the_caller_of_a_bad_text_gets_the_error() -> None:
    model = ScriptedModel()
    strategy = build(model, batchers=1)
    model.gate.clear()
    with ThreadPoolExecutor(8) as clients:
        running = clients.submit(strategy.embed, "a")
        model.entered.acquire()
        good = [clients.submit(strategy.embed, "b") for _ in range(3)]
        bad = clients.submit(strategy.embed, "bad")
        wait_for_requests(strategy, 4)
        model.gate.set()
        assert [int(future.result(30)[0]) for future in good] == [1, 1, 1]
        with pytest.raises(BadTextError):
            bad.result(30)
        running.result(30)
    strategy.close()


def test_the_queue_is_bounded() -> None:
    model = ScriptedModel()
    strategy = build(model, batchers=1, waiting=3)
    model.gate.clear()
    with ThreadPoolExecutor(12) as clients:
        running = clients.submit(strategy.embed, "a")
        model.entered.acquire()
        more = [clients.submit(strategy.embed, "b" * length) for length in range(1, 11)]
        wait_for_requests(strategy, 3)
        assert len(strategy._waiting) == 3  # type: ignore[attr-defined]
        model.gate.set()
        assert sorted(int(future.result(30)[0]) for future in more) == list(range(1, 11))
        running.result(30)
    strategy.close()


@pytest.mark.parametrize("seed", range(5))
def test_every_caller_gets_its_result_or_an_error_when_the_strategy_closes(seed: int) -> None:
    """64 clients send random lengths and bad texts until a random close; none hangs or gets another's vector."""
    model = ScriptedModel()
    strategy = build(model, batchers=2, waiting=16)
    generator = random.Random(seed)
    close_at = generator.randrange(200, 600)
    outcomes: list[str] = []
    closer = threading.Thread(target=strategy.close)

    def client(number: int) -> None:
        generator = random.Random(number)
        for _ in range(20):
            text = "bad" if generator.random() < 0.05 else "x" * generator.randint(1, 100)
            try:
                correct = int(strategy.embed(text)[0]) == len(text)
                outcomes.append("correct" if correct else "wrong")
            except BadTextError:
                outcomes.append("failed" if text == "bad" else "wrong")
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
    assert {"correct", "closed"} <= set(outcomes)
    with pytest.raises(RuntimeError, match="closed"):
        strategy.embed("late")


def test_vectors_equal_those_embedded_one_by_one(tiny_model: FastEmbedModel) -> None:
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


def test_the_cost_of_a_batch_is_estimated() -> None:
    cost = BatchCost()
    generator = random.Random(1)
    for _ in range(300):
        texts, longest = generator.randint(1, 32), generator.randint(4, 110)
        cost.learn(texts, longest, (0.8 + 0.11 * texts * longest) * generator.uniform(0.95, 1.05))
    assert cost.fixed_ms == pytest.approx(0.8, rel=0.25)
    assert cost.token_ms == pytest.approx(0.11, rel=0.05)


def test_the_estimated_cost_stays_positive_if_all_batches_have_one_size() -> None:
    cost = BatchCost()
    for _ in range(500):
        cost.learn(1, 17, 4.0)
    assert cost.fixed_ms > 0
    assert cost.token_ms > 0


def test_no_caller_waits_for_a_batcher_that_crashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    monkeypatch.setattr("membench_backends.embedding.strategies.adaptive.next_batch", failing_policy)
    model = ScriptedModel()
    strategy = build(model, batchers=1)
    model.gate.clear()
    with ThreadPoolExecutor(3) as clients:
        running = clients.submit(strategy.embed, "a")
        model.entered.acquire()
        waiting = clients.submit(strategy.embed, "b")
        wait_for_requests(strategy, 1)
        model.gate.set()
        running.result(30)
        with pytest.raises(ZeroDivisionError):
            waiting.result(30)
    with pytest.raises(RuntimeError, match="closed"):
        strategy.embed("c")
    strategy.close()


def failing_policy(*_: object) -> list[int]:
    raise ZeroDivisionError


def wait_for_requests(strategy: Any, number: int) -> None:
    """Wait until `number` requests are queued."""
    deadline = time.monotonic() + 30
    while len(strategy._waiting) < number:
        assert time.monotonic() < deadline
        time.sleep(0.001)
