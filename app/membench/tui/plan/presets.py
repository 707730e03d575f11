"""The dialogs of the presets: the list of them, and the name of a new one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from membench.plan.presets import BUILT_IN, NAME_MAX, Preset, PresetsError, delete_preset, saved_presets
from membench.text import clean
from membench.tui.common.dialogs import Question
from membench.tui.common.plain import Static
from membench.tui.common.words import shortened

NAME_WIDTH = NAME_MAX + 2
Describe = Callable[[Preset], Content]
"""Returns what a preset runs."""


class Presets(ModalScreen[Preset | None]):
    """Lists the presets; returns the chosen one, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,p", "dismiss(None)", "Close", tooltip="Return to the plan", id="plan.presets_close"),
        Binding("w", "write", "Save", tooltip="Save the plan as a preset", id="plan.presets_save"),
        Binding("d,delete", "delete", "Delete", tooltip="Delete the saved preset at the cursor",
                id="plan.presets_delete"),
    ]  # fmt: skip

    def __init__(self, size: Callable[[Preset], str], describe: Describe, save: Callable[[], None]) -> None:
        """Initialise the list.

        Args:
            size: Returns the number of runs and the time of a preset.
            describe: Returns what a preset runs.
            save: Asks for a name, and saves the plan.
        """
        super().__init__()
        self._size_of, self._describe, self._save = size, describe, save
        self._presets: list[Preset] = []
        self._read_error = ""
        """The last error, so that the same one is not reported again."""

    def compose(self) -> ComposeResult:
        """Compose the names, and a description of the preset at the cursor."""
        with Vertical(classes="dialog wide") as dialog:
            dialog.border_title = "What do you want to know?"
            dialog.border_subtitle = "enter choose · w save the plan · d delete · esc close"
            yield OptionList(id="preset-names")
            yield Static(id="preset-about")

    def on_mount(self) -> None:
        """Read the saved presets."""
        self.read()

    def read(self) -> None:
        """Show the built-in and the saved presets; report a file that cannot be read once."""
        try:
            saved = saved_presets()
        except PresetsError as error:
            saved = ()
            if str(error) != self._read_error:
                self._read_error = str(error)
                self.notify(self._read_error, title="Cannot read the saved presets", severity="error", timeout=12)
        names = self.query_one(OptionList)
        cursor = names.highlighted or 0
        self._presets = [*BUILT_IN, *saved]
        names.set_options([self._line(preset) for preset in BUILT_IN])
        if saved:
            names.add_options([None, *map(self._line, saved)])
        names.highlighted = min(cursor, len(self._presets) - 1)

    def _line(self, preset: Preset) -> Option:
        return Option(
            Content.assemble(
                shortened(clean(preset.name), NAME_MAX).ljust(NAME_WIDTH), (self._size_of(preset), "$foreground 60%")
            )
        )

    @property
    def preset(self) -> Preset:
        """The preset at the cursor."""
        return self._presets[self.query_one(OptionList).highlighted or 0]

    @on(OptionList.OptionHighlighted)
    def _show_description(self) -> None:
        self.query_one("#preset-about", Static).update(self._describe(self.preset))

    @on(OptionList.OptionSelected)
    def _choose(self) -> None:
        self.dismiss(self.preset)

    def action_write(self) -> None:
        """Save the plan as a preset."""
        self._save()

    def action_delete(self) -> None:
        """Ask for confirmation, then delete the preset at the cursor."""
        if self.preset in BUILT_IN:
            self.notify("This preset is built in. Only saved presets can be deleted.", severity="warning")
            return
        self.app.push_screen(Question("Delete this preset?", self.preset.name), self._delete_if_confirmed)

    def _delete_if_confirmed(self, confirmed: bool | None) -> None:
        if not confirmed:
            return
        try:
            delete_preset(self.preset.name)
        except PresetsError as error:
            self.notify(str(error), title="Cannot delete the preset", severity="error")
        self.read()


class PresetName(ModalScreen[str | None]):
    """Asks for the name of a new preset; returns it, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", tooltip="Close without saving", id="plan.name_cancel")
    ]

    def __init__(self, plan: str, taken: Collection[str]) -> None:
        """Initialise the dialog.

        Args:
            plan: A line about the plan to save.
            taken: The names of the saved presets.
        """
        super().__init__()
        self._plan, self._taken = plan, taken
        self._name_to_replace: str | None = None
        """The existing name that pressing Enter again replaces."""

    def compose(self) -> ComposeResult:
        """Compose the line about the plan, the name, and space for an error."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Save this plan as a preset"
            dialog.border_subtitle = "enter save · esc cancel"
            yield Static(self._plan, classes="quiet")
            yield Input(placeholder="name", max_length=NAME_MAX)
            yield Static(id="error")

    @on(Input.Changed)
    def _clear_error(self) -> None:
        self._name_to_replace = None
        self._show_error("")

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        name = " ".join(event.value.split())
        if not name:
            self._show_error("A name is required.")
        elif any(preset.name == name for preset in BUILT_IN):
            self._show_error(f"{name!r} is a built-in preset; choose another name")
        elif name in self._taken and name != self._name_to_replace:
            self._name_to_replace = name
            self._show_error(f"{name!r} exists; press enter again to replace it")
        else:
            self.dismiss(name)

    def _show_error(self, text: str) -> None:
        self.query_one("#error", Static).update(text)
