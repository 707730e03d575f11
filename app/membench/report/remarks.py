"""Remarks on the runs of a table: why runs failed, which errors they had, and what their figures depend on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from membench.analysis.figures import Figures
from membench.results.record import Record
from membench.units import format_rate, format_share

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
    environment = next((record.environment for record in records if record.environment), None)
    if environment:
        cores = environment["cores"]
        yield f"machine: {environment['cpu']}, {cores} core{'s' * (cores != '1')}, Python {environment['python']}"


def exceeds_best_found(run: Figures) -> bool:
    """Whether a run was faster than the best offline rate found, so that this is no upper bound any more."""
    return run.limit_share is not None and round(run.limit_share, 2) > 1


def best_found_text(run: Figures) -> str:
    """Return `87 % of the best rate found`, and what to do above 100 %; empty where no rate is known."""
    if run.limit_share is None:
        return ""
    share = f"{format_share(run.limit_share)} of the best rate found for this machine"
    return f"{share}: measure the limit again (membench-tui limit)" if exceeds_best_found(run) else share


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
    if exceeds_best_found(record):
        yield f"  {title}: {best_found_text(record)}"
    if record.target_operations_per_s and record.memories_per_s is not None:
        achieved = format_rate(record.memories_per_s / record.batch_size)
        yield f"  {title}: target {record.target_operations_per_s:g} operations/s, achieved {achieved}"
