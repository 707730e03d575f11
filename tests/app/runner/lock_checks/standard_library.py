"""The modules of the standard library that are built on locks work with metered ones, also after a fork."""

from __future__ import annotations

import asyncio
import concurrent.futures
import io
import logging
import logging.handlers
import multiprocessing
import os
import queue
import threading

from support import PATIENCE_S, raises

from membench.runner import lock_usage, locks


def check_threading():
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
    fired = threading.Event()
    threading.Timer(0.001, fired.set).start()
    assert fired.wait(PATIENCE_S)


def check_queues():
    for create in (queue.Queue, queue.LifoQueue, queue.PriorityQueue):
        full = create(maxsize=1)
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


def check_asyncio():
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
    assert isinstance(handler.lock, locks.MeteredRLock)
    logger = logging.Logger("check")
    logger.addHandler(handler)
    listener = logging.handlers.QueueListener(records := queue.Queue(), handler)
    listener.start()
    logging.handlers.QueueHandler(records).emit(logger.makeRecord("n", 20, "f", 1, "queued", (), None))
    logger.warning("direct")
    listener.stop()
    assert sorted(stream.getvalue().split("\n")) == ["", "direct", "queued"]


def _use_locks(lock, pool_size=2):
    with lock:
        handler = logging.StreamHandler(io.StringIO())
        handler.handle(logging.makeLogRecord({"msg": "x"}))
    with concurrent.futures.ThreadPoolExecutor(pool_size) as pool:
        assert pool.submit(abs, -3).result(PATIENCE_S) == 3


def check_locks_work_in_a_forked_child():
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
            _use_locks(lock)
            lock_usage.usage_by_key()
        os._exit(0 if not event.is_set() else 1)
    done.set()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def check_locks_work_in_a_child_of_multiprocessing():
    child = multiprocessing.get_context("fork").Process(target=_use_locks, args=(threading.Lock(),))
    child.start()
    child.join(PATIENCE_S)
    assert child.exitcode == 0
