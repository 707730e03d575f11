"""A plan in words: how many runs, how long they take, with which weights, and what they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from textual.content import Content

from membench.analysis.groups import changed_options
from membench.plan.checks import PlanError
from membench.plan.matrix import Plan, expected_s, make_plan
from membench.plan.presets import BUILT_IN, Preset
from membench.plan.scenarios import Scenario
from membench.report.wording import DASHBOARD
from membench.results.history import earlier_times
from membench.spec.run import RunSpec
from membench.text import mask_options
from membench.tui.common.words import FAINT, shortened
from membench.units import format_duration, plural
from membench_backends.embedding.models.cache import WeightsOnDisk, weights_on_disk
from membench_backends.options import option_text
from membench_backends.registry import changed_backend_options

GAP = "  "
OPTIONAL_COLUMNS = (5, 3)
"""Columns of a group's line that are dropped where room is short: how much each run does, then the store."""
CELL_MIN = 12
"""Columns to which a cell can be cut."""


def headline(plan: Plan) -> str:
    """Return `12 runs, about 40 s, from earlier runs`."""
    earlier = earlier_times(plan.runs)
    total_s = sum(likely_s(run, took_s) for run, took_s in zip(plan.runs, earlier, strict=True))
    unknown = earlier.count(None)
    basis = "a first guess" if unknown == len(earlier) else f"{'partly ' if unknown else ''}from earlier runs"
    return f"{plural(len(plan.runs), 'run')}, about {format_duration(total_s)}, {basis}"


def likely_s(run: RunSpec, took_s: float | None) -> float:
    """Return how long a run will take, given how long earlier runs of its task took."""
    return expected_s(run) if took_s is None else took_s


def plan_text(plan: Plan, width: int, height: int, warnings: Sequence[str] = ()) -> Content:
    """Return what a user must know before the plan runs, and each of its runs where there is room."""
    notes = [DASHBOARD.fact(note) for note in plan.notes]
    lines = [_with_keys(f"{headline(plan)}.", width)]
    lines += [Content.styled(line, FAINT) for line in model_lines(plan)]
    lines += [Content.styled(f"! {line}", "$warning") for line in (*notes, *warnings)]
    lines += [Content(""), *(Content(line) for line in group_lines(plan, width))]
    if len(lines) + 1 + len(plan.runs) <= height:
        lines += [Content(""), *(Content.styled(line, FAINT) for line in run_lines(plan, width))]
    return Content("\n").join(lines)


def _with_keys(text: str, width: int) -> Content:
    """Return the first line, followed by as many keys as fit."""
    line = Content.styled(text, "bold")
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
    """Return a line per run, in order: `1  single-add · agentmem · mutex · local · 1 client  4 s`."""
    digits = len(str(len(plan.runs)))
    times = [format_duration(likely_s(*pair)) for pair in zip(plan.runs, earlier_times(plan.runs), strict=True)]
    room = width - digits - max(map(len, times)) - 2 * len(GAP)
    titles = [shortened(run.title(), room) for run in plan.runs]
    longest = max(map(len, titles))
    return [
        GAP.join((str(number).rjust(digits), title.ljust(longest), seconds))
        for number, (title, seconds) in enumerate(zip(titles, times, strict=True), 1)
    ]


def error_text(error: PlanError) -> Content:
    """Return why a choice makes no plan."""
    text = DASHBOARD.plan_error(error)
    return Content.assemble(("✗ ", "bold $error"), (f"{text[:1].upper()}{text[1:]}", "$error"))


def preset_extent(preset: Preset, catalogue: Mapping[str, Scenario]) -> str:
    """Return how much a preset runs, and for how long."""
    try:
        return headline(make_plan(preset.choice, catalogue)).rpartition(", ")[0]
    except PlanError:
        return "cannot run here"


def preset_description(preset: Preset, catalogue: Mapping[str, Scenario], width: int) -> Content:
    """Return what a preset shows, how long it takes, and its runs."""
    try:
        plan = make_plan(preset.choice, catalogue)
    except PlanError as error:
        return error_text(error)
    head = [Content.styled(preset.shows, "bold")] if preset.shows else []
    lines = [f"{headline(plan)}:", *group_lines(plan, width)]
    return Content("\n").join([*head, *(Content.styled(line, FAINT) for line in lines)])


def model_lines(plan: Plan) -> list[str]:
    """Return a line per model: `bge-small-en-v1.5, fp32: speed twin, cached; similarities are meaningless.`."""
    precisions: dict[str, dict[str, None]] = {}
    for run in plan.runs:
        if run.model and run.precision:
            precisions.setdefault(run.model, {})[run.precision] = None
    return [model_text(model, weights_on_disk(model), names) for model, names in precisions.items()]


def model_text(model: str, weights: WeightsOnDisk, precisions: Iterable[str]) -> str:
    """Return the weights that runs of a model use, and what their figures mean."""
    meaning = "; similarities are meaningless" if weights.weights == "twin" else ""
    return f"{model.rpartition('/')[2]}, {' and '.join(precisions)}: {weights.note}{meaning}."


def group_lines(plan: Plan, width: int) -> list[str]:
    """Return a line per scenario and backend: `concurrent-add  agentmem  mutex, queue  20 clients  2 runs`."""
    groups: dict[tuple[str, str], list[RunSpec]] = {}
    for run in plan.runs:
        groups.setdefault((run.scenario, run.backend), []).append(run)
    rows = [(scenario, backend_text(runs), *_cells(runs)) for (scenario, _), runs in groups.items()]
    columns = [index for index, cells in enumerate(zip(*rows, strict=True)) if any(cells)]
    for dropped in OPTIONAL_COLUMNS:
        if dropped in columns and _width(rows, columns) > width:
            columns.remove(dropped)
    widths = {column: max(len(row[column]) for row in rows) for column in columns}
    while sum(widths.values()) + len(GAP) * (len(columns) - 1) > width:
        widest = max(columns, key=lambda column: widths[column])
        if widths[widest] <= CELL_MIN:
            break
        widths[widest] -= 1
    return [GAP.join(shortened(row[n], widths[n]).ljust(widths[n]) for n in columns).rstrip() for row in rows]


def _width(rows: Sequence[tuple[str, ...]], columns: Sequence[int]) -> int:
    return sum(max(len(row[column]) for row in rows) for column in columns) + len(GAP) * (len(columns) - 1)


def _cells(runs: Sequence[RunSpec]) -> tuple[str, str, str, str, str]:
    """Return how the runs of a scenario and backend embed, their stores, clients, extent and number."""
    clients = dict.fromkeys(run.clients for run in runs)
    return (
        _embedding(runs),
        ", ".join(dict.fromkeys(run.store for run in runs if run.store)),
        f"{', '.join(map(str, clients))} {'client' if max(clients) == 1 else 'clients'}",
        extent_text(runs[0]),
        plural(len(runs), "run"),
    )


def _embedding(runs: Sequence[RunSpec]) -> str:
    """Return `mutex, queue (size 128); int8; 1, 2 threads`."""
    strategies = dict.fromkeys(strategy_text(run) for run in runs if run.strategy)
    precisions = dict.fromkeys(run.precision for run in runs if run.precision)
    threads = dict.fromkeys(option_text(run.threads) for run in runs if run.strategy)
    parts = [", ".join(strategies)]
    if any(precision != "fp32" for precision in precisions):
        parts.append(" and ".join(precisions))
    if any(count != "auto" for count in threads):
        parts.append(f"{', '.join(threads)} {'thread' if [*threads] == ['1'] else 'threads'}")
    if any(run.embedder == "fixed" for run in runs):
        parts.append("fixed vectors")
    return "; ".join(filter(None, parts))


def strategy_text(run: RunSpec) -> str:
    """Return `queue`, or `queue (size 128)` where an option differs from its default."""
    changed = {name: option_text(value) for name, value in mask_options(changed_options(run)).items()}
    return f"{run.strategy} ({options_in_words(changed)})" if changed else str(run.strategy)


def backend_text(runs: Sequence[RunSpec]) -> str:
    """Return `mem0`, or `mem0 (history as-shipped, together)` where an option is changed in some of the runs."""
    values: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, value in mask_options(run.backend_options).items():
            values.setdefault(name, {})[option_text(value)] = None
    backend = runs[0].backend
    names = {name for run in runs for name in changed_backend_options(backend, run.backend_options)}
    changed = {name: ", ".join(texts) for name, texts in values.items() if name in names}
    return f"{backend} ({options_in_words(changed)})" if changed else backend


def options_in_words(changed: Mapping[str, str]) -> str:
    """Return `size 128, wait 5 ms`."""
    parts = (
        (name.removesuffix("_ms").replace("_", " "), value, name.endswith("_ms")) for name, value in changed.items()
    )
    return ", ".join(f"{name} {value}{' ms' * in_ms}" for name, value, in_ms in parts)


def extent_text(run: RunSpec) -> str:
    """Return `100 memories`, `3 s at 50/s, 3 times`."""
    parts = [f"{run.duration_s:g} s" if run.duration_s else plural(run.items or 0, "memory", "memories")]
    if run.target_operations_per_s:
        parts.append(f"at {run.target_operations_per_s:g}/s")
    times = f", {run.repeats} times" if run.repeats > 1 else ""
    return " ".join(parts) + times
