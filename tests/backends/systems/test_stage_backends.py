"""Tests of the backends with a single stage, or none."""

from __future__ import annotations

import pytest

from membench_backends.base import Parts
from membench_backends.systems.fastembed import FastEmbedBackend
from membench_backends.systems.null import NullBackend
from membench_backends.systems.qdrant import QdrantBackend

DIMENSIONS = 32


def test_null_stores_nothing(tmp_path):
    backend = NullBackend(Parts(None, None, DIMENSIONS, tmp_path))
    assert backend.add("likes tea", "ada") is None
    assert backend.add_batch(["likes tea"], "ada") is None

    assert list(backend.stored()) == []
    backend.close()


def test_fastembed_embeds_and_stores_nothing(strategy, tmp_path):
    backend = FastEmbedBackend(Parts(strategy, None, DIMENSIONS, tmp_path))
    backend.add("likes tea", "ada")
    backend.add_batch(["likes coffee", "likes milk"], "ada")

    assert strategy.singles == ["likes tea"]
    assert strategy.batches == [["likes coffee", "likes milk"]]
    assert list(backend.stored()) == []
    backend.close()


@pytest.mark.parametrize("name", ["local", "edge"])
def test_qdrant_stores_the_fixed_vector_of_a_text(open_store, in_threads, tmp_path, name):
    backend = QdrantBackend(Parts(None, open_store(name), DIMENSIONS, tmp_path))

    def work(k):
        backend.add(f"one {k}", "ada")
        backend.add_batch([f"many {k} {i}" for i in range(10)], "ada")

    in_threads(8, work)

    stored = list(backend.stored())
    expected = [f"one {k}" for k in range(8)] + [f"many {k} {i}" for k in range(8) for i in range(10)]
    assert sorted(memory.text for memory in stored) == sorted(expected)
    for memory in stored:
        assert memory.vector == pytest.approx(backend.vectors([memory.text])[0], abs=1e-6)
    backend.close()


def test_a_text_has_the_same_unit_vector_in_every_run(open_store, tmp_path):
    one, other = (QdrantBackend(Parts(None, open_store("local"), DIMENSIONS, tmp_path)) for _ in range(2))

    tea, coffee = one.vectors(["likes tea", "likes coffee"])
    assert (tea == other.vectors(["likes tea"])[0]).all()
    assert (tea != coffee).any()
    assert tea @ tea == pytest.approx(1)
