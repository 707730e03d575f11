"""A dialog with a few fields, which checks values while they are typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from membench.tui.common.plain import Static, plain
from membench.tui.plan.choices import Names, Setting
from membench_backends.options import OptionField, option_fields, option_text


class Field(msgspec.Struct, frozen=True):
    """A line to fill in."""

    name: str
    description: str
    allowed: str
    """A sentence about the values that are allowed."""
    value: str
    """The value that the field starts with."""
    check: Callable[[str], object]
    """Raises a ValueError for a value that is not allowed."""


class Form(ModalScreen[Mapping[str, str] | None]):
    """Asks for values; returns them by the names of the fields, or None if cancelled."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", tooltip="Discard the changes", id="plan.form_cancel"),
        Binding("down", "app.focus_next", "Next field", show=False, tooltip="Move to the next field",
                id="plan.form_next"),
        Binding("up", "app.focus_previous", "Previous field", show=False, tooltip="Move to the previous field",
                id="plan.form_before"),
    ]  # fmt: skip

    def __init__(self, title: str, fields: Sequence[Field]) -> None:
        super().__init__()
        self._title = title
        self._fields = {field.name: field for field in fields}

    def compose(self) -> ComposeResult:
        """Compose each field with its description above it, and space for an error below it."""
        with VerticalScroll(classes="dialog", can_focus=False) as dialog:
            dialog.border_title = plain(self._title)
            dialog.border_subtitle = "enter apply · esc cancel"
            for field in self._fields.values():
                yield Static(Content.assemble((field.name, "bold $accent"), f"  {field.description}"))
                yield Static(Content(field.allowed), classes="quiet")
                yield Input(field.value, id=field.name, classes="field")
                yield Static(id=f"{field.name}-error", classes="error")

    @on(Input.Changed)
    def _check(self, event: Input.Changed) -> None:
        event.stop()
        assert event.input.id is not None
        error = _error_of(self._fields[event.input.id], event.value)
        self.query_one(f"#{event.input.id}-error", Static).update(error)

    @on(Input.Submitted)
    def _apply(self, event: Input.Submitted) -> None:
        event.stop()
        values = {name: self.query_one(f"#{name}", Input).value.strip() for name in self._fields}
        for name, value in values.items():
            if _error_of(self._fields[name], value):
                self.query_one(f"#{name}", Input).focus()
                return
        self.dismiss(values)


def _error_of(field: Field, value: str) -> str:
    """Return what is wrong with a value; an empty text if it is allowed."""
    try:
        field.check(value.strip())
    except ValueError as error:
        return str(error)
    return ""


def options_form(
    owner: str, options: type[msgspec.Struct], values: Mapping[str, str], *, several: bool = False
) -> Form:
    """Return a form of the options that a strategy or a backend declares.

    Args:
        owner: The name of the strategy or backend.
        options: The Struct that declares its options.
        values: The options that differ from their defaults.
        several: Whether an option takes several values, which are compared.
    """

    def field_of(option: OptionField) -> Field:
        read = msgspec.structs.replace(option, several=several)

        def check(value: str) -> None:
            try:
                read.parse(value)
            except ValueError:
                raise ValueError(f"It must be {option.allowed}.") from None

        default = option_text(option.default)
        more = "; commas separate values to compare" if several else ""
        allowed = f"{option.allowed[0].upper()}{option.allowed[1:]}; {default} by default{more}."
        return Field(option.name, option.description, allowed, values.get(option.name, default), check)

    return Form(f"Options of {owner}", [field_of(option) for option in option_fields(options)])


def setting_form(setting: Setting, chosen: Names) -> Form:
    """Return a form for values that are not in the row of a setting.

    Args:
        setting: The setting.
        chosen: The values that are chosen.
    """
    allowed = f"{setting.allowed[0].upper()}{setting.allowed[1:]}."
    typed = "" if chosen == (setting.values[0].name,) else ", ".join(chosen)
    return Form(
        "Other value", [Field(setting.title, setting.about, allowed, typed, lambda text: parse_names(setting, text))]
    )


def parse_names(setting: Setting, text: str) -> Names:
    """Return the names of typed values; the default of the setting if there are none.

    Raises:
        ValueError: A value is not allowed.
    """
    assert setting.parse is not None
    parts = [part.strip() for part in text.split(",")] if setting.several else [text]
    return tuple(dict.fromkeys(setting.parse(part) for part in parts if part)) or (setting.values[0].name,)
