"""Runs as files: JSON, CSV, Markdown, and percentile tables for HdrHistogram's plotter."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from hdrh.histogram import HdrHistogram

from membench.analysis.groups import threads_text
from membench.plan.scenarios import Scenario
from membench.report.published import CAUTION, TITLE, published_cells, published_rows
from membench.report.remarks import latency_text, rate_text, remarks
from membench.results.latency import NS_PER_MS, Latencies, decode_latencies
from membench.results.record import SCHEMA, Record
from membench.text import csv_cell, json_text, markdown_cell, secrets_masker
from membench.units import format_count, format_share
from membench_backends.options import options_text

Render = Callable[[Sequence[Record]], bytes]

FIRST_COLUMNS = (
    "run_id",
    "plan_id",
    "started_at",
    "scenario",
    "backend",
    "strategy",
    "store",
    "clients",
    "status",
    "memories_per_s",
)
"""The first columns of a CSV file; the other fields of a record follow in their own order."""


class ExportError(Exception):
    """A file that cannot be written. The message is one line: the file and the reason."""


def to_json(records: Sequence[Record]) -> bytes:
    """Return `{"schema": 2, "runs": [record, ...]}`, indented."""
    runs = _without_secrets(records)
    document = msgspec.json.format(msgspec.json.encode({"schema": SCHEMA, "runs": runs}), indent=1)
    return json_text(document.decode()).encode() + b"\n"


def to_csv(records: Sequence[Record]) -> bytes:
    """Return a header and one row per record. Lists and objects are JSON; the cell of a null is empty.

    An apostrophe precedes a text that a spreadsheet would take for a formula.
    """
    rows = io.StringIO(newline="")
    writer = csv.writer(rows, lineterminator="\n")
    columns = (*FIRST_COLUMNS, *(field for field in Record.__struct_fields__ if field not in FIRST_COLUMNS))
    writer.writerow(columns)
    for record in _without_secrets(records):
        writer.writerow([_cell(getattr(record, column)) for column in columns])
    return rows.getvalue().encode()


def to_markdown(records: Sequence[Record], catalogue: Mapping[str, Scenario] | None = None) -> bytes:
    """Return a table to paste into an issue, remarks on it, and published figures next to the measured ones.

    Args:
        records: The runs.
        catalogue: The scenarios with their published figures; by default the built-in ones.
    """
    records = _without_secrets(records)
    columns = {
        title: cell for title, cell in _MARKDOWN.items() if title not in _SHOWN_IF_DIFFERENT or _differ(records, cell)
    }
    rows = [[cell(record) for cell in columns.values()] for record in records]
    rules = ["---:" if title in _NUMBERS else "---" for title in columns]
    table = [_row(list(columns)), _row(rules), *map(_row, rows)]
    notes = [f"- {markdown_cell(remark.strip())}" for remark in remarks(records)]
    return "\n".join([*table, "", *notes, *_published(records, catalogue), ""]).encode()


_MARKDOWN: dict[str, Callable[[Record], str]] = {
    "scenario": lambda record: record.scenario,
    "backend": lambda record: record.backend,
    "options": lambda record: options_text(record.backend_options) or "–",
    "strategy": lambda record: record.strategy or "–",
    "threads": threads_text,
    "store": lambda record: record.store or "–",
    "precision": lambda record: record.precision or "–",
    "clients": lambda record: str(record.clients),
    "memories/s (95 % interval)": lambda record: rate_text(record, record.status),
    "p50": lambda record: latency_text(record, record.latency_p50_ms),
    "p99": lambda record: latency_text(record, record.latency_p99_ms),
    "max": lambda record: latency_text(record, record.latency_max_ms),
    "waiting for locks": lambda record: format_share(record.time_lock),
    "lost": lambda record: format_count(record.lost),
    "verdict": lambda record: record.verdict or "–" if record.status == "ok" else record.status,
}
_SHOWN_IF_DIFFERENT = ("options", "store", "precision")
_NUMBERS = ("clients", "memories/s (95 % interval)", "p50", "p99", "max", "waiting for locks", "lost")


def _published(records: Sequence[Record], catalogue: Mapping[str, Scenario] | None) -> Iterator[str]:
    """Yield the table of published figures; nothing where none were published of these runs."""
    rows = [published_cells(row) for row in published_rows(records, catalogue)]
    if rows:
        yield from ("", f"**{TITLE.capitalize()}**", "", _row(list(rows[0])), _row(["---"] * len(rows[0])))
        yield from (_row(list(cells.values())) for cells in rows)
        yield from ("", f"- {CAUTION}")


def _without_secrets(records: Sequence[Record]) -> list[Record]:
    """Return the records without secrets: those of earlier versions may hold some."""
    mask = secrets_masker()
    return [record.without_secrets(mask) for record in records]


def _differ(records: Sequence[Record], cell: Callable[[Record], str]) -> bool:
    return len({cell(record) for record in records}) > 1


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(markdown_cell, cells))} |"


def to_hgrm(record: Record) -> bytes:
    """Return a run's latency percentiles in milliseconds, in the format of HdrHistogram's plotter."""
    if record.latency_hdr is None:
        return b""
    head = f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}\n"
    rows = _percentile_rows(decode_latencies(record.latency_hdr))
    return "\n".join([head, *rows, *_summary_rows(HdrHistogram.decode(record.latency_hdr)), ""]).encode()


def _percentile_rows(latencies: Latencies) -> Iterator[str]:
    for percentile, value_ms, reached in latencies.rows():
        share = percentile / 100
        inverse = f" {1 / (1 - share):14.2f}" if share < 1 else ""
        yield f"{value_ms:12.6f} {share:14.12f} {reached:10d}{inverse}"


def _summary_rows(histogram: HdrHistogram) -> Iterator[str]:
    mean, deviation = histogram.get_mean_value() / NS_PER_MS, histogram.get_stddev() / NS_PER_MS
    highest, total = histogram.get_max_value() / NS_PER_MS, histogram.get_total_count()
    yield f"#[Mean    = {mean:12.6f}, StdDeviation   = {deviation:12.6f}]"
    yield f"#[Max     = {highest:12.6f}, Total count    = {total:12d}]"
    yield f"#[Buckets = {histogram.bucket_count:12d}, SubBuckets     = {histogram.sub_bucket_count:12d}]"


FORMATS = {".csv": "CSV", ".json": "JSON", ".md": "Markdown", ".hgrm": "HDR percentiles", ".svg": "Picture (SVG)"}
"""The formats by file extension."""
_RENDERS: dict[str, Render] = {".csv": to_csv, ".json": to_json}


def render_files(
    path: Path, records: Sequence[Record], picture: str = "", catalogue: Mapping[str, Scenario] | None = None
) -> list[tuple[Path, bytes]]:
    """Return the files of runs and their contents; percentile tables of several runs are numbered.

    Args:
        path: The file; its extension selects the format.
        records: The runs.
        picture: The SVG picture for `.svg`.
        catalogue: The scenarios with their published figures, for `.md`; by default the built-in ones.

    Raises:
        ExportError: The extension is unknown, or no run has percentiles.
    """
    if path.suffix not in FORMATS:
        raise ExportError(f"{path}: has no known extension; use one of {', '.join(FORMATS)}")
    if path.suffix == ".svg":
        return [(path, picture.encode())]
    if path.suffix == ".md":
        return [(path, to_markdown(records, catalogue))]
    if path.suffix in _RENDERS:
        return [(path, _RENDERS[path.suffix](records))]
    tables = [to_hgrm(record) for record in records if record.latency_hdr]
    if not tables:
        raise ExportError(f"{path}: none of these runs has latencies to write")
    return [(numbered_path(path, number) if len(tables) > 1 else path, table) for number, table in enumerate(tables, 1)]


def numbered_path(path: Path, number: int) -> Path:
    """Return `out-3.hgrm` for `out.hgrm`: a percentile table holds only one run."""
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


def _cell(value: Any) -> Any:
    """Return a value as a cell of a CSV file."""
    if value is None:
        return ""
    if isinstance(value, bool | list | tuple | dict | msgspec.Struct):
        return json_text(msgspec.json.encode(value).decode())
    return csv_cell(value) if isinstance(value, str) else value
