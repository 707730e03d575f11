"""The embedding strategies by name, with their options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from membench_backends import options
from membench_backends.base import did_you_mean
from membench_backends.embedding.strategies.adaptive import AdaptiveOptions, AdaptiveStrategy
from membench_backends.embedding.strategies.batch import BatchOptions, BatchStrategy
from membench_backends.embedding.strategies.mutex import MutexOptions, MutexStrategy
from membench_backends.embedding.strategies.pool import PoolOptions, PoolStrategy
from membench_backends.embedding.strategies.queue import QueueOptions, QueueStrategy
from membench_backends.embedding.strategies.shared import SharedOptions, SharedStrategy
from membench_backends.options import OptionField

if TYPE_CHECKING:
    from membench_backends.base import LoadTokenModel, Strategy


class StrategyInfo(msgspec.Struct, frozen=True):
    """An embedding strategy, without a loaded model."""

    name: str
    summary: str
    options: type[msgspec.Struct]
    """The Struct that declares its options, see `membench_backends.options`."""
    build: Callable[[LoadTokenModel, Any], Strategy]
    """Loads the model and returns the strategy; takes a loader of sessions and an instance of `options`."""
    needs_list: bool = False
    """Whether it differs from `shared` only for operations that pass a list of texts."""

    @property
    def module(self) -> str:
        """Dotted name of the module that defines the strategy; locks created there are the strategy's."""
        return self.build.__module__


STRATEGIES: dict[str, StrategyInfo] = {
    info.name: info
    for info in (
        StrategyInfo("shared", "one session, no lock: FastEmbed and Mem0 as shipped", SharedOptions, SharedStrategy),
        StrategyInfo("mutex", "one session behind one lock: AgentMem in 2025", MutexOptions, MutexStrategy),
        StrategyInfo("queue", "AgentMem's queue: one batch per window of requests", QueueOptions, QueueStrategy),
        StrategyInfo("pool", "AgentMem's pool: sessions in turn, one lock each", PoolOptions, PoolStrategy),
        StrategyInfo("adaptive", "batches by length and age, one core each: ours", AdaptiveOptions, AdaptiveStrategy),
        StrategyInfo("batch", "the caller's own list in one call", BatchOptions, BatchStrategy, needs_list=True),
    )
}
"""The strategies in display order."""


def option_fields(strategy: str) -> tuple[OptionField, ...]:
    """Return the options of a strategy, in the order declared.

    Raises:
        ValueError: There is no such strategy.
    """
    return options.option_fields(_info(strategy).options)


def parse_options(strategy: str, values: Mapping[str, object]) -> msgspec.Struct:
    """Return the options of a strategy from texts or values by name; an option that is not named has its default.

    Raises:
        ValueError: There is no such strategy or option, or a value is not allowed. The message is one line.
    """
    return options.parse_options(_info(strategy).options, values, f"strategy {strategy}")


def _info(strategy: str) -> StrategyInfo:
    if strategy not in STRATEGIES:
        hint = did_you_mean(strategy, STRATEGIES)
        raise ValueError(f"there is no strategy {strategy!r}; choose from {', '.join(STRATEGIES)}{hint}")
    return STRATEGIES[strategy]
