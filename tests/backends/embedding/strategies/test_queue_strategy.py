from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from membench_backends.embedding.strategies.queue import QueueOptions, QueueStrategy, _Request

if TYPE_CHECKING:
    from membench_backends.base import Vector

LONG_MS = 60_000
TIMEOUT_S = 30


class RecordingModel:
    """Embeds a text as its length, records the batches, and fails for a batch that contains `bad`."""

    dimensions = 1

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def embed(self, texts: Sequence[str], batch_size: int = 256) -> Vector:
        self.batches.append(list(texts))
        if "bad" in texts:
            raise LookupError("the model failed")
        return np.array([[len(text)] for text in texts], dtype=np.float32)


class GatedModel(RecordingModel):
    """Reports each call, and blocks it until the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.gate = threading.Event()

    def embed(self, texts: Sequence[str], batch_size: int = 256) -> Vector:
        self.entered.set()
        assert self.gate.wait(TIMEOUT_S)
        return super().embed(texts, batch_size)


def open_queue(model: RecordingModel, size: int, wait_ms: float = LONG_MS) -> QueueStrategy:
    return QueueStrategy(lambda: model, QueueOptions(size=size, wait_ms=wait_ms))


def embed_all(strategy: QueueStrategy, texts: Sequence[str]) -> list[Future[Vector]]:
    """Embed all texts at the same time, one thread per text."""
    with ThreadPoolExecutor(len(texts)) as clients:
        return [clients.submit(strategy.embed, text) for text in texts]


def test_a_full_window_closes_at_once() -> None:
    model = RecordingModel()
    answers = embed_all(open_queue(model, size=4), ["a", "bb", "ccc", "dddd"] * 2)
    assert [answer.result(TIMEOUT_S)[0] for answer in answers] == [1, 2, 3, 4] * 2
    assert [len(batch) for batch in model.batches] == [4, 4]


def test_a_partial_window_is_embedded_when_its_time_is_up() -> None:
    model = RecordingModel()
    assert open_queue(model, size=64, wait_ms=1).embed("alone")[0] == 5
    assert model.batches == [["alone"]]


def test_a_failed_batch_fails_only_its_own_callers() -> None:
    model = RecordingModel()
    strategy = open_queue(model, size=2)
    for answer in embed_all(strategy, ["good", "bad"]):
        assert isinstance(answer.exception(TIMEOUT_S), LookupError)
    for answer in embed_all(strategy, ["fine", "well"]):
        assert answer.result(TIMEOUT_S)[0] == 4


def test_a_missing_vector_fails_the_batch() -> None:
    class LosingModel(RecordingModel):
        def embed(self, texts: Sequence[str], batch_size: int = 256) -> Vector:
            return super().embed(texts)[1:]

    for answer in embed_all(open_queue(LosingModel(), size=2), ["a", "b"]):
        assert "1 vectors for 2 texts" in str(answer.exception(TIMEOUT_S))


def test_a_list_is_not_queued() -> None:
    model = RecordingModel()
    vectors = open_queue(model, size=64).embed_batch(["a", "bb"])
    assert vectors.tolist() == [[1], [2]]
    assert model.batches == [["a", "bb"]]


def test_batches_and_lists_never_run_at_the_same_time() -> None:
    class ExclusiveModel(RecordingModel):
        def __init__(self) -> None:
            super().__init__()
            self.occupied = threading.Lock()

        def embed(self, texts: Sequence[str], batch_size: int = 256) -> Vector:
            assert self.occupied.acquire(blocking=False)
            try:
                time.sleep(0)  # lets another thread run
                return super().embed(texts)
            finally:
                self.occupied.release()

    strategy = open_queue(ExclusiveModel(), size=2, wait_ms=1)
    with ThreadPoolExecutor(8) as clients:
        singles = [clients.submit(strategy.embed, "a") for _ in range(200)]
        lists = [clients.submit(strategy.embed_batch, ["b", "c"]) for _ in range(200)]
    assert [answer.exception() for answer in singles + lists] == [None] * 400


def test_calls_after_close_are_refused() -> None:
    strategy = open_queue(RecordingModel(), size=1)
    strategy.close()
    calls: list[Callable[[], object]] = [lambda: strategy.embed("a"), lambda: strategy.embed_batch(["a"])]
    for call in calls:
        with pytest.raises(RuntimeError, match="closed"):
            call()


def test_a_call_that_races_with_close_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    strategy = open_queue(RecordingModel(), size=1)
    strategy.close()
    monkeypatch.setattr(strategy, "_raise_if_closed", lambda: None)  # checked just before the close
    outcome: Future[Vector] = Future()

    def embed() -> None:
        try:
            outcome.set_result(strategy.embed("late"))
        except RuntimeError as error:
            outcome.set_exception(error)

    threading.Thread(target=embed, daemon=True).start()
    assert "closed" in str(outcome.exception(TIMEOUT_S))


def test_a_request_queued_after_close_is_refused() -> None:
    model = GatedModel()
    strategy = open_queue(model, size=1)
    with ThreadPoolExecutor(2) as clients:
        first = clients.submit(strategy.embed, "a")
        assert model.entered.wait(TIMEOUT_S)
        late: Future[Vector] = Future()
        strategy._requests.put(None)
        strategy._requests.put(_Request("late", late, 0))
        model.gate.set()
        assert first.result(TIMEOUT_S)[0] == 1
    assert "closed" in str(late.exception(TIMEOUT_S))


def test_close_answers_queued_requests() -> None:
    model = GatedModel()
    strategy = open_queue(model, size=1)
    with ThreadPoolExecutor(2) as clients:
        waiting = clients.submit(strategy.embed, "a")
        assert model.entered.wait(TIMEOUT_S)
        closing = clients.submit(strategy.close)
        model.gate.set()
        assert waiting.result(TIMEOUT_S)[0] == 1
        closing.result(TIMEOUT_S)


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("attempt", range(10))
def test_no_caller_hangs_when_the_strategy_closes(size: int, attempt: int) -> None:
    clients = 32
    strategy = open_queue(RecordingModel(), size=size, wait_ms=1)
    answered = threading.Semaphore(0)
    errors: list[str] = []

    def embed_until_refused(number: int) -> None:
        text = "x" * number
        try:
            while True:
                assert strategy.embed(text)[0] == number
                answered.release()
        except RuntimeError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=embed_until_refused, args=(number,), daemon=True) for number in range(clients)]
    for thread in threads:
        thread.start()
    for _ in range(clients + attempt):
        assert answered.acquire(timeout=TIMEOUT_S)
    strategy.close()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert errors == ["the embedding queue is closed"] * clients
