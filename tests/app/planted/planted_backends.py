"""Backends that are slow for one known cause each, as a plugin provides them. They store nothing."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from membench_backends.base import BackendInfo, Capabilities, Parts, StoredMemory
from membench_backends.stages import mark, now_ns

OUTSIDE_S = 0.005
HOLD_S = 0.005
SERIAL_SHARE = 0.2
WINDOW_S = 0.02
BUFFER = bytes(16_000_000)


class Planted:
    """A backend that does nothing."""

    def __init__(self, parts: Parts) -> None:
        pass

    def add(self, text: str, user_id: str) -> None:
        pass

    def add_batch(self, texts: Sequence[str], user_id: str) -> None:
        for text in texts:
            self.add(text, user_id)

    def stored(self) -> Iterator[StoredMemory]:
        return iter(())

    def close(self) -> None:
        pass


class HeldLock(Planted):
    """A backend that holds one lock for half of its ten milliseconds."""

    def __init__(self, parts: Parts) -> None:
        self._ledger_lock = threading.Lock()

    def add(self, text: str, user_id: str) -> None:
        time.sleep(OUTSIDE_S)
        with self._ledger_lock:
            time.sleep(HOLD_S)


class PurePython(Planted):
    """A backend that runs Python code, which only one thread at a time can do."""

    def add(self, text: str, user_id: str) -> None:
        for _ in range(40_000):
            pass


def digest(_: object = None) -> bytes:
    """Work for some milliseconds without the interpreter's lock."""
    return hashlib.sha256(BUFFER).digest()


class Crowd(Planted):
    """A backend that gives each operation to four times as many threads as there are cores."""

    def __init__(self, parts: Parts) -> None:
        self._threads = 4 * (os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(self._threads)

    def add(self, text: str, user_id: str) -> None:
        list(self._pool.map(digest, range(self._threads)))


class PassingCrowd(Planted):
    """The same, with threads that live for one operation."""

    def add(self, text: str, user_id: str) -> None:
        threads = [threading.Thread(target=digest) for _ in range(4 * (os.cpu_count() or 1))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


class Served(Planted):
    """A backend with threads of its own, which compute what its clients wait for."""

    threads = 1

    def __init__(self, parts: Parts) -> None:
        self._requests: queue.Queue[Future[None]] = queue.Queue()
        for _ in range(self.threads):
            threading.Thread(target=self._run, daemon=True).start()

    def add(self, text: str, user_id: str) -> None:
        answer: Future[None] = Future()
        self._requests.put(answer)
        answer.result()

    def _run(self) -> None:
        while True:
            answer = self._requests.get()
            self._work()
            answer.set_result(None)

    def _work(self) -> None:
        digest()


class Batcher(Served):
    """A backend with one thread that sleeps, then answers all requests that arrived meanwhile."""

    def _run(self) -> None:
        while True:
            time.sleep(WINDOW_S)
            for _ in range(self._requests.qsize()):
                self._requests.get().set_result(None)


class BusyWorker(Served):
    """A backend with one thread that computes what clients wait for, and one that sleeps and that nobody awaits."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while True:
            time.sleep(0.4)


def embed_and_store(embed_s: float, store_s: float) -> None:
    """Sleep in the stages of an operation."""
    start_ns = now_ns()
    time.sleep(embed_s)
    start_ns = mark("embed", start_ns)
    time.sleep(store_s)
    mark("store", start_ns)


class SlowStore(Planted):
    """A backend that spends nine tenths of an operation in its store."""

    def add(self, text: str, user_id: str) -> None:
        embed_and_store(0.001, 0.009)


class QuickStore(Planted):
    """A backend that spends a tenth of an operation in its store, and marks no other stage."""

    def add(self, text: str, user_id: str) -> None:
        time.sleep(0.009)
        start_ns = now_ns()
        time.sleep(0.001)
        mark("store", start_ns)


class Sleepy(Planted):
    """A backend that waits for something outside the process, such as a network or a disk."""

    def add(self, text: str, user_id: str) -> None:
        time.sleep(0.004)


class Lockstep(Planted):
    """A backend that scales by the Universal Scalability Law, with a fifth of its work serial."""

    def __init__(self, parts: Parts) -> None:
        self._clients: set[str] = set()

    def add(self, text: str, user_id: str) -> None:
        self._clients.add(user_id)
        time.sleep(0.004 * (1 + SERIAL_SHARE * (len(self._clients) - 1)))


def info(name: str, build: type[Planted]) -> BackendInfo:
    """Return the description under which a planted backend is found."""
    return BackendInfo(name, f"Planted: {name}.", Capabilities(embeds=False, stores=False, batch_call=False), build)


HELD_LOCK = info("held-lock", HeldLock)
PURE_PYTHON = info("pure-python", PurePython)
CROWD = info("crowd", Crowd)
PASSING_CROWD = info("passing-crowd", PassingCrowd)
BATCHER = info("batcher", Batcher)
BUSY_WORKER = info("busy-worker", BusyWorker)
SLOW_STORE = info("slow-store", SlowStore)
QUICK_STORE = info("quick-store", QuickStore)
SLEEPY = info("sleepy", Sleepy)
LOCKSTEP = info("lockstep", Lockstep)
