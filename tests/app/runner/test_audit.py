"""The audit reports lost, duplicated and corrupted memories."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from membench.runner.audit import SAMPLE_SIZE, audit
from membench.runner.load import NEVER_NS, Clients
from membench.spec.corpus import Texts, benchmark_text
from membench.spec.run import Corpus
from membench_backends.base import StoredMemory

DIMENSIONS = 64


def vector(text):
    """Return a unit vector that is always the same for a text."""
    components = np.random.default_rng(zlib.crc32(text.encode())).standard_normal(DIMENSIONS)
    return (components / np.linalg.norm(components)).astype(np.float32)


def embed(texts):
    return np.stack([vector(text) for text in texts])


class Store:
    """A backend whose memories a test may change behind its back."""

    def __init__(self, fail=()):
        self.memories = []
        self._fail = set(fail)

    def add(self, text, user_id):
        self.memories.append(StoredMemory(text, vector(text)))
        if text in self._fail:
            raise TimeoutError("stored, but not acknowledged")

    def add_batch(self, texts, user_id):
        for text in texts:
            self.add(text, user_id)

    def stored(self):
        return iter(self.memories)


@pytest.fixture
def measured(spec):
    """Make a run of 100 memories by 4 clients; return its store and the clients."""

    def run(fail=(), kind=Store, **changes):
        store = kind(fail)
        run_spec = spec(**{"items": 100, "clients": 4, **changes})
        clients = Clients(run_spec, store, Texts(run_spec.corpus, seed=1))
        assert clients.start(0).wait(NEVER_NS)
        for log in clients.logs:
            log.drain()
        return store, clients

    return run


def counts(outcome):
    return (outcome.acknowledged, outcome.stored, outcome.lost, outcome.duplicated, outcome.corrupted)


def test_a_complete_store_has_no_problem(measured):
    store, clients = measured()
    outcome = audit(store, clients, [], embed)

    assert counts(outcome) == (100, 100, 0, 0, 0)
    assert outcome.problem is None


def test_an_acknowledged_memory_that_is_missing_is_lost(measured):
    store, clients = measured()
    del store.memories[10:13]
    outcome = audit(store, clients, [], embed)

    assert counts(outcome) == (100, 97, 3, 0, 0)
    assert outcome.problem == "3 memories of 100 acknowledged lost"


def test_every_additional_copy_of_a_memory_is_a_duplicate(measured):
    store, clients = measured()
    store.memories += [store.memories[5], store.memories[6], store.memories[6]]
    outcome = audit(store, clients, [], embed)

    assert counts(outcome) == (100, 103, 0, 3, 0)
    assert outcome.problem == "3 memories stored twice"


def test_a_lost_and_a_duplicated_memory_do_not_cancel_out(measured):
    store, clients = measured()
    store.memories[0] = store.memories[1]
    outcome = audit(store, clients, [], embed)

    assert counts(outcome) == (100, 100, 1, 1, 0)
    assert outcome.problem == "1 memory of 100 acknowledged lost, 1 memory stored twice"


def test_a_text_that_no_client_added_is_corrupted_and_the_original_is_lost(measured):
    store, clients = measured()
    store.memories[0] = StoredMemory("another text", vector("another text"))

    assert counts(audit(store, clients, [], embed)) == (100, 100, 1, 0, 1)


@pytest.mark.parametrize("broken", [np.zeros(DIMENSIONS), np.full(DIMENSIONS, np.nan), np.ones(DIMENSIONS), []])
def test_a_vector_whose_length_is_not_1_is_corrupted(measured, broken):
    store, clients = measured()
    store.memories[99] = store.memories[99]._replace(vector=broken)
    outcome = audit(store, clients, [], embed)

    assert counts(outcome) == (100, 100, 0, 0, 1)
    assert outcome.problem == "1 memory corrupted"


def test_swapped_vectors_are_corrupted(measured):
    store, clients = measured()
    texts, vectors, _ = zip(*store.memories, strict=True)
    store.memories = [StoredMemory(text, other) for text, other in zip(texts, reversed(vectors), strict=True)]
    outcome = audit(store, clients, [], embed)

    assert (outcome.lost, outcome.duplicated) == (0, 0)
    assert outcome.corrupted == SAMPLE_SIZE
    assert outcome.problem == f"{SAMPLE_SIZE} memories corrupted"


def test_the_sample_covers_the_store_to_its_end(measured):
    store, clients = measured(items=SAMPLE_SIZE * 10)
    sample = []
    audit(store, clients, [], lambda texts: sample.extend(texts) or embed(texts))

    assert len(sample) == SAMPLE_SIZE
    assert set(sample) & {memory.text for memory in store.memories[-10:]}


def embed_with_drift(texts, distance):
    """Return vectors of texts, each rotated away from its true vector by a distance (1 - cosine)."""
    true = embed(texts).astype(np.float64)
    orthogonal = np.roll(true, 1, axis=1)
    orthogonal -= np.einsum("ij,ij->i", orthogonal, true)[:, np.newaxis] * true
    orthogonal /= np.linalg.norm(orthogonal, axis=1, keepdims=True)
    cosine = 1 - distance
    return (cosine * true + np.sqrt(1 - cosine**2) * orthogonal).astype(np.float32)


@pytest.mark.parametrize(
    ("stored_drift", "batch_drift", "corrupted"),
    [(2e-4, None, True), (2e-4, 0, True), (2e-4, 1e-4, False), (4e-4, 1e-4, True), (2e-5, None, False)],
)
def test_a_vector_may_drift_only_as_far_as_a_batch_explains(measured, stored_drift, batch_drift, corrupted):
    store, clients = measured()
    texts = [memory.text for memory in store.memories]
    store.memories = list(map(StoredMemory, texts, embed_with_drift(texts, stored_drift)))
    embed_batch = None if batch_drift is None else lambda texts: embed_with_drift(texts, batch_drift)

    assert bool(audit(store, clients, [], embed, embed_batch).corrupted) is corrupted


def test_vectors_with_the_wrong_number_of_dimensions_are_corrupted(measured):
    store, clients = measured()
    half = np.eye(DIMENSIONS // 2)[0]
    store.memories = [memory._replace(vector=half) for memory in store.memories]

    assert (
        audit(store, clients, [], embed).corrupted == 100
    )  # they all have the same vector, which is a reason to check


def test_without_an_embedder_vectors_are_only_checked_for_length_1(measured):
    store, clients = measured()
    store.memories = [memory._replace(vector=np.eye(DIMENSIONS)[0]) for memory in store.memories]

    assert audit(store, clients, [], None).problem is None


def test_a_store_that_cannot_be_read_is_corrupted_and_its_counts_are_unknown(measured):
    store, clients = measured()

    def fail_to_read():
        yield store.memories[0]
        raise RuntimeError("shapes (3,) and (4,)\ndo not match")

    store.stored = fail_to_read
    outcome = audit(store, clients, [], embed)

    assert counts(outcome) == (100, None, None, None, None)
    assert outcome.problem == (
        "the store is corrupted and cannot be read back: RuntimeError: shapes (3,) and (4,) do not match"
    )


@pytest.mark.parametrize("changes", [{}, {"operation": "add_batch", "batch_size": 10}])
def test_a_memory_stored_by_a_failed_operation_is_no_problem(measured, changes):
    store, clients = measured(fail=[benchmark_text(3), benchmark_text(44)], **changes)
    outcome = audit(store, clients, [], embed)

    assert outcome.acknowledged == (80 if changes else 98)
    assert outcome.stored >= outcome.acknowledged + 2
    assert (outcome.lost, outcome.duplicated, outcome.corrupted, outcome.problem) == (0, 0, 0, None)


def test_a_memory_of_a_failed_operation_that_is_stored_twice_is_duplicated(measured):
    store, clients = measured(fail=[benchmark_text(3)])
    store.memories += [memory for memory in store.memories if memory.text == benchmark_text(3)]

    assert counts(audit(store, clients, [], embed)) == (99, 101, 0, 1, 0)


class UserStore(Store):
    """A store that also states users, and keeps a history."""

    def __init__(self, fail=()):
        super().__init__(fail)
        self.texts = []

    def add(self, text, user_id):
        self.texts.append(text)
        try:
            super().add(text, user_id)
        finally:
            self.memories[-1] = self.memories[-1]._replace(user_id=user_id)

    def history(self):
        return iter(self.texts)


@pytest.fixture
def measured_users(measured):
    """The same run on a store that states users and history; one memory at a time, so that its order is known."""
    return lambda **changes: measured(kind=UserStore, **{"clients": 1, **changes})


def test_what_a_backend_does_not_state_is_not_checked(measured):
    outcome = audit(*measured(), [], embed)

    assert (outcome.misplaced, outcome.history_missing, outcome.problem) == (None, None, None)


def test_users_and_history_of_a_sound_store_are_right(measured_users):
    outcome = audit(*measured_users(clients=4), [], embed)

    assert (outcome.misplaced, outcome.history_missing, outcome.problem) == (0, 0, None)


@pytest.mark.parametrize("user_id", ["user-1", None])
def test_a_memory_under_another_user_is_misplaced(measured_users, user_id):
    store, clients = measured_users()
    store.memories[7] = store.memories[7]._replace(user_id=user_id)
    outcome = audit(store, clients, [], embed)

    assert (outcome.misplaced, outcome.lost, outcome.corrupted) == (1, 0, 0)
    assert outcome.problem == "1 memory stored under another user"


def test_a_text_of_several_users_may_be_stored_under_each(measured_users, tmp_path):
    path = tmp_path / "repeated.txt"
    path.write_text("one\none\ntwo\nthree\n")
    store, clients = measured_users(clients=2, items=4, corpus=Corpus(kind="file", path=str(path)))
    outcome = audit(store, clients, [], embed)

    assert (outcome.misplaced, outcome.lost, outcome.duplicated, outcome.problem) == (0, 0, 0, None)


def test_an_acknowledged_memory_without_history_is_missing_from_it(measured_users):
    store, clients = measured_users(fail=[benchmark_text(3)])
    del store.texts[2:5]  # the middle one was not acknowledged
    outcome = audit(store, clients, [], embed)

    assert (outcome.history_missing, outcome.lost) == (2, 0)
    assert outcome.problem == "2 memories missing from the history"


def test_a_history_that_cannot_be_read_is_a_problem_and_its_count_is_unknown(measured_users):
    store, clients = measured_users()
    store.history = lambda: (_ for _ in ()).throw(OSError("disk I/O error"))
    outcome = audit(store, clients, [], embed)

    assert (outcome.history_missing, outcome.lost) == (None, 0)
    assert outcome.problem == "the history cannot be read back: OSError: disk I/O error"


def test_a_text_with_the_vector_of_another_is_corrupted_wherever_it_is(measured):
    store, clients = measured(items=SAMPLE_SIZE * 10)
    sample = []
    audit(store, clients, [], lambda texts: sample.extend(texts) or embed(texts))
    at = next(at for at, memory in enumerate(store.memories) if memory.text not in sample)
    store.memories[at] = store.memories[at]._replace(vector=store.memories[0].vector)

    assert audit(store, clients, [], embed).problem == "1 memory corrupted"


def test_texts_may_share_a_vector_that_both_of_them_have(measured):
    store, clients = measured()
    same = np.eye(DIMENSIONS, dtype=np.float32)[0]
    store.memories = [memory._replace(vector=same) for memory in store.memories]

    assert audit(store, clients, [], lambda texts: np.stack([same] * len(texts))).problem is None


class OnDisk:
    """The files of a store: reopening leaves what was flushed."""

    def __init__(self, store, lost=0, error=None):
        self._store, self._lost, self._error = store, lost, error

    def reopen(self):
        if self._error:
            raise self._error
        del self._store.memories[: self._lost]
        return True


@pytest.mark.parametrize(("unflushed", "problem"), [(0, None), (3, "3 memories of 100 acknowledged lost")])
def test_a_store_on_disk_is_read_after_it_was_reopened(measured, unflushed, problem):
    store, clients = measured()
    outcome = audit(store, clients, [], embed, parts=[OnDisk(store, unflushed)])

    assert (outcome.reopened, outcome.lost, outcome.problem) == (True, unflushed, problem)
    assert not audit(store, clients, [], embed).reopened


def test_a_store_that_cannot_be_reopened_is_corrupted(measured):
    store, clients = measured()
    outcome = audit(store, clients, [], embed, parts=[OnDisk(store, error=OSError("the log is torn"))])

    assert counts(outcome) == (100, None, None, None, None)
    assert outcome.problem == "the store is corrupted and cannot be read back: OSError: the log is torn"


def test_the_warm_up_is_not_counted(measured):
    store, clients = measured()
    warmup = [f"warm-up {i}" for i in range(8)]
    store.memories = [StoredMemory(text, np.zeros(DIMENSIONS)) for text in warmup] + store.memories

    assert counts(audit(store, clients, warmup, embed)) == (100, 100, 0, 0, 0)


def test_every_acknowledged_memory_is_lost_in_an_empty_store(measured):
    store, clients = measured()
    store.memories = []

    assert counts(audit(store, clients, [], embed)) == (100, 0, 100, 0, 0)


def test_repetitions_of_a_short_corpus_are_distinct(measured, tmp_path):
    path = tmp_path / "three.txt"
    path.write_text("one\ntwo\nthree\n")
    store, clients = measured(corpus=Corpus(kind="file", path=str(path)))
    assert audit(store, clients, [], embed).problem is None

    store.memories.pop()
    assert counts(audit(store, clients, [], embed)) == (100, 99, 1, 0, 0)
