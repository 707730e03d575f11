"""The matrix: a choice expanded into the runs of a plan, in order."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from membench.analysis.facts import Fact
from membench.plan.checks import (
    PlanError,
    backend_options,
    check_choice,
    check_memory,
    check_model,
    plan_error,
    strategy_options,
)
from membench.plan.options import SHIPPED, Choice
from membench.plan.scenarios import Scenario, check_workload
from membench.spec.corpus import CorpusError, corpus_extent, parse_corpus
from membench.spec.run import RunSpec
from membench.units import format_duration, plural
from membench_backends.base import BackendInfo
from membench_backends.embedding.strategies.catalogue import STRATEGIES
from membench_backends.registry import backends
from membench_backends.stores.table import STORES

RUNS_MAX = 10_000
START_S = 2.5
"""Rough time from the start of a repeat's process to its first operation."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The runs in order, and what a reader of their results must know."""

    plan_id: str
    runs: tuple[RunSpec, ...]
    notes: tuple[Fact, ...]

    def schedule(self) -> Iterator[tuple[int, int]]:
        """Yield the index of a run and the number of a repeat, in the order in which they are measured.

        A block holds one repeat of every run, and every second block is in reverse order (A B B A), so that a steady
        drift of the machine affects all runs alike.
        """
        for repeat in range(max((run.repeats for run in self.runs), default=0)):
            block = [(index, repeat) for index, run in enumerate(self.runs) if repeat < run.repeats]
            yield from reversed(block) if repeat % 2 else block

    def summary(self, earlier_s: Iterable[float | None] = ()) -> str:
        """Return `12 runs, about 40 s`.

        Args:
            earlier_s: How long runs of the same tasks took before, in order; None, or nothing, leaves it to a guess.
        """
        each_s = (
            expected_s(run) if took_s is None else took_s for run, took_s in itertools.zip_longest(self.runs, earlier_s)
        )
        return f"{plural(len(self.runs), 'run')}, about {format_duration(sum(each_s))}"


def make_plan(choice: Choice, catalogue: Mapping[str, Scenario]) -> Plan:
    """Expand a choice into runs: the number of clients changes fastest, then threads, precision, store, and so on.

    A backend that cannot run here is left out with a note, unless no other is left.

    Raises:
        PlanError: A name is unknown, a value is out of bounds, or nothing is left to run.
    """
    check_choice(choice, catalogue)
    matrix = _Matrix(choice, catalogue)
    runs = tuple(itertools.islice(matrix.runs(), RUNS_MAX + 1))
    if len(runs) > RUNS_MAX:
        raise plan_error("too_many_runs", most=RUNS_MAX)
    if not runs:
        raise PlanError(Fact("nothing_left"), matrix.notes)
    if any(run.strategy for run in runs):
        check_model(choice.model)
    for run in runs:
        if run.store and STORES[run.store].warning and run.clients > 1:
            matrix.note("store_warning", warning=STORES[run.store].warning)
    memory = check_memory(runs)
    return Plan(plan_id=matrix.plan_id, runs=runs, notes=(*matrix.notes, *([memory] if memory else ())))


def expected_s(run: RunSpec) -> float:
    """Return how long a run takes, roughly: its start, and its work at a hundred memories per second."""
    measured_s = run.duration_s or (run.items or 0) / (100 if run.strategy else 10_000)
    return run.repeats * (START_S + measured_s)


class _Matrix:
    """The expansion of one choice, and the notes that it leaves."""

    def __init__(self, choice: Choice, catalogue: Mapping[str, Scenario]) -> None:
        self.plan_id = uuid.uuid4().hex[:12]
        self.notes: list[Fact] = []
        self._choice = choice
        self._catalogue = catalogue

    def note(self, name: str, **values: str) -> None:
        """Leave a note, once."""
        if (fact := Fact(name, {**values})) not in self.notes:
            self.notes.append(fact)

    def runs(self) -> Iterator[RunSpec]:
        """Yield every combination as a run."""
        for name in self._choice.effective_scenarios:
            scenario = self._catalogue[name]
            workload = self._workload(scenario)
            for info in self._backends(scenario):
                yield from self._runs_of(scenario, workload, info)

    def _runs_of(self, scenario: Scenario, workload: Mapping[str, Any], info: BackendInfo) -> Iterator[RunSpec]:
        choice = self._choice
        embedder = choice.embedder if info.capabilities.embeds else None
        has_model = embedder == "model"
        for strategy, options, store, precision, threads, clients in itertools.product(
            self._strategies(info, workload["operation"]),
            backend_options(info.name, scenario, choice),
            choice.stores if info.capabilities.stores else (None,),
            choice.precisions if has_model else (None,),
            choice.threads if has_model else (None,),
            choice.clients or (workload["clients"],),
        ):
            yield RunSpec(
                run_id=uuid.uuid4().hex[:12],
                plan_id=self.plan_id,
                scenario=scenario.name,
                backend=info.name,
                strategy=strategy,
                strategy_options=strategy_options(strategy, choice.strategy_options),
                backend_options=options,
                store=store,
                **{**workload, "clients": clients},
                batch_call=info.capabilities.batch_call if workload["operation"] == "add_batch" else None,
                model=choice.model if has_model else None,
                precision=precision,
                embedder=embedder,
                threads=threads,
                metering=choice.metering,
            )

    def _backends(self, scenario: Scenario) -> Iterator[BackendInfo]:
        known = backends()
        for name in dict.fromkeys(self._choice.backends or scenario.backends):
            info = known[name]
            if info.unavailable:
                self.note("backend_unavailable", backend=name, reason=info.unavailable)
            elif self._choice.embedder == "fixed" and info.capabilities.embeds and not info.capabilities.stores:
                self.note("only_embeds", backend=name)
            else:
                yield info

    def _strategies(self, info: BackendInfo, operation: str) -> Iterator[str | None]:
        if not info.capabilities.embeds:
            yield None
            return
        if self._choice.embedder == "fixed":
            if self._choice.strategies:
                self.note("no_model_to_share")
            yield None
            return
        takes_lists = operation == "add_batch" and info.capabilities.batch_call
        for name in dict.fromkeys(self._named_strategies(info)):
            if STRATEGIES[name].needs_list and not takes_lists:
                self.note("no_list", strategy=name, backend=info.name, operation=operation)
            else:
                yield name

    def _named_strategies(self, info: BackendInfo) -> Iterator[str]:
        for name in self._choice.effective_strategies:
            yield from info.default_strategies if name == SHIPPED else (name,)

    def _workload(self, scenario: Scenario) -> dict[str, Any]:
        """Return the settings that scenario and choice make together, by their names in a RunSpec."""
        choice = self._choice
        workload = scenario.workload()
        chosen = {name: getattr(choice, name) for name in ("target_operations_per_s", "arrivals", "seed")}
        chosen["repeats"] = choice.effective_repeats
        workload |= {name: value for name, value in chosen.items() if value is not None}
        if choice.items is not None:
            workload |= {"items": choice.items, "duration_s": None}
        elif choice.duration_s is not None:
            workload |= {"items": None, "duration_s": choice.duration_s}
        if workload["target_operations_per_s"] is None:
            workload["arrivals"] = None
        try:
            if choice.corpus is not None or choice.corpus_column is not None:
                column = choice.corpus_column or scenario.corpus_column
                workload["corpus"] = parse_corpus(choice.corpus or scenario.corpus, column)
            check_workload(workload)
            if workload["corpus"].kind == "file":
                corpus_extent(workload["corpus"])
        except (ValueError, CorpusError) as error:
            raise plan_error("bad_workload", scenario=scenario.name, reason=str(error)) from error
        return workload
