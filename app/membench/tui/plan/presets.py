"""The presets: a list of questions that can be asked with one key, and a name for a choice of one's own."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from membench.plan.presets import BUILT_IN, NAME_MAX, Preset, PresetsError, delete_preset, saved_presets
from membench.tui.common.dialogs import Question
from membench.tui.common.words import shortened

NAME_WIDTH = NAME_MAX + 2
Describe = Callable[[Preset], Content]
"""What a preset would run, in a few words."""


class Presets(ModalScreen[Preset | None]):
    """Every preset; answers with the one that was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,p", "dismiss(None)", "Close", tooltip="Back to the plan", id="plan.presets_close"),
        Binding("w", "write", "Save", tooltip="Save what is chosen on Plan under a name", id="plan.presets_save"),
        Binding("d,delete", "delete", "Delete", tooltip="Delete the saved preset under the cursor",
                id="plan.presets_delete"),
    ]  # fmt: skip

    def __init__(self, takes: Callable[[Preset], str], describe: Describe, save: Callable[[], None]) -> None:
        """Make the list.

        Args:
            takes: How long a preset takes, in a few words.
            describe: What it would run.
            save: Asks for a name for what is chosen now.
        """
        super().__init__()
        self._takes, self._describe, self._save = takes, describe, save
        self._presets: list[Preset] = []
        self._damage = ""

    def compose(self) -> ComposeResult:
        """The names, and below them what the one under the cursor would run."""
        with Vertical(classes="dialog wide") as dialog:
            dialog.border_title = "What do you want to know?"
            dialog.border_subtitle = "enter choose · w save the plan · d delete · esc close"
            yield OptionList(id="preset-names")
            yield Static(id="preset-about", markup=False)

    def on_mount(self) -> None:
        """Read what was saved."""
        self.read()

    def read(self) -> None:
        """Show the presets as they are now; a file that cannot be read is told of once."""
        try:
            saved = saved_presets()
        except PresetsError as error:
            saved = ()
            if str(error) != self._damage:
                self._damage = str(error)
                self.notify(self._damage, title="Saved presets are not shown", severity="error", timeout=12)
        names = self.query_one(OptionList)
        at = names.highlighted or 0
        self._presets = [*BUILT_IN, *saved]
        names.set_options([self._line(preset) for preset in BUILT_IN])
        if saved:
            names.add_options([None, *map(self._line, saved)])
        names.highlighted = min(at, len(self._presets) - 1)

    def _line(self, preset: Preset) -> Option:
        return Option(
            Content.assemble(
                shortened(preset.name, NAME_MAX).ljust(NAME_WIDTH), (self._takes(preset), "$foreground 60%")
            )
        )

    @property
    def preset(self) -> Preset:
        """The preset under the cursor."""
        return self._presets[self.query_one(OptionList).highlighted or 0]

    @on(OptionList.OptionHighlighted)
    def _tell(self) -> None:
        self.query_one("#preset-about", Static).update(self._describe(self.preset))

    @on(OptionList.OptionSelected)
    def _choose(self) -> None:
        self.dismiss(self.preset)

    def action_write(self) -> None:
        """Ask for a name."""
        self._save()

    def action_delete(self) -> None:
        """Ask, then delete."""
        if self.preset in BUILT_IN:
            self.notify("This one comes with the program; only saved presets can be deleted.", severity="warning")
            return
        self.app.push_screen(Question("Delete this preset?", self.preset.name), self._delete_if)

    def _delete_if(self, wanted: bool | None) -> None:
        if not wanted:
            return
        try:
            delete_preset(self.preset.name)
        except PresetsError as error:
            self.notify(str(error), title="The preset could not be deleted", severity="error")
        self.read()


class PresetName(ModalScreen[str | None]):
    """Asks for the name of a new preset."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", tooltip="Save nothing", id="plan.name_cancel")
    ]

    def __init__(self, what: str, taken: Collection[str]) -> None:
        super().__init__()
        self._what, self._taken = what, taken
        self._replace: str | None = None

    def compose(self) -> ComposeResult:
        """The plan in a line, the name, and room for what is wrong with it."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Save this plan as a preset"
            dialog.border_subtitle = "enter save · esc cancel"
            yield Static(self._what, classes="quiet", markup=False)
            yield Input(placeholder="a name", max_length=NAME_MAX)
            yield Static(id="complaint", markup=False)

    @on(Input.Changed)
    def _fresh(self) -> None:
        self._replace = None
        self._complain("")

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        name = " ".join(event.value.split())
        if not name:
            self._complain("Give it a name.")
        elif any(preset.name == name for preset in BUILT_IN):
            self._complain(f"{name!r} comes with the program; choose another name")
        elif name in self._taken and name != self._replace:
            self._replace = name
            self._complain(f"{name!r} exists; enter once more replaces it")
        else:
            self.dismiss(name)

    def _complain(self, text: str) -> None:
        self.query_one("#complaint", Static).update(text)
