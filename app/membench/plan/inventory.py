"""The names that a plan can use on this machine, as rows for `membench-tui list`."""

from __future__ import annotations

from collections.abc import Mapping

from membench.machine.models import model_rows
from membench.plan.scenarios import Scenario
from membench.units import format_count, parse_duration, plural
from membench_backends.base import BackendInfo
from membench_backends.embedding.strategies.catalogue import STRATEGIES, StrategyInfo
from membench_backends.options import option_fields, option_text, options_text
from membench_backends.registry import backends, version_of
from membench_backends.stores.table import STORES

Row = tuple[str, str, str]
"""A name; its size, version, options or weights; and a description."""


def inventory(catalogue: Mapping[str, Scenario]) -> dict[str, list[Row]]:
    """Return the rows of the list by the heading of their section."""
    return {
        "SCENARIOS": [(name, size_text(scenario), scenario.summary) for name, scenario in catalogue.items()],
        "BACKENDS": [(name, _version(info), _description(info)) for name, info in backends().items()],
        "STRATEGIES": [(name, default_options_text(info), info.summary) for name, info in STRATEGIES.items()],
        "STORES": [(name, "", store.unavailable or store.warning or store.summary) for name, store in STORES.items()],
        "MODELS": [*model_rows()],
    }


def size_text(scenario: Scenario) -> str:
    """Return the size of a scenario: `20 clients, 100 memories`, `8 clients, 5 s`."""
    amount = (
        f"{parse_duration(scenario.duration):g} s"
        if scenario.duration
        else plural(scenario.items or 0, "memory", "memories")
    )
    batch = f" in lists of {format_count(scenario.batch_size)}" if scenario.operation == "add_batch" else ""
    return f"{plural(scenario.clients, 'client')}, {amount}{batch}"


def default_options_text(info: StrategyInfo) -> str:
    """Return the options of a strategy with their defaults: `size=64 wait_ms=20`."""
    return options_text({option.name: option.default for option in option_fields(info.options)})


def _version(info: BackendInfo) -> str:
    return "unavailable" if info.unavailable else version_of(info) or ""


def _description(info: BackendInfo) -> str:
    options = (f"{o.name}={option_text(o.default)} ({o.allowed})" for o in option_fields(info.options))
    return info.unavailable or " ".join(filter(None, (info.summary, info.note, *(f"Option {o}." for o in options))))
