"""Remarks on the runs of a table: why runs failed, which errors they had, and what their figures depend on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from membench.analysis.figures import Figures
from membench.analysis.trend import trend
from membench.report.wording import COMMAND_LINE
from membench.results.record import Record
from membench.results.summary import State
from membench.units import format_latency, format_rate, format_rates, format_share, plural

STATUS_MARKS: Mapping[str, str] = {
    "ok": "✓",
    "errors": "!",
    "failed": "✗",
    "partial": "◐",
    "timeout": "✗",
    "crashed": "✗",
    "damaged": "✗",
}
"""The mark of each status that a run can end in, and of a row that cannot be read."""
LITTLE_TOLERANCE = 0.03
"""How far throughput x latency of a closed loop may be from the clients at work (Little's law)."""


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
    machine = {"cpu", "cores", "python"}
    environment = next((record.environment for record in records if machine <= record.environment.keys()), None)
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
    if change := trend(record):
        yield f"  {title}: {COMMAND_LINE.fact(change)}"
    if record.error_kinds:
        kinds = ", ".join(f"{kind} x {count:,}" for kind, count in record.error_kinds.items())
        yield f"  {title}: operations that raised: {kinds}{_error_latency(record)}"
    if record.batch_call is False:
        yield f"  {title}: takes no list, so each memory of a batch was added by its own call"
    if record.precision_cosine is not None:
        cosine = f"{record.precision_cosine:.4f} over a fixed sample of texts"
        yield f"  {title}: {record.precision} compared with fp32: mean cosine {cosine}"
    if exceeds_best_found(record):
        yield f"  {title}: {best_found_text(record)}"
    if record.target_operations_per_s and record.memories_per_s is not None:
        achieved = format_rate(record.memories_per_s / record.batch_size)
        left = f"; {unstarted}" if (unstarted := unstarted_text(record)) else ""
        yield f"  {title}: target {record.target_operations_per_s:g} operations/s, achieved {achieved}{left}"
    if wrong := recording_error_text(record):
        yield f"! {title}: {wrong}"


def marked_rate(rate: str, figures: Figures, state: State) -> str:
    """Return the text of a rate, with the mark of its status where it is not the rate of the work.

    Too many operations failed, or the store does not hold what was acknowledged.
    """
    return f"{rate} {STATUS_MARKS[state]}" if state in STATUS_MARKS and is_void(figures, state) else rate


def rate_text(figures: Figures, state: State, unit: str = "") -> str:
    """Return a rate with its interval, or the range of two repeats, marked like `marked_rate`.

    For example, `131 (128 to 134)`, `131 (range 128 to 134)`.
    """
    low, high, repeats = figures.memories_per_s_low, figures.memories_per_s_high, figures.memories_per_s_repeats
    between = ""
    if low is not None and high is not None:
        between = f" ({format_rates(low, high)})"
    elif len(repeats) > 1:
        between = f" (range {format_rates(min(repeats), max(repeats))})"
    rate = f"{format_rate(figures.memories_per_s)}{between}{f' {unit}' if unit else ''}"
    return marked_rate(rate, figures, state)


def is_void(figures: Figures, state: State) -> bool:
    """Return whether a rate means nothing, because of failed operations or a failed audit."""
    return state == "errors" or figures.failed_audit


def latency_text(figures: Figures, latency_ms: float | None) -> str:
    """Return a latency of a run; with `≥` where operations never started, because nobody knows how late they are."""
    bound = "≥ " if figures.due_not_started and latency_ms is not None else ""
    return f"{bound}{format_latency(latency_ms)}"


def unstarted_text(figures: Figures) -> str:
    """Return what an open loop could not start; empty if it started everything."""
    count = figures.due_not_started
    if not count:
        return ""
    were = "was" if count == 1 else "were"
    late = "latencies are lower bounds that grow with the duration"
    return f"ran out of clients: {plural(count, 'operation')} {were} due but never started; {late}"


def recording_error_text(figures: Figures) -> str:
    """Return how a run breaks Little's law in a way that only a wrong recording explains; empty if it does not."""
    ratio = figures.little_ratio
    if ratio is None or ratio <= 1 + LITTLE_TOLERANCE:
        return ""
    return f"throughput x latency is {ratio:.2f} x the clients at work, so latencies are recorded wrongly: report this"


def error_latency_text(figures: Figures) -> str:
    """Return how long operations took until they failed; empty if none failed, or in older records."""
    if figures.error_latency_max_ms is None:
        return ""
    median, longest = figures.error_latency_p50_ms, format_latency(figures.error_latency_max_ms)
    if median is None:
        return f"after {format_latency(figures.error_latency_mean_ms)} on average, at most {longest}"
    return f"after {format_latency(median)} in the median, at most {longest}"


def _error_latency(record: Record) -> str:
    text = error_latency_text(record)
    return f", {text}" if text else ""
