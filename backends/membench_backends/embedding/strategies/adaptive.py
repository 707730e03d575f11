"""Batches concurrent requests by length and age, without tuning: our strategy.

Each caller tokenises its own text and queues the tokens. A free batcher works out the cheapest way to clear the queue,
using a cost model that is fitted while running, and runs the batch that contains the oldest request. Padding therefore
stays small, and no request starves. A lone caller bypasses the queue and runs its text in its own thread, on a session
with all cores. With several callers, each batcher uses one core.
"""

from __future__ import annotations

import threading
from bisect import insort
from collections.abc import Sequence
from concurrent.futures import Future
from operator import attrgetter
from time import perf_counter_ns
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from membench_backends.cores import usable_cores
from membench_backends.embedding.strategies.cost import BatchCost
from membench_backends.embedding.strategies.policy import next_batch, patience_ns
from membench_backends.stages import gauge, mark, now_ns

if TYPE_CHECKING:
    import numpy as np

    from membench_backends.base import LoadTokenModel, TokenOutput, Vector

LONE_AFTER_NS = 50_000_000
"""A caller counts as alone when no calls have overlapped for this long. Several callers also leave short gaps."""


class AdaptiveOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many batches run at the same time, and how many requests can wait."""

    batchers: (
        Annotated[
            int, msgspec.Meta(ge=1, le=256, description="concurrent batches, one core each; auto is one per core")
        ]
        | None
    ) = None
    waiting: Annotated[
        int, msgspec.Meta(ge=1, le=1_000_000, description="queued requests at which further callers block")
    ] = 1024


class _Request:
    """A text in the queue."""

    __slots__ = ("answer", "due_ns", "length", "since_ns", "tokens")

    def __init__(self, tokens: Sequence[int]) -> None:
        self.tokens = tokens
        self.length = len(tokens)
        self.since_ns = self.due_ns = now_ns()
        self.answer: Future[tuple[TokenOutput, int]] = Future()


class AdaptiveStrategy:
    """Batcher threads that share one session and one queue, which is sorted by length."""

    def __init__(self, load: LoadTokenModel, options: AdaptiveOptions) -> None:
        cores = usable_cores()
        self._batchers = options.batchers or cores
        self._waiting_max = options.waiting
        self._one_core = load(threads=1)
        self._all_cores = load(threads=cores) if cores > 1 else self._one_core
        self._cost = BatchCost()
        lock = threading.Lock()
        self._work = threading.Condition(lock)
        """Notified when a request is queued, a batch ends, or the strategy closes."""
        self._not_full = threading.Condition(lock)
        """Notified when requests leave the queue, or the strategy closes."""
        self._waiting: list[_Request] = []
        self._waiting_tokens = 0
        self._running = 0
        self._shared_until_ns = 0
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run_batches, name=f"adaptive-{number}", daemon=True)
            for number in range(self._batchers)
        ]
        for thread in self._threads:
            thread.start()

    def embed(self, text: str) -> Vector:
        """Embed one text: shape (dimensions,), float32.

        Raises:
            RuntimeError: The strategy is closed, or was closed before the text was embedded.
            Exception: Whatever the model raised for this text.
        """
        tokens = self._one_core.tokenise(text)
        if self._try_begin_alone():
            return self._run_alone(tokens)
        request = _Request(tokens)
        self._submit([request])
        return self._finish(request)

    def embed_batch(self, texts: Sequence[str]) -> Vector:
        """Embed the caller's list, batched with other queued requests: shape (len(texts), dimensions), float32.

        Raises:
            RuntimeError: The strategy is closed, or was closed before a text was embedded.
            Exception: Whatever the model raised for one of the texts.
        """
        import numpy as np

        requests = [_Request(self._one_core.tokenise(text)) for text in texts]
        self._submit(requests)
        vectors: list[np.ndarray[Any, Any]] = [self._finish(request) for request in requests]
        return np.stack(vectors) if vectors else np.empty((0, self._one_core.dimensions), np.float32)

    def close(self) -> None:
        """Embed the queued requests, refuse later ones, and end the batchers."""
        with self._work:
            self._closed = True
            self._work.notify_all()
            self._not_full.notify_all()
        for thread in self._threads:
            thread.join()

    def _try_begin_alone(self) -> bool:
        """Return whether this is a lone caller; it then counts as running until `_end_run`."""
        with self._work:
            if self._closed:
                raise _closed_error()
            if self._running or self._waiting:
                self._shared_until_ns = perf_counter_ns() + LONE_AFTER_NS
                return False
            if perf_counter_ns() < self._shared_until_ns:
                return False
            self._running += 1
            return True

    def _run_alone(self, tokens: Sequence[int]) -> Vector:
        try:
            output = self._all_cores.run_tokens([tokens])
        finally:
            self._end_run()
        return self._all_cores.finish(output, 0)

    def _submit(self, requests: Sequence[_Request]) -> None:
        for request in requests:
            with self._work:
                while len(self._waiting) >= self._waiting_max and not self._closed:
                    self._not_full.wait()
                if self._closed:
                    raise _closed_error()
                insort(self._waiting, request, key=attrgetter("length"))
                self._waiting_tokens += request.length
                request.due_ns = request.since_ns + patience_ns(self._waiting_tokens, self._batchers, self._cost)
                gauge("queue_depth", len(self._waiting))
                self._work.notify()

    def _finish(self, request: _Request) -> Vector:
        output, row = request.answer.result()
        return self._one_core.finish(output, row)

    def _end_run(self) -> None:
        with self._work:
            self._running -= 1
            self._work.notify()

    def _run_batches(self) -> None:
        try:
            while batch := self._take_batch():
                try:
                    self._answer(batch)
                finally:
                    self._end_run()
        except BaseException as error:
            self._abandon(error)
            raise

    def _abandon(self, error: BaseException) -> None:
        """Fail all queued requests after an unexpected error in a batcher, so that no caller waits for it."""
        with self._work:
            self._closed = True
            unanswered, self._waiting = self._waiting, []
            self._work.notify_all()
            self._not_full.notify_all()
        for request in unanswered:
            request.answer.set_exception(error)

    def _take_batch(self) -> list[_Request]:
        """Wait for requests and a free batcher, and return the next batch; empty when the strategy is closed."""
        with self._work:
            while not self._waiting or self._running >= self._batchers:
                if self._closed and not self._waiting:
                    return []
                self._work.wait()
            chosen = next_batch(self._waiting, now_ns(), self._batchers - self._running, self._cost)
            batch = [self._waiting[index] for index in chosen]
            for index in reversed(chosen):
                del self._waiting[index]
            self._waiting_tokens -= sum(request.length for request in batch)
            self._running += 1
            self._not_full.notify(len(batch))
        return batch

    def _answer(self, batch: list[_Request]) -> None:
        for request in batch:
            mark("queue_wait", request.since_ns)
        begin_ns = perf_counter_ns()
        try:
            output = self._one_core.run_tokens([request.tokens for request in batch])
        except Exception as error:
            self._answer_separately(batch, error)
            return
        duration_ms = (perf_counter_ns() - begin_ns) / 1e6
        with self._work:
            self._cost.learn(len(batch), batch[-1].length, duration_ms)
        for row, request in enumerate(batch):
            request.answer.set_result((output, row))

    def _answer_separately(self, batch: list[_Request], error: Exception) -> None:
        """Run the texts of a failed batch one by one, so that only the caller of a bad text gets the error."""
        if len(batch) == 1:
            batch[0].answer.set_exception(error)
            return
        for request in batch:
            try:
                request.answer.set_result((self._one_core.run_tokens([request.tokens]), 0))
            except Exception as request_error:
                request.answer.set_exception(request_error)


def _closed_error() -> RuntimeError:
    return RuntimeError("the adaptive strategy is closed")
