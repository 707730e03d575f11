"""Makes one call of those that come at the same time: a write that takes ten points costs far less than ten writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _Turn(Generic[Item]):
    """One caller's part; a thread uses its own again and again."""

    __slots__ = ("error", "item", "leads", "over")

    def __init__(self) -> None:
        self.item: Item
        self.error: BaseException | None = None
        self.leads = False
        self.over = threading.Event()
        """Its wait is over: the work is done, or the caller is the next to lead."""


class Together(Generic[Item]):
    """Whoever comes first does the work for itself; those who come meanwhile wait, and then go together.

    A caller that is alone pays nothing, and there is no timer. `work` gets the items in the order they came and is
    never called twice at the same time. When it raises for several items it is called again for each of them alone, so
    that only the caller of a bad one gets the error: doing the same item twice must be harmless.
    """

    def __init__(self, work: Callable[[Sequence[Item]], None]) -> None:
        self._work = work
        self._guard = threading.Lock()
        self._waiting: list[_Turn[Item]] = []
        self._busy = False
        self._own = threading.local()

    def __call__(self, item: Item) -> None:
        """Return when the work has been done for an item.

        Raises:
            Exception: Whatever the work raised for it.
        """
        turn = self._turn()
        turn.item = item
        turn.over.clear()
        with self._guard:
            self._waiting.append(turn)
            turn.leads = not self._busy
            self._busy = True
        if not turn.leads:
            turn.over.wait()
        if turn.leads:
            self._lead(turn)
        if turn.error is not None:
            error, turn.error = turn.error, None
            raise error

    def _turn(self) -> _Turn[Item]:
        turn: _Turn[Item] | None = getattr(self._own, "turn", None)
        if turn is None:
            turn = self._own.turn = _Turn()
        return turn

    def _lead(self, own: _Turn[Item]) -> None:
        with self._guard:
            turns, self._waiting = self._waiting, []
        self._do(turns)
        with self._guard:
            heir = self._waiting[0] if self._waiting else None
            self._busy = heir is not None
        if heir:
            heir.leads = True
            heir.over.set()
        for turn in turns:
            if turn is not own:
                turn.over.set()

    def _do(self, turns: Sequence[_Turn[Item]]) -> None:
        try:
            self._work([turn.item for turn in turns])
        except BaseException as error:
            if len(turns) == 1:
                turns[0].error = error
                return
            for turn in turns:
                self._do([turn])
