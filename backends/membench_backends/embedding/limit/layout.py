"""Layouts for embedding known texts on several cores; imports nothing heavy, because the console shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Layout(NamedTuple):
    """One way to embed texts that are all known in advance."""

    batchers: int
    """Batches that run at the same time."""
    threads: int
    """Intra-op threads of a session."""
    sessions: int
    """Number of sessions: one that all batchers share, or one per batcher."""
    token_budget: int
    """Maximum tokens of a batch, padding included; a longer text is a batch of its own."""


def cut(lengths: Sequence[int], token_budget: int) -> list[slice]:
    """Split ascending lengths into the largest batches of at most `token_budget` tokens, padding included."""
    batches = []
    begin = 0
    for end, length in enumerate(lengths):
        if end > begin and (end - begin + 1) * length > token_budget:
            batches.append(slice(begin, end))
            begin = end
    return [*batches, slice(begin, len(lengths))] if lengths else []
