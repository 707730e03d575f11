"""Tests of the first-come, first-served lock."""

from __future__ import annotations

import threading
import time

import pytest

from membench_backends.embedding.strategies.fair_lock import FairLock
from membench_backends.embedding.strategies.mutex import MutexOptions, MutexStrategy

TIMEOUT_S = 30


def start_in_order(lock: FairLock, threads: list[threading.Thread]) -> None:
    """Start each thread once the previous one waits for the lock."""
    for number, thread in enumerate(threads, 1):
        thread.start()
        for _ in range(TIMEOUT_S * 1000):
            if len(lock._waiters) >= number:
                break
            time.sleep(0.001)
        assert len(lock._waiters) == number


def test_waiters_are_served_in_order_of_arrival() -> None:
    lock, served = FairLock(), list[int]()

    def take(number: int) -> None:
        with lock:
            served.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(20)]
    with lock:
        start_in_order(lock, threads)
    for thread in threads:
        thread.join(TIMEOUT_S)

    assert served == list(range(20))


def test_a_later_arrival_goes_to_the_end_of_the_queue() -> None:
    lock, served, release = FairLock(), list[str](), threading.Event()

    def take(name: str) -> None:
        with lock:
            served.append(name)
            release.wait(TIMEOUT_S)

    first, second = (threading.Thread(target=take, args=(name,)) for name in ("first", "second"))
    with lock:
        start_in_order(lock, [first])
    second.start()  # arrives while the first thread holds the lock or is about to
    while len(lock._waiters) + len(served) < 2:
        time.sleep(0.001)
    third = threading.Thread(target=take, args=("third",))
    third.start()
    while len(lock._waiters) < 2:
        time.sleep(0.001)
    release.set()
    for thread in (first, second, third):
        thread.join(TIMEOUT_S)

    assert served == ["first", "second", "third"]


def test_only_one_thread_holds_the_lock() -> None:
    lock, holders, concurrency, entries = FairLock(), list[int](), list[int](), list[int]()

    def take(number: int) -> None:
        for _ in range(200):
            with lock:
                holders.append(number)
                concurrency.append(len(holders))
                entries.append(number)
                holders.remove(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)

    assert max(concurrency) == 1
    assert len(entries) == 16 * 200
    assert not lock._taken
    assert not lock._waiters


def test_an_exception_under_the_lock_still_hands_it_over() -> None:
    lock, served = FairLock(), list[int]()

    def take(number: int) -> None:
        try:
            with lock:
                served.append(number)
                raise LookupError
        except LookupError:
            pass

    threads = [threading.Thread(target=take, args=(number,)) for number in range(10)]
    with pytest.raises(LookupError), lock:
        start_in_order(lock, threads)
        raise LookupError
    for thread in threads:
        thread.join(TIMEOUT_S)

    assert served == list(range(10))
    with lock:
        pass


def test_each_wait_is_reported_to_a_metered_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    class MeteredLock:
        def __init__(self) -> None:
            self.waits: list[tuple[int, int]] = []
            self._lock = threading.Lock()
            self.acquire, self.release = self._lock.acquire, self._lock.release

        def record_wait(self, waited_ns: int, queue_length: int) -> None:
            self.waits.append((waited_ns, queue_length))

    lock = FairLock()
    metered = MeteredLock()
    monkeypatch.setattr(lock, "_lock", metered)

    def take() -> None:
        with lock:
            pass

    threads = [threading.Thread(target=take) for _ in range(3)]
    with lock:
        start_in_order(lock, threads)
    for thread in threads:
        thread.join(TIMEOUT_S)

    assert [position for _, position in metered.waits] == [1, 2, 3]
    assert all(waited_ns > 0 for waited_ns, _ in metered.waits)


@pytest.mark.parametrize("fair", [False, True])
def test_the_mutex_is_fair_on_request(fair: bool) -> None:
    class Model:
        dimensions = 1

        def embed(self, texts: list[str], batch_size: int = 256) -> list[list[int]]:
            return [[len(text)] for text in texts]

    strategy = MutexStrategy(Model, MutexOptions(fair=fair))  # type: ignore[arg-type]

    assert isinstance(strategy._lock, FairLock) == fair
    assert strategy.embed("four") == [4]
    assert strategy.embed_batch(["a", "bb"]) == [[1], [2]]
