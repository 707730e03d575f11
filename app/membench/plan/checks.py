"""The checks of a choice: names that exist, values within their bounds, options that fit together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from membench.analysis.facts import Fact, Value
from membench.plan.options import SHIPPED, Choice, allowed_values, run_options
from membench.plan.scenarios import Scenario
from membench.spec.options import ARRIVALS_MAX
from membench.units import suggest
from membench_backends.embedding.models.cache import weights_on_disk
from membench_backends.embedding.strategies.catalogue import STRATEGIES, parse_options
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


def check_model(model: str) -> None:
    """Check that a model can be loaded on this machine.

    Raises:
        PlanError: It cannot.
    """
    weights = weights_on_disk(model)
    if weights.weights is None:
        raise plan_error("model_unavailable", model=model, reason=weights.note)


def strategy_options(strategy: str | None, chosen: Mapping[str, object]) -> dict[str, int | float | bool | str | None]:
    """Return all options of a strategy, with the chosen values.

    Raises:
        ValueError: A value is not allowed; one line that says which.
    """
    if strategy is None:
        return {}
    fields = STRATEGIES[strategy].options.__struct_fields__
    shared = {field: chosen[field] for field in fields if field in chosen}
    own = {field: chosen[key] for field in fields if (key := f"{strategy}.{field}") in chosen}
    options = parse_options(strategy, shared | own)
    return {field: getattr(options, field) for field in fields}


def _check_names(choice: Choice, catalogue: Mapping[str, Scenario]) -> None:
    scenarios = choice.effective_scenarios
    for kind, names in (("scenario", scenarios), ("store", choice.stores), ("precision", choice.precisions)):
        if not names:
            raise plan_error("nothing_chosen", kind=kind)
    _check_known("scenario", scenarios, catalogue)
    for scenario in scenarios:
        if not (choice.backends or catalogue[scenario].backends):
            raise plan_error("no_backends", scenario=scenario)
        _check_known("backend", choice.backends or catalogue[scenario].backends, backends())
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
    options = {name: STRATEGIES[name].options.__struct_fields__ for name in chosen}
    known = {field for fields in options.values() for field in fields}
    for key in choice.strategy_options:
        strategy, _, field = key.rpartition(".")
        if field not in options.get(strategy, known if not strategy else ()):
            hint = suggest(key, known) if known else "it has none"
            raise plan_error("unknown_strategy_option", key=key, strategies=", ".join(chosen), hint=hint)
    for name in chosen:
        try:
            strategy_options(name, choice.strategy_options)
        except ValueError as error:
            raise plan_error("bad_strategy_option", reason=str(error)) from error
