"""Options of the command line from declared fields of every kind, none of which the command line knows."""

from __future__ import annotations

from typing import Annotated, Literal

import click
import msgspec
import pytest
from click.testing import CliRunner
from msgspec import Meta

from membench.cli.options import option_of_field
from membench_backends.options import option_fields


def meta(flag, unit=None, **bounds):
    return Meta(description=f"Help of {flag}.", extra={"flag": flag, "metavar": None, "unit": unit}, **bounds)


class Declared(msgspec.Struct):
    """One option of each kind."""

    wait_s: Annotated[float, meta("--wait", unit="s", gt=0)] = 5.0
    most: Annotated[int, meta("--most", le=9)] = 3
    least: Annotated[float, meta("--least", gt=0.5)] | None = None
    several: tuple[Annotated[int, meta("--several", ge=1, lt=100)], ...] = (1, 2)
    none: tuple[Annotated[str, meta("--none")], ...] = ()
    colour: Annotated[Literal["red", "blue"], meta("--colour")] = "red"
    quick: Annotated[bool, meta("--quick")] = False


@pytest.fixture
def parse():
    """A function that parses a command line, and returns the values or the output."""
    values = {}

    @click.command()
    def command(**parsed):
        values.update(parsed)

    for field in option_fields(Declared):
        command = option_of_field(field)(command)

    def parse(*arguments):
        result = CliRunner().invoke(command, arguments, standalone_mode="--help" in arguments)
        if isinstance(result.exception, click.ClickException):
            return result.exception.format_message()
        return result.output or values

    return parse


def test_options_that_are_not_given_have_their_declared_defaults(parse):
    assert Declared(**parse()) == Declared()


def test_values_are_parsed_by_their_types(parse):
    values = parse("--wait", "2m", "--several", "3,4", "--several", "4,5", "--least", "0.75", "--none", "a", "--quick")

    assert Declared(**values) == Declared(wait_s=120.0, several=(3, 4, 5), least=0.75, none=("a",), quick=True)


def test_the_help_states_defaults_bounds_and_choices(parse):
    text = " ".join(parse("--help").split())

    assert "--wait DURATION Help of --wait. [default: 5s]" in text
    assert "--most N Help of --most. [default: 3; x<=9]" in text
    assert "--least NUMBER Help of --least. [x>0.5]" in text
    assert "--several N,... Help of --several. [default: 1,2; 1<=x<100]" in text
    assert "--none NAME,... Help of --none. --" in text
    assert "--colour red|blue Help of --colour. [default: red]" in text
    assert "--quick / --no-quick Help of --quick. [default: no-quick]" in text


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ("--wait", "5"),
            "--wait 5: must be a time above 0 with its unit, such as 500ms, 5s or 2m, and at most 30 days",
        ),
        (("--most", "10"), "--most 10: must be a whole number of at most 9"),
        (("--least", "auto"), "--least auto: must be a number above 0.5"),
        (("--several", "1,100"), "--several 100: must be a whole number of at least 1 and below 100"),
        (("--several", " , "), "--several ' , ': give at least one value"),
        (("--colour", "green"), "--colour green: must be one of red, blue"),
    ],
)
def test_an_error_states_the_flag_the_value_and_what_is_allowed(parse, arguments, error):
    assert parse(*arguments) == error
