"""The load generator: clients that call the backend, in a closed or an open loop, and record each latency."""

from __future__ import annotations

import itertools
import math
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from membench.runner.recorder import ClientLog
from membench.spec.corpus import Texts
from membench.spec.run import RunSpec

if TYPE_CHECKING:
    from membench_backends.base import MemoryBackend

NS_PER_S = 1_000_000_000
NEVER_NS = 1 << 62


class Clients:
    """The clients of a repeat. Each repeat of a run adds the same texts."""

    def __init__(self, spec: RunSpec, backend: MemoryBackend, texts: Texts) -> None:
        self.spec = spec
        self.logs = [ClientLog(spec.operation == "add_batch") for _ in range(spec.clients)]
        self._backend = backend
        self._texts = texts

    def texts_of(self, client: int) -> Iterator[str]:
        """Yield the texts of one client from the first on, without end."""
        return self._texts.of_client(client, self.spec.clients)

    def start(self, repeat: int) -> Repeat:
        """Start one repeat, which runs in threads of its own."""
        supply = [self.texts_of(client) for client in range(self.spec.clients)]
        return Repeat(self.spec, repeat, self._backend, self.logs, supply)


class Repeat:
    """One repeat in progress. All clients start together at a barrier."""

    def __init__(
        self, spec: RunSpec, repeat: int, backend: MemoryBackend, logs: list[ClientLog], supply: list[Iterator[str]]
    ) -> None:
        self._spec = spec
        self._deadline_ns = NEVER_NS
        self._schedule = iter(planned_starts_ns(spec, repeat)) if spec.loop == "open" else None
        self._missed_ns: list[int] = []
        """Planned starts that a client took only after the deadline."""
        self.crash: BaseException | None = None
        """What ended a client, if that was no ordinary exception: `SystemExit`, for example."""
        self._logs = logs
        self.start_ns = 0
        self._barrier = threading.Barrier(spec.clients + 1, action=self._start_clock)
        self._threads = [
            threading.Thread(target=self._run, args=(client, backend, log, texts), name=f"client-{client}", daemon=True)
            for client, (log, texts) in enumerate(zip(logs, supply, strict=True))
        ]
        for thread in self._threads:
            thread.start()
        self._barrier.wait()

    def wait(self, until_ns: int) -> bool:
        """Wait for the clients, at most until a moment of the clock. Return whether all have finished."""
        for thread in self._threads:
            remaining_s = (until_ns - time.perf_counter_ns()) / NS_PER_S
            thread.join(max(remaining_s, 0))
            if thread.is_alive():
                return False
        return True

    @property
    def wall_s(self) -> float:
        """Seconds from the barrier to the end of the last operation, once all clients have finished.

        An open loop lasts until its deadline, even when no more operations fall due.
        """
        ended_ns = max(log.ended_ns for log in self._logs)
        if self._schedule is not None and self._spec.duration_s is not None:
            ended_ns = max(ended_ns, self._deadline_ns)
        return (ended_ns - self.start_ns) / NS_PER_S

    def drain_unstarted(self) -> array[int]:
        """Return how long each operation that never started had waited at the deadline, once all clients have finished.

        A system that cannot keep up with an open loop leaves such operations: all clients were busy when they fell due.
        """
        left = (self.start_ns + offset_ns for offset_ns in self._schedule or ())
        planned_ns = itertools.chain(self._missed_ns, left)
        return array("q", (self._deadline_ns - at for at in planned_ns if at < self._deadline_ns))

    def _start_clock(self) -> None:
        self.start_ns = time.perf_counter_ns()
        if self._spec.duration_s is not None:
            self._deadline_ns = self.start_ns + round(self._spec.duration_s * NS_PER_S)

    def _run(self, client: int, backend: MemoryBackend, log: ClientLog, texts: Iterator[str]) -> None:
        self._barrier.wait()
        log.idle_ns = 0
        log.clock.start()
        try:
            self._operate(user_of(client), backend, log, self._share_of(client, texts))
        except BaseException as error:  # SystemExit and the like, raised inside a backend: the run has failed
            self.crash = error
        log.ended_ns = time.perf_counter_ns()
        log.clock.stop()

    def _operate(self, user_id: str, backend: MemoryBackend, log: ClientLog, texts: Iterator[str]) -> None:
        if self._spec.operation == "add" and self._schedule is None:
            add_closed(log, backend.add, user_id, texts, self._deadline_ns)
            return
        if self._spec.operation == "add":
            call: Callable[[list[str]], None] = lambda batch: backend.add(batch[0], user_id)  # noqa: E731
        else:
            call = lambda batch: backend.add_batch(batch, user_id)  # noqa: E731
        batches = _batches(texts, self._spec.batch_size)
        if self._schedule is None:
            call_closed(log, call, batches, self._deadline_ns)
        else:
            call_open(log, call, batches, self._due(log))

    def _share_of(self, client: int, texts: Iterator[str]) -> Iterator[str]:
        """Return a client's share of the items. An open loop shares out operations instead, as they fall due."""
        items, clients = self._spec.items, self._spec.clients
        if items is None or self._schedule is not None:
            return texts
        if self._spec.operation == "add_batch":
            return itertools.islice(texts, batch_share(items, self._spec.batch_size, client, clients))
        return itertools.islice(texts, items // clients + (client < items % clients))

    def _due(self, log: ClientLog) -> Iterator[int]:
        """Yield planned starts, on the clock, as this client takes them: the next one that no client has taken."""
        assert self._schedule is not None
        for offset_ns in self._schedule:
            planned_ns = self.start_ns + offset_ns
            now_ns = time.perf_counter_ns()
            if max(now_ns, planned_ns) >= self._deadline_ns:
                self._missed_ns.append(planned_ns)
                return
            if planned_ns > now_ns:
                time.sleep((planned_ns - now_ns) / NS_PER_S)
                log.idle_ns += time.perf_counter_ns() - now_ns
            yield planned_ns


def user_of(client: int) -> str:
    """Return the user under whom a client stores its memories."""
    return f"user-{client}"


def add_closed(
    log: ClientLog, add: Callable[[str, str], None], user_id: str, texts: Iterator[str], deadline_ns: int
) -> None:
    """Add one text after another until they run out or the deadline passes. This is the hot path: keep it bare."""
    clock, record = time.perf_counter_ns, log.latencies_ns.append
    for text in texts:
        begin = clock()
        try:
            add(text, user_id)
        except Exception as error:
            end = clock()
            log.record_failure(error, [text], end - begin)
        else:
            end = clock()
            record(end - begin)
        if end >= deadline_ns:
            break


def call_closed(
    log: ClientLog, call: Callable[[list[str]], None], batches: Iterator[list[str]], deadline_ns: int
) -> None:
    """Call with one batch after another until they run out or the deadline passes."""
    clock = time.perf_counter_ns
    for batch in batches:
        begin = clock()
        _call(log, call, batch, begin)
        if clock() >= deadline_ns:
            break


def call_open(
    log: ClientLog, call: Callable[[list[str]], None], batches: Iterator[list[str]], due_ns: Iterator[int]
) -> None:
    """Start operations when they fall due. Latency counts from then, so that a late start is not forgiven."""
    for planned_ns in due_ns:
        _call(log, call, next(batches), planned_ns)


def _call(log: ClientLog, call: Callable[[list[str]], None], batch: list[str], begin_ns: int) -> None:
    try:
        call(batch)
    except Exception as error:
        log.record_failure(error, batch, time.perf_counter_ns() - begin_ns)
    else:
        log.latencies_ns.append(time.perf_counter_ns() - begin_ns)
        log.batch_items += len(batch)


def batch_share(items: int, batch_size: int, client: int, clients: int) -> int:
    """Return a client's memories when whole batches are dealt out in turn; the last batch may be short."""
    batches = -(-items // batch_size)
    mine = len(range(client, batches, clients))
    has_last = mine and (batches - 1) % clients == client
    return mine * batch_size - (batches * batch_size - items if has_last else 0)


def _batches(texts: Iterator[str], size: int) -> Iterator[list[str]]:
    while batch := list(itertools.islice(texts, size)):
        yield batch


def planned_starts_ns(spec: RunSpec, repeat: int) -> list[int]:
    """Return the planned starts of an open loop, in nanoseconds after the barrier.

    They are evenly spaced, or the arrivals of a Poisson process.
    """
    rate = spec.target_operations_per_s or 0.0
    if spec.duration_s is not None:
        # Almost surely enough for the duration; what falls due after the deadline is not started.
        expected = rate * spec.duration_s
        count = math.ceil(expected + 6 * math.sqrt(expected) + 1)
    else:
        count = -(-(spec.items or 0) // spec.batch_size)
    if spec.arrivals == "constant":
        starts_s = np.arange(count) / rate
    else:
        generator = np.random.default_rng((spec.seed or 0, repeat))
        starts_s = np.cumsum(generator.exponential(1 / rate, count))
    starts: list[int] = (starts_s * NS_PER_S).astype(np.int64).tolist()
    return starts
