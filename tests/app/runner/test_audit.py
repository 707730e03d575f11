"""Acknowledged against stored: what the audit says of stores that lose, double, mix up and break."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from membench.runner.audit import VECTOR_SAMPLE, audit
from membench.runner.load import FOREVER_NS, Clients
from membench.spec.corpus import Texts, benchmark_text
from membench_backends.base import StoredMemory

DIMENSIONS = 64


def vector(text):
    made = np.random.default_rng(zlib.crc32(text.encode())).standard_normal(DIMENSIONS)
    return (made / np.linalg.norm(made)).astype(np.float32)


def embed(texts):
    return np.stack([vector(text) for text in texts])


class Store:
    """A backend whose memories a test may tamper with."""

    def __init__(self, fail=()):
        self.memories = []
        self._fail = set(fail)

    def add(self, text, user_id):
        self.memories.append(StoredMemory(text, vector(text)))
        if text in self._fail:
            raise TimeoutError("stored, but who knows")

    def add_batch(self, texts, user_id):
        for text in texts:
            self.add(text, user_id)

    def stored(self):
        return iter(self.memories)


@pytest.fixture
def measured(workload):
    """A store after a run of 100 memories by 4 clients, and the clients."""

    def run(fail=(), **changes):
        store = Store(fail)
        made = workload(**{"items": 100, "clients": 4, **changes})
        clients = Clients(made, store, Texts(made.corpus, seed=1))
        assert clients.start(0).wait(FOREVER_NS)
        for log in clients.logs:
            log.drain()
        return store, clients

    return run


def figures(found):
    return (found.acknowledged, found.stored, found.lost, found.duplicated, found.corrupted)


def test_a_store_that_keeps_everything_has_no_problem(measured):
    store, clients = measured()
    found = audit(store, clients, [], embed)

    assert figures(found) == (100, 100, 0, 0, 0)
    assert found.problem is None


def test_what_is_acknowledged_and_not_there_is_lost(measured):
    store, clients = measured()
    del store.memories[10:13]
    found = audit(store, clients, [], embed)

    assert figures(found) == (100, 97, 3, 0, 0)
    assert found.problem == "3 memories of 100 acknowledged lost"


def test_what_is_there_twice_is_duplicated_however_often(measured):
    store, clients = measured()
    store.memories += [store.memories[5], store.memories[6], store.memories[6]]
    found = audit(store, clients, [], embed)

    assert figures(found) == (100, 103, 0, 3, 0)
    assert found.problem == "3 memories stored twice"


def test_one_lost_and_one_doubled_do_not_cancel_out(measured):
    store, clients = measured()
    store.memories[0] = store.memories[1]
    found = audit(store, clients, [], embed)

    assert figures(found) == (100, 100, 1, 1, 0)
    assert found.problem == "1 memory of 100 acknowledged lost, 1 memory stored twice"


def test_a_text_that_nobody_added_is_corrupted_and_the_one_it_was_is_lost(measured):
    store, clients = measured()
    store.memories[0] = StoredMemory("somebody else's", vector("somebody else's"))

    assert figures(audit(store, clients, [], embed)) == (100, 100, 1, 0, 1)


@pytest.mark.parametrize("broken", [np.zeros(DIMENSIONS), np.full(DIMENSIONS, np.nan), np.ones(DIMENSIONS), []])
def test_a_vector_that_is_none_is_corrupted(measured, broken):
    store, clients = measured()
    store.memories[99] = store.memories[99]._replace(vector=broken)
    found = audit(store, clients, [], embed)

    assert figures(found) == (100, 100, 0, 0, 1)
    assert found.problem == "1 memory corrupted"


def test_swapped_vectors_are_found_by_the_sample(measured):
    store, clients = measured()
    texts, vectors = zip(*store.memories, strict=True)
    store.memories = [StoredMemory(text, other) for text, other in zip(texts, reversed(vectors), strict=True)]
    found = audit(store, clients, [], embed)

    assert (found.lost, found.duplicated) == (0, 0)
    assert found.corrupted == VECTOR_SAMPLE
    assert found.problem == f"{VECTOR_SAMPLE} memories corrupted"


def test_the_sample_reaches_to_the_end_of_the_store(measured):
    store, clients = measured(items=VECTOR_SAMPLE * 10)
    seen = []
    audit(store, clients, [], lambda texts: seen.extend(texts) or embed(texts))

    assert len(seen) == VECTOR_SAMPLE
    assert set(seen) & {memory.text for memory in store.memories[-10:]}


def moved(texts, by):
    """The texts' vectors, each a given distance (1 - cosine) away from where it is alone."""
    own = embed(texts).astype(np.float64)
    aside = np.roll(own, 1, axis=1)
    aside -= np.einsum("ij,ij->i", aside, own)[:, np.newaxis] * own
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    return ((1 - by) * own + np.sqrt(1 - (1 - by) ** 2) * aside).astype(np.float32)


@pytest.mark.parametrize(
    ("stored_by", "batch_by", "corrupted"),
    [(2e-4, None, True), (2e-4, 0, True), (2e-4, 1e-4, False), (4e-4, 1e-4, True), (2e-5, None, False)],
)
def test_a_vector_may_be_off_by_what_a_batch_moves_it_and_no_more(measured, stored_by, batch_by, corrupted):
    store, clients = measured()
    texts = [memory.text for memory in store.memories]
    store.memories = list(map(StoredMemory, texts, moved(texts, stored_by)))
    together = None if batch_by is None else lambda texts: moved(texts, batch_by)

    assert bool(audit(store, clients, [], embed, together).corrupted) is corrupted


def test_vectors_of_another_length_are_corrupted(measured):
    store, clients = measured()
    half = np.eye(DIMENSIONS // 2)[0]
    store.memories = [memory._replace(vector=half) for memory in store.memories]

    assert audit(store, clients, [], embed).corrupted == VECTOR_SAMPLE


def test_without_a_way_to_embed_vectors_are_only_checked_for_length_one(measured):
    store, clients = measured()
    store.memories = [memory._replace(vector=np.eye(DIMENSIONS)[0]) for memory in store.memories]

    assert audit(store, clients, [], None).problem is None


def test_a_store_that_cannot_be_read_is_corrupted_and_the_rest_unknown(measured, caplog):
    store, clients = measured()

    def torn():
        yield store.memories[0]
        raise RuntimeError("shapes (3,) and (4,)\ndo not match")

    store.stored = torn
    found = audit(store, clients, [], embed)

    assert figures(found) == (100, None, None, None, None)
    assert found.problem == (
        "the store is corrupted, it cannot be read back: RuntimeError: shapes (3,) and (4,) do not match"
    )


@pytest.mark.parametrize("changes", [{}, {"operation": "add_batch", "batch_size": 10}])
def test_what_raised_but_is_stored_is_neither_lost_nor_double_nor_corrupted(measured, changes):
    store, clients = measured(fail=[benchmark_text(3), benchmark_text(44)], **changes)
    found = audit(store, clients, [], embed)

    assert found.acknowledged == (80 if changes else 98)
    assert found.stored >= found.acknowledged + 2
    assert (found.lost, found.duplicated, found.corrupted, found.problem) == (0, 0, 0, None)


def test_what_raised_and_is_stored_twice_is_double(measured):
    store, clients = measured(fail=[benchmark_text(3)])
    store.memories += [memory for memory in store.memories if memory.text == benchmark_text(3)]

    assert figures(audit(store, clients, [], embed)) == (99, 101, 0, 1, 0)


def test_the_warm_up_is_in_no_count(measured):
    store, clients = measured()
    warmup = [f"warm-up {i}" for i in range(8)]
    store.memories = [StoredMemory(text, np.zeros(DIMENSIONS)) for text in warmup] + store.memories

    assert figures(audit(store, clients, warmup, embed)) == (100, 100, 0, 0, 0)


def test_an_empty_store_has_lost_everything(measured):
    store, clients = measured()
    store.memories = []

    assert figures(audit(store, clients, [], embed)) == (100, 0, 100, 0, 0)


def test_texts_that_a_corpus_repeats_are_told_apart(measured, tmp_path):
    from membench.messages.run import Corpus

    path = tmp_path / "three.txt"
    path.write_text("one\ntwo\nthree\n")
    store, clients = measured(corpus=Corpus(kind="file", path=str(path)))
    assert audit(store, clients, [], embed).problem is None

    store.memories.pop()
    assert figures(audit(store, clients, [], embed)) == (100, 99, 1, 0, 0)
