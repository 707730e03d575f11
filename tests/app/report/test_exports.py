"""Runs as files: their formats, and where the files of a plan are written."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

import msgspec
import pytest
from hdrh.histogram import HdrHistogram

from membench.report.exports import (
    FIRST_COLUMNS,
    ExportError,
    render_files,
    to_csv,
    to_hgrm,
    to_json,
    to_markdown,
)
from membench.results.record import SCHEMA, Record
from membench.session.measurement import Measurement

STATED_SHARES = {0.5, 0.9, 0.99, 0.999}
"""The percentiles that a record states."""


@pytest.fixture
def record(spec, tick):
    """Return a record with a thousand latencies, and texts that need quoting."""
    generator = random.Random(1)
    values = sorted({int(generator.lognormvariate(14, 1)) for _ in range(1000)})
    measurement = Measurement(spec(clients=2))
    measurement.feed(tick(latency_ns=tuple(values), latency_counts=(1,) * len(values), errors={"Value, Error": 2}))
    return measurement.record("failed", 'it said "no",\nthen ended: Müßig 🙂')


def test_json_has_every_record_with_every_field(record):
    document = json.loads(to_json([record, record]))

    assert list(document) == ["schema", "runs"]
    assert document["schema"] == SCHEMA
    assert [list(run) for run in document["runs"]] == [list(Record.__struct_fields__)] * 2
    assert document["runs"][0]["store"] == "local"
    assert document["runs"][0]["error_kinds"] == {"Value, Error": 2}
    assert document["runs"][0]["lost"] is None
    assert msgspec.convert(document["runs"][0], Record) == record


def test_csv_reads_back_as_the_same_records(record):
    header, *rows = csv.reader(io.StringIO(to_csv([record, record]).decode()))

    assert tuple(header[:10]) == FIRST_COLUMNS == (
        "run_id", "plan_id", "started_at", "scenario", "backend", "strategy", "store", "clients", "status",
        "memories_per_s",
    )  # fmt: skip
    assert header[10:] == [field for field in Record.__struct_fields__ if field not in FIRST_COLUMNS]
    assert rows[0] == rows[1]
    row = dict(zip(header, rows[0], strict=True))
    assert row["error"] == record.error
    assert [row[field] for field in ("lost", "memories_per_s_low", "locks", "limit_share")] == [""] * 4
    assert float(row["latency_p50_ms"]) == record.latency_p50_ms
    assert json.loads(row["error_kinds"]) == {"Value, Error": 2}
    assert json.loads(row["cpu_percent_per_core"]) == list(record.cpu_percent_per_core)
    assert json.loads(row["memories_per_s_repeats"]) == []
    assert json.loads(row["strategy_options"]) == {}
    empty = {field for field, cell in row.items() if cell == ""}
    assert empty == {field for field in header if getattr(record, field) is None}


def test_csv_writes_booleans_as_json(record):
    looped = msgspec.structs.replace(record, batch_call=False)
    row = next(csv.DictReader(io.StringIO(to_csv([looped]).decode())))

    assert row["batch_call"] == "false"


def test_markdown_is_a_table_with_remarks(record):
    other = msgspec.structs.replace(
        record, run_id="run-2", strategy="adaptive", status="ok", error=None, error_kinds={}, weights="twin",
        memories_per_s=281.4, memories_per_s_low=270.0, memories_per_s_high=290.0, time_lock=0.004,
        verdict="compute-bound",
    )  # fmt: skip
    head, rule, first, second, empty, *notes = to_markdown([record, other]).decode().splitlines()

    assert head.startswith("| scenario | backend | strategy | threads | clients | memories/s (95 % interval) | p50 |")
    assert rule.count("|") == head.count("|") == second.count("|")
    assert "| mutex |" in first and first.endswith("| failed |")
    assert "| adaptive | auto | 2 | 281 (270 to 290) |" in second and second.endswith("| compute-bound |")
    assert not empty and any("twin" in note for note in notes)
    assert not any(title in head for title in ("store", "precision", "options"))


def test_markdown_has_columns_for_what_differs_and_escapes_cells(record):
    other = msgspec.structs.replace(record, store="edge", scenario="a|b", precision="int8")
    head, _, _, second, *_ = to_markdown([record, other]).decode().splitlines()

    assert "| store | precision |" in head
    assert second.startswith("| a\\|b | mem0 | mutex | auto | edge | int8 |")


def test_markdown_shows_threads_as_used_and_options_that_differ(record):
    shipped, together = (
        msgspec.structs.replace(
            record, backend_options={"history": value}, threads=1, session_threads=(1, 1), threads_auto=auto
        )
        for value, auto in (("as-shipped", True), ("together", False))
    )
    head, _, first, second, *_ = to_markdown([shipped, together]).decode().splitlines()

    assert "| backend | options | strategy | threads |" in head
    assert "| mem0 | history=as-shipped | mutex | auto (2x1) |" in first
    assert "| mem0 | history=together | mutex | 2x1 |" in second


@pytest.mark.parametrize("suffix", [".csv", ".json", ".md", ".svg"])
def test_the_extension_selects_the_format(record, suffix):
    path = Path(f"out{suffix}")
    expected = {".csv": to_csv([record]), ".json": to_json([record]), ".md": to_markdown([record]), ".svg": b"<svg/>"}

    assert render_files(path, [record], "<svg/>") == [(path, expected[suffix])]


def test_percentile_tables_of_several_runs_are_numbered(record):
    bare = msgspec.structs.replace(record, latency_hdr=None)

    assert [path.name for path, _ in render_files(Path("out.hgrm"), [record])] == ["out.hgrm"]
    assert [path.name for path, _ in render_files(Path("out.hgrm"), [record, bare, record])] == [
        "out-1.hgrm",
        "out-2.hgrm",
    ]
    with pytest.raises(ExportError, match="none of these runs has latencies"):
        render_files(Path("out.hgrm"), [bare])


def test_an_unknown_extension_is_refused(record):
    with pytest.raises(ExportError, match=r"out\.xlsx: has no known extension; use one of \.csv"):
        render_files(Path("out.xlsx"), [record])


def percentiles(table):
    rows = [line.split() for line in table.decode().splitlines()[1:] if line and line[0] == " "]
    return [(float(value), float(share)) for value, share, *_ in rows]


def test_a_percentile_table_agrees_with_the_record(record):
    table = to_hgrm(record)
    rows = percentiles(table)
    values, shares = zip(*rows, strict=True)

    assert table.decode().splitlines()[0].split()[:2] == ["Value", "Percentile"]
    assert list(values) == sorted(values)
    assert list(shares) == sorted(shares)
    value_of = {share: value for value, share in rows}
    stated = (record.latency_p50_ms, record.latency_p90_ms, record.latency_p99_ms, record.latency_p99_9_ms)
    in_table = [value_of[share] for share in sorted(STATED_SHARES)]
    assert all(ms in (None, value) for ms, value in zip(stated, in_table, strict=True))
    assert (shares[0], shares[-1]) == (0, 1)
    assert values[-1] == pytest.approx(record.latency_max_ms, rel=0.001)
    mean = float(table.decode().partition("Mean    =")[2].split(",")[0])
    assert mean == pytest.approx(record.latency_mean_ms, rel=0.001)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 1000])
def test_a_percentile_table_ends_where_less_than_one_operation_is_left(spec, tick, count):
    measurement = Measurement(spec(clients=2))
    measurement.feed(tick(latency_ns=(70,), latency_counts=(count,)))
    rows = percentiles(to_hgrm(measurement.record("ok")))

    assert {value for value, _ in rows} == {7e-05}
    assert {share for _, share in rows} >= STATED_SHARES
    shares = [share for _, share in rows if share not in STATED_SHARES]
    assert shares[-1] == 1
    assert 1 - 2 / count <= shares[-2] <= 1 - 1 / count


def test_a_run_without_latencies_has_an_empty_percentile_table(spec):
    assert to_hgrm(Measurement(spec()).record("crashed")) == b""


def test_the_histogram_in_a_record_can_be_read(record):
    histogram = HdrHistogram.decode(record.latency_hdr)

    assert histogram.get_value_at_percentile(50) / 1e6 == record.latency_p50_ms
