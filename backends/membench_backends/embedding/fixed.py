"""Precomputed vectors in place of a model: they cost only a checksum, so a run measures everything but embedding."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from membench_backends.base import Vector

_DISTINCT_VECTORS = 1024
_SEED = 20_251_210


class FixedEmbedder:
    """Maps each text to one of 1,024 random unit vectors, the same in every run; implements `base.Strategy`."""

    def __init__(self, dimensions: int) -> None:
        vectors = np.random.default_rng(_SEED).standard_normal((_DISTINCT_VECTORS, dimensions))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        self._vectors: Vector = vectors.astype(np.float32)

    def embed(self, text: str) -> Vector:
        """Return the vector of a text: shape (dimensions,), float32."""
        vector: Vector = self._vectors[_row(text)]
        return vector

    def embed_batch(self, texts: Sequence[str]) -> Vector:
        """Return the vectors of texts: shape (len(texts), dimensions), float32."""
        return self._vectors[[_row(text) for text in texts]]

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


def _row(text: str) -> int:
    """Return a row by the CRC-32 of a text, in which a line break counts as a space, as it does for a tokeniser."""
    return zlib.crc32(text.replace("\n", " ").encode()) % _DISTINCT_VECTORS
