from __future__ import annotations

import random

import pytest

from membench_backends.embedding.engines.onnxruntime import FastEmbedModel
from membench_backends.embedding.limit.layout import Layout, cut
from membench_backends.embedding.limit.offline import FINALISTS, OfflineSearch, Pass, embed_all
from membench_backends.embedding.limit.peak import peak_gflop_per_s
from membench_backends.embedding.models.architecture import BGE_SMALL


class TestCut:
    def test_every_text_is_in_one_batch_within_the_budget(self) -> None:
        generator = random.Random(1)
        lengths = sorted(generator.randint(1, 60) for _ in range(300))
        batches = cut(lengths, 128)
        assert [index for batch in batches for index in range(batch.start, batch.stop)] == list(range(300))
        assert all((batch.stop - batch.start) * lengths[batch.stop - 1] <= 128 for batch in batches)

    def test_batches_are_as_large_as_the_budget_allows(self) -> None:
        assert cut([16] * 20, 128) == [slice(0, 8), slice(8, 16), slice(16, 20)]

    def test_a_text_over_the_budget_is_a_batch_of_its_own(self) -> None:
        assert cut([4, 200, 300], 128) == [slice(0, 1), slice(1, 2), slice(2, 3)]

    def test_no_texts_give_no_batches(self) -> None:
        assert cut([], 128) == []


class CountingModel:
    """A model that counts the texts that it runs and finishes."""

    def __init__(self, model: FastEmbedModel) -> None:
        self._model = model
        self.run = self.finished = 0

    def tokenise(self, text: str):
        return self._model.tokenise(text)

    def run_tokens(self, batch):
        self.run += len(batch)
        return self._model.run_tokens(batch)

    def finish(self, output, row: int):
        self.finished += 1
        return self._model.finish(output, row)


@pytest.mark.parametrize("layout", [Layout(1, 1, 1, 64), Layout(2, 1, 1, 64), Layout(3, 1, 3, 256)])
def test_a_pass_embeds_every_text_once(tiny_model: FastEmbedModel, texts: list[str], layout: Layout) -> None:
    models = [CountingModel(tiny_model) for _ in range(layout.sessions)]
    result = embed_all(texts, layout, models)  # type: ignore[arg-type]
    assert sum(model.run for model in models) == sum(model.finished for model in models) == len(texts)
    assert result.texts_per_s > 0
    assert result.padding_factor >= 1


def test_the_search_is_bounded_and_returns_the_best_finalist(tiny_model: FastEmbedModel, texts: list[str]) -> None:
    passes: list[Pass] = []
    search = OfflineSearch(lambda threads=None: tiny_model, cores=4, texts=texts * 4, passes=3)
    best = search.run(passes.append)
    assert len(passes) == search.total
    finals = passes[-3 * FINALISTS :]
    assert len({result.layout for result in finals}) == FINALISTS
    assert list(best.passes_texts_per_s) == [result.texts_per_s for result in finals if result.layout == best.layout]
    assert {result.layout.batchers * result.layout.threads for result in passes} == {4}, "every layout uses all cores"
    assert len(best.tokens) == len(texts) * 4


def test_the_operations_of_a_text_are_those_of_its_matrix_products() -> None:
    # 42.47 MFLOP per token and 18,432 FLOP per pair of tokens: 0.684 GFLOP for 16 tokens.
    assert BGE_SMALL.flop(16) == pytest.approx(0.684e9, rel=1e-3)
    assert BGE_SMALL.flop(2) > 2 * BGE_SMALL.flop(1)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_peak_rate_is_positive_and_plausible(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("membench_backends.embedding.limit.peak.WINDOW_S", 0.01)
    monkeypatch.setattr("membench_backends.embedding.limit.peak.WINDOWS", 1)
    assert peak_gflop_per_s(precision, cores=1) > 0.1  # type: ignore[arg-type]
