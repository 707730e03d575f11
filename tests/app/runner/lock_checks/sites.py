"""Sites of locks: the line that creates a lock, and the name that the line assigns it to."""

from __future__ import annotations

import concurrent.futures
import queue
import threading
from pathlib import Path

from membench.runner import lock_usage


def check_the_site_of_a_lock_is_its_caller():
    created = {
        "plain": threading.Lock(),
        "condition": threading.Condition()._lock,
        "queue": queue.Queue().mutex,
        "future": concurrent.futures.Future()._condition._lock,
        "event": threading.Event()._cond._lock,
    }
    first_line = check_the_site_of_a_lock_is_its_caller.__code__.co_firstlineno + 2
    for line, (kind, lock) in enumerate(created.items(), first_line):
        assert f" created at {Path(__file__).name}:{line}>" in repr(lock), (kind, repr(lock))


def check_the_name_of_a_lock_is_the_one_assigned_to():
    class Owner:
        def __init__(self):
            self._inner_lock: object = threading.Lock()
            self.table = {}
            self.table["by key"] = threading.RLock()

    owner = Owner()
    listed_locks = [threading.Lock()]
    names = {str(key.site): key.site.name for key in lock_usage.usage_by_key()}
    first_line = Owner.__init__.__code__.co_firstlineno
    assert names[f"{Path(__file__).name}:{first_line + 1}"] == "self._inner_lock"
    assert names[f"{Path(__file__).name}:{first_line + 3}"] == ""
    assert names[f"{Path(__file__).name}:{first_line + 6}"] == "listed_locks"
    assert all(lock.acquire(False) for lock in (owner._inner_lock, *listed_locks))
