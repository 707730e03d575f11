"""Options declared as the fields of a msgspec Struct, with their bounds, help texts and defaults.

    class QueueOptions(msgspec.Struct, frozen=True):
        size: Annotated[int, msgspec.Meta(ge=1, le=4096, description="requests per batch")] = 64

A field holds a number, a bool, a str or a `Literal` of strings. It may also be None ("auto"), or a tuple of any length.
The command line, forms, validation and records read the same declaration, so none of them repeats a bound or a text.
Strategies and backends declare their own options in this way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect

from membench_backends.base import did_you_mean

OptionKind = Literal["int", "float", "bool", "str"]
Options = TypeVar("Options", bound=msgspec.Struct)

AUTO = "auto"
"""The text for None, where an option allows None."""

_KINDS: dict[type[inspect.Type], OptionKind] = {
    inspect.IntType: "int",
    inspect.FloatType: "float",
    inspect.BoolType: "bool",
    inspect.StrType: "str",
    inspect.LiteralType: "str",
}
_PYTHON_TYPES: dict[OptionKind, type[Any]] = {"int": int, "float": float, "bool": bool, "str": str}
_WORDS: dict[OptionKind, str] = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}


class OptionField(msgspec.Struct, frozen=True, kw_only=True):
    """One option, as its Struct declares it."""

    name: str
    kind: OptionKind
    """Type of a value, or of each value of a tuple."""
    default: Any
    allows_auto: bool = False
    """Whether the value may be None, which means that the owner of the option chooses a value."""
    several: bool = False
    """Whether the value is a tuple; kind, bounds and choices then apply to each of its values."""
    minimum: float | None = None
    """Smallest allowed value."""
    above: float | None = None
    """Exclusive lower bound."""
    maximum: float | None = None
    """Largest allowed value."""
    below: float | None = None
    """Exclusive upper bound."""
    choices: tuple[str, ...] = ()
    """The allowed texts; empty if any text is allowed."""
    description: str = ""
    extra: Mapping[str, Any] = {}
    """The `extra` of the field's `msgspec.Meta`."""

    @property
    def allowed(self) -> str:
        """The values that the option takes, in words: `a whole number from 1 to 4,096, or auto`."""
        words = f"one of {', '.join(self.choices)}" if self.choices else _WORDS[self.kind]
        if self.minimum is not None and self.maximum is not None:
            words += f" from {_in_digits(self.minimum)} to {_in_digits(self.maximum)}"
        else:
            words += self._bounds()
        return f"{words}, or {AUTO}" if self.allows_auto else words

    def parse(self, text: object) -> Any:
        """Return the value of a text from a command line or form, or check a value that already has a type.

        A tuple is written with commas between its values: `1, 2, 4`.

        Raises:
            ValueError: The value is not allowed. The message starts with "must be" and says what is allowed.
        """
        if not self.several:
            return self._parse_one(text)
        if isinstance(text, str):
            values: Sequence[object] = [part.strip() for part in text.split(",")]
        else:
            values = text if isinstance(text, Sequence) else (text,)
        if not values:
            raise self._refusal(text)
        return tuple(map(self._parse_one, values))

    def _parse_one(self, text: object) -> Any:
        if self.allows_auto and text in (None, AUTO):
            return None
        try:
            value: Any = msgspec.convert(text, _PYTHON_TYPES[self.kind], strict=False)
        except msgspec.ValidationError:
            raise self._refusal(text) from None
        if not self._is_allowed(value):
            raise self._refusal(text)
        return value

    def _is_allowed(self, value: Any) -> bool:
        return (
            (not isinstance(value, float) or math.isfinite(value))
            and (self.minimum is None or value >= self.minimum)
            and (self.above is None or value > self.above)
            and (self.maximum is None or value <= self.maximum)
            and (self.below is None or value < self.below)
            and (not self.choices or value in self.choices)
        )

    def _bounds(self) -> str:
        limits = (("at least", self.minimum), ("above", self.above), ("at most", self.maximum), ("below", self.below))
        words = " and ".join(f"{word} {_in_digits(limit)}" for word, limit in limits if limit is not None)
        if not words:
            return ""
        return f" of {words}" if words.startswith("at ") else f" {words}"

    def _refusal(self, value: object) -> ValueError:
        return ValueError(f"must be {self.allowed}, not {value!r}")


@cache
def option_fields(options: type[msgspec.Struct]) -> tuple[OptionField, ...]:
    """Return the options that a Struct declares, in the order of its fields.

    Raises:
        TypeError: A field has no default, or a type that is not supported.
    """
    structure = inspect.type_info(options)
    assert isinstance(structure, inspect.StructType)
    hints = get_type_hints(options, include_extras=True)
    return tuple(_option(field, hints[field.name]) for field in structure.fields)


def parse_options(options: type[Options], values: Mapping[str, object], owner: str) -> Options:
    """Return an instance of `options` with the given values parsed and a default for every other field.

    Args:
        options: The Struct that declares the options.
        values: Texts or values by option name.
        owner: What the options belong to, for error messages: `strategy queue`.

    Raises:
        ValueError: An option is unknown or its value is not allowed. The message is one line and says what is allowed.
    """
    fields = option_fields(options)
    return options(**_parsed(fields, values, owner))


def parse_alternatives(
    options: type[msgspec.Struct], values: Mapping[str, object], owner: str
) -> dict[str, tuple[Any, ...]]:
    """Return the alternatives for each option that is named: one or more values, each once, in the order given.

    Args:
        options: The Struct that declares the options, none of which holds a tuple.
        values: By option name: a value, a sequence of values, or a text with commas between its values.
        owner: What the options belong to, for error messages: `backend mem0`.

    Raises:
        ValueError: An option is unknown or one of its values is not allowed. The message is one line.
    """
    fields = [msgspec.structs.replace(field, several=True) for field in option_fields(options)]
    return {name: tuple(dict.fromkeys(parsed)) for name, parsed in _parsed(fields, values, owner).items()}


def _parsed(fields: Sequence[OptionField], values: Mapping[str, object], owner: str) -> dict[str, Any]:
    known = {field.name: field for field in fields}
    parsed = {}
    for name, value in values.items():
        if name not in known:
            raise ValueError(_unknown_option(owner, name, list(known)))
        try:
            parsed[name] = known[name].parse(value)
        except ValueError as error:
            raise ValueError(f"{owner}: option {name} {error}") from None
    return parsed


def changed_options(options: type[msgspec.Struct], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of some values that differ from the defaults; an option that is not declared differs."""
    defaults = {field.name: field.default for field in option_fields(options)}
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}


def options_text(values: Mapping[str, Any]) -> str:
    """Return `size=64 wait_ms=20`."""
    return " ".join(key_values(values))


def key_values(values: Mapping[str, Any]) -> list[str]:
    """Return `size=64` and `wait_ms=20`, a text per option."""
    return [f"{name}={option_text(value)}" for name, value in values.items()]


def option_text(value: object) -> str:
    """Return a value as text that `OptionField.parse` reads back."""
    if value is None:
        return AUTO
    if isinstance(value, tuple):
        return ",".join(map(option_text, value))
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _option(field: inspect.Field, hint: object) -> OptionField:
    if field.required or field.default is msgspec.NODEFAULT:
        raise TypeError(f"option {field.name} has no default value")
    description = ""
    extra: dict[str, Any] = {}
    allows_auto = several = False
    declared = field.type
    choices = _choices(hint)
    while type(declared) not in _KINDS or not all(isinstance(choice, str) for choice in choices):
        if isinstance(declared, inspect.Metadata):
            description = description or (declared.extra_json_schema or {}).get("description", "")
            extra = (declared.extra or {}) | extra
            declared = declared.type
        elif isinstance(declared, inspect.VarTupleType) and not allows_auto:
            several = True
            declared = declared.item_type
        elif isinstance(declared, inspect.UnionType) and declared.includes_none and len(declared.types) == 2:
            allows_auto = True
            declared = next(member for member in declared.types if not isinstance(member, inspect.NoneType))
        else:
            raise TypeError(f"option {field.name} has a type that is not supported: {hint}")
    return OptionField(
        name=field.name,
        kind=_KINDS[type(declared)],
        default=field.default,
        allows_auto=allows_auto,
        several=several,
        minimum=getattr(declared, "ge", None),
        above=getattr(declared, "gt", None),
        maximum=getattr(declared, "le", None),
        below=getattr(declared, "lt", None),
        choices=choices,
        description=description,
        extra=extra,
    )


def _choices(hint: object) -> tuple[str, ...]:
    """Return the texts of the `Literal` in a type, in the order declared; `inspect.LiteralType` sorts them."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return next(filter(None, map(_choices, get_args(hint))), ())


def _unknown_option(owner: str, name: str, known: Sequence[str]) -> str:
    if not known:
        return f"{owner} has no options, so {name!r} cannot be set"
    return f"{owner} has no option {name!r}; it has {', '.join(known)}{did_you_mean(name, known)}"


def _in_digits(number: float) -> str:
    return f"{number:,.15g}"
