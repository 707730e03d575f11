"""A metered lock behaves like a lock of `threading`."""

from __future__ import annotations

import copy
import gc
import threading
import weakref
from _thread import allocate_lock

from support import PATIENCE_S, in_thread, raises

from membench.runner import locks


def check_threading_creates_metered_locks():
    assert isinstance(threading.Lock(), locks.MeteredLock)
    assert isinstance(threading.RLock(), locks.MeteredRLock)
    assert not isinstance(allocate_lock(), locks.MeteredLock)


def check_a_lock_behaves_like_a_bare_one():
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


def check_locks_raise_the_errors_of_bare_ones():
    for create in (threading.Lock, threading.RLock):
        lock = create()
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


def check_an_exception_in_the_body_releases_the_lock():
    for lock in (threading.Lock(), threading.RLock()):
        try:
            with lock:
                raise KeyError
        except KeyError:
            pass
        assert in_thread(lambda lock=lock: lock.acquire(timeout=PATIENCE_S))


def check_an_rlock_is_reentrant_and_owned_by_a_thread():
    lock = threading.RLock()
    with lock, lock:
        assert lock.acquire(False)
        assert lock._recursion_count() == 3
        raises(RuntimeError, lambda: in_thread(lock.release))
        assert not in_thread(lambda: lock.acquire(False))
        assert not in_thread(lock._is_owned)
        lock.release()
        assert not in_thread(lambda: lock.acquire(timeout=0.001))
    assert in_thread(lambda: lock.acquire(False))


def check_weak_references_do_not_keep_locks_alive():
    for create in (threading.Lock, threading.RLock):
        lock = create()
        reference = weakref.ref(lock)
        assert reference() is lock
        del lock
        gc.collect()
        assert reference() is None


def check_a_condition_releases_all_levels_of_a_nested_lock():
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
