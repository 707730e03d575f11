"""What the runs of a plan say together: which is held up by what, and which is faster by how much."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from membench.analysis.comparison import compare, ratio_in_words
from membench.messages.run import embedding_note
from membench.results.record import Record
from membench.units import format_rate, plural


class Headline(NamedTuple):
    """The answer of a plan in a sentence."""

    words: str
    run_id: str
    """The run that it is about: the one to look at first."""


def headline(records: Sequence[Record]) -> Headline | None:
    """What somebody who ran these wants to know first; None where no run is over."""
    told = [record for record in records if is_sound(record)]
    if not told:
        return _nothing_measured(records)
    group = max(groups_of(told).values(), key=_telling)
    held = max(group, key=_held_up)
    best = _better(held, group)
    names = names_of([held, best] if best else [held])
    words = [f"{_where(held, best, told)}{names[held.run_id]} {_why(held)}"]
    if best is None and len(group) > 1:
        words.append("none of the others is faster")
    elif best and (ratio := compare(best, held)):
        doubt = ", which may be chance" if ratio.low is not None and ratio.low <= 1 else ""
        words.append(ratio_in_words(names[best.run_id], names[held.run_id], ratio) + doubt)
    return Headline("; ".join([*words, *_losses(records)]), held.run_id)


def is_sound(record: Record) -> bool:
    """Whether a run went well, and so may be held against others."""
    return record.status == "ok" and bool(record.memories_per_s)


def failed_audit(record: Record) -> bool:
    """Whether the store did not hold what was acknowledged: the figures of such a run are worth nothing."""
    return bool(record.lost or record.duplicated or record.corrupted)


def group_key(record: Record) -> Hashable:
    """What is the same for runs that were given the same to do by as many clients."""
    task = (record.scenario, record.operation, record.batch_size, record.items, record.duration_s)
    return (*task, record.loop, record.target_operations_per_s, record.clients)


def groups_of(records: Sequence[Record]) -> Mapping[Hashable, list[Record]]:
    """Runs by what they were given to do."""
    groups: defaultdict[Hashable, list[Record]] = defaultdict(list)
    for record in records:
        groups[group_key(record)].append(record)
    return groups


def best_of(records: Sequence[Record]) -> frozenset[str]:
    """The names of the runs that are the fastest of two or more with the same to do."""
    groups = groups_of([record for record in records if is_sound(record)])
    return frozenset(max(group, key=_rate).run_id for group in groups.values() if len(group) > 1)


def names_of(records: Sequence[Record]) -> dict[str, str]:
    """What to call each run among these, by its run's name: only what tells it from the others."""
    parts = [_parts(record) for record in records]
    told: list[str] = []
    for field in _CHOSEN:
        if len({run[field] for run in parts}) > 1:
            told.append(field)
    for field in _BESIDES:
        if (
            len({tuple(run[each] for each in told) for run in parts}) < len(parts)
            and len({run[field] for run in parts}) > 1
        ):
            told.append(field)
    shown = told or ["backend", "strategy"]
    return {
        record.run_id: " · ".join(run[field] for field in shown if run[field]) or record.backend
        for record, run in zip(records, parts, strict=True)
    }


_CHOSEN = ("scenario", "backend", "strategy", "precision", "store", "clients")
"""What tells runs apart for most readers."""
_BESIDES = ("threads", "options", "weights", "started")
"""What tells them apart where that does not do."""


def _parts(record: Record) -> dict[str, str]:
    options = (f"{key}={value}" for key, value in record.strategy_options.items())
    return {
        "scenario": record.scenario,
        "backend": record.backend,
        "strategy": record.strategy or "",
        "precision": embedding_note(record.precision, record.embedder) or record.precision or "",
        "store": record.store or "",
        "clients": plural(record.clients, "client"),
        "threads": f"threads {record.threads}" if record.threads else "",
        "options": " ".join(options),
        "weights": record.weights or "",
        "started": record.started_at.replace("T", " ")[:19],
    }


def _rate(record: Record) -> float:
    return record.memories_per_s or 0.0


def _telling(group: Sequence[Record]) -> tuple[bool, bool, float, int]:
    """How much a group has to tell: runs to compare, somebody who waits for a lock, many clients."""
    waits = max((record.time_lock or 0.0 for record in group if record.verdict == "lock-bound"), default=0.0)
    return len(group) > 1, waits > 0, group[0].clients, len(group)


def _held_up(record: Record) -> tuple[float, float]:
    """How much a run is held up: by a lock, or else simply slow."""
    waits = record.time_lock or 0.0 if record.verdict == "lock-bound" else 0.0
    return waits, -_rate(record)


def _better(held: Record, group: Sequence[Record]) -> Record | None:
    """Who is faster, in the same system if somebody there is."""
    faster = [record for record in group if _rate(record) > _rate(held)]
    own = [record for record in faster if record.backend == held.backend]
    return max(own or faster, key=_rate, default=None)


def _where(held: Record, best: Record | None, told: Sequence[Record]) -> str:
    """What is the same for both: what the plan varied besides, and the system where strategies tell them apart."""
    same_system = best is not None and best.backend == held.backend and best.strategy != held.strategy
    parts = (
        (held.scenario, len({record.scenario for record in told}) > 1),
        (plural(held.clients, "client"), len({record.clients for record in told}) > 1),
        (held.backend, same_system),
    )
    where = ", ".join(part for part, tells in parts if tells)
    return f"{where}: " if where else ""


def _why(record: Record) -> str:
    """`is lock-bound (86 % of client time waits at mutex.py:31)`."""
    if record.verdict in (None, "unclear"):
        return f"does {format_rate(record.memories_per_s)} memories/s"
    return f"is {record.verdict}{_evidence(record)}"


def _evidence(record: Record) -> str:
    waits = {str(lock["site"]): float(lock["wait_s"]) for lock in record.locks or ()}
    if record.verdict == "lock-bound" and record.time_lock and sum(waits.values()):
        site = max(waits, key=waits.__getitem__)
        percent = 100 * record.time_lock * waits[site] / sum(waits.values())
        return f" ({percent:.0f} % of client time waits at {site})"
    return f" ({record.verdict_evidence[0]})" if record.verdict_evidence else ""


def _losses(records: Sequence[Record]) -> list[str]:
    lost = sum(failed_audit(record) for record in records)
    return [f"{plural(lost, 'run')} lost or spoilt data"] if lost else []


def _nothing_measured(records: Sequence[Record]) -> Headline | None:
    if not records:
        return None
    first = records[0]
    return Headline(f"No run went well. {first.title()}: {first.error or first.status}", first.run_id)
