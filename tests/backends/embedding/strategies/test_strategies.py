from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from membench_backends.base import Strategy
from membench_backends.embedding.engines.onnxruntime import FastEmbedModel, load_model
from membench_backends.embedding.strategies.catalogue import STRATEGIES, option_fields, parse_options

if TYPE_CHECKING:
    from membench_backends.base import Vector

OPTIONS: dict[str, dict[str, object]] = {"queue": {"size": 4, "wait_ms": 1}, "pool": {"sessions": 2}}


class CountingModel:
    """Records each call with its number of texts and batch size, and the maximum concurrency."""

    dimensions = 2

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []
        self.running = 0
        self.max_running = 0

    def embed(self, texts: Sequence[str], batch_size: int = 256) -> Vector:
        self.running += 1
        self.max_running = max(self.max_running, self.running)
        self.calls.append((len(texts), batch_size))
        time.sleep(0)  # lets another thread run
        self.running -= 1
        return np.ones((len(texts), 2), dtype=np.float32)


def build(name: str, load: Callable[[], Any]) -> Strategy:
    return STRATEGIES[name].build(load, parse_options(name, OPTIONS.get(name, {})))


def test_strategies_are_in_display_order() -> None:
    assert list(STRATEGIES) == ["shared", "mutex", "queue", "pool", "adaptive", "batch"]
    assert [info.name for info in STRATEGIES.values() if info.needs_list] == ["batch"]


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_caller_gets_the_vector_of_its_own_text(
    name: str, tiny_model: FastEmbedModel, tiny_model_folder: Path, texts: list[str]
) -> None:
    expected = {text: tiny_model.embed([text])[0] for text in texts}
    strategy = build(name, lambda threads=None: load_model(str(tiny_model_folder), 1, lambda _: None))
    with ThreadPoolExecutor(8) as clients:
        requests = texts * 16
        for text, vector in zip(requests, clients.map(strategy.embed, requests), strict=True):
            assert vector.shape == (tiny_model.dimensions,)
            np.testing.assert_allclose(vector, expected[text], atol=1e-5)
    np.testing.assert_allclose(strategy.embed_batch(texts), [expected[text] for text in texts], atol=1e-5)
    strategy.close()


@pytest.mark.parametrize("name", STRATEGIES)
def test_close_can_be_called_twice(name: str) -> None:
    strategy = build(name, lambda threads=None: CountingModel())
    strategy.close()
    strategy.close()


def test_mutex_runs_one_call_at_a_time(texts: list[str]) -> None:
    model = CountingModel()
    strategy = build("mutex", lambda: model)
    with ThreadPoolExecutor(8) as clients:
        list(clients.map(strategy.embed, texts * 32))
        list(clients.map(strategy.embed_batch, [texts] * 32))
    assert model.max_running == 1
    assert model.calls.count((1, 256)) == len(texts) * 32
    assert model.calls.count((len(texts), 256)) == 32


def test_shared_runs_all_calls_at_the_same_time() -> None:
    all_running = threading.Barrier(4, timeout=60)

    class MeetingModel(CountingModel):
        def embed(self, texts: Sequence[str], batch_size: int = 256) -> Vector:
            all_running.wait()
            return super().embed(texts, batch_size)

    strategy = build("shared", MeetingModel)
    with ThreadPoolExecutor(4) as clients:
        assert len(list(clients.map(strategy.embed, "abcd"))) == 4


def test_pool_uses_its_sessions_in_turn_and_the_first_for_lists(texts: list[str]) -> None:
    models: list[CountingModel] = []
    options = parse_options("pool", {"sessions": 3})
    strategy = STRATEGIES["pool"].build(lambda: models.append(CountingModel()) or models[-1], options)  # type: ignore[func-returns-value]
    for text in texts[:6]:
        strategy.embed(text)
    strategy.embed_batch(texts)
    assert [[size for size, _ in model.calls] for model in models] == [[1, 1, len(texts)], [1, 1], [1, 1]]


def test_pool_runs_one_call_at_a_time_on_each_session(texts: list[str]) -> None:
    models: list[CountingModel] = []
    strategy = build("pool", lambda: models.append(CountingModel()) or models[-1])  # type: ignore[func-returns-value]
    with ThreadPoolExecutor(8) as clients:
        list(clients.map(strategy.embed, texts * 32))
        list(clients.map(strategy.embed_batch, [texts] * 32))
    assert [model.max_running for model in models] == [1, 1]


def test_batch_passes_the_list_on_with_the_chosen_batch_size(texts: list[str]) -> None:
    model = CountingModel()
    strategy = STRATEGIES["batch"].build(lambda: model, parse_options("batch", {"batch_size": "5"}))
    strategy.embed_batch(texts)
    strategy.embed(texts[0])
    assert model.calls == [(len(texts), 5), (1, 5)]


def test_options_are_parsed_from_texts_and_values() -> None:
    parsed = parse_options("queue", {"size": "16", "wait_ms": 5})
    assert msgspec.to_builtins(parsed) == {"size": 16, "wait_ms": 5.0}
    assert msgspec.to_builtins(parse_options("queue", {})) == {"size": 64, "wait_ms": 20.0}
    for automatic in ("auto", None):
        assert msgspec.to_builtins(parse_options("pool", {"sessions": automatic})) == {"sessions": None}
    assert msgspec.to_builtins(parse_options("pool", {"sessions": "2"})) == {"sessions": 2}


@pytest.mark.parametrize(
    ("strategy", "values", "message"),
    [
        ("queue", {"sise": "3"}, "strategy queue has no option 'sise'; it has size, wait_ms; did you mean size?"),
        ("queue", {"size": "0"}, "strategy queue: option size must be a whole number from 1 to 4,096, not '0'"),
        ("queue", {"size": 2.5}, "strategy queue: option size must be a whole number from 1 to 4,096, not 2.5"),
        ("queue", {"size": True}, "strategy queue: option size must be a whole number from 1 to 4,096, not True"),
        ("queue", {"wait_ms": "nan"}, "strategy queue: option wait_ms must be a number from 1 to 60,000, not 'nan'"),
        ("queue", {"size": None}, "strategy queue: option size must be a whole number from 1 to 4,096, not None"),
        (
            "pool",
            {"sessions": "x"},
            "strategy pool: option sessions must be a whole number from 1 to 256, or auto, not 'x'",
        ),
        ("shared", {"size": "3"}, "strategy shared has no options, so 'size' cannot be set"),
        (
            "mutx",
            {},
            "there is no strategy 'mutx'; choose from shared, mutex, queue, pool, adaptive, batch; did you mean mutex?",
        ),
    ],
)
def test_an_invalid_option_is_explained_in_one_line(strategy: str, values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as error:
        parse_options(strategy, values)
    assert str(error.value) == message


def test_option_fields_describe_the_options() -> None:
    size, wait_ms = option_fields("queue")
    assert (size.name, size.kind, size.default, size.minimum, size.maximum) == ("size", "int", 64, 1, 4096)
    assert (wait_ms.name, wait_ms.kind, wait_ms.default, wait_ms.allows_auto) == ("wait_ms", "float", 20.0, False)
    (sessions,) = option_fields("pool")
    assert (sessions.kind, sessions.allows_auto, sessions.default) == ("int", True, None)
    assert option_fields("shared") == ()


@pytest.mark.parametrize("name", STRATEGIES)
def test_module_is_where_the_strategy_is_defined(name: str) -> None:
    assert STRATEGIES[name].module == f"membench_backends.embedding.strategies.{name}"


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_option_has_a_description_and_a_valid_default(name: str) -> None:
    for field in option_fields(name):
        assert field.description
        assert parse_options(name, {field.name: field.default}) == parse_options(name, {})
