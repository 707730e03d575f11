"""A list of items to tick with the keyboard."""

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

from membench.text import clean
from membench.tui.common.plain import plain
from membench.tui.common.words import shortened
from membench.tui.plan.choices import ChoiceList, Item

NAME_WIDTH_MAX = 60
"""Characters of a name, at most. A prompt has one row: Textual cannot lay out every text in several."""
MIN_NOTE_WIDTH = 9
"""Columns that a shortened note needs to be of use."""


class Edge(Message):
    """The cursor was moved beyond the first (-1) or the last (1) row of a panel."""

    def __init__(self, direction: int) -> None:
        super().__init__()
        self.direction = direction


class CheckList(OptionList, inherit_bindings=False):
    """The items of a choice, each ticked or not. An item that is not available is dimmed.

    Does not inherit the bindings of OptionList, because Enter must reach the screen, where it runs the plan.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "tick", "Choose", tooltip="Tick or untick the item at the cursor", id="plan.tick"),
        Binding("slash", "filter", "Filter", key_display="/", id="plan.filter",
                tooltip="Show only items that contain the letters typed next"),
        Binding("a", "all", "All", show=False, tooltip="Tick all items that the list shows", id="plan.all"),
        Binding("n", "none", "None", show=False, tooltip="Untick all items that the list shows", id="plan.none"),
        Binding("up", "move(-1)", "Up", show=False, tooltip="Move to the item above", id="plan.up"),
        Binding("down", "move(1)", "Down", show=False, tooltip="Move to the item or the panel below",
                id="plan.down"),
        Binding("home", "first", "First", show=False, tooltip="Move to the first item", id="plan.first"),
        Binding("end", "last", "Last", show=False, tooltip="Move to the last item", id="plan.last"),
    ]  # fmt: skip

    ticked: reactive[tuple[str, ...]] = reactive((), init=False)
    """Names of the ticked items, in the order of the list."""
    filter: reactive[str | None] = reactive(None, init=False)
    """Letters that an item must contain to be shown; None while there is no filter."""
    changed: reactive[Mapping[str, str]] = reactive(dict, init=False)
    """Notes of changed items by name, each shown in place of the item's own."""

    class Changed(Message):
        """An item was ticked or unticked."""

    def __init__(self, choice: ChoiceList, ticked: tuple[str, ...]) -> None:
        super().__init__(id=choice.key)
        self.border_title = plain(choice.title)
        self.set_reactive(CheckList.ticked, ticked)
        self.choice = choice
        self._update_subtitle()

    @property
    def choice(self) -> ChoiceList:
        """The items that can be ticked."""
        return self._choice

    @choice.setter
    def choice(self, choice: ChoiceList) -> None:
        self._choice = choice
        self._name_width = min(max(len(clean(item.name)) for item in choice.items), NAME_WIDTH_MAX)
        self._shown = choice.items
        self._fill(self.highlighted or 0)

    @property
    def item(self) -> Item | None:
        """The item at the cursor; None if the filter matches nothing."""
        return self._shown[self.highlighted] if self.highlighted is not None else None

    def watch_ticked(self) -> None:
        """Redraw the ticks, and notify the screen."""
        self._update_prompts()
        self._update_subtitle()
        self.post_message(self.Changed())

    def watch_changed(self) -> None:
        """Redraw the notes."""
        self._update_prompts()

    def watch_filter(self) -> None:
        """Show the items that match."""
        item, letters = self.item, self.filter or ""
        self._shown = tuple(item for item in self.choice.items if letters.lower() in item.name.lower())
        self._fill(self._shown.index(item) if item in self._shown else 0)
        typed = "" if self.filter is None else f"  /{self.filter}▏"
        self.border_title = plain(f"{self.choice.title}{typed}")
        self._update_subtitle()

    def on_resize(self) -> None:
        """Adapt the notes and the hint to the new width."""
        self._update_prompts()
        self._update_subtitle()

    def watch_has_focus(self, focused: bool) -> None:
        """Show the hint while the panel has the focus; remove the filter when it loses the focus."""
        super().watch_has_focus(focused)
        if not focused:
            self.filter = None
        self._update_subtitle()

    def action_tick(self) -> None:
        """Tick or untick the item at the cursor."""
        if self.item is None:
            return
        if self.item.unavailable:
            self.notify(self.item.unavailable, title=f"{self.item.name} is not available", severity="warning")
            return
        self._tick({*self.ticked} ^ {self.item.name})

    def action_all(self) -> None:
        """Tick all shown items that are available."""
        self._tick({*self.ticked} | {item.name for item in self._shown if not item.unavailable})

    def action_none(self) -> None:
        """Untick all shown items."""
        self._tick({*self.ticked} - {item.name for item in self._shown})

    def action_filter(self) -> None:
        """Start to filter; the next letters go to the filter, until Escape."""
        self.filter = ""

    def action_move(self, by: int) -> None:
        """Move to the item above or below; beyond the first and the last, to another panel."""
        index = (self.highlighted or 0) + by
        if 0 <= index < len(self._shown):
            self.highlighted = index
        else:
            self.post_message(Edge(by))

    def action_select(self) -> None:
        """Tick or untick the item that was clicked."""
        self.action_tick()

    def on_key(self, event: events.Key) -> None:
        """Extend the filter, or jump to the next item that starts with the letter.

        An upper-case letter jumps even if the lower-case letter is bound to an action.
        """
        if self.filter is not None:
            self._edit_filter(event)
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

    def _edit_filter(self, event: events.Key) -> None:
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

    def _fill(self, cursor: int) -> None:
        self.set_options([Option(self._prompt(item), id=item.name) for item in self._shown])
        if self._shown:
            self.highlighted = cursor

    def _update_prompts(self) -> None:
        for item in self._shown:
            self.replace_option_prompt(item.name, self._prompt(item))

    def _update_subtitle(self) -> None:
        if not self._shown:
            self.border_subtitle = plain(f"nothing contains {self.filter!r}: esc shows all")
            return
        count = f"{len(self.ticked)} ticked" if self.ticked else self.choice.when_empty
        hint = " · esc shows all" if self.filter is not None else " · a all, n none"
        fits = len(count) + len(hint) <= self.size.width
        self.border_subtitle = plain(count + hint if self.has_focus and fits else count)

    def _prompt(self, item: Item) -> Content:
        room = self.size.width - self.styles.scrollbar_size_vertical - self._name_width - 6
        note = "missing" if item.unavailable else clean(self.changed.get(item.name, item.note))
        note = shortened(note, room) if room >= MIN_NOTE_WIDTH or len(note) <= room else ""
        name = shortened(clean(item.name), NAME_WIDTH_MAX)
        name = name.ljust(self._name_width + 2) if note else name
        if item.unavailable:
            return Content.styled(f" –  {name}{note}", "$foreground 45%")
        note_style = "$accent" if item.name in self.changed else "$foreground 60%"
        if item.name in self.ticked:
            return Content.assemble(("[x] ", "$accent bold"), (name, "bold"), (note, note_style))
        return Content.assemble(("[ ] ", "$foreground 60%"), name, (note, note_style))
