"""Checks of metered locks, run by `test_locks.py` in a process of their own: every lock made here is a metered one.

Prints how each check went, as JSON. Needs no more than the standard library, so that any interpreter can run it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
import gc
import io
import json
import logging
import logging.handlers
import multiprocessing
import os
import queue
import sys
import threading
import traceback
import weakref
from time import perf_counter_ns, sleep

from membench.runner import locks, timers

PATIENCE_S = 20
HERE = "lock_checks.py"


def raises(error, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except error:
        return
    raise AssertionError(f"{call} did not raise {error.__name__}")


def in_thread(call):
    """What a call gives in another thread; its exception too."""
    outcome = concurrent.futures.Future()

    def run():
        try:
            outcome.set_result(call())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome.result(PATIENCE_S)


def until(condition):
    """Wait for something that another thread is about to do."""
    end_ns = perf_counter_ns() + PATIENCE_S * 10**9
    while not condition():
        assert perf_counter_ns() < end_ns, "it did not happen"
        sleep(0.001)


def of(name):
    """The account of the locks made under a name in this file."""
    (use,) = [use for site, use in locks.usage().items() if site.path.endswith(HERE) and site.name == name]
    return use


def check_locks_are_metered():
    assert locks.is_metered(threading.Lock())
    assert locks.is_metered(threading.RLock())
    assert not locks.is_metered(locks.bare_lock())


def check_a_lock_behaves_as_a_bare_one():
    lock = threading.Lock()
    assert not lock.locked()
    assert lock.acquire() is True
    assert lock.locked()
    assert lock.acquire(False) is False
    assert lock.acquire(blocking=False) is False
    assert lock.acquire(timeout=0.001) is False
    assert lock.acquire(True, 0.001) is False
    assert lock.acquire(timeout=0) is False
    assert lock.release() is None
    with lock as entered:
        assert entered is True
    assert "unlocked" in repr(lock)


def check_errors_are_those_of_a_bare_one():
    for make in (threading.Lock, threading.RLock):
        lock = make()
        raises(RuntimeError, lock.release)
        for held in (False, True):
            if held:
                lock.acquire()
            raises(ValueError, lock.acquire, False, 1)
            raises(ValueError, lock.acquire, True, -2)
            raises(OverflowError, lock.acquire, True, 1e12)
            raises(TypeError, lock.acquire, True, None)
        lock.release()
        raises(RuntimeError, lock.release)
        raises(TypeError, copy.deepcopy, lock)
        assert lock.acquire(timeout=threading.TIMEOUT_MAX)


def check_an_exception_in_the_body_releases():
    for lock in (threading.Lock(), threading.RLock()):
        try:
            with lock:
                raise KeyError
        except KeyError:
            pass
        assert in_thread(lambda lock=lock: lock.acquire(timeout=PATIENCE_S))


def check_a_lock_may_be_released_by_another_thread():
    handed_lock = threading.Lock()
    handed_lock.acquire()
    in_thread(handed_lock.release)
    assert not handed_lock.locked()
    assert of("handed_lock").acquisitions == 1


def check_an_rlock_is_reentrant_and_belongs_to_a_thread():
    nested_lock = threading.RLock()
    with nested_lock, nested_lock:
        assert nested_lock.acquire(False)
        assert nested_lock._recursion_count() == 3
        raises(RuntimeError, lambda: in_thread(nested_lock.release))
        assert not in_thread(lambda: nested_lock.acquire(False))
        assert not in_thread(nested_lock._is_owned)
        nested_lock.release()
        assert not in_thread(lambda: nested_lock.acquire(timeout=0.001))
    assert in_thread(lambda: nested_lock.acquire(False))
    assert of("nested_lock").acquisitions == 1


def check_locks_can_be_referred_to_weakly():
    for make in (threading.Lock, threading.RLock):
        lock = make()
        reference = weakref.ref(lock)
        assert reference() is lock
        del lock
        gc.collect()
        assert reference() is None


def check_a_condition_gives_a_nested_lock_up_whole():
    condition = threading.Condition(threading.RLock())
    woken, ready = [], threading.Semaphore(0)

    def wait():
        with condition, condition:
            ready.release()
            assert condition.wait_for(lambda: woken, PATIENCE_S)
            assert condition._lock._recursion_count() == 2
            woken.append(1)
        assert not condition._lock._is_owned()

    threads = [threading.Thread(target=wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert ready.acquire(timeout=PATIENCE_S)
    with condition:
        woken.append(0)
        condition.notify_all()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert woken == [0, 1, 1, 1, 1]
    raises(RuntimeError, condition.wait)
    raises(RuntimeError, condition.notify)


def check_conditions_over_either_lock_time_out():
    for condition in (threading.Condition(), threading.Condition(threading.Lock())):
        with condition:
            assert condition.wait(0.001) is False
            assert condition.wait_for(lambda: False, 0.001) is False


def check_what_threading_is_made_of():
    bounded = threading.BoundedSemaphore(2)
    with bounded, bounded:
        assert not bounded.acquire(blocking=False)
    raises(ValueError, bounded.release)
    event = threading.Event()
    assert not event.wait(0.001)
    threading.Thread(target=event.set).start()
    assert event.wait(PATIENCE_S)
    barrier = threading.Barrier(2)
    threading.Thread(target=barrier.wait).start()
    barrier.wait(PATIENCE_S)
    rung = threading.Event()
    threading.Timer(0.001, rung.set).start()
    assert rung.wait(PATIENCE_S)


def check_queues():
    for make in (queue.Queue, queue.LifoQueue, queue.PriorityQueue):
        full = make(maxsize=1)
        full.put(1)
        raises(queue.Full, full.put, 2, timeout=0.001)
        assert full.get() == 1
        raises(queue.Empty, full.get, timeout=0.001)
        raises(queue.Empty, full.get_nowait)
        full.task_done()
        full.join()
        threading.Thread(target=full.put, args=(3,)).start()
        assert full.get(timeout=PATIENCE_S) == 3
    simple = queue.SimpleQueue()
    raises(queue.Empty, simple.get, timeout=0.001)
    raises(queue.Empty, simple.get, False)
    raises(queue.Empty, simple.get_nowait)
    raises(ValueError, simple.get, True, -1)
    threading.Thread(target=simple.put, args=(4,)).start()
    assert simple.get() == 4
    assert simple.empty()
    assert simple.qsize() == 0


def check_pools_and_futures():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(abs, range(-50, 0))) == list(range(50, 0, -1))
        failing = pool.submit(int, "x")
        assert isinstance(failing.exception(PATIENCE_S), ValueError)
        done, _ = concurrent.futures.wait([pool.submit(abs, 1)], PATIENCE_S)
        assert len(done) == 1
    never = concurrent.futures.Future()
    raises(concurrent.futures.TimeoutError, never.result, 0.001)
    assert never.cancel()


def check_asyncio_helpers():
    async def main():
        loop = asyncio.get_running_loop()
        assert await asyncio.to_thread(abs, -1) == 1
        assert await loop.run_in_executor(None, abs, -2) == 2
        called = asyncio.Event()
        threading.Thread(target=lambda: loop.call_soon_threadsafe(called.set)).start()
        await asyncio.wait_for(called.wait(), PATIENCE_S)
        async with asyncio.Lock():
            pass

    asyncio.run(main())


def check_logging():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    assert locks.is_metered(handler.lock)
    logger = logging.Logger("check")
    logger.addHandler(handler)
    listener = logging.handlers.QueueListener(records := queue.Queue(), handler)
    listener.start()
    logging.handlers.QueueHandler(records).emit(logger.makeRecord("n", 20, "f", 1, "from afar", (), None))
    logger.warning("from here")
    listener.stop()
    assert sorted(stream.getvalue().split("\n")) == ["", "from afar", "from here"]


def _uses_locks(lock, pool_size=2):
    with lock:
        handler = logging.StreamHandler(io.StringIO())
        handler.handle(logging.makeLogRecord({"msg": "x"}))
    with concurrent.futures.ThreadPoolExecutor(pool_size) as pool:
        assert pool.submit(abs, -3).result(PATIENCE_S) == 3


def check_a_forked_child_has_locks_that_work():
    lock, event, condition = threading.Lock(), threading.Event(), threading.Condition()
    held = threading.RLock()
    holding, done = threading.Event(), threading.Event()

    def hold():
        with held:
            holding.set()
            done.wait(PATIENCE_S)

    threading.Thread(target=hold, daemon=True).start()
    assert holding.wait(PATIENCE_S)
    child = os.fork()
    if child == 0:
        held._at_fork_reinit()
        event._at_fork_reinit()
        with held, condition:
            _uses_locks(lock)
            locks.usage()
        os._exit(0 if not event.is_set() else 1)
    done.set()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def check_a_child_of_multiprocessing_has_locks_that_work():
    child = multiprocessing.get_context("fork").Process(target=_uses_locks, args=(threading.Lock(),))
    child.start()
    child.join(PATIENCE_S)
    assert child.exitcode == 0


def check_exact_acquisitions():
    counted_lock = threading.Lock()
    counted_rlock = threading.RLock()

    def take():
        for _ in range(500):
            with counted_lock:
                pass
            with counted_rlock, counted_rlock:
                pass

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert of("counted_lock").acquisitions == of("counted_rlock").acquisitions == 4000
    assert of("counted_lock").contended <= 4000


def check_nobody_waits_for_a_lock_that_is_free():
    free_lock = threading.Lock()
    for _ in range(100):
        with free_lock:
            pass
    use = of("free_lock")
    assert (use.acquisitions, use.contended, use.wait_ns, use.longest_wait_ns, use.longest_queue) == (100, 0, 0, 0, 0)
    assert use.hold_ns > 0


def check_attempts_that_fail_wait_but_acquire_nothing():
    busy_lock = threading.Lock()
    busy_lock.acquire()
    before_ns, _ = locks.waited_ns(threading.get_ident())
    assert not busy_lock.acquire(timeout=0.02)
    assert not busy_lock.acquire(False)
    after_ns, _ = locks.waited_ns(threading.get_ident())
    assert after_ns - before_ns >= 0.019e9
    use = of("busy_lock")
    assert (use.acquisitions, use.contended, use.wait_ns) == (0, 0, 0)


def check_queueing_arithmetic():
    """Of N that come at once to a lock held h each, the k-th waits k h: N (N - 1) / 2 of them in all."""
    served_lock = threading.Lock()
    clients, hold_s = 8, 0.02
    waited = []

    def serve():
        with served_lock:
            sleep(hold_s)
        waited.append(locks.waited_ns(threading.get_ident())[0])

    threads = [threading.Thread(target=serve) for _ in range(clients)]
    served_lock.acquire()
    for thread in threads:
        thread.start()
    until(lambda: all(thread.ident in locks._waiting_since_ns for thread in threads))
    begin_ns = perf_counter_ns()
    early_ns = sum(begin_ns - locks._waiting_since_ns[thread.ident] for thread in threads)
    served_lock.release()
    for thread in threads:
        thread.join(PATIENCE_S)
    whole_ns = perf_counter_ns() - begin_ns
    use = of("served_lock")
    assert (use.acquisitions, use.contended, use.longest_queue) == (clients + 1, clients, clients)
    # With the hold as it turned out: a sleep takes longer than asked for, more so on a busy machine.
    expected_ns = early_ns + whole_ns / clients * clients * (clients - 1) / 2
    assert abs(use.wait_ns - expected_ns) < 0.1 * expected_ns, (use.wait_ns, expected_ns)
    assert abs(sum(waited) - use.wait_ns) < 1e6 * clients
    assert use.longest_wait_ns >= (clients - 1) * hold_s * 1e9
    assert use.hold_ns >= clients * hold_s * 1e9


def account_of(lock):
    return [account for account in locks._accounts if account.owner() is lock]


def check_a_wait_is_told_while_it_lasts():
    slow_lock = threading.Lock()
    slow_lock.acquire()
    thread = threading.Thread(target=slow_lock.acquire, daemon=True)
    thread.start()
    until(lambda: locks.waited_ns(thread.ident)[0] > 0)
    earlier = locks.waited_ns(thread.ident)[0]
    until(lambda: locks.waited_ns(thread.ident)[0] > earlier)
    slow_lock.release()
    thread.join(PATIENCE_S)


def check_a_condition_waits_for_a_result_not_for_a_lock():
    me = threading.get_ident()
    before_lock, before_result = locks.waited_ns(me)
    assert not threading.Event().wait(0.05)
    raises(queue.Empty, queue.Queue().get, timeout=0.05)
    raises(concurrent.futures.TimeoutError, concurrent.futures.Future().result, 0.05)
    raises(queue.Empty, queue.SimpleQueue().get, timeout=0.05)
    lock_ns, result_ns = (
        after - before for after, before in zip(locks.waited_ns(me), (before_lock, before_result), strict=True)
    )
    assert result_ns >= 0.19e9, result_ns
    assert lock_ns < 0.05e9, lock_ns


def check_a_result_that_comes_is_waited_for_too():
    replies = queue.SimpleQueue()
    before = locks.waited_ns(threading.get_ident())[1]
    threading.Timer(0.05, replies.put, (1,)).start()
    assert replies.get() == 1
    assert locks.waited_ns(threading.get_ident())[1] - before >= 0.03e9


def check_sites_are_those_of_the_caller():
    made = {
        "plain": threading.Lock(),
        "condition": threading.Condition()._lock,
        "queue": queue.Queue().mutex,
        "future": concurrent.futures.Future()._condition._lock,
        "event": threading.Event()._cond._lock,
    }
    for kind, lock in made.items():
        (account,) = account_of(lock)
        assert account.site.path.endswith(HERE), (kind, account.site)
        assert f":{account.site.line}" in repr(lock)
    (account,) = account_of(made["plain"])
    line = check_sites_are_those_of_the_caller.__code__.co_firstlineno + 2
    assert (account.site.path, account.site.line) == (HERE, line), account.site


def check_names_are_those_assigned_to():
    class Owner:
        def __init__(self):
            self._inner_lock: object = threading.Lock()
            self.table = {}
            self.table["by key"] = threading.RLock()

    owner = Owner()
    nameless = [threading.Lock()]
    assert [account_of(lock)[0].site.name for lock in (owner._inner_lock, *nameless)] == [
        "self._inner_lock",
        "nameless",
    ]


def check_locks_that_died_are_kept_in_the_totals():
    def brief():
        for _ in range(50):
            dead_lock = threading.Lock()
            with dead_lock:
                pass

    brief()
    gc.collect()
    assert of("dead_lock").acquisitions == 50
    brief()
    assert of("dead_lock").acquisitions == of("dead_lock").acquisitions == 100


def check_short_lived_locks_leave_nothing_behind():
    locks.usage()
    before, sites = len(locks._accounts), len(locks._ended)
    for _ in range(20_000):
        fleeting_lock = threading.RLock()
    del fleeting_lock
    gc.collect()
    assert len(locks._accounts) >= before + 20_000
    locks.usage()
    assert len(locks._accounts) <= before + 50
    assert len(locks._ended) <= sites + 5


def check_the_longest_can_be_forgotten():
    peak_lock = threading.Lock()
    peak_lock.acquire()
    threading.Timer(0.01, peak_lock.release).start()
    peak_lock.acquire()
    assert of("peak_lock").longest_wait_ns > 0
    waited_ns = of("peak_lock").wait_ns
    locks.forget_longest()
    assert (of("peak_lock").longest_wait_ns, of("peak_lock").longest_queue) == (0, 0)
    assert of("peak_lock").wait_ns == waited_ns


def check_sleeps_are_told_by_place():
    for _ in range(3):
        import time

        time.sleep(0.002)
    mine = {site.line: told for (site, thread), told in timers.slept().items() if site.path == HERE}
    line = check_sleeps_are_told_by_place.__code__.co_firstlineno + 4
    assert mine[line][0] == 3
    assert mine[line][1] >= 0.006e9


def main():
    locks.install()
    timers.install()
    outcomes = {}
    for name, check in list(globals().items()):
        if name.startswith("check_"):
            try:
                check()
            except BaseException:
                outcomes[name] = traceback.format_exc()
            else:
                outcomes[name] = ""
    print(json.dumps(outcomes), flush=True)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
