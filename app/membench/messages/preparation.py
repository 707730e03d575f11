"""The messages of the processes that prepare something: a machine's limit, or a model's weights."""

from __future__ import annotations

from typing import Literal

import msgspec

from membench.spec.options import Precision
from membench.spec.run import Corpus
from membench_backends.embedding.limit.layout import Layout


class LimitSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The limit to search for."""

    model: str
    precision: Precision
    corpus: Corpus
    texts: int
    """Texts in the sample."""
    passes: int
    """Passes of each finalist over the whole sample."""
    seed: int


class LimitTried(msgspec.Struct, frozen=True, tag=True):
    """The result of one pass over the sample with one layout."""

    layout: Layout
    texts_per_s: float
    done: int
    """Passes so far."""
    total: int
    """Passes of the whole search, at most."""


class LimitFound(msgspec.Struct, frozen=True, tag=True):
    """The best offline rate, and the rate that arithmetic alone would allow."""

    texts_per_s: float
    """From text to vector: the median over passes."""
    passes_texts_per_s: tuple[float, ...]
    layout: Layout
    texts: int
    """Texts in the sample."""
    tokens_mean: float
    padding_factor: float
    """Tokens computed per token of text."""
    peak_gflop_per_s: float
    """The best rate of a large matrix product in this precision on all cores: 10^9 operations per second, where a
    multiply-add is two."""
    gflop_per_text: float | None
    """The mean over the sample, computed from the architecture; None where that is unknown."""

    @property
    def ceiling_texts_per_s(self) -> float | None:
        """Texts per second if every core did nothing but multiply."""
        return self.peak_gflop_per_s / self.gflop_per_text if self.gflop_per_text else None


class Progress(msgspec.Struct, frozen=True, tag=True):
    """The progress of a download of weights, in bytes; `total` is 0 until it is known."""

    done: int
    total: int


class Prepared(msgspec.Struct, frozen=True, tag=True):
    """A model's weights are on disk."""

    weights: Literal["real", "twin"]
    folder: str
