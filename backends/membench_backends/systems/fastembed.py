"""Embedding only: the rate that a memory system could reach if storing were free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from membench_backends.base import BackendInfo, Capabilities, Parts, StoredMemory


class FastEmbedBackend:
    """Embeds through the strategy and discards the vectors."""

    def __init__(self, parts: Parts) -> None:
        assert parts.strategy is not None, "a backend that embeds is built with a strategy"
        self._strategy = parts.strategy

    def add(self, text: str, user_id: str) -> None:
        """Embed one text."""
        self._strategy.embed(text)

    def add_batch(self, texts: Sequence[str], user_id: str) -> None:
        """Embed the caller's list in one call of the strategy."""
        self._strategy.embed_batch(texts)

    def stored(self) -> Iterator[StoredMemory]:
        """Yield nothing: the vectors are discarded."""
        return iter(())

    def close(self) -> None:
        """Do nothing: the strategy belongs to the caller."""


INFO = BackendInfo(
    name="fastembed",
    summary="Embedding only, through FastEmbed; the vectors are discarded.",
    capabilities=Capabilities(embeds=True, stores=False, batch_call=True),
    build=FastEmbedBackend,
    distribution="fastembed",
    requires=("fastembed",),
    note="One stage, not a memory system: nothing is stored.",
)
