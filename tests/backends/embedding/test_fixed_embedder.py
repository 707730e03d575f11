"""Tests of the precomputed vectors that replace a model."""

from __future__ import annotations

import numpy as np

from membench_backends.embedding.fixed import FixedEmbedder


def test_a_text_has_the_same_unit_vector_alone_in_a_list_and_in_every_run(texts: list[str]) -> None:
    one, other = FixedEmbedder(384), FixedEmbedder(384)
    vectors = one.embed_batch(texts)

    assert vectors.shape == (len(texts), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for text, vector in zip(texts, vectors, strict=True):
        assert (other.embed(text) == vector).all()
    assert len({vector.tobytes() for vector in vectors}) == len(texts)


def test_a_line_break_counts_as_a_space() -> None:
    embedder = FixedEmbedder(32)

    assert (embedder.embed("two\nlines") == embedder.embed("two lines")).all()
