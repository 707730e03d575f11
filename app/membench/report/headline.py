"""The headline of a plan: what holds the system back, and what is faster by how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from membench.analysis.comparison import compare
from membench.analysis.groups import group_by, same_task
from membench.report.comparison import names_of, ratio_text
from membench.report.wording import COMMAND_LINE
from membench.results.record import Record
from membench.units import format_rate, format_share, plural


class Headline(NamedTuple):
    """The answer of a plan in one sentence."""

    text: str
    run_id: str
    """The run that the sentence is about: the one to look at first."""


def headline(records: Sequence[Record]) -> Headline | None:
    """Return what the user of a plan wants to know first; None where no run has ended."""
    sound = [record for record in records if record.is_sound]
    if not sound:
        return _nothing_measured(records)
    group = max(group_by(sound, same_task).values(), key=_relevance)
    slow = max(group, key=_hindrance)
    fast = _faster(slow, group)
    names = names_of([slow, fast] if fast else [slow])
    clauses = [f"{_context(slow, fast, sound)}{names[slow.run_id]} {_reason(slow)}"]
    if fast is None and len(group) > 1:
        clauses.append("none of the others is faster")
    elif fast and (ratio := compare(fast, slow)):
        doubt = ", which may be chance" if ratio.includes_1 else ""
        clauses.append(ratio_text(names[fast.run_id], names[slow.run_id], ratio) + doubt)
    return Headline("; ".join([*clauses, *_losses(records)]), slow.run_id)


def _rate(record: Record) -> float:
    return record.memories_per_s or 0.0


def _lock_share(record: Record) -> float:
    return record.time_lock or 0.0 if record.verdict == "lock-bound" else 0.0


def _relevance(group: Sequence[Record]) -> tuple[bool, bool, int, int]:
    """Return how much a group has to say: runs to compare, a run that waits for a lock, many clients."""
    waits = any(map(_lock_share, group))
    return len(group) > 1, waits, group[0].clients, len(group)


def _hindrance(record: Record) -> tuple[float, float]:
    """Return how much holds a run back: a lock, or else plain slowness."""
    return _lock_share(record), -_rate(record)


def _faster(slow: Record, group: Sequence[Record]) -> Record | None:
    """Return the fastest run that beats the slow one, of the same system if there is one."""
    faster = [record for record in group if _rate(record) > _rate(slow)]
    own = [record for record in faster if record.backend == slow.backend]
    return max(own or faster, key=_rate, default=None)


def _context(slow: Record, fast: Record | None, sound: Sequence[Record]) -> str:
    """Return what both runs share and the plan varied, and the system where it does not tell them apart."""
    same_system = fast is not None and fast.backend == slow.backend
    parts = (
        (slow.scenario, len({record.scenario for record in sound}) > 1),
        (plural(slow.clients, "client"), len({record.clients for record in sound}) > 1),
        (slow.backend, same_system),
    )
    context = ", ".join(part for part, is_shown in parts if is_shown)
    return f"{context}: " if context else ""


def _reason(record: Record) -> str:
    """Return `is lock-bound (86 % of client time waits at mutex.py:31)`."""
    if record.verdict in (None, "unclear"):
        return f"reaches {format_rate(record.memories_per_s)} memories/s"
    return f"is {record.verdict}{_evidence(record)}"


def _evidence(record: Record) -> str:
    if record.verdict == "lock-bound" and (lock := record.limiting_lock):
        site = lock.site.rpartition("/")[2]  # the table of locks has the whole path
        return f" ({format_share(record.wait_share(lock))} of client time waits at {site})"
    evidence = COMMAND_LINE.evidence(record)
    return f" ({evidence[0]})" if evidence else ""


def _losses(records: Sequence[Record]) -> list[str]:
    lost = sum(record.failed_audit for record in records)
    return [f"{plural(lost, 'run')} failed the audit"] if lost else []


def _nothing_measured(records: Sequence[Record]) -> Headline | None:
    if not records:
        return None
    first = records[0]
    return Headline(f"No run went well. {first.title()}: {first.error or first.status}", first.run_id)
