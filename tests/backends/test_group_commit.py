from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from membench_backends.group_commit import Together


class Poisoned(Exception):
    """What the work raises for a bad item."""


class Work:
    """Keeps what it was given, waits for its gate, and raises where an item is negative."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.done: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self._one_at_a_time = threading.Lock()

    def __call__(self, items: Sequence[int]) -> None:
        assert self._one_at_a_time.acquire(blocking=False), "called twice at the same time"
        try:
            self.calls.append(list(items))
            self.entered.release()
            assert self.gate.wait(30)
            if any(item < 0 for item in items):
                raise Poisoned
            self.done += items
        finally:
            self._one_at_a_time.release()


def test_a_caller_that_is_alone_does_its_own_work() -> None:
    threads: list[str] = []
    Together(lambda items: threads.append(threading.current_thread().name))(1)
    assert threads == [threading.current_thread().name]


def test_those_who_come_meanwhile_go_together_in_the_order_they_came() -> None:
    work = Work()
    together = Together(work)
    work.gate.clear()
    with ThreadPoolExecutor(4) as callers:
        first = callers.submit(together, 0)
        work.entered.acquire()
        rest = []
        for item in (1, 2, 3):
            rest.append(callers.submit(together, item))
            while len(together._waiting) < item:
                threading.Event().wait(0.001)
        assert not any(future.done() for future in (first, *rest)), "nobody returns before the work is done"
        work.gate.set()
        for future in (first, *rest):
            future.result(30)
    assert work.calls == [[0], [1, 2, 3]]


def test_an_error_goes_to_the_caller_it_belongs_to() -> None:
    work = Work()
    together = Together(work)
    work.gate.clear()
    with ThreadPoolExecutor(4) as callers:
        first = callers.submit(together, 0)
        work.entered.acquire()
        futures = {}
        for number, item in enumerate((1, -2, 3), 1):
            futures[item] = callers.submit(together, item)
            while len(together._waiting) < number:
                threading.Event().wait(0.001)
        work.gate.set()
        first.result(30)
        for item, future in futures.items():
            if item < 0:
                with pytest.raises(Poisoned):
                    future.result(30)
            else:
                future.result(30)
    assert sorted(work.done) == [0, 1, 3]
    together(4)
    assert work.done[-1] == 4, "an error is told once"


def test_under_load_every_item_is_worked_on_once() -> None:
    work = Work()
    together = Together(work)

    def caller(number: int) -> int:
        own = random.Random(number)
        failed = 0
        for step in range(200):
            bad = own.random() < 0.02
            try:
                together(-1 if bad else 1000 * number + step)
                assert not bad
            except Poisoned:
                assert bad
                failed += 1
        return failed

    with ThreadPoolExecutor(20) as callers:
        failed = sum(future.result(60) for future in [callers.submit(caller, number) for number in range(20)])
    assert len(work.done) == len(set(work.done)) == 20 * 200 - failed
