from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from membench_backends.options import (
    OptionField,
    changed_options,
    option_fields,
    option_text,
    options_text,
    parse_alternatives,
    parse_options,
)


class Settings(msgspec.Struct, frozen=True):
    """One option of every supported type."""

    clients: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=4096)], ...],
        Meta(description="concurrent callers", extra={"flag": "--clients"}),
    ] = (1, 8)
    threads: tuple[Annotated[int, Meta(ge=1, description="threads per session")] | None, ...] = (None,)
    rate: Annotated[float, Meta(gt=0, le=1e6, description="operations per second", extra={"unit": "/s"})] | None = None
    share: Annotated[float, Meta(ge=0, lt=1)] = 0.5
    precision: Annotated[Literal["fp32", "int8"], Meta(description="of the weights")] = "fp32"
    kinds: tuple[Literal["a", "b"], ...] = ("a",)
    store: Literal["local", "edge"] | None = None
    metering: bool = True
    model: Annotated[str, Meta(description="a model's name")] = "tiny"
    warmup_items: Annotated[int, Meta(gt=0)] = 8
    repeats: Annotated[int, Meta(lt=100)] = 3
    batch_size: Annotated[int, Meta(le=64)] = 4
    port: int = 0


def field(name: str) -> OptionField:
    return {field.name: field for field in option_fields(Settings)}[name]


def test_fields_keep_the_order_of_their_declaration() -> None:
    assert tuple(field.name for field in option_fields(Settings)) == Settings.__struct_fields__


def test_choices_keep_the_order_of_their_declaration() -> None:
    assert field("store").choices == ("local", "edge")


def test_a_field_has_the_bounds_and_texts_of_its_annotation() -> None:
    assert field("rate") == OptionField(
        name="rate",
        kind="float",
        default=None,
        allows_auto=True,
        above=0,
        maximum=1e6,
        description="operations per second",
        extra={"unit": "/s"},
    )
    assert field("clients") == OptionField(
        name="clients",
        kind="int",
        default=(1, 8),
        several=True,
        minimum=1,
        maximum=4096,
        description="concurrent callers",
        extra={"flag": "--clients"},
    )


def test_a_tuple_has_the_description_and_the_auto_of_its_values() -> None:
    assert field("threads") == OptionField(
        name="threads",
        kind="int",
        default=(None,),
        allows_auto=True,
        several=True,
        minimum=1,
        description="threads per session",
    )


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("clients", "a whole number from 1 to 4,096"),
        ("threads", "a whole number of at least 1, or auto"),
        ("rate", "a number above 0 and at most 1,000,000, or auto"),
        ("share", "a number of at least 0 and below 1"),
        ("precision", "one of fp32, int8"),
        ("kinds", "one of a, b"),
        ("store", "one of local, edge, or auto"),
        ("metering", "true or false"),
        ("model", "text"),
        ("warmup_items", "a whole number above 0"),
        ("repeats", "a whole number below 100"),
        ("batch_size", "a whole number of at most 64"),
        ("port", "a whole number"),
    ],
)
def test_allowed_values_in_words(name: str, allowed: str) -> None:
    assert field(name).allowed == allowed


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("clients", "1, 2,4", (1, 2, 4)),
        ("clients", [1, 2], (1, 2)),
        ("clients", 3, (3,)),
        ("threads", "auto,2", (None, 2)),
        ("threads", (None, 2), (None, 2)),
        ("threads", None, (None,)),
        ("rate", "auto", None),
        ("rate", None, None),
        ("rate", "1e6", 1e6),
        ("rate", 5, 5.0),
        ("share", "0", 0.0),
        ("precision", "int8", "int8"),
        ("kinds", "b,a", ("b", "a")),
        ("metering", "false", False),
        ("metering", True, True),
        ("model", "auto", "auto"),
        ("port", "-1", -1),
    ],
)
def test_parse_takes_texts_and_values(name: str, text: object, value: object) -> None:
    parsed = field(name).parse(text)

    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("clients", "1,0", "'0'"),
        ("clients", "", "''"),
        ("clients", (), "()"),
        ("clients", "1,4097", "'4097'"),
        ("threads", "auto,none", "'none'"),
        ("rate", "0", "'0'"),
        ("rate", 1e6 + 1, "1000001.0"),
        ("rate", "nan", "'nan'"),
        ("share", 1, "1"),
        ("share", True, "True"),
        ("precision", "int4", "'int4'"),
        ("precision", None, "None"),
        ("metering", "maybe", "'maybe'"),
        ("model", 3, "3"),
        ("warmup_items", 2.5, "2.5"),
        ("repeats", 100, "100"),
        ("batch_size", 65, "65"),
        ("port", "auto", "'auto'"),
    ],
)
def test_parse_says_what_is_allowed_instead(name: str, text: object, shown: str) -> None:
    with pytest.raises(ValueError) as error:
        field(name).parse(text)
    assert str(error.value) == f"must be {field(name).allowed}, not {shown}"


@pytest.mark.parametrize("value", ["inf", "nan", float("-inf")])
def test_a_number_without_bounds_is_finite(value: object) -> None:
    class Unbounded(msgspec.Struct):
        offset: float = 0.0

    with pytest.raises(ValueError, match="must be a number, not"):
        option_fields(Unbounded)[0].parse(value)


def test_parse_options_fills_in_defaults() -> None:
    parsed = parse_options(Settings, {"clients": "2", "metering": "false"}, "scenario x")

    assert parsed == Settings(clients=(2,), metering=False)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"port": 1, "share": 2}, "scenario x: option share must be a number of at least 0 and below 1, not 2"),
        ({"client": 2}, f"scenario x has no option 'client'; it has {', '.join(Settings.__struct_fields__)}; "
                        "did you mean clients?"),
        ({"zzz": 2}, f"scenario x has no option 'zzz'; it has {', '.join(Settings.__struct_fields__)}"),
    ],
)  # fmt: skip
def test_parse_options_names_the_owner_and_the_option(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as error:
        parse_options(Settings, values, "scenario x")
    assert str(error.value) == message


def test_an_owner_without_options_says_so() -> None:
    class Nothing(msgspec.Struct):
        pass

    with pytest.raises(ValueError, match="strategy x has no options, so 'size' cannot be set"):
        parse_options(Nothing, {"size": 1}, "strategy x")


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_a_default_written_as_text_parses_to_itself(name: str) -> None:
    default = field(name).default

    assert field(name).parse(option_text(default)) == default


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "auto"), (True, "true"), (20.0, "20"), (0.1, "0.1"), (3, "3"), ("x", "x"), ((None, 2), "auto,2")],
)
def test_option_text(value: object, text: str) -> None:
    assert option_text(value) == text


@pytest.mark.parametrize(
    "annotation", [dict[str, int], int | str, tuple[int, ...] | None, tuple[int, int], Literal[1, 2]]
)
def test_an_unsupported_type_is_an_error(annotation: Any) -> None:
    options = msgspec.defstruct("Options", [("odd", annotation, None)])

    with pytest.raises(TypeError, match="option odd has a type that is not supported"):
        option_fields(options)


@pytest.mark.parametrize("declaration", [("size", int), ("size", int, msgspec.field(default_factory=int))])
def test_an_option_without_a_default_is_an_error(declaration: Any) -> None:
    with pytest.raises(TypeError, match="option size has no default value"):
        option_fields(msgspec.defstruct("Options", [declaration]))


class Own(msgspec.Struct, frozen=True):
    history: Literal["one", "all"] = "one"
    size: Annotated[int, msgspec.Meta(ge=1, le=9)] | None = None


@pytest.mark.parametrize(
    ("values", "parsed"),
    [
        ({}, {}),
        ({"history": "all"}, {"history": ("all",)}),
        ({"history": "all, one,all", "size": "auto,3"}, {"history": ("all", "one"), "size": (None, 3)}),
        ({"history": ["one", "all"], "size": 4}, {"history": ("one", "all"), "size": (4,)}),
    ],
)
def test_an_option_can_have_alternatives(values, parsed):
    assert parse_alternatives(Own, values, "backend x") == parsed


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"history": "one,al"}, "backend x: option history must be one of one, all, not 'al'"),
        ({"history": "one,"}, "backend x: option history must be one of one, all, not ''"),
        ({"size": "3,10"}, "backend x: option size must be a whole number from 1 to 9, or auto, not '10'"),
        ({"histry": "one"}, "backend x has no option 'histry'; it has history, size; did you mean history?"),
    ],
)
def test_a_wrong_alternative_is_refused_in_one_line(values, message):
    with pytest.raises(ValueError) as caught:
        parse_alternatives(Own, values, "backend x")
    assert str(caught.value) == message


def test_changed_options_are_those_that_are_not_defaults():
    assert changed_options(Own, {"history": "one", "size": 3}) == {"size": 3}
    assert changed_options(Own, {"history": "all", "gone": 1}) == {"history": "all", "gone": 1}
    assert options_text({"history": "all", "size": None}) == "history=all size=auto"
