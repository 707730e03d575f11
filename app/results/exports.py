"""Results as files: JSON, CSV and HdrHistogram's percentile tables. A file is written whole or not at all."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Callable, Sequence
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
    table = io.BytesIO()
    if record.latency_hdr is not None:
        histogram = HdrHistogram.decode(record.latency_hdr)
        histogram.output_percentile_distribution(table, NS_PER_MS)
    return table.getvalue()


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
            path.write_bytes(content)
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

    def check(self) -> None:
        """See that all of them can be written.

        Raises:
            ExportError: One cannot.
        """
        for path in (*self._renders, *([self._hgrm] if self._hgrm else [])):
            check_writable(path)

    def write(self, records: Sequence[Record]) -> list[Path]:
        """Write all files; those that can be are, also when one cannot.

        Returns:
            The files written.

        Raises:
            ExportError: At least one could not be written.
        """
        problems, written = [], []
        for path, content in self._contents(records):
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
        if self._hgrm and len(records) == 1:
            contents.append((self._hgrm, to_hgrm(records[0])))
        elif self._hgrm:
            contents += [(numbered(self._hgrm, number), to_hgrm(record)) for number, record in enumerate(records, 1)]
        return contents


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
    """A device or a pipe, such as /dev/stdout: written to, never replaced."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _mode(path: Path) -> int:
    """The permissions of the file that is replaced, or those a new file gets."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
