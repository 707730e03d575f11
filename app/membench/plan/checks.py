"""The checks of a choice: names that exist, values within their bounds, options that fit together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from membench.analysis.facts import Fact, Value
from membench.plan.memory import memory_fact
from membench.plan.options import SHIPPED, Choice, allowed_values, run_options
from membench.plan.own_options import (
    Declarations,
    OptionValues,
    UnknownOptionError,
    check_keys,
    combinations_of,
    options_of,
)
from membench.plan.scenarios import Scenario
from membench.spec.options import ARRIVALS_MAX
from membench.spec.run import RunSpec
from membench.units import suggest
from membench_backends.embedding.models.cache import weights_on_disk
from membench_backends.embedding.strategies.catalogue import STRATEGIES
from membench_backends.registry import backends
from membench_backends.stores.table import STORES


class PlanError(Exception):
    """A choice cannot be run. `fact` says why, `details` what led to it; `membench.report.wording` phrases them."""

    def __init__(self, fact: Fact, details: Sequence[Fact] = ()) -> None:
        super().__init__(fact, details)
        self.fact = fact
        self.details = tuple(details)


def plan_error(fact: str, /, **values: Value) -> PlanError:
    """Return the error that states a fact."""
    return PlanError(Fact(fact, values))


def check_choice(choice: Choice, catalogue: Mapping[str, Scenario]) -> None:
    """Check everything that can be checked before the choice is expanded into runs.

    Raises:
        PlanError: A name is unknown, a value is out of bounds, or options do not fit together.
    """
    _check_names(choice, catalogue)
    _check_bounds(choice)
    rate, duration_s = choice.target_operations_per_s, choice.duration_s
    if rate and duration_s and rate * duration_s > ARRIVALS_MAX:
        raise plan_error("too_many_operations", most=ARRIVALS_MAX)
    _check_strategy_options(choice)
    _check_backend_options(choice, catalogue)


def check_model(model: str) -> None:
    """Check that a model can be loaded on this machine.

    Raises:
        PlanError: It cannot.
    """
    weights = weights_on_disk(model)
    if weights.weights is None:
        raise plan_error("model_unavailable", model=model, reason=weights.note)


def check_memory(runs: tuple[RunSpec, ...]) -> Fact | None:
    """Check that the memory of this machine suffices. Return a note if a run needs much of it.

    Raises:
        PlanError: A run needs more than there is.
    """
    fact = memory_fact(runs)
    if fact and fact.name == "too_little_memory":
        raise PlanError(fact)
    return fact


def backend_options(backend: str, scenario: Scenario, choice: Choice) -> list[OptionValues]:
    """Return the options of a backend for each of its runs: one combination, unless several values are chosen.

    Raises:
        ValueError: A value is not allowed; one line that says which.
    """
    options = backends()[backend].options
    return [*combinations_of(backend, "backend", options, scenario.backend_options, choice.backend_options)]


def strategy_options(strategy: str | None, chosen: Mapping[str, object]) -> OptionValues:
    """Return all options of a strategy, with the chosen values.

    Raises:
        ValueError: A value is not allowed; one line that says which.
    """
    return options_of(strategy, "strategy", STRATEGIES[strategy].options, chosen) if strategy else {}


def _check_names(choice: Choice, catalogue: Mapping[str, Scenario]) -> None:
    scenarios = choice.effective_scenarios
    for kind, names in (("scenario", scenarios), ("store", choice.stores), ("precision", choice.precisions)):
        if not names:
            raise plan_error("nothing_chosen", kind=kind)
    _check_known("scenario", scenarios, catalogue)
    for scenario in scenarios:
        if not (choice.backends or catalogue[scenario].backends):
            raise plan_error("no_backends", scenario=scenario)
        for name in catalogue[scenario].backends if not choice.backends else ():
            if name not in backends():
                reason = f"backends: unknown backend {name!r}; {suggest(name, backends())}"
                raise plan_error("bad_workload", scenario=scenario, reason=reason)
    _check_known("backend", choice.backends, backends())
    _check_known("strategy", choice.strategies, (SHIPPED, *STRATEGIES))
    _check_known("store", choice.stores, STORES)


def _check_known(kind: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise plan_error("unknown_name", kind=kind, name=name, hint=suggest(name, known))


def _check_bounds(choice: Choice) -> None:
    for name, field in run_options().items():
        value = getattr(choice, name)
        for each in value if field.several else (value,):
            try:
                if each is not None:
                    field.parse((each,) if field.several else each)
            except ValueError:
                flag = field.extra["flag"]
                raise plan_error("out_of_bounds", flag=flag, value=each, allowed=allowed_values(name)) from None


def _check_strategy_options(choice: Choice) -> None:
    strategies = choice.effective_strategies
    chosen = tuple(STRATEGIES) if SHIPPED in strategies else strategies
    _check_keys("--strategy-option", choice.strategy_options, {name: STRATEGIES[name].options for name in chosen})
    for name in chosen:
        try:
            strategy_options(name, choice.strategy_options)
        except ValueError as error:
            raise plan_error("bad_option", flag="--strategy-option", reason=str(error)) from error


def _check_backend_options(choice: Choice, catalogue: Mapping[str, Scenario]) -> None:
    known = {name: info.options for name, info in backends().items()}
    chosen: dict[str, None] = {}
    for name in choice.effective_scenarios:
        scenario = catalogue[name]
        own = choice.backends or scenario.backends
        chosen |= dict.fromkeys(own)
        try:
            # A scenario may set options for backends that this plan does not run.
            check_keys(scenario.backend_options, known)
            for backend in known:
                [*combinations_of(backend, "backend", known[backend], scenario.backend_options)]
        except ValueError as error:
            raise plan_error("bad_workload", scenario=name, reason=f"backend_options: {error}") from error
    _check_keys("--backend-option", choice.backend_options, {name: known[name] for name in chosen})
    for name in chosen:
        try:
            [*combinations_of(name, "backend", known[name], choice.backend_options)]
        except ValueError as error:
            raise plan_error("bad_option", flag="--backend-option", reason=str(error)) from error


def _check_keys(flag: str, keys: Iterable[str], declared: Declarations) -> None:
    try:
        check_keys(keys, declared)
    except UnknownOptionError as error:
        owners = ", ".join(declared)
        raise plan_error("unknown_option", flag=flag, key=error.key, owners=owners, hint=error.hint) from error
