"""Remarks on the runs of a table: why runs failed, which errors they had, and what their figures depend on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from membench.results.record import Record
from membench.units import format_rate

STATUS_MARKS: Mapping[str, str] = {
    "ok": "✓",
    "errors": "!",
    "failed": "✗",
    "partial": "◐",
    "timeout": "✗",
    "crashed": "✗",
}
"""The mark of each status that a run can end in."""


def remarks(records: Sequence[Record]) -> Iterator[str]:
    """Yield what a table of runs leaves out, a line each."""
    for record in records:
        yield from _remarks_on_run(record)
    if any(record.weights == "twin" for record in records):
        yield "weights: twin = the exact architecture with random weights: real speed, meaningless similarities"
    if any(record.embedder == "fixed" for record in records):
        yield "embedder: fixed = each text gets a ready vector from a table, so embedding is in no figure"
    if any(record.bm25 is False for record in records):
        yield "keywords: no BM25 vectors were written: the store takes none, or their model is not on this machine"
    environment = next((record.environment for record in records if record.environment), None)
    if environment:
        cores = environment["cores"]
        yield f"machine: {environment['cpu']}, {cores} core{'s' * (cores != '1')}, Python {environment['python']}"


def _remarks_on_run(record: Record) -> Iterator[str]:
    title = record.title()
    if record.error:
        yield f"{STATUS_MARKS[record.status]} {title}: {record.error}"
    if record.error_kinds:
        kinds = ", ".join(f"{kind} x {count:,}" for kind, count in record.error_kinds.items())
        yield f"  {title}: operations that raised: {kinds}"
    if record.batch_call is False:
        yield f"  {title}: takes no list, so each memory of a batch was added by its own call"
    if record.precision_cosine is not None:
        cosine = f"{record.precision_cosine:.4f} over a fixed sample of texts"
        yield f"  {title}: {record.precision} compared with fp32: mean cosine {cosine}"
    if record.target_operations_per_s and record.memories_per_s is not None:
        achieved = format_rate(record.memories_per_s / record.batch_size)
        yield f"  {title}: target {record.target_operations_per_s:g} operations/s, achieved {achieved}"
