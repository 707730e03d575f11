"""From what the user chose to the list of runs: a matrix, expanded, ordered and counted."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, get_args

import msgspec

from membench.messages.run import Arrivals, Embedder, Precision, RunSpec, Workload
from membench.plan.scenarios import ARRIVALS_MAX, CLIENTS_MAX, ITEMS_MAX, Scenario, checked
from membench.spec.corpus import CorpusError, parse_corpus, read_corpus
from membench.units import format_duration, plural, suggest
from membench_backends.base import BackendInfo
from membench_backends.embedding.models.cache import weights_on_disk
from membench_backends.embedding.strategies.catalogue import STRATEGIES, parse_options
from membench_backends.registry import backends
from membench_backends.stores.table import STORES

DEFAULT_MODEL = "BAAI/bge-small-en-v1.5"
DEFAULT_SCENARIOS = ("single-add", "batch-add", "concurrent-add")
DEFAULT_STORE = "local"
SHIPPED = "shipped"
"""Stands among strategies for those that a backend ships with."""
DEFAULT_STRATEGIES = (SHIPPED, "adaptive")
"""Of the built-in comparison."""
THREADS_MAX = 1024
RUNS_MAX = 10_000
SEED_MAX = 2**32 - 1


class PlanError(Exception):
    """The choice cannot be run; one line that names the option, what is wrong and what to do."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What the user chose. An empty tuple or None leaves it to the scenario or the backend."""

    scenarios: tuple[str, ...] | None = None
    """None is the built-in comparison."""
    backends: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    strategy_options: Mapping[str, Any] = {}
    """For every strategy that has the option; `queue.size` in place of `size` is for the one strategy alone."""
    stores: tuple[str, ...] = (DEFAULT_STORE,)
    clients: tuple[int, ...] = ()
    threads: tuple[int | None, ...] = (None,)
    model: str = DEFAULT_MODEL
    precisions: tuple[Precision, ...] = ("fp32",)
    embedder: Embedder = "model"
    items: int | None = None
    duration_s: float | None = None
    target_operations_per_s: float | None = None
    arrivals: Arrivals | None = None
    corpus: str | None = None
    corpus_column: str | None = None
    repeats: int | None = None
    seed: int | None = None
    metering: bool = True


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The runs, in order, and what a reader of their results must know."""

    plan_id: str
    runs: tuple[RunSpec, ...]
    notes: tuple[str, ...]

    def summary(self, earlier_s: Iterable[float | None] = ()) -> str:
        """`12 runs, about 40 s`.

        Args:
            earlier_s: What runs like these took before, in their order; None, or nothing at all, is for a guess.
        """
        each_s = (
            expected_s(run) if took_s is None else took_s for run, took_s in itertools.zip_longest(self.runs, earlier_s)
        )
        return f"{plural(len(self.runs), 'run')}, about {format_duration(sum(each_s))}"


def make_plan(choice: Choice, catalogue: Mapping[str, Scenario]) -> Plan:
    """Expand a choice into runs, the number of clients changing fastest, then threads, precision, store, and so on.

    A backend that cannot run here is left out with a note, unless it is all there is.

    Raises:
        PlanError: A name is unknown, a number is out of its range, or nothing is left to run.
    """
    scenarios = DEFAULT_SCENARIOS if choice.scenarios is None else choice.scenarios
    _check_names(choice, scenarios, catalogue)
    _check_numbers(choice)
    notes: dict[str, None] = {}
    plan_id = uuid.uuid4().hex[:12]
    runs = tuple(itertools.islice(_runs(choice, scenarios, catalogue, plan_id, notes), RUNS_MAX + 1))
    if len(runs) > RUNS_MAX:
        raise PlanError(f"the plan has more than {RUNS_MAX:,} runs; choose fewer of something")
    if not runs:
        raise PlanError("nothing is left to run: " + "; ".join(notes))
    if any(run.strategy for run in runs):
        _check_model(choice.model)
    for run in runs:
        if run.store and (warning := STORES[run.store].warning) and run.workload.clients > 1:
            notes[warning] = None
    return Plan(plan_id=plan_id, runs=runs, notes=tuple(notes))


def chosen_strategies(choice: Choice) -> tuple[str, ...]:
    """The strategies of a choice by name, `shipped` among them, when nothing was chosen too."""
    return choice.strategies or (DEFAULT_STRATEGIES if choice.scenarios is None else (SHIPPED,))


def _runs(
    choice: Choice,
    scenarios: tuple[str, ...],
    catalogue: Mapping[str, Scenario],
    plan_id: str,
    notes: dict[str, None],
) -> Iterator[RunSpec]:
    for scenario_name in scenarios:
        scenario = catalogue[scenario_name]
        workload = _workload(choice, scenario)
        for info in _backends(choice, scenario, notes):
            embedder = choice.embedder if info.capabilities.embeds else None
            for strategy, store, precision, threads, clients in itertools.product(
                _strategies(choice, info, workload, notes),
                choice.stores if info.capabilities.stores else (None,),
                choice.precisions if embedder == "model" else ("fp32",),
                choice.threads if embedder == "model" else (None,),
                choice.clients or (workload.clients,),
            ):
                yield RunSpec(
                    run_id=uuid.uuid4().hex[:12],
                    plan_id=plan_id,
                    scenario=scenario_name,
                    workload=msgspec.structs.replace(workload, clients=clients),
                    backend=info.name,
                    strategy=strategy,
                    strategy_options=_options(strategy, choice.strategy_options),
                    store=store,
                    model=choice.model,
                    precision=precision,
                    embedder=embedder,
                    threads=threads,
                    metering=choice.metering,
                )


def _backends(choice: Choice, scenario: Scenario, notes: dict[str, None]) -> Iterator[BackendInfo]:
    known = backends()
    for name in dict.fromkeys(choice.backends or scenario.backends):
        info = known[name]
        if info.unavailable:
            notes[f"{name} is left out: {info.unavailable}"] = None
        elif choice.embedder == "fixed" and info.capabilities.embeds and not info.capabilities.stores:
            notes[f"{name} is left out: it does nothing but embed, which --embedder fixed takes away"] = None
        else:
            yield info


def _strategies(choice: Choice, info: BackendInfo, workload: Workload, notes: dict[str, None]) -> Iterator[str | None]:
    if not info.capabilities.embeds:
        yield None
        return
    if choice.embedder == "fixed":
        if choice.strategies:
            notes["--strategy is left out: with --embedder fixed there is no model to share"] = None
        yield None
        return
    for name in dict.fromkeys(_named_strategies(choice, info)):
        if STRATEGIES[name].needs_list and not (workload.operation == "add_batch" and info.capabilities.batch_call):
            notes[f"{name} with {info.name} is left out of {workload.operation}: it hands its model no list"] = None
        else:
            yield name


def _named_strategies(choice: Choice, info: BackendInfo) -> Iterator[str]:
    for name in chosen_strategies(choice):
        yield from info.default_strategies if name == SHIPPED else (name,)


def _options(strategy: str | None, given: Mapping[str, Any]) -> dict[str, int | float | bool | str | None]:
    """All options of a strategy, the given ones among them."""
    if strategy is None:
        return {}
    fields = STRATEGIES[strategy].options.__struct_fields__
    shared = {field: given[field] for field in fields if field in given}
    own = {field: given[key] for field in fields if (key := f"{strategy}.{field}") in given}
    return msgspec.structs.asdict(parse_options(strategy, shared | own))


def _workload(choice: Choice, scenario: Scenario) -> Workload:
    changes: dict[str, Any] = {
        key: value
        for key, value in {
            "target_operations_per_s": choice.target_operations_per_s,
            "arrivals": choice.arrivals,
            "repeats": choice.repeats,
            "seed": choice.seed,
        }.items()
        if value is not None
    }
    if choice.items is not None:
        changes |= {"items": choice.items, "duration_s": None}
    elif choice.duration_s is not None:
        changes |= {"items": None, "duration_s": choice.duration_s}
    try:
        if choice.corpus is not None or choice.corpus_column is not None:
            column = choice.corpus_column or scenario.corpus_column
            changes["corpus"] = parse_corpus(choice.corpus or scenario.corpus, column)
        workload = checked(msgspec.structs.replace(scenario.workload(), **changes))
        if workload.corpus.kind == "file":
            read_corpus(workload.corpus)
    except (ValueError, CorpusError) as error:
        raise PlanError(f"scenario {scenario.name}: {error}") from error
    return workload


def _check_names(choice: Choice, scenarios: tuple[str, ...], catalogue: Mapping[str, Scenario]) -> None:
    for what, names in (("scenario", scenarios), ("store", choice.stores), ("precision", choice.precisions)):
        if not names:
            raise PlanError(f"no {what} is chosen; choose at least one")
    _check_known("scenario", scenarios, catalogue)
    for scenario in scenarios:
        if not (choice.backends or catalogue[scenario].backends):
            raise PlanError(f"scenario {scenario} names no backends; name some with --backend")
        _check_known("backend", choice.backends or catalogue[scenario].backends, backends())
    _check_known("strategy", choice.strategies, (SHIPPED, *STRATEGIES))
    _check_known("store", choice.stores, STORES)
    _check_known("precision", choice.precisions, get_args(Precision))
    _check_known("embedder", (choice.embedder,), get_args(Embedder))
    _check_strategy_options(choice)


def _check_known(what: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise PlanError(f"unknown {what} {name!r}; {suggest(name, known)}")


def _check_strategy_options(choice: Choice) -> None:
    chosen = tuple(STRATEGIES) if SHIPPED in chosen_strategies(choice) else choice.strategies
    options = {name: STRATEGIES[name].options.__struct_fields__ for name in chosen}
    known = {field for fields in options.values() for field in fields}
    for key in choice.strategy_options:
        strategy, _, field = key.rpartition(".")
        if field not in options.get(strategy, known if not strategy else ()):
            names = ", ".join(chosen)
            hint = suggest(key, known) if known else "it has none"
            raise PlanError(f"--strategy-option {key}: no such option of {names}; {hint}")
    for name in chosen:
        try:
            _options(name, choice.strategy_options)
        except ValueError as error:
            raise PlanError(f"--strategy-option {error}") from error


def _check_numbers(choice: Choice) -> None:
    for option, value, highest in (
        *(("--clients", clients, CLIENTS_MAX) for clients in choice.clients),
        *(("--threads", threads, THREADS_MAX) for threads in choice.threads),
        ("--items", choice.items, ITEMS_MAX),
        ("--repeats", choice.repeats, 100),
    ):
        if value is not None and not 1 <= value <= highest:
            raise PlanError(f"{option} {value}: must be a whole number from 1 to {highest:,}")
    if choice.seed is not None and not 0 <= choice.seed <= SEED_MAX:
        raise PlanError(f"--seed {choice.seed}: must be a whole number from 0 to {SEED_MAX:,}")
    if choice.target_operations_per_s is not None and not 0 < choice.target_operations_per_s <= 1e6:
        raise PlanError(
            f"--rate {choice.target_operations_per_s:g}: must be above 0 and at most 1,000,000 operations a second"
        )
    if (
        choice.target_operations_per_s
        and choice.duration_s
        and choice.target_operations_per_s * choice.duration_s > ARRIVALS_MAX
    ):
        raise PlanError(f"--rate x --duration: is over {ARRIVALS_MAX:,} operations; lower one of them")


def _check_model(model: str) -> None:
    found = weights_on_disk(model)
    if found.weights is None:
        raise PlanError(f"--model {model}: {found.note}")


def expected_s(run: RunSpec) -> float:
    """Seconds a run will take, roughly: its start, and its work at a hundred memories a second."""
    workload = run.workload
    measured = workload.duration_s or (workload.items or 0) / (100 if run.strategy else 10_000)
    return 2.5 + workload.repeats * measured
