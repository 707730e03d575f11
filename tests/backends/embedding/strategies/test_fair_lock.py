"""A lock that serves its waiters in the order they came."""

from __future__ import annotations

import threading

import pytest

from membench_backends.embedding.strategies.fair_lock import FairLock
from membench_backends.embedding.strategies.mutex import MutexOptions, MutexStrategy

TIMEOUT_S = 30


def queue_up(lock: FairLock, threads: list[threading.Thread]) -> None:
    """Start threads one after another, each once the one before waits for its turn."""
    for waiting, thread in enumerate(threads, 1):
        thread.start()
        deadline = threading.Event()
        for _ in range(TIMEOUT_S * 1000):
            if len(lock._turns) >= waiting:
                break
            deadline.wait(0.001)
        assert len(lock._turns) == waiting


def test_waiters_are_served_in_the_order_they_came() -> None:
    lock, served = FairLock(), list[int]()

    def take(number: int) -> None:
        with lock:
            served.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(20)]
    with lock:
        queue_up(lock, threads)
    for thread in threads:
        thread.join(TIMEOUT_S)

    assert served == list(range(20))


def test_one_that_comes_again_goes_to_the_end() -> None:
    lock, served, again = FairLock(), list[str](), threading.Event()

    def take(name: str) -> None:
        with lock:
            served.append(name)
            again.wait(TIMEOUT_S)

    first, second = (threading.Thread(target=take, args=(name,)) for name in ("first", "second"))
    with lock:
        queue_up(lock, [first])
    second.start()  # comes while the first has it, or is about to
    while len(lock._turns) + len(served) < 2:
        again.wait(0.001)
    third = threading.Thread(target=take, args=("third",))
    third.start()
    while len(lock._turns) < 2:
        again.wait(0.001)
    again.set()
    for thread in (first, second, third):
        thread.join(TIMEOUT_S)

    assert served == ["first", "second", "third"]


def test_only_one_at_a_time_is_inside() -> None:
    lock, inside, most, entries = FairLock(), list[int](), list[int](), list[int]()

    def take(number: int) -> None:
        for _ in range(200):
            with lock:
                inside.append(number)
                most.append(len(inside))
                entries.append(number)
                inside.remove(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)

    assert max(most) == 1
    assert len(entries) == 16 * 200
    assert not lock._taken
    assert not lock._turns


def test_an_exception_in_the_body_passes_the_turn_on() -> None:
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
        queue_up(lock, threads)
        raise LookupError
    for thread in threads:
        thread.join(TIMEOUT_S)

    assert served == list(range(10))
    with lock:
        pass


def test_a_lock_that_keeps_an_account_is_told_of_each_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    class Listening:
        def __init__(self) -> None:
            self.told: list[tuple[int, int]] = []
            self._lock = threading.Lock()
            self.acquire, self.release = self._lock.acquire, self._lock.release

        def note_wait(self, waited_ns: int, queue_length: int) -> None:
            self.told.append((waited_ns, queue_length))

    lock = FairLock()
    listening = Listening()
    monkeypatch.setattr(lock, "_lock", listening)

    def take() -> None:
        with lock:
            pass

    threads = [threading.Thread(target=take) for _ in range(3)]
    with lock:
        queue_up(lock, threads)
    for thread in threads:
        thread.join(TIMEOUT_S)

    assert [position for _, position in listening.told] == [1, 2, 3]
    assert all(waited_ns > 0 for waited_ns, _ in listening.told)


@pytest.mark.parametrize("fair", [False, True])
def test_the_mutex_is_fair_if_asked(fair: bool) -> None:
    class Model:
        dimensions = 1

        def embed(self, texts: list[str], batch_size: int = 256) -> list[list[int]]:
            return [[len(text)] for text in texts]

    strategy = MutexStrategy(Model, MutexOptions(fair=fair))  # type: ignore[arg-type]

    assert isinstance(strategy._lock, FairLock) == fair
    assert strategy.embed("four") == [4]
    assert strategy.embed_batch(["a", "bb"]) == [[1], [2]]
