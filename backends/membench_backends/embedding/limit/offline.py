"""The best embedding rate when every text is known in advance, an upper bound for every strategy with live callers.

The texts are sorted by length and split into batches of a token budget, so that there is almost no padding. Batchers
run the longest batches first, so that they finish at the same time. A search finds the best number of batchers, threads
and sessions, and the best budget.
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
"""Token budgets to try."""
FIRST_BUDGET = 256
"""The budget with which numbers of batchers, threads and sessions are compared."""
SHORT_STEP = 4
"""Short passes take every fourth text of the sample."""
SHORT_PASSES = 2
"""Short passes per layout, of which the faster one counts: a busy machine can only slow a pass down."""
SPLITS = 2
"""The best splits of the cores that are tried with every budget."""
FINALISTS = 3
"""The best layouts that are measured on the whole sample."""


class Pass(msgspec.Struct, frozen=True):
    """The result of embedding all texts of a sample once."""

    layout: Layout
    texts_per_s: float
    """Texts per second, from text to vector."""
    padding_factor: float
    """Tokens computed per token of text."""


class BestLayout(msgspec.Struct, frozen=True):
    """The best layout, with the rate of each of its passes."""

    layout: Layout
    passes_texts_per_s: tuple[float, ...]
    padding_factor: float
    tokens: tuple[int, ...]
    """Token counts of the texts of the sample."""

    @property
    def texts_per_s(self) -> float:
        """Texts per second: the median of the passes."""
        return statistics.median(self.passes_texts_per_s)


class OfflineSearch:
    """A search for the best layout on a sample of texts; bounded, because it varies one dimension at a time."""

    def __init__(self, load: LoadTokenModel, cores: int, texts: Sequence[str], passes: int) -> None:
        """Prepare a search.

        Args:
            load: Loads a session with a given number of threads.
            cores: Cores to divide among batchers and threads.
            texts: The sample.
            passes: Passes of each finalist over the whole sample.
        """
        self._load = load
        self._cores = cores
        self._texts = texts
        self._passes = passes
        self._models: dict[int, list[TokenModel]] = {}

    @property
    def total(self) -> int:
        """Number of passes of a search, including short ones."""
        splits = self._splits()
        layouts = len(splits) + min(SPLITS, len(splits)) * len(BUDGETS)
        return layouts * SHORT_PASSES + FINALISTS * self._passes

    def run(self, report: Callable[[Pass], None]) -> BestLayout:
        """Try splits of the cores, then token budgets, then the finalists on the whole sample; report every pass."""
        short = self._texts[::SHORT_STEP]
        self._pass(self._splits()[0], short)  # a warm-up
        splits = self._ranked(self._splits(), short, report)[:SPLITS]
        layouts = [split._replace(token_budget=budget) for split in splits for budget in BUDGETS]
        finalists = self._ranked(layouts, short, report)[:FINALISTS]
        finals = self._alternate(finalists, self._texts, self._passes, report)
        best = max(finals.values(), key=lambda passes: statistics.median(map(_rate, passes)))
        return BestLayout(
            layout=best[0].layout,
            passes_texts_per_s=tuple(map(_rate, best)),
            padding_factor=best[0].padding_factor,
            tokens=tuple(map(len, map(self._model(1, 0).tokenise, self._texts))),
        )

    def measure(self, layout: Layout) -> Pass:
        """Make one pass with a layout over the whole sample."""
        return self._pass(layout, self._texts)

    def _splits(self) -> list[Layout]:
        """Return every split of the cores into batchers and threads, with one session and with one per batcher."""
        layouts = []
        for threads in (count for count in range(1, self._cores + 1) if self._cores % count == 0):
            batchers = self._cores // threads
            layouts += [Layout(batchers, threads, sessions, FIRST_BUDGET) for sessions in sorted({1, batchers})]
        return layouts

    def _ranked(self, layouts: Sequence[Layout], texts: Sequence[str], report: Callable[[Pass], None]) -> list[Layout]:
        """Return the layouts, fastest first."""
        passes = self._alternate(layouts, texts, SHORT_PASSES, report)
        return sorted(layouts, key=lambda layout: max(map(_rate, passes[layout])), reverse=True)

    def _alternate(
        self, layouts: Sequence[Layout], texts: Sequence[str], times: int, report: Callable[[Pass], None]
    ) -> dict[Layout, list[Pass]]:
        """Make several passes with each layout, alternating between them so that drift affects all of them alike."""
        passes: dict[Layout, list[Pass]] = {layout: [] for layout in layouts}
        for layout in list(layouts) * times:
            result = self._pass(layout, texts)
            passes[layout].append(result)
            report(result)
        return passes

    def _pass(self, layout: Layout, texts: Sequence[str]) -> Pass:
        models = [self._model(layout.threads, session) for session in range(layout.sessions)]
        return embed_all(texts, layout, models)

    def _model(self, threads: int, session: int) -> TokenModel:
        loaded = self._models.setdefault(threads, [])
        while len(loaded) <= session:
            loaded.append(self._load(threads=threads))
        return loaded[session]


def embed_all(texts: Sequence[str], layout: Layout, models: Sequence[TokenModel]) -> Pass:
    """Embed all texts once with a layout: tokenise, sort, run the batches, pool and normalise."""
    begin = time.perf_counter()
    with ThreadPoolExecutor(layout.batchers) as pool:
        shares = [islice(texts, first, None, layout.batchers) for first in range(layout.batchers)]
        tokenised = pool.map(lambda share: list(map(models[0].tokenise, share)), shares)
        tokens = sorted((text for share in tokenised for text in share), key=len)
        batches = cut([len(text) for text in tokens], layout.token_budget)
        waiting: SimpleQueue[slice] = SimpleQueue()
        for batch in reversed(batches):
            waiting.put(batch)
        batchers = [
            pool.submit(_run_batches, models[number % len(models)], tokens, waiting)
            for number in range(layout.batchers)
        ]
        for batcher in batchers:
            batcher.result()
    elapsed_s = time.perf_counter() - begin
    text_tokens = sum(map(len, tokens))
    computed_tokens = sum((batch.stop - batch.start) * len(tokens[batch.stop - 1]) for batch in batches)
    return Pass(layout, len(texts) / elapsed_s, computed_tokens / text_tokens)


def _run_batches(model: TokenModel, tokens: Sequence[Sequence[int]], waiting: SimpleQueue[slice]) -> None:
    while True:
        try:
            batch = waiting.get_nowait()
        except Empty:
            return
        output = model.run_tokens(tokens[batch])
        for row in range(batch.stop - batch.start):
            model.finish(output, row)


def _rate(result: Pass) -> float:
    return result.texts_per_s
