"""The percentiles of one run are the same wherever they are displayed, exported and stored."""

from __future__ import annotations

import csv
import io
import json
import random
import re

import msgspec
import pytest
from hdrh.histogram import HdrHistogram
from tui_script import Stage, text_of, tick, until

from membench.messages.run import Tick
from membench.plan.matrix import make_plan
from membench.plan.options import Choice
from membench.plan.scenarios import load_catalogue
from membench.report.explanation import explain_run
from membench.report.exports import to_csv, to_hgrm, to_json
from membench.results.history import History
from membench.results.record import Record
from membench.tui.common.table import RunTable
from membench.units import format_latency

LARGE = (200, 60)
PERCENTILES = (50.0, 99.0, 99.9)
FIELDS = ("latency_p50_ms", "latency_p99_ms", "latency_p99_9_ms")
PRINTED_TO_MS = 1e-6
"""The precision of a percentile table."""
OPERATIONS = 12_000


async def test_percentiles_are_the_same_everywhere(stage: Stage) -> None:
    async with stage.app.run_test(size=LARGE) as pilot:
        choice = Choice(scenarios=("steady-add",), backends=("agentmem",), clients=(2,))
        stage.app.run_plan(make_plan(choice, load_catalogue()))
        await until(pilot, lambda: stage.sessions)
        stage.session.begin(0)
        for each in ticks():
            stage.session.send(each)
        stage.session.finish(OPERATIONS)
        stage.session.over()
        await until(pilot, lambda: stage.app.finished and not stage.app.running)
        stage.app.clear_notifications()
        in_live = displayed(text_of(stage.app))
        await pilot.press("3")
        await until(pilot, lambda: stage.app.current_mode == "results")
        in_results = displayed(text_of(stage.app))
    (record,) = [run.record for run in stage.app.finished]
    assert record is not None
    expected_ms = record.latency_p50_ms, record.latency_p99_ms, record.latency_p99_9_ms
    expected = tuple(map(format_latency, expected_ms))
    assert len(set(expected)) == 3
    assert in_live == in_results == displayed("\n".join(explain_run(record))) == expected
    assert in_csv(record) == in_json(record) == expected_ms
    assert in_histogram(record) == in_percentile_table(record) == pytest.approx(expected_ms, abs=PRINTED_TO_MS)
    assert await reopened(record) == expected


def ticks() -> list[Tick]:
    """Return ten ticks whose latencies are spread over three decades."""
    generator = random.Random(7)
    latencies = [sorted({int(generator.lognormvariate(18, 1.2)) for _ in range(OPERATIONS // 10)}) for _ in range(10)]
    return [
        msgspec.structs.replace(
            tick(number, OPERATIONS // 10), latency_ns=tuple(values), latency_counts=(1,) * len(values)
        )
        for number, values in enumerate(latencies, 1)
    ]


def displayed(text: str) -> tuple[str, ...]:
    """Return p50, p99 and p99.9 from a line of percentiles."""
    match = re.search(r"p50 (.+?) +p90 .+? +p99 (.+?) +p99\.9 (.+?) +max", text)
    assert match, text
    return match.groups()


def in_csv(record: Record) -> tuple[float, ...]:
    (row,) = csv.DictReader(io.StringIO(to_csv([record]).decode()))
    return tuple(float(row[field]) for field in FIELDS)


def in_json(record: Record) -> tuple[float, ...]:
    (run,) = json.loads(to_json([record]))["runs"]
    return tuple(run[field] for field in FIELDS)


def in_histogram(record: Record) -> tuple[float, ...]:
    assert record.latency_hdr
    histogram = HdrHistogram.decode(record.latency_hdr)
    return tuple(histogram.get_value_at_percentile(percentile) / 1e6 for percentile in PERCENTILES)


def in_percentile_table(record: Record) -> tuple[float, ...]:
    rows = [line.split() for line in to_hgrm(record).decode().splitlines() if re.match(r" *\d", line)]
    values_ms = {round(float(share) * 100, 9): float(value_ms) for value_ms, share, *_ in rows}
    return tuple(values_ms[percentile] for percentile in PERCENTILES)


async def reopened(record: Record) -> tuple[str, ...]:
    """Return the percentiles that another dashboard displays of the run in the history."""
    with History() as history:
        assert history.record(record.run_id) == record
    other = Stage()
    try:
        async with other.app.run_test(size=LARGE) as pilot:
            await pilot.press("4")
            await until(pilot, lambda: other.app.current_mode == "history")
            table = other.app.screen.query_one(RunTable)
            await until(pilot, lambda: table.selected)
            assert format_latency(record.latency_p99_ms) in text_of(other.app)
            await pilot.press("enter")
            await until(pilot, lambda: other.app.current_mode == "results" and other.app.finished)
            return displayed(text_of(other.app))
    finally:
        other.app.runs.close()
