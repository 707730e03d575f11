"""The options that strategies and backends declare: what a choice says about them, and what it means for one run."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from membench.units import suggest
from membench_backends.options import parse_alternatives, parse_options

OptionValues = dict[str, int | float | bool | str | None]
Declarations = Mapping[str, type[msgspec.Struct]]
"""The Structs that declare options, by the name of their owner."""


class UnknownOptionError(ValueError):
    """No owner declares an option with this name."""

    def __init__(self, key: str, hint: str) -> None:
        super().__init__(f"{key}: {hint}")
        self.key, self.hint = key, hint


def check_keys(chosen: Iterable[str], declared: Declarations) -> None:
    """Check that each key names an option, as in `size`, or an option of one owner, as in `queue.size`.

    Raises:
        UnknownOptionError: A key does not.
    """
    fields = {owner: options.__struct_fields__ for owner, options in declared.items()}
    known = {field for names in fields.values() for field in names}
    for key in chosen:
        owner, _, field = key.rpartition(".")
        if field not in fields.get(owner, known if not owner else ()):
            raise UnknownOptionError(key, suggest(key, known) if known else "it has none")


def options_of(owner: str, kind: str, options: type[msgspec.Struct], chosen: Mapping[str, object]) -> OptionValues:
    """Return all options of an owner, with the chosen values.

    Args:
        owner: The name of a strategy or a backend.
        kind: What it is, for error messages: `strategy`.
        options: The Struct that declares its options.
        chosen: Values by key; the value for `queue.size` precedes that for `size`.

    Raises:
        ValueError: A value is not allowed; one line that says which.
    """
    return _values(parse_options(options, _of_owner(owner, options, chosen), f"{kind} {owner}"))


def combinations_of(
    owner: str, kind: str, options: type[msgspec.Struct], *layers: Mapping[str, object]
) -> Iterator[OptionValues]:
    """Yield the options of an owner for every combination of the chosen values; the last option changes fastest.

    Args:
        owner: As for `options_of`.
        kind: As for `options_of`.
        options: As for `options_of`.
        layers: Alternatives by key, see `parse_alternatives`; each layer replaces the values of the ones before.

    Raises:
        ValueError: A value is not allowed; one line that says which.
    """
    chosen: dict[str, object] = {}
    for layer in layers:
        chosen |= _of_owner(owner, options, layer)
    alternatives = parse_alternatives(options, chosen, f"{kind} {owner}")
    for values in itertools.product(*alternatives.values()):
        yield _values(options(**dict(zip(alternatives, values, strict=True))))


def _of_owner(owner: str, options: type[msgspec.Struct], chosen: Mapping[str, object]) -> dict[str, object]:
    """Return the chosen values of an owner's options by the options' own names."""
    fields = options.__struct_fields__
    shared = {field: chosen[field] for field in fields if field in chosen}
    return shared | {field: chosen[key] for field in fields if (key := f"{owner}.{field}") in chosen}


def _values(options: msgspec.Struct) -> dict[str, Any]:
    return {field: getattr(options, field) for field in options.__struct_fields__}
