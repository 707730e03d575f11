"""Results as files: JSON, CSV, Markdown and HdrHistogram's percentile tables. Each is written whole or not at all."""

from __future__ import annotations

import csv
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from hdrh.histogram import HdrHistogram

from membench.report.remarks import remarks
from membench.results.latency import NS_PER_MS, Latencies, decode_latencies
from membench.results.record import SCHEMA, Record
from membench.units import format_count, format_latency, format_rate_between, format_share

Render = Callable[[Sequence[Record]], bytes]


class ExportError(Exception):
    """A file cannot be written; one line that names it and says why."""


def to_json(records: Sequence[Record]) -> bytes:
    """`{"schema": 1, "runs": [record, ...]}`, indented."""
    return msgspec.json.format(msgspec.json.encode({"schema": SCHEMA, "runs": records}), indent=1) + b"\n"


def to_csv(records: Sequence[Record]) -> bytes:
    """A header and a row a record; lists and maps as JSON in their cell, what a run cannot have as an empty one."""
    rows = io.StringIO(newline="")
    writer = csv.writer(rows, lineterminator="\n")
    writer.writerow(Record.__struct_fields__)
    for record in records:
        writer.writerow([_cell(getattr(record, field)) for field in Record.__struct_fields__])
    return rows.getvalue().encode()


def to_markdown(records: Sequence[Record]) -> bytes:
    """A table to paste into an issue or a report, and below it what it rests on: failures, weights, the machine."""
    columns = {
        title: cell for title, cell in _MARKDOWN.items() if title not in _TOLD_IF_DIFFERENT or _differ(records, cell)
    }
    rows = [[cell(record) for cell in columns.values()] for record in records]
    rules = ["---:" if title in _NUMBERS else "---" for title in columns]
    table = [_row(list(columns)), _row(rules), *map(_row, rows)]
    notes = [f"- {_escaped(remark.strip())}" for remark in remarks(records)]
    return "\n".join([*table, "", *notes, ""]).encode()


_MARKDOWN: dict[str, Callable[[Record], str]] = {
    "scenario": lambda record: record.scenario,
    "backend": lambda record: record.backend,
    "strategy": lambda record: record.strategy or "–",
    "store": lambda record: record.store or "–",
    "precision": lambda record: record.precision or "–",
    "clients": lambda record: str(record.clients),
    "ops/s (95 % interval)": lambda record: format_rate_between(
        record.memories_per_s, record.memories_per_s_low, record.memories_per_s_high
    ),
    "p50": lambda record: format_latency(record.latency_p50_ms),
    "p99": lambda record: format_latency(record.latency_p99_ms),
    "waiting for locks": lambda record: format_share(record.time_lock),
    "lost": lambda record: format_count(record.lost),
    "verdict": lambda record: record.verdict or "–" if record.status == "ok" else record.status,
}
_TOLD_IF_DIFFERENT = ("store", "precision")
_NUMBERS = ("clients", "ops/s (95 % interval)", "p50", "p99", "waiting for locks", "lost")


def _differ(records: Sequence[Record], cell: Callable[[Record], str]) -> bool:
    return len({cell(record) for record in records}) > 1


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_escaped, cells))} |"


def _escaped(text: str) -> str:
    """Text that Markdown takes for text: no end of a cell or a line in it."""
    return " ".join(text.replace("|", "\\|").split())


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
"""What the extension of a path asks for."""
_RENDERS: dict[str, Render] = {".csv": to_csv, ".json": to_json, ".md": to_markdown}


def files_of(path: Path, records: Sequence[Record], picture: str = "") -> list[tuple[Path, bytes]]:
    """The files that runs are written to, by the extension of a path; percentile tables of several runs are numbered.

    Args:
        path: Where to.
        records: The runs.
        picture: What `.svg` stands for.

    Raises:
        ExportError: The extension says nothing, or there is nothing of that kind to write.
    """
    if path.suffix not in FORMATS:
        raise ExportError(f"{path}: ends in none of {', '.join(FORMATS)}, which say what to write")
    if path.suffix == ".svg":
        return [(path, picture.encode())]
    if path.suffix in _RENDERS:
        return [(path, _RENDERS[path.suffix](records))]
    tables = [to_hgrm(record) for record in records if record.latency_hdr]
    if not tables:
        raise ExportError(f"{path}: none of these runs has latencies to write")
    return [(numbered(path, at) if len(tables) > 1 else path, table) for at, table in enumerate(tables, 1)]


def check_writable(path: Path) -> None:
    """See, before a run, that a file can be written there later.

    Raises:
        ExportError: It cannot.
    """
    try:
        if _is_special(path):
            return
        if path.is_dir():
            raise ExportError(f"{path}: is a folder; name a file in it")
        if not path.parent.is_dir():
            raise ExportError(f"{path}: there is no folder {path.parent}; make it first")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
        if path.exists() and not os.access(path, os.W_OK):
            raise ExportError(f"{path}: may not be written; choose another file")
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror or error}") from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds the old content or the new, never a part.

    Raises:
        ExportError: It cannot be written; what was there before is still there.
    """
    try:
        if _is_special(path):
            _write_through(path, content)
            return
        target = path.resolve()
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, _mode(target))
            os.replace(name, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror or error}") from error


class ResultFiles:
    """The files that one plan's results go to: written anew after every run, so that none is ever lost."""

    def __init__(
        self, json: Path | None = None, csv: Path | None = None, hgrm: Path | None = None, markdown: Path | None = None
    ) -> None:
        """Name the files; `-` is our own standard output."""
        wanted = ((json, to_json), (csv, to_csv), (markdown, to_markdown))
        self._renders: dict[Path, Render] = {_named(path): render for path, render in wanted if path}
        self._hgrm = _named(hgrm) if hgrm else None
        self._several = False
        self._paths = [_named(path) for path in (json, csv, markdown, hgrm) if path]

    @property
    def takes_stdout(self) -> bool:
        """Whether one of the files is our own standard output, which then must carry nothing else."""
        return any(path.exists() and _own_descriptor(path) == 1 for path in self._paths)

    def check(self, runs: int = 1) -> None:
        """See that all of them can be written.

        Args:
            runs: How many there will be; the percentile tables of more than one are numbered.

        Raises:
            ExportError: One cannot, or two are the same.
        """
        self._several = runs > 1
        for path in self._paths:
            if self._paths.count(path) > 1:
                raise ExportError(f"{path}: is named twice; each kind of result needs a file of its own")
            check_writable(path)

    def write(self, records: Sequence[Record], more_to_come: bool = False) -> list[Path]:
        """Write all files; those that can be are, also when one cannot.

        Args:
            records: All there are so far.
            more_to_come: Leave out pipes and devices, where what is written cannot be written anew.

        Returns:
            The files written.

        Raises:
            ExportError: At least one could not be written.
        """
        problems, written = [], []
        for path, content in self._contents(records):
            if more_to_come and _is_special(path):
                continue
            try:
                write_whole(path, content)
                written.append(path)
            except ExportError as error:
                problems.append(str(error))
        if problems:
            raise ExportError("; ".join(problems))
        return written

    def _contents(self, records: Sequence[Record]) -> list[tuple[Path, bytes]]:
        contents = [(path, render(records)) for path, render in self._renders.items()]
        if self._hgrm:
            contents += [(self._table_path(number), to_hgrm(record)) for number, record in enumerate(records, 1)]
        return contents

    def _table_path(self, number: int) -> Path:
        assert self._hgrm
        return numbered(self._hgrm, number) if self._several and not _is_special(self._hgrm) else self._hgrm


def numbered(path: Path, number: int) -> Path:
    """`out.hgrm` as `out-3.hgrm`: a percentile table holds one run only."""
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


def rescue(records: Sequence[Record]) -> Path:
    """Keep results whose file could not be written in the folder for temporary files, as JSON.

    Raises:
        ExportError: That cannot be written either.
    """
    path = Path(tempfile.gettempdir()) / f"membench-{records[0].plan_id}.json"
    write_whole(path, to_json(records))
    return path


def _named(path: Path) -> Path:
    return Path("/dev/stdout") if str(path) == "-" else path


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool | list | tuple | dict):
        return msgspec.json.encode(value).decode()
    return value


def _is_special(path: Path) -> bool:
    """A device or a pipe, or the file that our own output goes to: written to, never replaced."""
    return path.exists() and not path.is_dir() and (not path.is_file() or _own_descriptor(path) is not None)


def _own_descriptor(path: Path) -> int | None:
    """Our standard output or standard error, if that is what a path such as /dev/stdout leads to."""
    for stream in (sys.__stdout__, sys.__stderr__):
        with suppress(OSError, ValueError, AttributeError):
            if stream and os.path.samestat(path.stat(), os.fstat(stream.fileno())):
                return stream.fileno()
    return None


def _write_through(path: Path, content: bytes) -> None:
    """Write where our own output already goes, behind it; opening a device anew would start at its beginning."""
    own = _own_descriptor(path)
    with open(path if own is None else own, "wb", closefd=own is None) as file:
        file.write(content)


def _mode(path: Path) -> int:
    """The permissions of the file that is replaced, or those a new file gets."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
