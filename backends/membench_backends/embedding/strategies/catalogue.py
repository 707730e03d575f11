"""The strategies by name, and their options: what the command line, the form and the record are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import inspect

from membench_backends.embedding.strategies.adaptive import AdaptiveOptions, AdaptiveStrategy
from membench_backends.embedding.strategies.batch import BatchOptions, BatchStrategy
from membench_backends.embedding.strategies.mutex import MutexOptions, MutexStrategy
from membench_backends.embedding.strategies.pool import PoolOptions, PoolStrategy
from membench_backends.embedding.strategies.queue import QueueOptions, QueueStrategy
from membench_backends.embedding.strategies.shared import SharedOptions, SharedStrategy

if TYPE_CHECKING:
    from membench_backends.base import LoadTokenModel, Strategy

OptionKind = Literal["int", "float", "bool", "str"]

AUTO = "auto"
"""How a person writes None where an option allows it."""
_KINDS: dict[type[inspect.Type], OptionKind] = {
    inspect.IntType: "int",
    inspect.FloatType: "float",
    inspect.BoolType: "bool",
    inspect.StrType: "str",
}
_PYTHON_TYPES: dict[OptionKind, type[Any]] = {"int": int, "float": float, "bool": bool, "str": str}
_WORDS: dict[OptionKind, str] = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}


class StrategyInfo(msgspec.Struct, frozen=True):
    """A strategy as the catalogue shows it. Building it is what loads a model."""

    name: str
    summary: str
    options: type[msgspec.Struct]
    build: Callable[[LoadTokenModel, Any], Strategy]
    """From what loads a new session at each call, threads already chosen, and an instance of `options`."""
    needs_list: bool = False
    """Differs from `shared` only where the operation hands over a list."""


class OptionField(msgspec.Struct, frozen=True):
    """One option of a strategy, for a form, a help text or an error."""

    name: str
    kind: OptionKind
    allows_auto: bool
    """May be None: the strategy finds a value itself."""
    default: int | float | bool | str | None
    minimum: int | float | None
    maximum: int | float | None
    """The bounds are allowed values; None is no bound."""
    description: str

    @property
    def allowed(self) -> str:
        """The values it takes, in words: `a whole number from 1 to 4096`."""
        words = _WORDS[self.kind]
        if self.minimum is not None:
            words += f" from {self.minimum:g}"
        if self.maximum is not None:
            words += f" to {self.maximum:g}"
        return f"{words}, or {AUTO}" if self.allows_auto else words


STRATEGIES: dict[str, StrategyInfo] = {
    info.name: info
    for info in (
        StrategyInfo("shared", "one session, no lock: FastEmbed and Mem0 as they are", SharedOptions, SharedStrategy),
        StrategyInfo("mutex", "one session behind one lock: AgentMem as in 2025", MutexOptions, MutexStrategy),
        StrategyInfo("queue", "AgentMem's queue: a window of requests is one batch", QueueOptions, QueueStrategy),
        StrategyInfo("pool", "AgentMem's pool: several sessions in turn, a lock each", PoolOptions, PoolStrategy),
        StrategyInfo("adaptive", "batched by length and age, a core each: ours", AdaptiveOptions, AdaptiveStrategy),
        StrategyInfo("batch", "the caller's own list in one call", BatchOptions, BatchStrategy, needs_list=True),
    )
}
"""In the order in which they are shown."""


@cache
def option_fields(strategy: str) -> tuple[OptionField, ...]:
    """The options of a strategy, in the order declared.

    Raises:
        ValueError: There is no such strategy.
    """
    structure = inspect.type_info(_info(strategy).options)
    assert isinstance(structure, inspect.StructType)
    return tuple(_option(field) for field in structure.fields)


def parse_options(strategy: str, values: Mapping[str, object]) -> msgspec.Struct:
    """The options of a strategy from words of a command line or values of a form; what is not named has its default.

    Raises:
        ValueError: There is no such strategy or option, or the value is not allowed; one line that says what is.
    """
    known = {field.name: field for field in option_fields(strategy)}
    for name in values:
        if name not in known:
            raise ValueError(_unknown_option(strategy, name, list(known)))
    options = _info(strategy).options
    return options(**{name: _value(strategy, known[name], value) for name, value in values.items()})


def _info(strategy: str) -> StrategyInfo:
    if strategy not in STRATEGIES:
        raise ValueError(
            f"no strategy is named {strategy!r}; there are {', '.join(STRATEGIES)}{_hint(strategy, STRATEGIES)}"
        )
    return STRATEGIES[strategy]


def _value(strategy: str, field: OptionField, value: object) -> object:
    if field.allows_auto and value in (None, AUTO):
        return None
    try:
        converted: Any = msgspec.convert(value, _PYTHON_TYPES[field.kind], strict=False)
    except msgspec.ValidationError:
        converted = None
    if converted is None or not _within(field, converted):
        raise ValueError(f"strategy {strategy}: option {field.name} must be {field.allowed}, not {value!r}")
    return converted


def _within(field: OptionField, value: Any) -> bool:
    return (field.minimum is None or value >= field.minimum) and (field.maximum is None or value <= field.maximum)


def _unknown_option(strategy: str, name: str, known: list[str]) -> str:
    if not known:
        return f"strategy {strategy} has no options, and so no {name!r}"
    return f"strategy {strategy} has no option {name!r}; it has {', '.join(known)}{_hint(name, known)}"


def _hint(name: str, known: Mapping[str, object] | list[str]) -> str:
    nearest = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def _option(field: inspect.Field) -> OptionField:
    members = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
    allows_auto = any(isinstance(member, inspect.NoneType) for member in members)
    declared = next(member for member in members if not isinstance(member, inspect.NoneType))
    described = declared.extra_json_schema if isinstance(declared, inspect.Metadata) else None
    bare = declared.type if isinstance(declared, inspect.Metadata) else declared
    return OptionField(
        name=field.name,
        kind=_KINDS[type(bare)],
        allows_auto=allows_auto,
        default=field.default,
        minimum=getattr(bare, "ge", None),
        maximum=getattr(bare, "le", None),
        description=(described or {}).get("description", ""),
    )
