from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from membench_backends.group_commit import GroupCommit


class BadItemError(Exception):
    """Raised by the log for a negative item."""


class Log:
    """Records every call, blocks while its gate is closed, and raises if an item is negative."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.committed: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self._exclusive = threading.Lock()

    def commit(self, items: Sequence[int]) -> None:
        assert self._exclusive.acquire(blocking=False), "called twice at the same time"
        try:
            self.calls.append(list(items))
            self.entered.release()
            assert self.gate.wait(30)
            if any(item < 0 for item in items):
                raise BadItemError
            self.committed += items
        finally:
            self._exclusive.release()


def test_a_lone_caller_commits_in_its_own_thread() -> None:
    threads: list[str] = []
    GroupCommit(lambda items: threads.append(threading.current_thread().name))(1)
    assert threads == [threading.current_thread().name]


def test_concurrent_callers_share_one_call_in_order_of_arrival() -> None:
    log = Log()
    commit = GroupCommit(log.commit)
    log.gate.clear()
    with ThreadPoolExecutor(4) as callers:
        first = callers.submit(commit, 0)
        log.entered.acquire()
        others = []
        for item in (1, 2, 3):
            others.append(callers.submit(commit, item))
            while len(commit._pending) < item:
                threading.Event().wait(0.001)
        assert not any(future.done() for future in (first, *others)), "nobody returns before its item is committed"
        log.gate.set()
        for future in (first, *others):
            future.result(30)
    assert log.calls == [[0], [1, 2, 3]]


def test_only_the_caller_of_a_bad_item_gets_the_error() -> None:
    log = Log()
    commit = GroupCommit(log.commit)
    log.gate.clear()
    with ThreadPoolExecutor(4) as callers:
        first = callers.submit(commit, 0)
        log.entered.acquire()
        futures = {}
        for number, item in enumerate((1, -2, 3), 1):
            futures[item] = callers.submit(commit, item)
            while len(commit._pending) < number:
                threading.Event().wait(0.001)
        log.gate.set()
        first.result(30)
        for item, future in futures.items():
            if item < 0:
                with pytest.raises(BadItemError):
                    future.result(30)
            else:
                future.result(30)
    assert sorted(log.committed) == [0, 1, 3]
    commit(4)
    assert log.committed[-1] == 4, "an error is raised once only"


def test_every_item_is_committed_once_under_load() -> None:
    log = Log()
    commit = GroupCommit(log.commit)

    def caller(number: int) -> int:
        generator = random.Random(number)
        failed = 0
        for step in range(200):
            bad = generator.random() < 0.02
            try:
                commit(-1 if bad else 1000 * number + step)
                assert not bad
            except BadItemError:
                assert bad
                failed += 1
        return failed

    with ThreadPoolExecutor(20) as callers:
        failed = sum(future.result(60) for future in [callers.submit(caller, number) for number in range(20)])
    assert len(log.committed) == len(set(log.committed)) == 20 * 200 - failed
