"""What there is to choose from on this machine, as rows for `list` and `models`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from membench.plan.scenarios import Scenario
from membench.units import format_count, parse_duration, plural
from membench_backends.base import BackendInfo
from membench_backends.embedding.models.architecture import TWINS
from membench_backends.embedding.models.cache import weights_on_disk
from membench_backends.embedding.strategies.catalogue import STRATEGIES, StrategyInfo
from membench_backends.registry import backends, version_of
from membench_backends.stores.table import STORES

Row = tuple[str, str, str]


def inventory(catalogue: Mapping[str, Scenario]) -> dict[str, list[Row]]:
    """Everything that can be named in a plan, by kind: name, what it is, and what to know about it."""
    return {
        "SCENARIOS": [(name, extent(scenario), scenario.summary) for name, scenario in catalogue.items()],
        "BACKENDS": [(name, _version(info), _state(info)) for name, info in backends().items()],
        "STRATEGIES": [(name, options_in_words(info), info.summary) for name, info in STRATEGIES.items()],
        "STORES": [(name, "", store.unavailable or store.warning or store.summary) for name, store in STORES.items()],
        "MODELS": model_rows(),
    }


def model_rows() -> list[Row]:
    """The models that have a twin: name, weights that a run would use, and where they are."""
    rows: list[Row] = []
    for model in TWINS:
        found = weights_on_disk(model)
        advice = "" if found.weights == "real" else f"; real weights: membench-tui models pull --model {model}"
        rows.append((model, found.weights or "none", found.note + advice))
    return rows


def extent(scenario: Scenario) -> str:
    """How much a scenario does: `20 clients, 100 memories`, `8 clients, 5 s`."""
    amount = (
        f"{parse_duration(scenario.duration):g} s"
        if scenario.duration
        else plural(scenario.items or 0, "memory", "memories")
    )
    batch = f" in lists of {format_count(scenario.batch_size)}" if scenario.operation == "add_batch" else ""
    return f"{plural(scenario.clients, 'client')}, {amount}{batch}"


def options_in_words(info: StrategyInfo) -> str:
    """A strategy's options with their defaults: `size=64 wait_ms=20`."""
    defaults = msgspec.structs.asdict(info.options())
    return " ".join(f"{name}={'auto' if value is None else value}" for name, value in defaults.items())


def _version(info: BackendInfo) -> str:
    return "unavailable" if info.unavailable else version_of(info) or ""


def _state(info: BackendInfo) -> str:
    return info.unavailable or " ".join(filter(None, (info.summary, info.note)))
