"""Stored limits: found by what they depend on, and readable in every schema so far."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import msgspec
import pytest

from membench.files import FileError
from membench.messages.preparation import LimitFound
from membench.results.limits import (
    SCHEMA,
    Limit,
    corpus_name,
    limit_for,
    limits_folder,
    machine_text,
    save_limit,
    saved_limit,
    saved_limits,
)
from membench.spec.run import Corpus
from membench_backends.embedding.limit.layout import Layout

MODEL = "BAAI/bge-small-en-v1.5"
TURNS = Corpus(kind="turns")


def limit_of(texts_per_s: float = 289.0, **changes: object) -> Limit:
    result = LimitFound(
        texts_per_s=texts_per_s,
        passes_texts_per_s=(texts_per_s,),
        layout=Layout(2, 1, 1, 256),
        texts=512,
        tokens_mean=31.5,
        padding_factor=1.01,
        peak_gflop_per_s=540.0,
        gflop_per_text=1.35,
    )
    fields = {
        "machine": machine_text(),
        "model": MODEL,
        "weights": "twin",
        "precision": "fp32",
        "corpus": "turns",
        "measured_at": "2026-01-01T00:00:00+00:00",
        "found": result,
    }
    return Limit(**{**fields, **changes})


def test_a_limit_is_saved_by_model_precision_and_corpus() -> None:
    save_limit(MODEL, "fp32", TURNS, limit_of())
    assert saved_limit(MODEL, "fp32", TURNS) == limit_of()
    assert saved_limit(MODEL, "int8", TURNS) is None
    assert saved_limit(MODEL, "fp32", Corpus(kind="benchmark")) is None


def test_a_new_limit_replaces_the_previous_one() -> None:
    save_limit(MODEL, "fp32", TURNS, limit_of(200.0))
    save_limit(MODEL, "fp32", TURNS, limit_of(300.0))
    assert [limit.texts_per_s for limit in saved_limits()] == [300.0]


def test_a_changed_file_has_no_limit(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("one\n")
    corpus = Corpus(kind="file", path=str(file))
    save_limit(MODEL, "fp32", corpus, limit_of(corpus=corpus_name(corpus)))
    assert saved_limit(MODEL, "fp32", corpus) is not None
    file.write_text("one\ntwo\n")
    assert saved_limit(MODEL, "fp32", corpus) is None
    file.unlink()
    assert saved_limit(MODEL, "fp32", corpus) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"schema": 1}',
        b'{"schema": 1, "found": [3]}',
        b'{"schema": "\xff"}',
        msgspec.json.encode(limit_of(schema=SCHEMA + 1)),
    ],
)
def test_a_damaged_or_newer_file_is_ignored(content: bytes) -> None:
    save_limit(MODEL, "fp32", TURNS, limit_of()).write_bytes(content)
    assert saved_limit(MODEL, "fp32", TURNS) is None
    assert list(saved_limits()) == []


def test_a_file_of_schema_1_can_be_read() -> None:
    path = save_limit(MODEL, "fp32", TURNS, limit_of())
    document = json.loads(path.read_bytes())
    assert document["schema"] == 2
    result = document["found"]
    result["ops_per_s"] = result.pop("texts_per_s")
    result["passes_ops_per_s"] = result.pop("passes_texts_per_s")
    path.write_text(json.dumps({**document, "schema": 1}))

    assert saved_limit(MODEL, "fp32", TURNS) == limit_of()
    assert list(saved_limits()) == [limit_of()]


def test_a_saved_limit_keeps_the_permissions_and_the_link_of_its_file(tmp_path: Path) -> None:
    path = save_limit(MODEL, "fp32", TURNS, limit_of(200.0))
    target = path.rename(tmp_path / "limit.json")
    target.chmod(0o640)
    path.symlink_to(target)
    save_limit(MODEL, "fp32", TURNS, limit_of(300.0))

    assert path.is_symlink() and stat.S_IMODE(target.stat().st_mode) == 0o640
    assert [limit.texts_per_s for limit in saved_limits()] == [300.0]


def test_a_limit_that_cannot_be_saved_is_an_error() -> None:
    limits_folder().parent.mkdir(parents=True)
    limits_folder().write_text("in the way")
    with pytest.raises(FileError, match=r"limits/\w+\.json: cannot be written: "):
        save_limit(MODEL, "fp32", TURNS, limit_of())


def test_the_limits_of_another_machine_are_not_listed() -> None:
    save_limit(MODEL, "fp32", TURNS, limit_of(machine="another"))
    assert list(saved_limits()) == []


def test_the_limit_of_a_run_has_its_model_precision_and_corpus(spec) -> None:
    save_limit(MODEL, "fp32", Corpus(kind="benchmark"), limit_of(corpus="benchmark"))
    assert limit_for(spec()) is not None
    assert limit_for(msgspec.structs.replace(spec(), model=None)) is None
    assert limit_for(msgspec.structs.replace(spec(), precision="int8")) is None


def test_the_ceiling_is_the_peak_rate_divided_by_the_work_per_text() -> None:
    assert limit_of().found.ceiling_texts_per_s == pytest.approx(400)
    assert msgspec.structs.replace(limit_of().found, gflop_per_text=None).ceiling_texts_per_s is None
