"""A list of things to tick with the keyboard."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from app.tui.choices import ChoiceList, Item


class CheckList(OptionList, inherit_bindings=False):
    """The items of one choice, each with its tick. What cannot be ticked is dimmed and says why.

    OptionList's own keys are not inherited: Enter must reach the screen, where it runs the plan.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "tick", "Choose", tooltip="Tick or untick the item under the cursor"),
        Binding("a", "all", "All", tooltip="Tick everything in this list"),
        Binding("n", "none", "None", tooltip="Untick everything in this list"),
        Binding("up", "cursor_up", "Up", show=False, tooltip="Move to the item above"),
        Binding("down", "cursor_down", "Down", show=False, tooltip="Move to the item below"),
        Binding("home", "first", "First", show=False, tooltip="Move to the first item"),
        Binding("end", "last", "Last", show=False, tooltip="Move to the last item"),
    ]

    ticked: reactive[tuple[str, ...]] = reactive((), init=False)
    """Names of what is ticked, in the order of the list."""

    class Changed(Message):
        """Something was ticked or unticked."""

    def __init__(self, choice: ChoiceList) -> None:
        super().__init__(id=choice.key)
        self.choice = choice
        self.border_title = choice.title
        self._name_width = max(len(item.name) for item in choice.items)
        self.set_reactive(CheckList.ticked, choice.ticked)
        self.add_options([Option(self._prompt(item), id=item.name) for item in choice.items])
        self.highlighted = 0
        self._say_how_many()

    @property
    def item(self) -> Item:
        """The item under the cursor."""
        return self.choice.items[self.highlighted or 0]

    def watch_ticked(self) -> None:
        """Draw the ticks anew and tell the screen."""
        for item in self.choice.items:
            self.replace_option_prompt(item.name, self._prompt(item))
        self._say_how_many()
        self.post_message(self.Changed())

    def action_tick(self) -> None:
        """Tick or untick the item under the cursor."""
        item = self.item
        if item.unavailable:
            self.notify(item.unavailable, title=f"{item.name} cannot run here", severity="warning")
            return
        self._tick({*self.ticked} ^ {item.name})

    def action_all(self) -> None:
        """Tick everything that can be ticked."""
        self._tick({item.name for item in self.choice.items if not item.unavailable})

    def action_none(self) -> None:
        """Untick everything."""
        self._tick(set())

    def action_select(self) -> None:
        """A click on an item."""
        self.action_tick()

    def on_key(self, event: events.Key) -> None:
        """Jump to the next item that begins with the letter; in upper case where the letter is a key of its own."""
        letter = event.character or ""
        if not letter.isalnum() or event.key in self.screen.active_bindings:
            return
        count, start = len(self.choice.items), (self.highlighted or 0) + 1
        for index in (position % count for position in range(start, start + count)):
            if self.choice.items[index].name.startswith(letter.lower()):
                self.highlighted = index
                event.stop()
                return

    def _tick(self, names: set[str]) -> None:
        self.ticked = tuple(item.name for item in self.choice.items if item.name in names)

    def _say_how_many(self) -> None:
        self.border_subtitle = f"{len(self.ticked)} ticked" if self.ticked else self.choice.when_empty

    def _prompt(self, item: Item) -> Content:
        name = item.name.ljust(self._name_width + 2) if item.beside else item.name
        if item.unavailable:
            return Content.assemble((f" –  {name}{item.beside}\n    {item.unavailable}", "$foreground 45%"))
        if item.name in self.ticked:
            return Content.assemble(("[x] ", "$accent bold"), (name, "bold"), (item.beside, "$foreground 60%"))
        return Content.assemble(("[ ] ", "$foreground 60%"), name, (item.beside, "$foreground 60%"))
