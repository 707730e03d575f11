"""Plans of one steady-add run, executed without a screen or in the dashboard."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from membench.plan.matrix import Plan, make_plan
from membench.plan.options import Choice
from membench.plan.scenarios import load_catalogue
from membench.results.record import Record
from membench.session.events import RunEnded
from membench.session.session import Session

DASHBOARD_RUN = (sys.executable, str(Path(__file__).parent.parent / "dashboard_run.py"))
"""The command that runs such a plan in the dashboard; it takes the options of that script."""


class RunRates(msgspec.Struct, frozen=True):
    """The throughput and tail latency of one run."""

    memories_per_s: float
    latency_p99_ms: float | None
    """None for fewer than 1,000 operations."""


def steady_add_plan(
    backend: str,
    strategy: str | None,
    duration_s: float,
    *,
    clients: int = 8,
    threads: int | None = None,
    metering: bool = True,
) -> Plan:
    """Return a plan of one closed-loop run of the scenario `steady-add`.

    Args:
        backend: The memory system to measure.
        strategy: How its clients share the model; None selects the backend's default.
        duration_s: Measured seconds.
        clients: Concurrent callers.
        threads: Intra-op threads of a session; None leaves them to the library.
        metering: Whether locks and timers are metered.
    """
    choice = Choice(
        scenarios=("steady-add",),
        backends=(backend,),
        strategies=(strategy,) if strategy else (),
        clients=(clients,),
        threads=(threads,),
        duration_s=duration_s,
        metering=metering,
    )
    return make_plan(choice, load_catalogue())


def run_headless(plan: Plan) -> Record:
    """Run a plan of one run without a screen, and return its record."""
    (record,) = run_all(plan)
    return record


def run_all(plan: Plan) -> list[Record]:
    """Run a plan without a screen, and return its records in the order of the plan."""
    ended = {event.index: event.record for event in Session(plan).events() if isinstance(event, RunEnded)}
    return [record for _, record in sorted(ended.items())]


def rates_of(record: Record) -> RunRates:
    """Return the rates of a run; one without rates ends the benchmark."""
    if record.memories_per_s is None:
        sys.exit(f"the run measured nothing: {record.error or 'see its log'}")
    return RunRates(record.memories_per_s, record.latency_p99_ms)
