"""What the user chooses: the run options, most of which take several values and so make a matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from membench.spec.options import (
    ArrivalProcess,
    BackendName,
    Clients,
    CorpusColumn,
    CorpusName,
    DurationS,
    EmbedderName,
    Items,
    Metering,
    ModelName,
    ModelPrecision,
    Repeats,
    Seed,
    StoreName,
    StrategyName,
    TargetRate,
    Threads,
)
from membench_backends.options import OptionField, option_fields

DEFAULT_MODEL = "BAAI/bge-small-en-v1.5"
DEFAULT_SCENARIOS = ("single-add", "batch-add", "concurrent-add")
"""The built-in comparison."""
DEFAULT_STORE = "local"
SHIPPED = "shipped"
"""Stands for the strategies that a backend ships with."""
DEFAULT_STRATEGIES = (SHIPPED, "adaptive")
"""The strategies of the built-in comparison."""
DEFAULT_REPEATS = 3
"""The repeats of the built-in comparison: as few as give each of its ratios an interval."""


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a plan that have a flag. An empty tuple or None leaves the value to scenario or backend."""

    backends: tuple[BackendName, ...] = ()
    strategies: tuple[StrategyName, ...] = ()
    stores: tuple[StoreName, ...] = (DEFAULT_STORE,)
    clients: tuple[Clients, ...] = ()
    threads: tuple[Threads | None, ...] = (None,)
    model: ModelName = DEFAULT_MODEL
    precisions: tuple[ModelPrecision, ...] = ("fp32",)
    embedder: EmbedderName = "model"
    corpus: CorpusName | None = None
    corpus_column: CorpusColumn | None = None
    duration_s: DurationS | None = None
    items: Items | None = None
    target_operations_per_s: TargetRate | None = None
    arrivals: ArrivalProcess | None = None
    repeats: Repeats | None = None
    seed: Seed | None = None
    metering: Metering = True


class Choice(RunOptions, frozen=True, kw_only=True):
    """Everything that the user chose."""

    scenarios: tuple[str, ...] | None = None
    """None is the built-in comparison."""
    strategy_options: Mapping[str, Any] = {}
    """Options for every strategy that has them; `queue.size` instead of `size` sets that of one strategy."""
    backend_options: Mapping[str, Any] = {}
    """Options for every backend that has them, or for one: `mem0.history`. Several values make a matrix: a sequence, or
    a text with commas."""

    @property
    def effective_scenarios(self) -> tuple[str, ...]:
        """The scenarios to run."""
        return DEFAULT_SCENARIOS if self.scenarios is None else self.scenarios

    @property
    def effective_strategies(self) -> tuple[str, ...]:
        """The strategies to run, `shipped` among them; also where none is chosen."""
        return self.strategies or (DEFAULT_STRATEGIES if self.scenarios is None else (SHIPPED,))

    @property
    def effective_repeats(self) -> int | None:
        """The repeats; None leaves them to the scenario."""
        return self.repeats or (DEFAULT_REPEATS if self.scenarios is None else None)


def run_options() -> dict[str, OptionField]:
    """Return the declared options by the names of their fields. `extra["flag"]` is an option's flag."""
    return {field.name: field for field in option_fields(RunOptions)}


def allowed_values(name: str) -> str:
    """Return the values that an option takes: `a whole number from 1 to 1,024`."""
    field = run_options()[name]
    # For an option with one value, None means "not chosen", which cannot be typed; for several, None is `auto`.
    return field.allowed if field.several else msgspec.structs.replace(field, allows_auto=False).allowed
