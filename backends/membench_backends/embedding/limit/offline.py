"""The best embedding rate when every text is known beforehand: what no strategy for live callers can beat.

All texts are sorted by length and cut into batches of a token budget, so that next to nothing is padding; batchers take
them, the longest first, so that they finish together. How many batchers, threads and sessions, and which budget, is
searched for.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import msgspec

from membench_backends.embedding.limit.layout import Layout, cut

if TYPE_CHECKING:
    from membench_backends.base import LoadTokenModel, TokenModel

BUDGETS = (64, 128, 256, 512, 1024)
"""Tokens of a batch, padding included."""
FIRST_BUDGET = 256
SHORT_SHARE = 4
"""The layouts are told apart on every so many-th text,"""
SHORT_PASSES = 2
"""and by the better of so many passes: a busy machine makes a pass slower, never faster."""
CREWS = 2
FINALISTS = 3


class Pass(msgspec.Struct, frozen=True):
    """One way through all texts of a sample."""

    layout: Layout
    texts_per_s: float
    """Texts a second, from text to vector."""
    padding_factor: float
    """Tokens computed for one token of text."""


class Best(msgspec.Struct, frozen=True):
    """The best layout, and what it gave in each of its passes."""

    layout: Layout
    passes_texts_per_s: tuple[float, ...]
    padding_factor: float
    tokens: tuple[int, ...]
    """Lengths of the texts of the sample."""

    @property
    def texts_per_s(self) -> float:
        """Texts a second: the median over passes."""
        return statistics.median(self.passes_texts_per_s)


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
        crews = self._crews()
        short = len(crews) + min(CREWS, len(crews)) * len(BUDGETS)
        return short * SHORT_PASSES + FINALISTS * self._passes

    def run(self, tried: Callable[[Pass], None]) -> Best:
        """Search: first batchers, threads and sessions, then the budget, then the finalists over the whole sample."""
        short = self._texts[::SHORT_SHARE]
        self._go(self._crews()[0], short)  # the first pass of all warms up
        crews = self._ranked(self._crews(), short, tried)[:CREWS]
        layouts = [crew._replace(token_budget=budget) for crew in crews for budget in BUDGETS]
        finalists = self._ranked(layouts, short, tried)[:FINALISTS]
        finals = self._in_turn(finalists, self._texts, self._passes, tried)
        best = max(finals.values(), key=lambda passes: statistics.median(map(_rate, passes)))
        return Best(
            layout=best[0].layout,
            passes_texts_per_s=tuple(map(_rate, best)),
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

    def _ranked(self, layouts: Sequence[Layout], texts: Sequence[str], tried: Callable[[Pass], None]) -> list[Layout]:
        """The layouts, the fastest first."""
        passes = self._in_turn(layouts, texts, SHORT_PASSES, tried)
        return sorted(layouts, key=lambda layout: max(map(_rate, passes[layout])), reverse=True)

    def _in_turn(
        self, layouts: Sequence[Layout], texts: Sequence[str], times: int, tried: Callable[[Pass], None]
    ) -> dict[Layout, list[Pass]]:
        """Some passes with each layout, in turn, so that a machine that slows down slows all of them down."""
        passes: dict[Layout, list[Pass]] = {layout: [] for layout in layouts}
        for layout in list(layouts) * times:
            found = self._go(layout, texts)
            passes[layout].append(found)
            tried(found)
        return passes

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
    return found.texts_per_s
