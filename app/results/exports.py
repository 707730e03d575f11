"""Results as files: JSON, CSV and HdrHistogram's percentile tables. A file is written whole or not at all."""

from __future__ import annotations

import bisect
import csv
import io
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from hdrh.histogram import HdrHistogram

from app.results.measurement import NS_PER_MS
from app.results.record import SCHEMA, Record

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


def to_hgrm(record: Record) -> bytes:
    """A run's latency percentiles in milliseconds, as HdrHistogram's plotter reads them."""
    if record.latency_hdr is None:
        return b""
    histogram = HdrHistogram.decode(record.latency_hdr)
    head = f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}\n"
    return "\n".join([head, *_percentile_rows(histogram), *_summary_rows(histogram), ""]).encode()


def _percentile_rows(histogram: HdrHistogram) -> Iterator[str]:
    recorded = [(item.value_iterated_to, item.total_count_to_this_value) for item in histogram.get_recorded_iterator()]
    counts = [count for _, count in recorded]
    for share in _shares(counts[-1]):
        value, count = recorded[bisect.bisect_left(counts, max(int(share * counts[-1] + 0.5), 1))]
        rest = f" {1 / (1 - share):14.2f}" if share < 1 else ""
        yield f"{value / NS_PER_MS:12.6f} {share:14.12f} {count:10d}{rest}"


def _summary_rows(histogram: HdrHistogram) -> Iterator[str]:
    mean, deviation = histogram.get_mean_value() / NS_PER_MS, histogram.get_stddev() / NS_PER_MS
    highest, total = histogram.get_max_value() / NS_PER_MS, histogram.get_total_count()
    yield f"#[Mean    = {mean:12.6f}, StdDeviation   = {deviation:12.6f}]"
    yield f"#[Max     = {highest:12.6f}, Total count    = {total:12d}]"
    yield f"#[Buckets = {histogram.bucket_count:12d}, SubBuckets     = {histogram.sub_bucket_count:12d}]"


def _shares(total: int) -> Iterator[float]:
    """The rows of a percentile table, as HdrHistogram's own: five to each halving of what is left, then all."""
    share = 0.0
    while (1 - share) * total >= 1:
        yield share
        share += 1 / (5 * 2 ** (math.floor(math.log2(1 / (1 - share))) + 1))
    yield 1.0


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

    def __init__(self, json: Path | None = None, csv: Path | None = None, hgrm: Path | None = None) -> None:
        self._renders: dict[Path, Render] = {}
        if json:
            self._renders[json] = to_json
        if csv:
            self._renders[csv] = to_csv
        self._hgrm = hgrm
        self._several = False
        self._paths = [path for path in (json, csv, hgrm) if path]

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
