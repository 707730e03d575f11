"""Stored limits: found by everything that they depend on."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import msgspec
import pytest

from membench.files import FileError
from membench.messages.preparation import LimitFound
from membench.results import limits
from membench.results.limits import (
    SCHEMA,
    Limit,
    LimitKey,
    UnreadableLimit,
    limit_for,
    limit_key,
    limits_folder,
    save_limit,
    saved_limit,
    saved_limits,
)
from membench.spec.run import Corpus
from membench_backends.embedding.limit.layout import Layout

MODEL = "BAAI/bge-small-en-v1.5"
TURNS = Corpus(kind="turns")


def key_of(corpus: Corpus = TURNS, precision: str = "fp32", model: str = MODEL, seed: int = 1) -> LimitKey:
    key = limit_key(model, precision, corpus, seed)
    assert key is not None
    return key


def limit_of(texts_per_s: float = 289.0, key: LimitKey | None = None, **changes: object) -> Limit:
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
    fields = {"key": key or key_of(), "measured_at": "2026-01-01T00:00:00+00:00", "found": result}
    return Limit(**{**fields, **changes})


def test_a_limit_is_saved_under_its_conditions() -> None:
    save_limit(limit_of())
    assert saved_limit(key_of()) == limit_of()
    for other in (key_of(precision="int8"), key_of(Corpus(kind="benchmark")), key_of(seed=2)):
        assert saved_limit(other) is None


def test_a_new_limit_replaces_the_previous_one() -> None:
    save_limit(limit_of(200.0))
    save_limit(limit_of(300.0))
    assert [limit.texts_per_s for limit in saved_limits()] == [300.0]


def test_the_seed_matters_only_where_texts_are_drawn() -> None:
    benchmark = Corpus(kind="benchmark")
    assert key_of(benchmark, seed=1) == key_of(benchmark, seed=2)
    assert key_of(TURNS, seed=1) != key_of(TURNS, seed=2)


def test_a_changed_corpus_has_no_limit_and_the_same_content_has_it_again(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("one\n")
    corpus = Corpus(kind="file", path=str(file))
    save_limit(limit_of(key=key_of(corpus)))
    assert saved_limit(key_of(corpus)) is not None
    file.write_text("two\n")
    assert saved_limit(key_of(corpus)) is None
    (limit,) = saved_limits()
    assert limit.obstacles() == ("the corpus has changed",)
    file.write_text("one\n")
    assert saved_limit(key_of(corpus)) is not None
    file.unlink()
    assert limit_key(MODEL, "fp32", corpus, 1) is None
    assert limit.obstacles() == (f"{MODEL} or texts.txt is not on this machine",)


def test_changed_model_files_have_no_limit(tiny_twin: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_twin, tmp_path / "model")
    (folder / "membench.json").unlink()
    save_limit(limit_of(key=key_of(model=str(folder))))
    (limit,) = saved_limits()
    assert limit.obstacles() == ()
    graph = folder / "model_optimized.onnx"
    content = bytearray(graph.read_bytes())
    content[-100] ^= 1
    graph.write_bytes(content)
    assert saved_limit(key_of(model=str(folder))) is None
    assert limit.obstacles() == ("the model's files have changed",)


@pytest.mark.parametrize(
    ("name", "value", "obstacle"),
    [
        ("cpu_name", "another", "processor {cpu}, now another"),
        ("usable_cores", 64, "usable cores {cores}, now 64"),
        ("cpu_quota", 1.5, "CPU quota {quota}, now 1.5"),
    ],
)
def test_another_machine_has_no_limit(monkeypatch: pytest.MonkeyPatch, name: str, value: object, obstacle: str) -> None:
    key = key_of()
    save_limit(limit_of())
    (limit,) = saved_limits()
    monkeypatch.setattr(limits, name, lambda: value)
    assert saved_limit(key_of()) is None
    quota = "none" if key.quota is None else key.quota
    assert limit.obstacles() == (obstacle.format(cpu=key.cpu, cores=key.cores, quota=quota),)


@pytest.mark.parametrize("distribution", ["fastembed", "onnxruntime", "tokenizers", "Python"])
def test_other_versions_have_no_limit(distribution: str) -> None:
    key = key_of()
    if distribution == "Python":
        older = msgspec.structs.replace(key, python="3.9.0")
    else:
        older = msgspec.structs.replace(key, versions={**key.versions, distribution: "0.1"})
    save_limit(limit_of(key=older))
    assert saved_limit(key) is None
    (limit,) = saved_limits()
    (obstacle,) = limit.obstacles()
    assert obstacle.startswith(f"{distribution} ") and ", now " in obstacle


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"schema": 1}',
        b'{"schema": 2, "machine": "x", "found": {"texts_per_s": 3}}',
        b'{"schema": "\xff"}',
        msgspec.json.encode(limit_of(schema=SCHEMA + 1)),
    ],
)
def test_a_damaged_older_or_newer_file_is_ignored(content: bytes) -> None:
    path = save_limit(limit_of())
    path.write_bytes(content)
    assert saved_limit(key_of()) is None
    assert list(saved_limits()) == [UnreadableLimit(path)]


def test_a_file_with_other_conditions_than_its_name_says_is_not_used() -> None:
    path = save_limit(limit_of())
    path.write_bytes(msgspec.json.encode(limit_of(key=key_of(seed=2))))
    assert saved_limit(key_of()) is None


def test_a_saved_limit_keeps_the_permissions_and_the_link_of_its_file(tmp_path: Path) -> None:
    path = save_limit(limit_of(200.0))
    target = path.rename(tmp_path / "limit.json")
    target.chmod(0o640)
    path.symlink_to(target)
    save_limit(limit_of(300.0))

    assert path.is_symlink() and stat.S_IMODE(target.stat().st_mode) == 0o640
    assert [limit.texts_per_s for limit in saved_limits()] == [300.0]


def test_a_limit_that_cannot_be_saved_is_an_error() -> None:
    limits_folder().parent.mkdir(parents=True)
    limits_folder().write_text("in the way")
    with pytest.raises(FileError, match=r"limits/\w+\.json: cannot be written: "):
        save_limit(limit_of())


def test_the_limit_of_a_run_has_its_conditions(spec) -> None:
    save_limit(limit_of(key=key_of(Corpus(kind="benchmark"))))
    assert limit_for(spec()) is not None
    assert limit_for(msgspec.structs.replace(spec(), model=None)) is None
    assert limit_for(msgspec.structs.replace(spec(), precision="int8")) is None


def test_the_ceiling_is_the_peak_rate_divided_by_the_work_per_text() -> None:
    assert limit_of().found.ceiling_texts_per_s == pytest.approx(400)
    assert msgspec.structs.replace(limit_of().found, gflop_per_text=None).ceiling_texts_per_s is None
