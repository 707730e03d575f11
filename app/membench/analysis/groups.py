"""Groups of comparable runs: which runs may be compared, and what tells the runs of a group apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from membench.analysis.figures import Figures
from membench.spec.run import RunSpec
from membench.units import plural
from membench_backends import options
from membench_backends.embedding.strategies.catalogue import STRATEGIES
from membench_backends.options import option_text, options_text
from membench_backends.registry import backends

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


CHOICES: Mapping[str, Callable[[Figures], Hashable]] = {
    "strategy": lambda run: (run.strategy, *run.strategy_options.items()),
    "backend_options": lambda run: (*run.backend_options.items(),),
    "store": lambda run: run.store,
    "precision": lambda run: run.precision,
    "threads": lambda run: None if run.threads_auto else run.threads,
}
"""What a plan may vary for one system and task, apart from the clients: how each run chose."""


def groups_by_choice(runs: Sequence[Run]) -> Iterator[tuple[str, list[Run]]]:
    """Yield the name of a choice and the runs that differ in nothing else, for each choice that was varied."""
    for name, choice in CHOICES.items():
        for group in group_by(runs, partial(same_system, varied=name)).values():
            if len({choice(run) for run in group}) > 1:
                yield name, group


def same_system(run: Figures, varied: str) -> Hashable:
    """Return what runs of the same task that differ only in one of the `CHOICES` have in common."""
    shared = (choice(run) for name, choice in CHOICES.items() if name != varied)
    return (same_task(run), run.backend, run.model, run.embedder, *shared)


def same_but_clients(run: Figures) -> str:
    """Return what runs that differ only in the number of clients have in common, as a name."""
    threads = f"threads {run.threads}" if run.threads else None
    system = (run.backend, backend_note(run), run.strategy, run.embedding_note(), run.store)
    return " · ".join(filter(None, (run.scenario, *system, threads, options_text(changed_options(run)))))


def backend_note(run: RunSpec) -> str:
    """Return what is unusual about the backend's options; also where a record does not state them."""
    info = backends().get(run.backend)
    is_unknown = not run.backend_options and info is not None and info.options.__struct_fields__
    return "options not recorded" if is_unknown else run.backend_note()


def threads_text(run: Figures) -> str:
    """Return the threads of the model's sessions: `2`, `auto (2)`, `2x1` for two of one each, `1+2`; or `–`."""
    if run.strategy is None:
        return "–"
    if not run.session_threads:  # not loaded yet, or an older record
        return option_text(run.threads)
    first, *others = run.session_threads
    if any(threads != first for threads in others):
        used = "+".join(map(str, run.session_threads))
    else:
        used = f"{len(run.session_threads)}x{first}" if others else str(first)
    return f"auto ({used})" if run.threads_auto else used


def changed_options(run: RunSpec) -> dict[str, object]:
    """Return the options of the strategy that differ from their defaults."""
    if run.strategy not in STRATEGIES:
        return {}
    return options.changed_options(STRATEGIES[run.strategy].options, run.strategy_options)


def distinct_names(runs: Sequence[Figures], started: Sequence[str]) -> dict[str, str]:
    """Return a name for each run, by its run ID, that states only what tells it from the others.

    Args:
        runs: The runs.
        started: When each started, which tells them apart where nothing else does.
    """
    parts = [
        {**_parts(run), "backend_options": _differing_options(run, runs), "started": began}
        for run, began in zip(runs, started, strict=True)
    ]
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


_USUAL = ("scenario", "backend", "backend_options", "strategy", "precision", "store", "clients")
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
        "threads": f"threads {threads_text(run)}" if run.threads else "",
        "options": options_text(run.strategy_options),
        "weights": run.weights or "",
    }


def _differing_options(run: Figures, runs: Sequence[Figures]) -> str:
    """Return those options of a run's backend that differ among the runs of this backend."""
    others = [other.backend_options for other in runs if other.backend == run.backend]
    differing = (name for name in run.backend_options if len({other.get(name) for other in others}) > 1)
    return options_text({name: run.backend_options[name] for name in differing})
