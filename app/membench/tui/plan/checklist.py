"""A list of things to tick with the keyboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from membench.tui.common.words import shortened
from membench.tui.plan.choices import ChoiceList, Item

BESIDE_LEAST = 9
"""Columns below which nothing is said beside a name."""


class Edge(Message):
    """The cursor would leave a panel: upwards (-1) or downwards (1)."""

    def __init__(self, direction: int) -> None:
        super().__init__()
        self.direction = direction


class CheckList(OptionList, inherit_bindings=False):
    """The items of one choice, each with its tick. What cannot be ticked is dimmed; `About` says why.

    OptionList's own keys are not inherited: Enter must reach the screen, where it runs the plan.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "tick", "Choose", tooltip="Tick or untick the item under the cursor", id="plan.tick"),
        Binding("slash", "filter", "Filter", key_display="/", tooltip="Show only what has the letters typed next",
                id="plan.filter"),
        Binding("a", "all", "All", show=False, tooltip="Tick everything that this list shows", id="plan.all"),
        Binding("n", "none", "None", show=False, tooltip="Untick everything that this list shows", id="plan.none"),
        Binding("up", "move(-1)", "Up", show=False, tooltip="Move to the item above", id="plan.up"),
        Binding("down", "move(1)", "Down", show=False, tooltip="Move to the item below, or to the panel below",
                id="plan.down"),
        Binding("home", "first", "First", show=False, tooltip="Move to the first item", id="plan.first"),
        Binding("end", "last", "Last", show=False, tooltip="Move to the last item", id="plan.last"),
    ]  # fmt: skip

    ticked: reactive[tuple[str, ...]] = reactive((), init=False)
    """Names of what is ticked, in the order of the list."""
    filter: reactive[str | None] = reactive(None, init=False)
    """What is typed to find an item; None while nothing is looked for."""
    changed: reactive[Mapping[str, str]] = reactive(dict, init=False)
    """Words that stand beside a name in place of its own: what was changed about it."""

    class Changed(Message):
        """Something was ticked or unticked."""

    def __init__(self, choice: ChoiceList, ticked: tuple[str, ...]) -> None:
        super().__init__(id=choice.key)
        self.border_title = choice.title
        self.set_reactive(CheckList.ticked, ticked)
        self.choice = choice
        self._say_how_many()

    @property
    def choice(self) -> ChoiceList:
        """What there is to tick."""
        return self._choice

    @choice.setter
    def choice(self, choice: ChoiceList) -> None:
        self._choice = choice
        self._name_width = max(len(item.name) for item in choice.items)
        self._shown = choice.items
        self._fill(self.highlighted or 0)

    @property
    def item(self) -> Item | None:
        """The item under the cursor; None where nothing is found."""
        return self._shown[self.highlighted] if self.highlighted is not None else None

    def watch_ticked(self) -> None:
        """Draw the ticks anew and tell the screen."""
        self._draw()
        self._say_how_many()
        self.post_message(self.Changed())

    def watch_changed(self) -> None:
        """Say what was changed."""
        self._draw()

    def watch_filter(self) -> None:
        """Show what is found."""
        item, words = self.item, self.filter or ""
        self._shown = tuple(item for item in self.choice.items if words.lower() in item.name.lower())
        self._fill(self._shown.index(item) if item in self._shown else 0)
        typed = "" if self.filter is None else f"  /{self.filter}▏"
        self.border_title = f"{self.choice.title}{typed}"
        self._say_how_many()

    def on_resize(self) -> None:
        """Say what there is room for."""
        self._draw()
        self._say_how_many()

    def watch_has_focus(self, focused: bool) -> None:
        """Say which keys tick several; show everything again when the panel is left."""
        super().watch_has_focus(focused)
        if not focused:
            self.filter = None
        self._say_how_many()

    def action_tick(self) -> None:
        """Tick or untick the item under the cursor."""
        if self.item is None:
            return
        if self.item.unavailable:
            self.notify(self.item.unavailable, title=f"{self.item.name} cannot run here", severity="warning")
            return
        self._tick({*self.ticked} ^ {self.item.name})

    def action_all(self) -> None:
        """Tick everything shown that can be ticked."""
        self._tick({*self.ticked} | {item.name for item in self._shown if not item.unavailable})

    def action_none(self) -> None:
        """Untick everything shown."""
        self._tick({*self.ticked} - {item.name for item in self._shown})

    def action_filter(self) -> None:
        """Take letters for the filter until Escape."""
        self.filter = ""

    def action_move(self, by: int) -> None:
        """Move to the item above or below; beyond the first and the last is another panel."""
        at = (self.highlighted or 0) + by
        if 0 <= at < len(self._shown):
            self.highlighted = at
        else:
            self.post_message(Edge(by))

    def action_select(self) -> None:
        """A click on an item."""
        self.action_tick()

    def on_key(self, event: events.Key) -> None:
        """Filter while that is on; else jump to the next item that begins with the letter.

        A letter that is a key of its own jumps when it is written in upper case.
        """
        if self.filter is not None:
            self._type(event)
            return
        letter = event.character or ""
        if not letter.isalnum() or event.key in self.screen.active_bindings:
            return
        count, start = len(self._shown), (self.highlighted or 0) + 1
        for index in (position % count for position in range(start, start + count)):
            if self._shown[index].name.startswith(letter.lower()):
                self.highlighted = index
                event.stop()
                return

    def _type(self, event: events.Key) -> None:
        assert self.filter is not None
        if event.key == "escape":
            self.filter = None
        elif event.key == "backspace":
            self.filter = self.filter[:-1] if self.filter else None
        elif event.is_printable and event.character != " ":
            self.filter += event.character or ""
        else:
            return
        event.stop()
        event.prevent_default()

    def _tick(self, names: set[str]) -> None:
        self.ticked = tuple(item.name for item in self.choice.items if item.name in names)

    def _fill(self, at: int) -> None:
        self.set_options([Option(self._prompt(item), id=item.name) for item in self._shown])
        if self._shown:
            self.highlighted = at

    def _draw(self) -> None:
        for item in self._shown:
            self.replace_option_prompt(item.name, self._prompt(item))

    def _say_how_many(self) -> None:
        if not self._shown:
            self.border_subtitle = f"nothing has {self.filter!r}: esc shows all"
            return
        words = f"{len(self.ticked)} ticked" if self.ticked else self.choice.when_empty
        hint = " · esc shows all" if self.filter is not None else " · a all, n none"
        fits = len(words) + len(hint) <= self.size.width
        self.border_subtitle = words + hint if self.has_focus and fits else words

    def _prompt(self, item: Item) -> Content:
        room = self.size.width - self.styles.scrollbar_size_vertical - self._name_width - 6
        beside = "missing" if item.unavailable else self.changed.get(item.name, item.note)
        beside = shortened(beside, room) if room >= BESIDE_LEAST or len(beside) <= room else ""
        name = item.name.ljust(self._name_width + 2) if beside else item.name
        if item.unavailable:
            return Content.styled(f" –  {name}{beside}", "$foreground 45%")
        beside_style = "$accent" if item.name in self.changed else "$foreground 60%"
        if item.name in self.ticked:
            return Content.assemble(("[x] ", "$accent bold"), (name, "bold"), (beside, beside_style))
        return Content.assemble(("[ ] ", "$foreground 60%"), name, (beside, beside_style))
