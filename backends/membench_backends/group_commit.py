"""Group commit: concurrent callers share one call. Writing ten points at once costs far less than ten writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _Call(Generic[Item]):
    """The pending call of one thread; each thread reuses its own."""

    __slots__ = ("error", "item", "leads", "released")

    def __init__(self) -> None:
        self.item: Item
        self.error: BaseException | None = None
        self.leads = False
        self.released = threading.Event()
        """Set when the call is done, or when its thread is the next leader."""


class GroupCommit(Generic[Item]):
    """Coalesce concurrent calls into one.

    The first caller leads: it runs `commit` for its own item at once. Callers that arrive meanwhile wait; then one of
    them leads, for all of them. So a lone caller never waits, and there is no timer.

    `commit` receives the items in order of arrival, and is never called twice at the same time. If it raises for
    several items, it is called again for each of them, so that only the caller of a bad item gets the error. Committing
    an item twice must therefore be harmless.
    """

    def __init__(self, commit: Callable[[Sequence[Item]], None]) -> None:
        self._commit = commit
        self._guard = threading.Lock()
        self._pending: list[_Call[Item]] = []
        self._has_leader = False
        self._thread_local = threading.local()

    def __call__(self, item: Item) -> None:
        """Return when an item is committed.

        Raises:
            Exception: Whatever `commit` raised for the item.
        """
        call = self._call_of_thread()
        call.item = item
        call.released.clear()
        with self._guard:
            self._pending.append(call)
            call.leads = not self._has_leader
            self._has_leader = True
        if not call.leads:
            call.released.wait()
        if call.leads:
            self._lead(call)
        if call.error is not None:
            error, call.error = call.error, None
            raise error

    def _call_of_thread(self) -> _Call[Item]:
        call: _Call[Item] | None = getattr(self._thread_local, "call", None)
        if call is None:
            call = self._thread_local.call = _Call()
        return call

    def _lead(self, own_call: _Call[Item]) -> None:
        with self._guard:
            group, self._pending = self._pending, []
        self._commit_group(group)
        with self._guard:
            next_leader = self._pending[0] if self._pending else None
            self._has_leader = next_leader is not None
        if next_leader:
            next_leader.leads = True
            next_leader.released.set()
        for call in group:
            if call is not own_call:
                call.released.set()

    def _commit_group(self, group: Sequence[_Call[Item]]) -> None:
        try:
            self._commit([call.item for call in group])
        except BaseException as error:
            if len(group) == 1:
                group[0].error = error
                return
            for call in group:
                self._commit_group([call])
