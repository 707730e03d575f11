"""A backend that does nothing: what is measured with it is the harness's own cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from membench_backends.base import BackendInfo, Capabilities, Parts, StoredMemory


class NullBackend:
    """Acknowledges at once and keeps nothing."""

    def __init__(self, parts: Parts) -> None:
        pass

    def add(self, text: str, user_id: str) -> None:
        """Do nothing."""

    def add_batch(self, texts: Sequence[str], user_id: str) -> None:
        """Do nothing."""

    def stored(self) -> Iterator[StoredMemory]:
        """Nothing."""
        return iter(())

    def close(self) -> None:
        """Do nothing."""


INFO = BackendInfo(
    name="null",
    summary="Does nothing: the harness's own cost.",
    capabilities=Capabilities(embeds=False, stores=False, batch_call=True),
    build=NullBackend,
    note="Not a memory system: no other backend can be faster than this one on the same machine.",
)
