"""A small form: fields with what they are and take, checked as they are typed."""

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
from textual.widgets import Input, Static

from membench.tui.plan.choices import Names, Setting
from membench_backends.embedding.strategies.catalogue import OptionField, option_fields, parse_options
from membench_backends.options import option_text


class Field(msgspec.Struct, frozen=True):
    """One line to fill in."""

    name: str
    about: str
    takes: str
    """What can be typed, in words."""
    value: str
    check: Callable[[str], object]
    """Raises a ValueError for what cannot be taken."""


class Form(ModalScreen[Mapping[str, str] | None]):
    """Fields to fill in; what it answers is what was typed, by the field's name, and None if it was left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", tooltip="Change nothing", id="plan.form_cancel"),
        Binding("down", "app.focus_next", "Next field", show=False, tooltip="Go to the next field",
                id="plan.form_next"),
        Binding("up", "app.focus_previous", "Field before", show=False, tooltip="Go to the field before",
                id="plan.form_before"),
    ]  # fmt: skip

    def __init__(self, title: str, fields: Sequence[Field]) -> None:
        super().__init__()
        self._title = title
        self._fields = {field.name: field for field in fields}

    def compose(self) -> ComposeResult:
        """Each field under what it is and takes, and above what is wrong with it."""
        with VerticalScroll(classes="dialog", can_focus=False) as dialog:
            dialog.border_title = self._title
            dialog.border_subtitle = "enter apply · esc cancel"
            for field in self._fields.values():
                yield Static(Content.assemble((field.name, "bold $accent"), f"  {field.about}"))
                yield Static(Content(field.takes), classes="quiet")
                yield Input(field.value, id=field.name, classes="field")
                yield Static(id=f"{field.name}-complaint", classes="complaint", markup=False)

    @on(Input.Changed)
    def _check(self, event: Input.Changed) -> None:
        event.stop()
        assert event.input.id is not None
        complaint = self._complaint(self._fields[event.input.id], event.value)
        self.query_one(f"#{event.input.id}-complaint", Static).update(complaint)

    @on(Input.Submitted)
    def _apply(self, event: Input.Submitted) -> None:
        event.stop()
        values = {name: self.query_one(f"#{name}", Input).value.strip() for name in self._fields}
        for name, value in values.items():
            if self._complaint(self._fields[name], value):
                self.query_one(f"#{name}", Input).focus()
                return
        self.dismiss(values)

    @staticmethod
    def _complaint(field: Field, value: str) -> str:
        try:
            field.check(value.strip())
        except ValueError as error:
            return str(error)
        return ""


def strategy_form(strategy: str, values: Mapping[str, str]) -> Form:
    """The options of a strategy, as they are declared; `values` are those that were changed."""

    def field_of(option: OptionField) -> Field:
        def check(value: str) -> None:
            try:
                parse_options(strategy, {option.name: value})
            except ValueError:
                raise ValueError(f"It must be {option.allowed}.") from None

        default = option_text(option.default)
        takes = f"{option.allowed[0].upper()}{option.allowed[1:]}; {default} by default."
        return Field(option.name, option.description, takes, values.get(option.name, default), check)

    return Form(f"Options of {strategy}", [field_of(option) for option in option_fields(strategy)])


def changed_options(strategy: str, values: Mapping[str, str]) -> dict[str, str]:
    """Of the values of a form, those that are not the default."""
    given = parse_options(strategy, values)
    return {
        option.name: option_text(getattr(given, option.name))
        for option in option_fields(strategy)
        if getattr(given, option.name) != option.default
    }


def setting_form(setting: Setting, chosen: Names) -> Form:
    """One line for values that are not in the row of a setting."""
    takes = f"{setting.allowed[0].upper()}{setting.allowed[1:]}."
    typed = "" if chosen == (setting.values[0].name,) else ", ".join(chosen)
    return Form(
        "Another value", [Field(setting.title, setting.about, takes, typed, lambda text: typed_names(setting, text))]
    )


def typed_names(setting: Setting, text: str) -> Names:
    """The names of typed values.

    Raises:
        ValueError: One of them cannot be taken.
    """
    assert setting.parse is not None
    parts = [part.strip() for part in text.split(",")] if setting.several else [text]
    return tuple(dict.fromkeys(setting.parse(part) for part in parts if part)) or (setting.values[0].name,)
