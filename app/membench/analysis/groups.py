"""Groups of comparable runs: which runs may be compared, and what tells the runs of a group apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from membench.analysis.figures import Figures
from membench.spec.run import RunSpec
from membench.units import plural
from membench_backends.embedding.strategies.catalogue import STRATEGIES
from membench_backends.options import option_text

Run = TypeVar("Run", bound=Figures)


def group_by(runs: Iterable[Run], key: Callable[[Run], Hashable]) -> dict[Hashable, list[Run]]:
    """Return runs by a key, in the order in which each key first occurs."""
    groups: defaultdict[Hashable, list[Run]] = defaultdict(list)
    for run in runs:
        groups[key(run)].append(run)
    return dict(groups)


def same_task(run: Figures) -> Hashable:
    """Return what runs of the same task, by as many clients, have in common."""
    task = (run.scenario, run.operation, run.batch_size, run.items, run.duration_s, run.target_operations_per_s)
    return (*task, run.clients)


def same_system(run: Figures) -> Hashable:
    """Return what runs of the same task that differ only in the strategy have in common."""
    return (same_task(run), run.backend, run.store, run.precision, run.model, run.embedder)


def same_but_clients(run: Figures) -> str:
    """Return what runs that differ only in the number of clients have in common, as a name."""
    threads = f"threads {run.threads}" if run.threads else None
    options = (f"{name}={option_text(value)}" for name, value in changed_options(run).items())
    parts = (run.scenario, run.backend, run.strategy, run.embedding_note(), run.store, threads)
    return " · ".join(filter(None, (*parts, *options)))


def changed_options(run: RunSpec) -> dict[str, object]:
    """Return the options of the strategy that differ from their defaults."""
    if run.strategy not in STRATEGIES:
        return {}
    defaults = STRATEGIES[run.strategy].options()
    return {name: value for name, value in run.strategy_options.items() if value != getattr(defaults, name, None)}


def fastest_of_groups(runs: Sequence[Run]) -> frozenset[str]:
    """Return the names of the runs that are the fastest of two or more of the same task."""
    groups = group_by((run for run in runs if run.memories_per_s), same_task)
    fastest = (max(group, key=lambda run: run.memories_per_s or 0.0) for group in groups.values() if len(group) > 1)
    return frozenset(run.run_id for run in fastest)


def distinct_names(runs: Sequence[Figures], started: Sequence[str]) -> dict[str, str]:
    """Return a name for each run, by its run ID, that states only what tells it from the others.

    Args:
        runs: The runs.
        started: When each started, which tells them apart where nothing else does.
    """
    parts = [{**_parts(run), "started": began} for run, began in zip(runs, started, strict=True)]
    shown = [field for field in _USUAL if len({run[field] for run in parts}) > 1]
    for field in _FALLBACK:
        ambiguous = len({tuple(run[name] for name in shown) for run in parts}) < len(parts)
        if ambiguous and len({run[field] for run in parts}) > 1:
            shown.append(field)
    shown = shown or ["backend", "strategy"]
    return {
        run.run_id: " · ".join(part[field] for field in shown if part[field]) or run.backend
        for run, part in zip(runs, parts, strict=True)
    }


_USUAL = ("scenario", "backend", "strategy", "precision", "store", "clients")
"""What tells runs apart for most readers."""
_FALLBACK = ("threads", "options", "weights", "started")
"""What tells them apart where that does not."""


def _parts(run: Figures) -> dict[str, str]:
    return {
        "scenario": run.scenario,
        "backend": run.backend,
        "strategy": run.strategy or "",
        "precision": run.embedding_note() or run.precision or "",
        "store": run.store or "",
        "clients": plural(run.clients, "client"),
        "threads": f"threads {run.threads}" if run.threads else "",
        "options": " ".join(f"{name}={option_text(value)}" for name, value in run.strategy_options.items()),
        "weights": run.weights or "",
    }
