"""Concurrent callers batched by length and age, with nothing to tune: ours.

A caller tokenises its text itself and hands over the tokens. As soon as a batcher is free it works out the cheapest way
to clear everything that waits, by a cost model that is fitted while running, and takes the batch of it that holds the
request which has waited longest: so padding stays small and nobody starves. A caller that is alone runs its text
itself, on a session with all cores; as soon as there are several, each batcher keeps to one core.
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

from membench_backends.cores import physical_cores
from membench_backends.embedding.strategies.cost import BatchCost
from membench_backends.embedding.strategies.policy import next_batch, patience_ns
from membench_backends.stages import gauge, mark, now_ns

if TYPE_CHECKING:
    import numpy as np

    from membench_backends.base import LoadTokenModel, TokenOutput, Vector

COMPANY_NS = 50_000_000
"""A caller counts as alone once it has met no other for this long: between two of several there are gaps, too."""


class AdaptiveOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many batches run at once, and how many requests may wait."""

    batchers: (
        Annotated[int, msgspec.Meta(ge=1, le=256, description="batches at once, a core each; auto is one a core")]
        | None
    ) = None
    waiting: Annotated[
        int, msgspec.Meta(ge=1, le=1_000_000, description="requests that may wait before callers are held back")
    ] = 1024


class _Request:
    """One text that waits for its batch."""

    __slots__ = ("answer", "due_ns", "length", "since_ns", "tokens")

    def __init__(self, tokens: Sequence[int]) -> None:
        self.tokens = tokens
        self.length = len(tokens)
        self.since_ns = self.due_ns = now_ns()
        self.answer: Future[tuple[TokenOutput, int]] = Future()


class AdaptiveStrategy:
    """Batchers share one session and the requests that wait, sorted by length."""

    def __init__(self, load: LoadTokenModel, options: AdaptiveOptions) -> None:
        cores = physical_cores()
        self._batchers = options.batchers or cores
        self._room = options.waiting
        self._narrow = load(threads=1)
        self._wide = load(threads=cores) if cores > 1 else self._narrow
        self._cost = BatchCost()
        lock = threading.Lock()
        self._work = threading.Condition(lock)
        """There is something to run, a batcher to run it, or the end."""
        self._room_again = threading.Condition(lock)
        """More requests may wait."""
        self._waiting: list[_Request] = []
        self._waiting_tokens = 0
        self._running = 0
        self._company_until_ns = 0
        self._closed = False
        self._threads = [
            threading.Thread(target=self._batch, name=f"adaptive-{number}", daemon=True)
            for number in range(self._batchers)
        ]
        for thread in self._threads:
            thread.start()

    def embed(self, text: str) -> Vector:
        """Embed one text: shape (dimensions,), float32.

        Raises:
            RuntimeError: The strategy is closed, or was before the text's turn came.
            Exception: Whatever the model raised for this text.
        """
        tokens = self._narrow.tokenise(text)
        if self._begin_alone():
            return self._run_alone(tokens)
        request = _Request(tokens)
        self._submit([request])
        return self._finish(request)

    def embed_batch(self, texts: Sequence[str]) -> Vector:
        """Embed the caller's list, its texts batched with whatever else waits: shape (len(texts), dimensions), float32.

        Raises:
            RuntimeError: The strategy is closed, or was before a text's turn came.
            Exception: Whatever the model raised for one of the texts.
        """
        import numpy as np

        requests = [_Request(self._narrow.tokenise(text)) for text in texts]
        self._submit(requests)
        vectors: list[np.ndarray[Any, Any]] = [self._finish(request) for request in requests]
        return np.stack(vectors) if vectors else np.empty((0, self._narrow.dimensions), np.float32)

    def close(self) -> None:
        """Answer what waits, fail what comes after, end the batchers."""
        with self._work:
            self._closed = True
            self._work.notify_all()
            self._room_again.notify_all()
        for thread in self._threads:
            thread.join()

    def _begin_alone(self) -> bool:
        with self._work:
            if self._closed:
                raise _closed()
            if self._running or self._waiting:
                self._company_until_ns = perf_counter_ns() + COMPANY_NS
                return False
            if perf_counter_ns() < self._company_until_ns:
                return False
            self._running += 1
            return True

    def _run_alone(self, tokens: Sequence[int]) -> Vector:
        try:
            output = self._wide.run_tokens([tokens])
        finally:
            self._end()
        return self._wide.finish(output, 0)

    def _submit(self, requests: Sequence[_Request]) -> None:
        for request in requests:
            with self._work:
                while len(self._waiting) >= self._room and not self._closed:
                    self._room_again.wait()
                if self._closed:
                    raise _closed()
                insort(self._waiting, request, key=attrgetter("length"))
                self._waiting_tokens += request.length
                request.due_ns = request.since_ns + patience_ns(self._waiting_tokens, self._batchers, self._cost)
                gauge("queue_depth", len(self._waiting))
                self._work.notify()

    def _finish(self, request: _Request) -> Vector:
        output, row = request.answer.result()
        return self._narrow.finish(output, row)

    def _end(self) -> None:
        with self._work:
            self._running -= 1
            self._work.notify()

    def _batch(self) -> None:
        try:
            while batch := self._take():
                try:
                    self._answer(batch)
                finally:
                    self._end()
        except BaseException as error:
            self._abandon(error)
            raise

    def _abandon(self, error: BaseException) -> None:
        """A batcher ends by what should not happen: nobody shall wait for it."""
        with self._work:
            self._closed = True
            left, self._waiting = self._waiting, []
            self._work.notify_all()
            self._room_again.notify_all()
        for request in left:
            request.answer.set_exception(error)

    def _take(self) -> list[_Request]:
        """The next batch, once there is one and fewer run than may; empty when there will be none."""
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
            self._room_again.notify(len(batch))
        return batch

    def _answer(self, batch: list[_Request]) -> None:
        for request in batch:
            mark("queue_wait", request.since_ns)
        begin_ns = perf_counter_ns()
        try:
            output = self._narrow.run_tokens([request.tokens for request in batch])
        except Exception as error:
            self._answer_one_by_one(batch, error)
            return
        took_ms = (perf_counter_ns() - begin_ns) / 1e6
        with self._work:
            self._cost.learn(len(batch), batch[-1].length, took_ms)
        for row, request in enumerate(batch):
            request.answer.set_result((output, row))

    def _answer_one_by_one(self, batch: list[_Request], error: Exception) -> None:
        """One text in the batch is poisonous: only its caller shall know."""
        if len(batch) == 1:
            batch[0].answer.set_exception(error)
            return
        for request in batch:
            try:
                request.answer.set_result((self._narrow.run_tokens([request.tokens]), 0))
            except Exception as own_error:
                request.answer.set_exception(own_error)


def _closed() -> RuntimeError:
    return RuntimeError("the adaptive strategy is closed")
