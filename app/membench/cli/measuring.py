"""The measurement of plans on the command line: progress, interruption, and the history as repeats end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from membench.cli.console import print_status
from membench.cli.progress import plan_progress
from membench.interrupts import Interrupts
from membench.plan.matrix import Plan
from membench.plan.trial import trial_plan, trials_of
from membench.results.history import HistoryWriter
from membench.results.record import Record
from membench.session.events import RunEnded, RunPaused
from membench.session.session import Session


class Measured(NamedTuple):
    """What is left of a plan when it ends."""

    records: list[Record]
    """In the order of the plan, which is not that in which the runs ended."""
    history_problem: str
    """Why runs are missing from the history; empty if none are."""


def measure(
    plan: Plan,
    timeout_s: float,
    interrupts: Interrupts,
    on_record: Callable[[Sequence[Record]], object] = lambda _: None,
) -> Measured:
    """Run a plan to its end. What is known of a run goes to the history after each of its repeats.

    Args:
        plan: The plan.
        timeout_s: How long a run may make no progress.
        interrupts: The signals that end the plan before that.
        on_record: Called with the records so far whenever a run has ended.
    """
    session = Session(plan, timeout_s)
    records: dict[int, Record] = {}
    history = HistoryWriter()
    interrupts.call(session.stop)
    with plan_progress(plan) as show:
        for event in session.events():
            show(event)
            if isinstance(event, RunPaused | RunEnded):
                history.add(event.record)
            if isinstance(event, RunEnded):
                records[event.index] = event.record
                on_record(_in_order(records))
    return Measured(_in_order(records), history.problem)


def try_advice(records: Sequence[Record], timeout_s: float, interrupts: Interrupts) -> Measured:
    """Try the advice of each run that went well, and return the records with the outcomes."""
    tried: list[Record] = []
    history, history_problem = HistoryWriter(), ""
    for record in records:
        plan = trial_plan(record) if not interrupts.received else None
        if plan is None:
            tried.append(record)
            continue
        print_status(f"trying the advice for {record.title()}: {plan.summary()}")
        measured = measure(plan, timeout_s, interrupts)
        if trials := trials_of(record, measured.records):
            record = msgspec.structs.replace(record, trials=trials)
        history_problem = history.add(record) or measured.history_problem or history_problem
        tried.append(record)
    return Measured(tried, history_problem)


def _in_order(records: dict[int, Record]) -> list[Record]:
    return [record for _, record in sorted(records.items())]
