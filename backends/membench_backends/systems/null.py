"""A backend that does nothing, to measure the cost of the harness itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from membench_backends.base import BackendInfo, Capabilities, Parts, StoredMemory


class NullBackend:
    """Acknowledges at once and stores nothing."""

    def __init__(self, parts: Parts) -> None:
        pass

    def add(self, text: str, user_id: str) -> None:
        """Do nothing."""

    def add_batch(self, texts: Sequence[str], user_id: str) -> None:
        """Do nothing."""

    def stored(self) -> Iterator[StoredMemory]:
        """Yield nothing."""
        return iter(())

    def close(self) -> None:
        """Do nothing."""


INFO = BackendInfo(
    name="null",
    summary="Does nothing: measures the harness itself.",
    capabilities=Capabilities(embeds=False, stores=False, batch_call=True),
    build=NullBackend,
    note="Not a memory system: the upper bound for every other backend on the same machine.",
)
