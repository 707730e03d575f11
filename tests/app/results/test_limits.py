from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from membench.messages.run import Corpus, LimitFound
from membench.results.limits import Limit, corpus_name, keep_limit, kept_limit, kept_limits, limit_for, machine
from membench_backends.embedding.limit.layout import Layout

MODEL = "BAAI/bge-small-en-v1.5"
TURNS = Corpus(kind="turns")


def limit_of(texts_per_s: float = 289.0, **changes: object) -> Limit:
    found = LimitFound(
        texts_per_s=texts_per_s,
        passes_texts_per_s=(texts_per_s,),
        layout=Layout(2, 1, 1, 256),
        texts=512,
        tokens_mean=31.5,
        padding_factor=1.01,
        peak_gflop_per_s=540.0,
        gflop_per_text=1.35,
    )
    facts = {
        "machine": machine(),
        "model": MODEL,
        "weights": "twin",
        "precision": "fp32",
        "corpus": "turns",
        "measured_at": "2026-01-01T00:00:00+00:00",
        "found": found,
    }
    return Limit(**{**facts, **changes})


def test_a_limit_is_kept_by_model_precision_and_corpus() -> None:
    keep_limit(MODEL, "fp32", TURNS, limit_of())
    assert kept_limit(MODEL, "fp32", TURNS) == limit_of()
    assert kept_limit(MODEL, "int8", TURNS) is None
    assert kept_limit(MODEL, "fp32", Corpus(kind="benchmark")) is None


def test_a_new_limit_replaces_the_one_before() -> None:
    keep_limit(MODEL, "fp32", TURNS, limit_of(200.0))
    keep_limit(MODEL, "fp32", TURNS, limit_of(300.0))
    assert [limit.texts_per_s for limit in kept_limits()] == [300.0]


def test_a_file_that_has_changed_has_no_limit_yet(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("one\n")
    corpus = Corpus(kind="file", path=str(file))
    keep_limit(MODEL, "fp32", corpus, limit_of(corpus=corpus_name(corpus)))
    assert kept_limit(MODEL, "fp32", corpus) is not None
    file.write_text("one\ntwo\n")
    assert kept_limit(MODEL, "fp32", corpus) is None
    file.unlink()
    assert kept_limit(MODEL, "fp32", corpus) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", msgspec.json.encode(limit_of(schema=2))])
def test_a_damaged_or_newer_file_is_as_good_as_none(content: bytes) -> None:
    keep_limit(MODEL, "fp32", TURNS, limit_of()).write_bytes(content)
    assert kept_limit(MODEL, "fp32", TURNS) is None
    assert list(kept_limits()) == []


def test_the_limits_of_another_machine_are_not_listed() -> None:
    keep_limit(MODEL, "fp32", TURNS, limit_of(machine="another"))
    assert list(kept_limits()) == []


def test_a_run_is_held_against_the_limit_of_its_model_precision_and_corpus(spec) -> None:
    keep_limit(MODEL, "fp32", Corpus(kind="benchmark"), limit_of(corpus="benchmark"))
    assert limit_for(spec()) is not None
    assert limit_for(msgspec.structs.replace(spec(), strategy=None)) is None
    assert limit_for(msgspec.structs.replace(spec(), precision="int8")) is None


def test_the_ceiling_is_the_peak_over_the_work_of_a_text() -> None:
    assert limit_of().found.ceiling_texts_per_s == pytest.approx(400)
    assert msgspec.structs.replace(limit_of().found, gflop_per_text=None).ceiling_texts_per_s is None
