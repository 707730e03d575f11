"""A plan in words: how many runs, how long, with what weights, and what the runs are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from textual.content import Content

from membench.messages.run import RunSpec, Workload
from membench.plan.matrix import Plan, expected_s
from membench.plan.presets import BUILT_IN
from membench.results.history import earlier_times
from membench.tui.common.words import FAINT, shortened
from membench.tui.plan.choices import option_value
from membench.units import format_duration, plural
from membench_backends.embedding.models.cache import WeightsOnDisk, weights_on_disk
from membench_backends.embedding.strategies.catalogue import STRATEGIES

GAP = "  "
COLUMNS_TO_DROP = (5, 3)
"""Of a group's line, where there is too little room: how much each run does, then the store."""
LEAST = 12
"""Columns that a cell keeps when it is cut."""


def headline(plan: Plan) -> str:
    """`12 runs, about 40 s, from earlier runs`."""
    earlier = earlier_times(plan.runs)
    total = sum(likely_s(run, took_s) for run, took_s in zip(plan.runs, earlier, strict=True))
    unknown = earlier.count(None)
    basis = "a first guess" if unknown == len(earlier) else f"{'partly ' if unknown else ''}from earlier runs"
    return f"{plural(len(plan.runs), 'run')}, about {format_duration(total)}, {basis}"


def likely_s(run: RunSpec, took_s: float | None) -> float:
    """Seconds that a run will take, from those that the like of it took."""
    return expected_s(run) if took_s is None else took_s


def plan_in_words(plan: Plan, width: int, height: int, warnings: Sequence[str] = ()) -> Content:
    """The plan with everything that a reader must know before it runs; each of its runs, where there is room."""
    lines = [_with_keys(f"{headline(plan)}.", width)]
    lines += [Content.styled(line, FAINT) for line in model_lines(plan)]
    lines += [Content.styled(f"! {line}", "$warning") for line in (*plan.notes, *warnings)]
    lines += [Content(""), *(Content(line) for line in group_lines(plan, width))]
    if len(lines) + 1 + len(plan.runs) <= height:
        lines += [Content(""), *(Content.styled(line, FAINT) for line in run_lines(plan, width))]
    return Content("\n").join(lines)


def _with_keys(words: str, width: int) -> Content:
    """The first line, with as many keys behind it as there is room for."""
    line = Content.styled(words, "bold")
    for hint in (
        Content.assemble(("   enter", "bold $accent"), " runs it"),
        Content.assemble(("   p", "bold $accent"), " presets"),
        Content(f", such as: {BUILT_IN[1].name}"),
    ):
        if line.cell_length + hint.cell_length > width:
            break
        line += hint
    return line


def run_lines(plan: Plan, width: int) -> list[str]:
    """A line for each run, in their order: `1  single-add · agentmem · mutex · local · 1 client  4 s`."""
    digits = len(str(len(plan.runs)))
    times = [format_duration(likely_s(*pair)) for pair in zip(plan.runs, earlier_times(plan.runs), strict=True)]
    room = width - digits - max(map(len, times)) - 2 * len(GAP)
    titles = [shortened(run.title(), room) for run in plan.runs]
    longest = max(map(len, titles))
    return [
        GAP.join((str(number).rjust(digits), title.ljust(longest), seconds))
        for number, (title, seconds) in enumerate(zip(titles, times, strict=True), 1)
    ]


def refusal_in_words(problem: str) -> Content:
    """Why there is no plan."""
    return Content.assemble(("✗ ", "bold $error"), (f"{problem[:1].upper()}{problem[1:]}", "$error"))


def model_lines(plan: Plan) -> list[str]:
    """A line for each model: `bge-small-en-v1.5, fp32: speed twin, cached; similarities mean nothing.`."""
    precisions: dict[str, dict[str, None]] = {}
    for run in plan.runs:
        if run.strategy:
            precisions.setdefault(run.model, {})[run.precision] = None
    return [model_in_words(model, weights_on_disk(model), found) for model, found in precisions.items()]


def model_in_words(model: str, found: WeightsOnDisk, precisions: Iterable[str]) -> str:
    """What a model is here, and what its figures mean."""
    meaning = "; similarities mean nothing" if found.weights == "twin" else ""
    return f"{model.rpartition('/')[2]}, {' and '.join(precisions)}: {found.note}{meaning}."


def group_lines(plan: Plan, width: int) -> list[str]:
    """A line for each scenario and backend: `concurrent-add  agentmem  mutex, queue  20 clients  2 runs`."""
    groups: dict[tuple[str, str], list[RunSpec]] = {}
    for run in plan.runs:
        groups.setdefault((run.scenario, run.backend), []).append(run)
    rows = [(scenario, backend, *_told(runs)) for (scenario, backend), runs in groups.items()]
    columns = [index for index, cells in enumerate(zip(*rows, strict=True)) if any(cells)]
    for dropped in COLUMNS_TO_DROP:
        if dropped in columns and _width(rows, columns) > width:
            columns.remove(dropped)
    widths = {column: max(len(row[column]) for row in rows) for column in columns}
    while sum(widths.values()) + len(GAP) * (len(columns) - 1) > width:
        widest = max(columns, key=lambda column: widths[column])
        if widths[widest] <= LEAST:
            break
        widths[widest] -= 1
    return [GAP.join(shortened(row[n], widths[n]).ljust(widths[n]) for n in columns).rstrip() for row in rows]


def _width(rows: Sequence[tuple[str, ...]], columns: Sequence[int]) -> int:
    return sum(max(len(row[column]) for row in rows) for column in columns) + len(GAP) * (len(columns) - 1)


def _told(runs: Sequence[RunSpec]) -> tuple[str, str, str, str, str]:
    """What the runs of a scenario and a backend are: how they embed, stores, clients, extent, number."""
    clients = dict.fromkeys(run.workload.clients for run in runs)
    return (
        _embedding(runs),
        ", ".join(dict.fromkeys(run.store for run in runs if run.store)),
        f"{', '.join(map(str, clients))} {'client' if max(clients) == 1 else 'clients'}",
        extent_in_words(runs[0].workload),
        plural(len(runs), "run"),
    )


def _embedding(runs: Sequence[RunSpec]) -> str:
    """`mutex, queue (size 128); int8; 1, 2 threads`."""
    strategies = dict.fromkeys(strategy_in_words(run) for run in runs if run.strategy)
    precisions = dict.fromkeys(run.precision for run in runs if run.strategy)
    threads = dict.fromkeys(str(run.threads or "auto") for run in runs if run.strategy)
    parts = [", ".join(strategies)]
    if any(precision != "fp32" for precision in precisions):
        parts.append(" and ".join(precisions))
    if any(count != "auto" for count in threads):
        parts.append(f"{', '.join(threads)} {'thread' if [*threads] == ['1'] else 'threads'}")
    if any(run.embedder == "fixed" for run in runs):
        parts.append("fixed vectors")
    return "; ".join(filter(None, parts))


def strategy_in_words(run: RunSpec) -> str:
    """`queue`, or `queue (size 128)` where its options are not the defaults."""
    assert run.strategy is not None
    defaults = msgspec.structs.asdict(STRATEGIES[run.strategy].options())
    changed = {name: option_value(value) for name, value in run.strategy_options.items() if value != defaults.get(name)}
    return f"{run.strategy} ({options_in_words(changed)})" if changed else run.strategy


def options_in_words(changed: dict[str, str]) -> str:
    """`size 128, wait 5 ms`."""
    words = (
        (name.removesuffix("_ms").replace("_", " "), value, name.endswith("_ms")) for name, value in changed.items()
    )
    return ", ".join(f"{name} {value}{' ms' * in_ms}" for name, value, in_ms in words)


def extent_in_words(workload: Workload) -> str:
    """`100 memories`, `3 s at 50/s, 3 times`."""
    parts = [f"{workload.duration_s:g} s" if workload.duration_s else plural(workload.items or 0, "memory", "memories")]
    if workload.target_operations_per_s:
        parts.append(f"at {workload.target_operations_per_s:g}/s")
    times = f", {workload.repeats} times" if workload.repeats > 1 else ""
    return " ".join(parts) + times
