"""The explanation of one run: why it is as fast as it is, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from membench.report.remarks import best_found_text
from membench.report.wording import COMMAND_LINE
from membench.results.record import Record
from membench.units import format_count, format_latency, format_rate, format_share

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
LITTLE_TOLERANCE = 0.03
"""How far throughput x latency of a closed loop may be from the number of clients (Little's law)."""


def explain_run(record: Record) -> Iterator[str]:
    """Yield the verdict with its evidence, where client time went, the locks and the stages."""
    rate = format_rate(record.memories_per_s)
    yield f"{record.title()}: {rate} memories/s, {record.verdict or record.status}"
    if record.error:
        yield f"  {record.error}"
    if record.verdict_evidence:
        yield f"  because  {'; '.join(COMMAND_LINE.evidence(record))}"
    if record.verdict_advice:
        yield f"  next     {COMMAND_LINE.advice(record.verdict_advice)}"
    yield from _suspicion(record)
    yield from _latency(record)
    yield from _time(record)
    if best := best_found_text(record):
        yield f"  best     {best}"
    if fairness := fairness_text(record):
        yield f"  fairness {fairness}"
    yield from _locks(record)
    if stages := stage_texts(record):
        yield f"  stages   {'  '.join(stages)}"


def fairness_text(record: Record) -> str:
    """Return how evenly the clients were served; empty where that is unknown."""
    if record.fairness_jain is None or not record.client_longest_ms:
        return ""
    shortest, longest = min(record.client_longest_ms), max(record.client_longest_ms)
    spread = f"; longest operation of a client {format_latency(shortest)} to {format_latency(longest)}"
    return f"Jain's index {record.fairness_jain:.3f}{spread if record.clients > 1 else ''}"


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
    return (
        f"{format_count(record.acknowledged)} acknowledged, {format_count(record.stored)} stored, "
        f"{format_count(record.lost)} lost, {format_count(record.duplicated)} duplicated, "
        f"{format_count(record.corrupted)} corrupted"
    )


def _suspicion(record: Record) -> Iterator[str]:
    """Yield a violation of Little's law, X R / N = 1: what is missing is time that clients spent between operations."""
    missing = record.harness_share or 0.0
    # An operation that raised takes time but has no latency.
    applies = record.loop == "closed" and not record.errors and record.verdict != "harness-bound"
    if applies and missing > LITTLE_TOLERANCE:
        product = f"{1 - missing:.2f}"
        yield f"  suspect  throughput x latency / clients is {product}, not 1: clients did more than operate"


def _latency(record: Record) -> Iterator[str]:
    figures = (
        ("p50", record.latency_p50_ms),
        ("p90", record.latency_p90_ms),
        ("p99", record.latency_p99_ms),
        ("p99.9", record.latency_p99_9_ms),
        ("max", record.latency_max_ms),
    )
    if record.latency_p50_ms is not None:
        yield "  latency  " + "  ".join(f"{name} {format_latency(value)}" for name, value in figures)


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
    yield f"  {'locks':<{SITE_WIDTH + 2}}{'wait':>6}{'held':>6}{'contended':>11}{'longest':>10}{'queue':>7}"
    for lock in record.locks[:LOCKS_SHOWN]:
        yield (
            f"  {shorten_left(lock.site, SITE_WIDTH):<{SITE_WIDTH + 2}}"
            f"{format_share(record.wait_share(lock)):>6}"
            f"{format_share(record.held_share(lock)):>6}"
            f"{format_share(lock.contended_share):>11}"
            f"{format_latency(lock.longest_wait_ms or None):>10}"
            f"{format_count(lock.longest_queue):>7}"
        )


def shorten_left(text: str, width: int) -> str:
    """Return the end of a text, which is where a lock's site says most."""
    return text if len(text) <= width else f"…{text[len(text) - width + 1 :]}"
