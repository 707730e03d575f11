"""The best embedding rate when every text is known beforehand: what no strategy for live callers can beat.

All texts are sorted by length and cut into batches of a token budget, so that next to nothing is padding; batchers take
them, the longest first, so that they finish together. How many batchers, threads and sessions, and which budget, is
searched for.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from backends.embedding.layout import Layout, cut

if TYPE_CHECKING:
    from backends.base import LoadTokenModel, TokenModel

BUDGETS = (32, 64, 128, 256, 512, 1024, 2048)
"""Tokens of a batch, padding included."""
FIRST_BUDGET = 256
SHORT_SHARE = 4
"""The layouts are told apart on every so many-th text."""
FINALISTS = 2


@dataclass(frozen=True, slots=True)
class Pass:
    """One way through all texts of a sample."""

    layout: Layout
    ops_per_s: float
    """Texts a second, from text to vector."""
    padding_factor: float
    """Tokens computed for one token of text."""


@dataclass(frozen=True, slots=True)
class Best:
    """The best layout, and what it gave in each of its passes."""

    layout: Layout
    passes_ops_per_s: tuple[float, ...]
    padding_factor: float
    tokens: tuple[int, ...]
    """Lengths of the texts of the sample."""

    @property
    def ops_per_s(self) -> float:
        """Texts a second: the median over passes."""
        return statistics.median(self.passes_ops_per_s)


class OfflineSearch:
    """Looks for the best layout over a sample of texts; bounded, for it tries one axis after the other."""

    def __init__(self, load: LoadTokenModel, cores: int, texts: Sequence[str], passes: int) -> None:
        """Say what to search with.

        Args:
            load: Loads a session with so many threads.
            cores: What batchers and threads share.
            texts: The sample.
            passes: How often each finalist goes through the whole sample.
        """
        self._load = load
        self._cores = cores
        self._texts = texts
        self._passes = passes
        self._models: dict[int, list[TokenModel]] = {}

    @property
    def total(self) -> int:
        """Passes that there will be, the short ones included."""
        return len(self._crews()) + len(BUDGETS) - 1 + FINALISTS * self._passes

    def run(self, tried: Callable[[Pass], None]) -> Best:
        """Search: first batchers, threads and sessions, then the budget, then the finalists in turn, pass by pass."""
        short = self._texts[::SHORT_SHARE]
        self._go(self._crews()[0], short)  # the first pass of all warms up
        crews = sorted(self._each(self._crews(), short, tried), key=_rate, reverse=True)
        crew = crews[0].layout
        others = [crew._replace(token_budget=budget) for budget in BUDGETS if budget != crew.token_budget]
        ranked = sorted([crews[0], *self._each(others, short, tried)], key=_rate, reverse=True)
        finalists = [found.layout for found in ranked[:FINALISTS]]
        # In turn, so that a machine that slows down slows all of them down.
        finals = list(self._each(finalists * self._passes, self._texts, tried))
        results = [[found for found in finals if found.layout == layout] for layout in finalists]
        best = max(results, key=lambda passes: statistics.median(map(_rate, passes)))
        return Best(
            layout=best[0].layout,
            passes_ops_per_s=tuple(map(_rate, best)),
            padding_factor=best[0].padding_factor,
            tokens=tuple(map(len, map(self._model(1, 0).tokenise, self._texts))),
        )

    def again(self, layout: Layout) -> Pass:
        """One more pass with a layout over the whole sample."""
        return self._go(layout, self._texts)

    def _crews(self) -> list[Layout]:
        """Every way to fill the cores with batchers and threads, sessions shared or one each."""
        layouts = []
        for threads in (count for count in range(1, self._cores + 1) if self._cores % count == 0):
            batchers = self._cores // threads
            layouts += [Layout(batchers, threads, sessions, FIRST_BUDGET) for sessions in sorted({1, batchers})]
        return layouts

    def _each(self, layouts: Sequence[Layout], texts: Sequence[str], tried: Callable[[Pass], None]) -> Iterator[Pass]:
        for layout in layouts:
            found = self._go(layout, texts)
            tried(found)
            yield found

    def _go(self, layout: Layout, texts: Sequence[str]) -> Pass:
        models = [self._model(layout.threads, session) for session in range(layout.sessions)]
        return go_through(texts, layout, models)

    def _model(self, threads: int, session: int) -> TokenModel:
        loaded = self._models.setdefault(threads, [])
        while len(loaded) <= session:
            loaded.append(self._load(threads=threads))
        return loaded[session]


def go_through(texts: Sequence[str], layout: Layout, models: Sequence[TokenModel]) -> Pass:
    """Embed all texts once, as fast as the layout can: tokenise, sort, run the batches, pool and normalise."""
    begin = time.perf_counter()
    with ThreadPoolExecutor(layout.batchers) as pool:
        shares = [islice(texts, batcher, None, layout.batchers) for batcher in range(layout.batchers)]
        tokenised = pool.map(lambda share: list(map(models[0].tokenise, share)), shares)
        tokens = sorted((text for share in tokenised for text in share), key=len)
        batches = cut([len(text) for text in tokens], layout.token_budget)
        waiting: SimpleQueue[slice] = SimpleQueue()
        for batch in reversed(batches):
            waiting.put(batch)
        list(pool.map(lambda batcher: _work(models[batcher % len(models)], tokens, waiting), range(layout.batchers)))
    taken_s = time.perf_counter() - begin
    useful = sum(map(len, tokens))
    computed = sum((batch.stop - batch.start) * len(tokens[batch.stop - 1]) for batch in batches)
    return Pass(layout, len(texts) / taken_s, computed / useful)


def _work(model: TokenModel, tokens: Sequence[Sequence[int]], waiting: SimpleQueue[slice]) -> None:
    while True:
        try:
            batch = waiting.get_nowait()
        except Empty:
            return
        output = model.run_tokens(tokens[batch])
        for row in range(batch.stop - batch.start):
            model.finish(output, row)


def _rate(found: Pass) -> float:
    return found.ops_per_s
