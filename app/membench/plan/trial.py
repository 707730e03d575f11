"""Trials: what an advice recommends, measured next to the run that got the advice."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from membench.analysis.comparison import compare
from membench.analysis.diagnosis import Advice
from membench.analysis.facts import Value
from membench.analysis.statistics import REPEATS_MIN
from membench.plan.checks import strategy_options
from membench.plan.matrix import Plan
from membench.results.record import Record
from membench.results.trial import Trial
from membench.spec.run import RunSpec
from membench.text import has_masked
from membench_backends.stores.table import STORES

_TRIED = ("strategy", "store", "threads")
"""The options of an advice that a trial can change."""


def trial_plan(run: Record) -> Plan | None:
    """Return the plan of a trial: the run again, and each alternative, repeated often enough for an interval.

    None if there is nothing to try: the run did not go well, its advice names no values, or its options hold a secret,
    which the record does not have.
    """
    changes = _alternatives(run)
    if not changes or has_masked([*run.backend_options.values(), *run.strategy_options.values()]):
        return None
    plan_id = uuid.uuid4().hex[:12]
    return Plan(plan_id=plan_id, runs=tuple(_runs(run, changes, plan_id)), notes=())


def trials_of(run: Record, measured: Sequence[Record]) -> tuple[Trial, ...]:
    """Return what came of a trial.

    Args:
        run: The run that got the advice.
        measured: The records of the trial's plan, in order; empty, or too few, if it was interrupted.
    """
    changes = _alternatives(run)
    if len(measured) <= len(changes) or any(record.status == "partial" for record in measured):
        return ()
    original, *others = measured
    return tuple(
        Trial(
            run_id=other.run_id,
            options={**change},
            ratio=compare(other, original),
            problem=other.error or original.error,
        )
        for other, change in zip(others, changes, strict=True)
    )


def _alternatives(run: Record) -> tuple[Mapping[str, Value], ...]:
    """Return the changes that an advice recommends, each a set of options by name; empty if it names no values.

    Where the advice is to replace a store for its lock, the same store without the lock is one of them: it shows what
    the lock costs.
    """
    advice = run.verdict_advice
    if not run.is_sound or not isinstance(advice, Advice):
        return ()
    values = {name: _values(advice.options[name]) for name in _TRIED if advice.options.get(name) is not None}
    if advice.step == "replace_store" and run.store in STORES and (unlocked := STORES[run.store].unlocked):
        values["store"] = [*values["store"], unlocked]
    changes = (dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values()))
    return tuple(change for change in changes if any(getattr(run, name) != value for name, value in change.items()))


def _runs(run: Record, changes: tuple[Mapping[str, Value], ...], plan_id: str) -> Iterator[RunSpec]:
    settings = {name: getattr(run, name) for name in RunSpec.__struct_fields__}
    settings |= {"plan_id": plan_id, "repeats": max(run.repeats, REPEATS_MIN)}
    if run.threads_auto:
        settings["threads"] = None
    original = RunSpec(**settings)
    for change in ({}, *changes):
        changed: dict[str, object] = {**change, "run_id": uuid.uuid4().hex[:12]}
        if "strategy" in change:
            changed["strategy_options"] = strategy_options(str(change["strategy"]), {})
        yield msgspec.structs.replace(original, **changed)


def _values(value: Value) -> list[Value]:
    return list(value.split(",")) if isinstance(value, str) else [value]
