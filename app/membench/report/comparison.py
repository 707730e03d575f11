"""Comparisons in words: ratios with their intervals, and conditions that differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from membench.analysis.comparison import Ratio, compare
from membench.analysis.groups import CHOICES, distinct_names, groups_by_choice, threads_text
from membench.analysis.statistics import REPEATS_MIN
from membench.results.record import Record
from membench.units import format_rate, format_rates, plural
from membench_backends.options import options_text

CONDITIONS = {
    **{name: name for name in ("scenario", "operation", "items", "loop", "arrivals", "model", "weights", "precision")},
    **{"batch": "batch_size", "duration": "duration_s", "rate": "target_operations_per_s", "embedder": "embedder"},
    "membench-tui": "membench_version",
}
"""Conditions that two runs should share, or their ratio says less than it seems to: names and fields."""
MORE_REPEATS = f"an interval needs {REPEATS_MIN} repeats or more of each run: --repeats {REPEATS_MIN}"
INTERVAL_BASIS = {
    "pairs": "95 % interval over pairs of repeats that were measured in the same block",
    "repeats": "95 % interval over the repeats of each; the runs were measured at different times",
    None: MORE_REPEATS,
}
"""What the interval of a ratio rests on."""


def ratio_text(a_name: str, b_name: str, ratio: Ratio) -> str:
    """Return `adaptive is 1.86x mutex (1.79 to 1.94)`, or with `no interval` in the brackets."""
    interval = "no interval" if ratio.low is None or ratio.high is None else format_rates(ratio.low, ratio.high)
    return f"{a_name} is {format_rate(ratio.value)}x {b_name} ({interval})"


def names_of(records: Sequence[Record]) -> dict[str, str]:
    """Return a name for each run, by its run ID, that states only what tells it from the others."""
    return distinct_names(records, [record.started_at.replace("T", " ")[:19] for record in records])


def choice_ratios(records: Sequence[Record]) -> Iterator[str]:
    """Yield how runs that differ in one choice compare with the first of them; nothing where nothing was varied."""
    sound = [record for record in records if record.is_sound]
    several = {name for name, choice in CHOICES.items() if len({choice(record) for record in sound}) > 1}
    bases: set[str | None] = set()
    for varied, (first, *others) in groups_by_choice(sound):
        names, choice = names_of([first, *others]), CHOICES[varied]
        rivals = (other for other in others if choice(other) != choice(first))
        ratios = {names[rival.run_id]: ratio for rival in rivals if (ratio := compare(rival, first))}
        if ratios:
            words = (ratio_text(name, names[first.run_id], ratio) for name, ratio in ratios.items())
            yield f"{_context(first, varied, several)}: {', '.join(words)}"
        bases.update(ratio.basis for ratio in ratios.values())
    if None in bases:
        yield MORE_REPEATS


def _context(record: Record, varied: str, several: Collection[str]) -> str:
    """Return what runs share that differ in one choice, without choices that are usual and the same in all runs."""
    parts = {
        "strategy": record.strategy,
        "backend_options": (
            options_text(record.backend_options) if "backend_options" in several else record.backend_note()
        ),
        "store": record.store if "store" in several else None,
        "precision": record.embedding_note(),
        "threads": f"threads {threads_text(record)}" if "threads" in several else None,
    }
    system = (text for name, text in parts.items() if name != varied)
    return ", ".join(filter(None, (record.backend, record.scenario, *system, plural(record.clients, "client"))))


def differences(a: Record, b: Record) -> list[str]:
    """Return the conditions that differ between two runs, such as `weights: real against twin`."""
    facts = [(name, getattr(a, field), getattr(b, field)) for name, field in CONDITIONS.items()]
    if a.environment and b.environment:
        names = {**a.environment, **b.environment}
        facts += [(name, a.environment.get(name), b.environment.get(name)) for name in names]
    return [f"{name}: {_text(one)} against {_text(other)}" for name, one, other in facts if one != other]


def _text(value: object) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
