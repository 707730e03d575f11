"""Command-line options that several commands share, made from the declared run options."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec
from click.shell_completion import CompletionItem

from membench.analysis.facts import Fact
from membench.plan.options import run_options
from membench.plan.own_options import Declarations
from membench.report.outputs import ResultFiles
from membench.report.wording import COMMAND_LINE
from membench.units import parse_duration
from membench_backends.embedding.strategies.catalogue import STRATEGIES
from membench_backends.options import OptionField, option_fields, option_text
from membench_backends.registry import backends

if TYPE_CHECKING:
    from click.types import OptionHelpExtra

Command = TypeVar("Command", bound=Callable[..., object])

DURATION_ALLOWED = "a time above 0 with its unit, such as 500ms, 5s or 2m, and at most 30 days"
_METAVARS = {"int": "N", "float": "NUMBER", "str": "NAME"}
_FILES = {
    "json": "Write the records as JSON.",
    "csv": "Write the records as CSV.",
    "markdown": "Write a Markdown table to paste into a report.",
    "hgrm": "Write latency percentiles for HdrHistogram's plotter; several runs make numbered files.",
}
"""The files that results are written to: keyword of `ResultFiles`, and help text."""


class Duration(click.ParamType[float]):
    """A duration with its unit, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds in `500ms`, `5s` or `2m`."""
        try:
            return value if isinstance(value, float) else parse_duration(value)
        except ValueError:
            raise _out_of_bounds(_flag(self, param), value, DURATION_ALLOWED) from None


class BoundedNumber(click.FloatRange):
    """A number within bounds. Click's own range accepts `nan`, which is neither below a bound nor above one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        try:
            number: float = super().convert(value, param, ctx)
        except click.BadParameter:
            number = math.nan
        if math.isnan(number):
            raise _out_of_bounds(_flag(self, param), value, f"a number from {self.min:g} to {self.max:g}")
        return number


class WholeNumber(click.IntRange):
    """A whole number within bounds, with an error in the words of the declared options."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        try:
            number: int = super().convert(value, param, ctx)
        except click.BadParameter:
            raise _out_of_bounds(
                _flag(self, param), value, f"a whole number from {self.min:,} to {self.max:,}"
            ) from None
        return number


class OptionValue(click.ParamType[Any]):
    """The value of a declared option, or several with commas between them."""

    def __init__(self, field: OptionField) -> None:
        self.name = field.name
        self._field = field
        self._one_value = msgspec.structs.replace(field, several=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the parsed value; a tuple where the option takes several."""
        if not isinstance(value, str):
            return value
        if not self._field.several:
            return self._parse(value)
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if not parts:
            raise click.UsageError(f"{self._field.extra['flag']} {value!r}: give at least one value")
        return tuple(self._parse(part) for part in parts)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the allowed values that start with what was typed after the last comma."""
        earlier, comma, typed = incomplete.rpartition(",")
        choices = (choice for choice in self._field.choices if choice.startswith(typed))
        return [CompletionItem(f"{earlier}{comma}{choice}") for choice in choices]

    def _parse(self, text: str) -> Any:
        try:
            return self._one_value.parse(text)
        except ValueError:
            raise _out_of_bounds(self._field.extra["flag"], text, self._field.allowed) from None


class OwnOption(click.ParamType[tuple[str, str]]):
    """An option that a strategy or a backend declares, as `KEY=VALUE`: the key, and the text of the value."""

    name = "option"

    def __init__(self, declarations: Callable[[], Declarations], several: bool = False) -> None:
        """Describe the options.

        Args:
            declarations: Returns the Structs that declare them, by the names of their owners.
            several: Whether one of them takes several values, with commas between them.
        """
        self._declarations = declarations
        self._several = several

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the placeholder in the help text."""
        return "KEY=VALUE,..." if self._several else "KEY=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return key and value; the plan checks both."""
        if isinstance(value, tuple):
            return value
        key, equals, text = value.partition("=")
        if not equals or not key.strip():
            raise click.UsageError(f"{_flag(self, param)} {value}: must be KEY=VALUE")
        return key.strip(), text.strip()

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the options with their allowed values; after `KEY=VALUE,`, the allowed values for the next one.

        Bash completes only what follows an equals sign, so values are offered together with their key.
        """
        fields: dict[str, OptionField] = {}
        for owner, options in self._declarations().items():
            for field in option_fields(options):
                fields |= {field.name: fields.get(field.name, field), f"{owner}.{field.name}": field}
        earlier, comma, _ = incomplete.rpartition(",") if self._several else ("", "", "")
        before = f"{earlier}{comma}"
        texts = [f"{key}={choice}" for key, field in fields.items() for choice in _choices_of(field) or ("",)]
        if before:
            key = before.partition("=")[0]
            texts = [f"{before}{choice}" for choice in _choices_of(fields[key])] if key in fields else []
        return [CompletionItem(text) for text in texts if text.startswith(incomplete)]


class DeclaredOption(click.Option):
    """An option of the command line made from a declared run option: its flag, type, help text, default and bounds."""

    def __init__(self, param_decls: list[str], field: OptionField, **attributes: Any) -> None:
        self._field = field
        has_default = field.default not in (None, ())
        settings: dict[str, Any] = {"help": field.description, "show_default": True}
        if field.kind == "bool":
            settings |= {"default": field.default}
        elif field.extra.get("unit") == "s":
            default = f"{field.default:g}s" if has_default else None
            settings |= {"type": Duration(), "metavar": "DURATION", "default": default}
        elif field.several:
            defaults = [option_text(field.default)] if has_default else None
            settings |= {"type": OptionValue(field), "metavar": f"{_metavar(field)},...", "default": defaults}
            settings |= {"multiple": True, "callback": _flattened}
        else:
            default = option_text(field.default) if has_default else None
            settings |= {"type": OptionValue(field), "metavar": _metavar(field), "default": default}
        super().__init__(param_decls, **settings | attributes)

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        """Return what the help text shows in brackets: default and bounds."""
        extra = super().get_help_extra(ctx)
        if (bounds := _bounds(self._field)) and self._field.extra.get("unit") != "s":
            extra["range"] = bounds
        return extra


def option_of_field(field: OptionField) -> Callable[[Command], Command]:
    """Return the decorator that adds the option that a field declares."""
    flag: str = field.extra["flag"]
    if not field.several:  # here None means that the option was not given, so `auto` cannot be typed
        field = msgspec.structs.replace(field, allows_auto=False)
    declaration = f"{flag}/--no-{flag.removeprefix('--')}" if field.kind == "bool" else flag
    return click.option(declaration, field.name, cls=DeclaredOption, field=field)


def declared_option(name: str, /, **changes: Any) -> Callable[[Command], Command]:
    """Return the decorator that adds one run option to a command.

    Args:
        name: The name of its field in `RunOptions`.
        changes: What this command declares otherwise, such as `default`.
    """
    return option_of_field(msgspec.structs.replace(run_options()[name], **changes))


def takes_run_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add every run option to a command. It gets their values as `run_options`, by the names of their fields."""
    fields = run_options()

    @functools.wraps(command)
    def with_run_options(**values: Any) -> int:
        return command(run_options={name: values.pop(name) for name in fields}, **values)

    decorated: Callable[..., int] = with_run_options
    for field in reversed(fields.values()):
        decorated = option_of_field(field)(decorated)
    return decorated


def takes_files(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that name files for results to a command. It gets them as `files`: None where none is named."""

    @functools.wraps(command)
    def with_files(**values: Any) -> int:
        paths, force = {kind: values.pop(kind) for kind in _FILES}, values.pop("force")
        return command(files=ResultFiles(**paths, force=force) if any(paths.values()) else None, **values)

    decorated: Callable[..., int] = click.option(
        "--force", is_flag=True, help="Replace files that exist. Without it, they stay, and nothing is measured."
    )(with_files)
    for kind, description in reversed(_FILES.items()):
        decorated = click.option(f"--{kind}", type=click.Path(path_type=Path), metavar="FILE|-", help=description)(
            decorated
        )
    return decorated


scenarios_option = click.option(
    "--scenarios", type=click.Path(path_type=Path), metavar="FILE", help="Use this scenario file, not the built-in one."
)


def strategy_declarations() -> Declarations:
    """Return the options of the strategies."""
    return {name: info.options for name, info in STRATEGIES.items()}


def backend_declarations() -> Declarations:
    """Return the options of the backends."""
    return {name: info.options for name, info in backends().items()}


def _choices_of(field: OptionField) -> tuple[str, ...]:
    return ("true", "false") if field.kind == "bool" else field.choices


def _flattened(ctx: click.Context, param: click.Parameter, groups: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
    """Return the values of an option that was given several times, each once, in order."""
    return tuple(dict.fromkeys(value for group in groups for value in group))


def _flag(kind: click.ParamType[Any], param: click.Parameter | None) -> str:
    """Return the flag whose value is converted, or the name of its type outside a command."""
    return param.opts[0] if param else kind.name


def _metavar(field: OptionField) -> str:
    """Return the placeholder of one value."""
    metavar: str = field.extra.get("metavar") or "|".join(field.choices) or _METAVARS[field.kind]
    return metavar


def _bounds(field: OptionField) -> str:
    """Return `1<=x<=1024`, in the notation of click's own ranges."""
    lower = field.minimum if field.above is None else field.above
    upper = field.maximum if field.below is None else field.below
    if lower is None and upper is None:
        return ""
    or_equal_lower, or_equal_upper = "=" if field.above is None else "", "=" if field.below is None else ""
    if upper is None:
        return f"x>{or_equal_lower}{lower:.15g}"
    at_most = f"x<{or_equal_upper}{upper:.15g}"
    return at_most if lower is None else f"{lower:.15g}<{or_equal_lower}{at_most}"


def _out_of_bounds(flag: str, value: str, allowed: str) -> click.UsageError:
    """Return the error of a value that is not allowed, in the words of a plan's errors."""
    return click.UsageError(
        COMMAND_LINE.fact(Fact("out_of_bounds", {"flag": flag, "value": value, "allowed": allowed}))
    )
