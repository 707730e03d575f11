"""How texts that are all known are laid out for the cores; light, because the console shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Layout(NamedTuple):
    """One way to go through texts that are all known."""

    batchers: int
    """Batches that run at the same time."""
    threads: int
    """Intra-op threads of a session."""
    sessions: int
    """Sessions that the batchers share: one, or one each."""
    token_budget: int
    """Most tokens of a batch, padding included; a longer text is a batch of its own."""


def cut(lengths: Sequence[int], token_budget: int) -> list[slice]:
    """Cut ascending lengths into batches of at most so many tokens, padding included, each as large as may be."""
    batches = []
    begin = 0
    for end, length in enumerate(lengths):
        if end > begin and (end - begin + 1) * length > token_budget:
            batches.append(slice(begin, end))
            begin = end
    return [*batches, slice(begin, len(lengths))] if lengths else []
