"""Published figures next to this machine's: the rows of a table, and the table in words.

The figures themselves are in the scenario catalogue, each with the backend that corresponds to the system. Only runs of
that backend with a strategy as shipped, and of the very workload of the scenario, are set against them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import msgspec

from membench.analysis.comparison import compare
from membench.plan.scenarios import PublishedFigure, Scenario, load_catalogue
from membench.results.record import Record
from membench.units import format_rate
from membench_backends.registry import backends

TITLE = "published figures and this machine's"
CAUTION = (
    "published figures come from other machines and models: a ratio to them compares those as well as the systems; "
    "unsourced means that nobody is known to have measured it"
)


class Measured(NamedTuple):
    """A value of this machine, and its 95 % interval where it has one."""

    value: float
    low: float | None = None
    high: float | None = None


class PublishedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A published figure and the one that a run of this machine has."""

    scenario: str
    system: str
    figure: str
    """`memories/s`, or `rate / single-add` for a ratio of two rates."""
    unit: Literal["memories/s", "x"]
    kind: Literal["measured", "claimed", "unsourced"]
    source: str
    published: float
    published_high: float | None = None
    """The upper end of a published range."""
    run_id: str
    counterpart: str
    """What was run here: the backend, its strategy, and what tells it from other rows."""
    measured: Measured
    ratio: Measured | None
    """Measured over published; None for a published range, and for a published ratio."""


def published_rows(
    records: Sequence[Record], catalogue: Mapping[str, Scenario] | None = None, *, of: str | None = None
) -> tuple[PublishedRow, ...]:
    """Return a row for each published figure and each run that corresponds to it.

    Args:
        records: The runs.
        catalogue: The scenarios that were run, with their published figures; by default the built-in ones.
        of: The ID of the only run to return rows of.
    """
    catalogue = built_in_catalogue() if catalogue is None else catalogue
    return tuple(
        row
        for scenario in catalogue.values()
        for record in records
        if of in (None, record.run_id) and _is_run_of(record, scenario)
        for row in _rows(record, scenario, records, catalogue)
    )


def published_cells(row: PublishedRow) -> dict[str, str]:
    """Return the cells of a row by the titles of their columns."""
    return {
        "scenario": row.scenario,
        "figure": row.figure,
        "system": row.system,
        "published": published_text(row.published, row.published_high, row.unit),
        "kind": row.kind,
        "here": row.counterpart,
        "this machine": _with_interval(row.measured, row.unit),
        "ratio": _with_interval(row.ratio, "x") if row.ratio else _position(row),
        "source": row.source,
    }


def published_line(row: PublishedRow) -> str:
    """Return a row as a sentence, for a place without a table."""
    cells = published_cells(row)
    figure = "" if row.unit == "memories/s" else f"{row.figure} "
    here = f"here {cells['this machine']}: {cells['ratio']}"
    return f"{row.system} {figure}{cells['published']}, {row.kind} ({row.source}); {here}"


def published_text(value: float, high: float | None, unit: str = "memories/s") -> str:
    """Return `14.3`, `19–43` for a range, or `4.57x`."""
    text = format_rate(value) if high is None else f"{format_rate(value)}–{format_rate(high)}"
    return f"{text}x" if unit == "x" else text


@cache
def built_in_catalogue() -> Mapping[str, Scenario]:
    """Return the built-in scenarios."""
    return load_catalogue()


def _rows(
    record: Record, scenario: Scenario, records: Sequence[Record], catalogue: Mapping[str, Scenario]
) -> Iterator[PublishedRow]:
    """Yield the rows of a run: those of published rates, then those of published ratios."""
    for reference in scenario.references:
        if reference.backend == record.backend and record.memories_per_s:
            rate = Measured(record.memories_per_s, record.memories_per_s_low, record.memories_per_s_high)
            ratio = None if reference.memories_per_s_high else _over(rate, reference.memories_per_s)
            yield PublishedRow(
                **_origin(reference, scenario, record),
                figure="memories/s",
                unit="memories/s",
                published=reference.memories_per_s,
                published_high=reference.memories_per_s_high,
                measured=rate,
                ratio=ratio,
            )
    for published in scenario.ratios:
        for other in records if published.backend == record.backend else ():
            times = compare(record, other) if _is_same_system(record, other, catalogue[published.than]) else None
            if times:
                yield PublishedRow(
                    **_origin(published, scenario, record),
                    figure=f"rate / {published.than}",
                    unit="x",
                    published=published.times,
                    measured=Measured(times.value, times.low, times.high),
                    ratio=None,
                )


def _origin(figure: PublishedFigure, scenario: Scenario, record: Record) -> dict[str, Any]:
    """Return the fields of a row that say where its two figures come from."""
    return {
        "scenario": scenario.name,
        "system": figure.system,
        "kind": figure.kind,
        "source": figure.source,
        "run_id": record.run_id,
        "counterpart": _counterpart(record),
    }


def _is_run_of(record: Record, scenario: Scenario) -> bool:
    """Whether a run has the workload of a scenario, on a backend that embeds with a strategy as shipped."""
    info = backends().get(record.backend)
    if not record.is_sound or record.scenario != scenario.name or info is None or record.embedder == "fixed":
        return False
    workload = scenario.workload()
    same = ("operation", "items", "duration_s", "clients", "batch_size", "corpus", "target_operations_per_s")
    as_shipped = record.strategy in info.default_strategies and not record.backend_note()
    return as_shipped and all(getattr(record, name) == workload[name] for name in same)


def _is_same_system(record: Record, other: Record, scenario: Scenario) -> bool:
    """Whether another run is of a scenario, and of the same system with the same settings."""
    same = ("backend", "strategy", "strategy_options", "store", "model", "weights", "precision", "threads")
    return _is_run_of(other, scenario) and all(getattr(record, name) == getattr(other, name) for name in same)


def _counterpart(record: Record) -> str:
    """Return `agentmem (mutex, local)`: the system under test, and the settings that are not the scenario's."""
    threads = f"threads {record.threads}" if record.threads else None
    settings = (record.strategy, record.embedding_note(), record.store, threads)
    return f"{record.backend} ({', '.join(filter(None, settings))})"


def _over(rate: Measured, published: float) -> Measured:
    low, high = (None if bound is None else bound / published for bound in rate[1:])
    return Measured(rate.value / published, low, high)


def _position(row: PublishedRow) -> str:
    """Return where this machine's value lies: in relation to a range, or a published ratio to the measured interval."""
    value, low, high = row.measured
    if row.published_high is not None:
        return "below it" if value < row.published else "above it" if value > row.published_high else "within it"
    if low is None or high is None:
        return "no interval; use --repeats 3"
    return "agrees" if low <= row.published <= high else "differs"


def _with_interval(measured: Measured, unit: str) -> str:
    value, low, high = (each if each is None else published_text(each, None, unit) for each in measured)
    return f"{value}" if low is None or high is None else f"{value} ({low} to {high})"
