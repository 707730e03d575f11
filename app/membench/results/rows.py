"""The rows of the history as tables show them, and what is left of a damaged one."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from membench.analysis.figures import Figures
from membench.results.checks import check_timestamp
from membench.results.record import Record, decode_record
from membench.results.summary import RunSummary
from membench_backends.options import options_text

RECORD_MAX_BYTES = 1 << 26
"""Most bytes of a record that are unpacked: many times what the longest run needs."""
DAMAGED = "damaged-"
"""The beginning of the name of a row whose own name is damaged; its number in the file follows."""


class HistoryRow(RunSummary, frozen=True, kw_only=True):
    """One row of the history. Large parts of its record (histogram, locks, windows) are left out."""

    reference: bool
    """Whether the user marked the run as one to compare others with."""

    def matches(self, words: Iterable[str]) -> bool:
        """Return whether each word occurs in one of the row's texts."""
        run = self.figures
        texts = (self.run_id, self.when, run.scenario, run.backend, run.strategy, run.store, f"{run.clients} clients")
        system = (options_text(run.backend_options), run.precision, run.weights)
        more = (self.state, self.verdict, self.error, "reference" if self.reference else "")
        text = "\n".join(part or "" for part in (*texts, *system, *more)).lower()
        return all(word.lower() in text for word in words)

    @property
    def when(self) -> str:
        """The start in local time, `2026-03-01 14:05`; a dash where it is damaged."""
        return f"{self.began:%Y-%m-%d %H:%M}" if self.began else "–"

    @property
    def began(self) -> datetime | None:
        """The start, in local time; None where it is damaged."""
        return datetime.fromisoformat(self.started_at).astimezone() if self.started_at else None


def row_name(number: int, run_id: object) -> str:
    """Return the name of a row: that of its run, or one made of its number in the file if that is damaged."""
    return run_id if isinstance(run_id, str) and _is_name(run_id) else f"{DAMAGED}{number}"


def read_row(name: str, run_id: object, started_at: object, summary: object, reference: object) -> HistoryRow:
    """Return a row of the history from its columns; one that cannot be read has the state `damaged`."""
    try:
        record = decode_record(summary)
        if record.run_id != run_id:
            raise msgspec.ValidationError("its record is that of another run")
    except msgspec.MsgspecError as error:
        return _damaged(name, started_at, f"damaged: {error}", bool(reference))
    return HistoryRow(**msgspec.structs.asdict(record.summary()), reference=bool(reference))


def repeated_row(row: HistoryRow, number: int) -> HistoryRow:
    """Return a row in place of one whose run has another row already."""
    return _damaged(f"{DAMAGED}{number}", row.started_at, f"damaged: another row is run {row.run_id}", row.reference)


def unpack_record(content: object) -> Record:
    """Return the record in the column of a row.

    Raises:
        msgspec.ValidationError: It is damaged; the message says how.
    """
    if not isinstance(content, bytes):
        raise msgspec.ValidationError("its record is missing")
    unpacking = zlib.decompressobj()
    try:
        document = unpacking.decompress(content, RECORD_MAX_BYTES)
    except zlib.error as error:
        raise msgspec.ValidationError("its record is not compressed as it should be") from error
    if unpacking.unconsumed_tail:
        raise msgspec.ValidationError(f"its record is larger than {RECORD_MAX_BYTES >> 20} MiB")
    if not unpacking.eof:
        raise msgspec.ValidationError("the end of its record is missing")
    return decode_record(document)


def _is_name(text: str) -> bool:
    """Return whether a text can name a run; SQLite's own decoding marks what is not UTF-8."""
    return bool(text) and text.isprintable() and "\ufffd" not in text and not text.startswith(DAMAGED)


def _damaged(name: str, started_at: Any, error: str, reference: bool) -> HistoryRow:
    try:
        check_timestamp(started_at)
    except msgspec.ValidationError:
        started_at = None
    unknown: dict[str, Any] = dict.fromkeys(("strategy", "store", "corpus", "seed", "warmup_items"))
    figures = Figures(
        run_id=name, plan_id="", scenario="–", backend="–", strategy_options={}, operation="add", clients=0, **unknown
    )
    return HistoryRow(figures=figures, state="damaged", started_at=started_at, error=error, reference=reference)
