"""Requests collect in a window that is embedded as one batch: AgentMem's embedding queue.

Source: `crates/agent-mem-embeddings/src/embedding_queue.rs` of louloulin/AgentMem; 64 requests and 20 ms are the
defaults of its orchestrator.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec

from membench_backends.stages import gauge, mark, now_ns

if TYPE_CHECKING:
    from membench_backends.base import Model, Vector


class QueueOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a window closes: at this many requests or after this time, whichever comes first."""

    size: Annotated[int, msgspec.Meta(ge=1, le=4096, description="requests that close a window at once")] = 64
    wait_ms: Annotated[float, msgspec.Meta(ge=1, le=60_000, description="milliseconds that a window stays open")] = 20.0


class _Request(NamedTuple):
    text: str
    answer: Future[Vector]
    since_ns: int


class QueueStrategy:
    """One thread collects a window of requests, embeds it, and then opens the next window.

    A window opens when the previous batch is done, not when a request arrives, so a lone caller waits until the window
    closes. A list is not queued: the caller embeds it under the lock that the batches use.
    """

    def __init__(self, load: Callable[[], Model], options: QueueOptions) -> None:
        self._model = load()
        self._model_lock = threading.Lock()
        self._size = options.size
        self._wait_s = options.wait_ms / 1000
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()  # None stops the thread
        self._closed = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="embedding-queue", daemon=True)
        self._thread.start()

    def embed(self, text: str) -> Vector:
        """Embed one text as part of a batch: shape (dimensions,), float32.

        Raises:
            RuntimeError: The strategy is closed, or was closed before the text was embedded.
            Exception: Whatever the model raised for the batch.
        """
        self._raise_if_closed()
        request = _Request(text, Future(), now_ns())
        self._requests.put(request)
        gauge("queue_depth", self._requests.qsize())
        if self._ended.is_set():  # the thread may have failed its remaining requests before this one was queued
            self._fail_waiting()
        return request.answer.result()

    def embed_batch(self, texts: Sequence[str]) -> Vector:
        """Embed the caller's list in one call: shape (len(texts), dimensions), float32.

        Raises:
            RuntimeError: The strategy is closed.
        """
        self._raise_if_closed()
        with self._model_lock:
            return self._model.embed(texts)

    def close(self) -> None:
        """Embed the queued requests, refuse later ones, and end the thread."""
        self._closed = True
        self._requests.put(None)
        self._thread.join()

    def _raise_if_closed(self) -> None:
        if self._closed:
            raise _closed_error()

    def _run(self) -> None:
        try:
            is_open = True
            while is_open:
                batch, is_open = self._collect()
                if batch:
                    self._answer(batch)
        finally:
            # The order matters: a caller that sees the event fails its own request; otherwise the request is queued by
            # now, and fails here.
            self._ended.set()
            self._fail_waiting()

    def _collect(self) -> tuple[list[_Request], bool]:
        """Return the requests of one window, and whether another window follows."""
        batch: list[_Request] = []
        end = time.monotonic() + self._wait_s
        while len(batch) < self._size:
            try:
                request = self._requests.get(timeout=max(0.0, end - time.monotonic()))
            except Empty:
                break
            if request is None:
                return batch, False
            batch.append(request)
        return batch, True

    def _answer(self, batch: list[_Request]) -> None:
        for request in batch:
            mark("queue_wait", request.since_ns)
        try:
            vectors = self._embed([request.text for request in batch])
        except BaseException as error:
            for request in batch:
                request.answer.set_exception(error)
        else:
            for request, vector in zip(batch, vectors, strict=True):
                request.answer.set_result(vector)

    def _embed(self, texts: list[str]) -> Vector:
        with self._model_lock:
            vectors = self._model.embed(texts)
        if len(vectors) != len(texts):
            raise RuntimeError(f"the model returned {len(vectors)} vectors for {len(texts)} texts")
        return vectors

    def _fail_waiting(self) -> None:
        while True:
            try:
                request = self._requests.get_nowait()
            except Empty:
                return
            if request is not None:
                request.answer.set_exception(_closed_error())


def _closed_error() -> RuntimeError:
    return RuntimeError("the embedding queue is closed")
