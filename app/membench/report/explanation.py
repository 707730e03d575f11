"""The explanation of one run: why it is as fast as it is, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from membench.analysis.figures import Figures
from membench.report.remarks import (
    LITTLE_TOLERANCE,
    best_found_text,
    error_latency_text,
    latency_text,
    marked_rate,
    recording_error_text,
    unstarted_text,
)
from membench.report.wording import COMMAND_LINE
from membench.results.record import Record
from membench.units import format_count, format_latency, format_rate, format_share, plural

TIME_PARTS = (
    ("time_lock", "lock", "█"),
    ("time_result", "result", "▓"),
    ("time_runqueue", "waiting for a core", "▒"),
    ("time_cpu", "on a core", "░"),
    ("time_other", "other", "·"),
)
"""The shares of client time: field of a record, name, and how it is drawn without colour."""
BAR_WIDTH = 50
LOCKS_SHOWN = 5
SITE_WIDTH = 52
STARVED = 0.5
"""Share of the mean number of memories below which a client is starved."""
UNEVEN_JAIN = 0.9
"""Jain's index below which clients are served unevenly."""
BUSY_CLIENTS = 0.95
"""Share of the clients at work below which the reason is stated."""


def explain_run(record: Record) -> Iterator[str]:
    """Yield the verdict with its evidence, where client time went, the locks and the stages."""
    rate = marked_rate(format_rate(record.memories_per_s), record, record.status)
    yield f"{record.title()}: {rate} memories/s, {record.verdict or record.status}"
    if record.error:
        yield f"  {record.error}"
    if record.verdict_evidence:
        yield f"  because  {'; '.join(COMMAND_LINE.evidence(record))}"
    for step in COMMAND_LINE.next_step(record):
        yield f"  next     {step}"
    if suspicion := suspicion_text(record):
        yield f"  suspect  {suspicion}"
    yield from _latency(record)
    if starved := starvation_text(record):
        yield f"           {starved}"
    if errors := errors_text(record):
        yield f"  errors   {errors}"
    if concurrency := concurrency_text(record):
        yield f"  clients  {concurrency}"
    yield from _time(record)
    if best := best_found_text(record):
        yield f"  best     {best}"
    if fairness := fairness_text(record):
        yield f"  fairness {fairness}"
    if record.stored is not None:
        yield f"  audit    {audit_text(record)}"
    yield from _locks(record)
    if stages := stage_texts(record):
        yield f"  stages   {'  '.join(stages)}"


def latency_texts(figures: Figures) -> list[tuple[str, str]]:
    """Return `p50` to `max` with their values, a dash for those not stated; nothing before the first operation."""
    if figures.latency_max_ms is None:
        return []
    values = {
        "p50": figures.latency_p50_ms,
        "p90": figures.latency_p90_ms,
        "p99": figures.latency_p99_ms,
        "p99.9": figures.latency_p99_9_ms,
        "max": figures.latency_max_ms,
    }
    return [(name, latency_text(figures, value)) for name, value in values.items()]


def fairness_text(record: Record) -> str:
    """Return how evenly the clients were served; empty where that is unknown."""
    parts = [] if record.fairness_jain is None else [f"Jain's index {record.fairness_jain:.3f}"]
    if record.client_longest_ms and record.clients > 1:
        shortest, longest = min(record.client_longest_ms), max(record.client_longest_ms)
        parts.append(f"longest operation of a client {format_latency(shortest)} to {format_latency(longest)}")
    return "; ".join(parts)


def starvation_text(record: Record) -> str:
    """Return which client a closed loop hardly sampled, because it was starved; empty if it sampled all alike."""
    items, longest_ms = record.client_items, record.client_longest_ms
    if record.loop == "open" or record.has_fixed_shares or not items or not longest_ms or not sum(items):
        return ""
    least, mean = min(items), sum(items) / len(items)
    jain = record.fairness_jain
    if least >= STARVED * mean and (jain is None or jain >= UNEVEN_JAIN):
        return ""
    client = items.index(least)
    longest = f"; its longest operation took {format_latency(longest_ms[client])}" if longest_ms[client] else ""
    count = plural(least, "memory", "memories")
    return (
        f"starved clients are hardly in these: client {client} added {count}, the mean is {format_rate(mean)}{longest}"
    )


def errors_text(record: Record) -> str:
    """Return how many operations failed, and how long they took until then; empty if none failed."""
    if not record.errors:
        return ""
    after = error_latency_text(record)
    return f"{plural(record.errors, 'operation')} failed{f' {after}' if after else ''}"


def concurrency_text(record: Record) -> str:
    """Return how many clients were busy on average, and why not all; empty where that is unknown."""
    concurrency = record.effective_concurrency
    if concurrency is None:
        return ""
    if record.loop == "open":
        unstarted = unstarted_text(record)
        text = f"{concurrency:.1f} operations due or in progress on average"
        return f"{text}; {unstarted}" if unstarted else text
    share = concurrency / record.clients
    text = f"{concurrency:.1f} of {plural(record.clients, 'client')} busy on average"
    early = record.finished_early_share or 0.0
    reasons = (
        (early, "of their time was after they had finished, while others still worked"),
        (1 - share - early, "was between operations"),
    )
    stated = [f"{format_share(part)} {reason}" for part, reason in reasons if part >= 0.01]
    return f"{text}: {', '.join(stated)}" if stated and share < BUSY_CLIENTS else text


def stage_texts(record: Record) -> tuple[str, ...]:
    """Return mean and 99th percentile of each stage; empty where none was marked."""
    tails = record.stage_p99_ms or {}
    return tuple(
        f"{name.replace('_', ' ')} {format_latency(mean)}"
        + (f" (p99 {format_latency(tails[name])})" if name in tails else "")
        for name, mean in (record.stage_ms or {}).items()
    )


def audit_text(record: Record) -> str:
    """Return what was acknowledged, and what the store held in the end."""
    if record.stored is None:
        return f"{format_count(record.acknowledged)} acknowledged; nothing was read back"
    checks = (
        ("lost", record.lost),
        ("duplicated", record.duplicated),
        ("corrupted", record.corrupted),
        ("under another user", record.misplaced),
        ("missing from the history", record.history_missing),
    )
    counts = [f"{format_count(count)} {name}" for name, count in checks if count is not None]
    unchecked = [
        name for name, count in (("users", record.misplaced), ("history", record.history_missing)) if count is None
    ]
    text = (
        f"{format_count(record.acknowledged)} acknowledged, {format_count(record.stored)} stored, {', '.join(counts)}"
    )
    if record.store_reopened:
        text += "; read back from the reopened store"
    return f"{text}; not checked: {', '.join(unchecked)}" if unchecked else text


def suspicion_text(record: Record) -> str:
    """Return how a run violates Little's law, X R / N = 1; empty if it does not, or if it is not known."""
    ratio = record.little_ratio
    if ratio is None or record.verdict == "harness-bound":
        return ""
    if ratio < 1 - LITTLE_TOLERANCE:
        return f"throughput x latency / clients at work is {ratio:.2f}, not 1: clients did more than operate"
    return recording_error_text(record)


def _latency(record: Record) -> Iterator[str]:
    if texts := latency_texts(record):
        yield "  latency  " + "  ".join(f"{name} {value}" for name, value in texts)


def _time(record: Record) -> Iterator[str]:
    shares = [(name, fill, getattr(record, field)) for field, name, fill in TIME_PARTS]
    known = [(name, fill, share) for name, fill, share in shares if share is not None]
    if not known:
        return
    bar = "".join(fill * round(share * BAR_WIDTH) for _, fill, share in known)
    words = "  ".join(f"{name} {format_share(share)}" for name, _, share in known if share >= 0.005)
    yield f"  time     {bar}  {words}"


def _locks(record: Record) -> Iterator[str]:
    if not record.locks or not record.measured_s:
        return
    yield f"  {'locks':<{SITE_WIDTH + 2}}{'wait':>6}{'held':>6}{'locks':>7}{'contended':>11}{'longest':>10}{'queue':>7}"
    for lock in record.locks[:LOCKS_SHOWN]:
        yield (
            f"  {shorten_left(lock.site, SITE_WIDTH):<{SITE_WIDTH + 2}}"
            f"{format_share(record.wait_share(lock)):>6}"
            f"{format_share(record.held_share(lock)):>6}"
            f"{format_count(lock.locks):>7}"
            f"{format_share(lock.contended_share):>11}"
            f"{format_latency(lock.longest_wait_ms or None):>10}"
            f"{format_count(lock.longest_queue):>7}"
        )


def shorten_left(text: str, width: int) -> str:
    """Return the end of a text, which is where a lock's site says most."""
    return text if len(text) <= width else f"…{text[len(text) - width + 1 :]}"
