"""The panel of settings: a row of values per setting."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from membench.tui.plan.checklist import Edge
from membench.tui.plan.choices import Item, Names, Setting

SEVERAL = "several values, compared with each other"
ONE = "one value for all runs"
INDENT = "  "


class Settings(ScrollView, can_focus=True):
    """A row per setting, under two headings: settings with several values, and settings with a single value."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "choose", "Choose", tooltip="Choose the value at the cursor", id="plan.choose"),
        Binding("o", "other", "Other value", tooltip="Type a value that is not in the row", id="plan.other"),
        Binding("a", "all", "All", show=False, tooltip="Choose all values of a row that accepts several",
                id="plan.all_values"),
        Binding("n", "default", "Default", show=False, tooltip="Choose the default of the row",
                id="plan.default_value"),
        Binding("up", "move(-1)", "Up", show=False, tooltip="Move to the row or the panel above",
                id="plan.row_above"),
        Binding("down", "move(1)", "Down", show=False, tooltip="Move to the row or the panel below",
                id="plan.row_below"),
        Binding("left", "along(-1)", "Previous value", show=False, tooltip="Move to the previous value",
                id="plan.value_before"),
        Binding("right", "along(1)", "Next value", show=False, tooltip="Move to the next value", id="plan.value_after"),
    ]  # fmt: skip
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *("settings--heading", "settings--label", "settings--value", "settings--chosen", "settings--cursor"),
        *("settings--row", "settings--unavailable"),
    }

    chosen: reactive[Mapping[str, Names]] = reactive(dict, init=False)
    """The names of the chosen values, by the title of the setting."""
    row: reactive[int] = reactive(0, init=False)
    """The row of the cursor."""
    column: reactive[int] = reactive(0, init=False)
    """The index of the value at the cursor."""

    class Changed(Message):
        """The chosen values differ."""

    class Moved(Message):
        """The cursor has moved to another value."""

    class Other(Message):
        """The user wants to type a value that is not in the row."""

        def __init__(self, setting: Setting) -> None:
            super().__init__()
            self.setting = setting

    def __init__(self, settings: Sequence[Setting], chosen: Mapping[str, Names]) -> None:
        super().__init__(id="plan-settings")
        self.border_title = "Settings"
        self.settings = sorted(settings, key=lambda setting: not setting.several)
        self.set_reactive(Settings.chosen, dict(chosen))
        self._label_width = max(len(setting.title) for setting in settings) + len(INDENT) + 2
        first_of_one = sum(setting.several for setting in settings)
        self._lines: list[str | Setting] = [SEVERAL, *self.settings[:first_of_one], ONE, *self.settings[first_of_one:]]

    @property
    def setting(self) -> Setting:
        """The setting at the cursor."""
        return self.settings[self.row]

    @property
    def value(self) -> Item:
        """The value at the cursor."""
        return self._values(self.setting)[self.column]

    def validate_row(self, row: int) -> int:
        """Keep the cursor on a row."""
        return max(0, min(row, len(self.settings) - 1))

    def validate_column(self, column: int) -> int:
        """Keep the cursor on a value."""
        return max(0, min(column, len(self._values(self.setting)) - 1))

    def watch_row(self) -> None:
        """Move the cursor to the first chosen value of the row."""
        names = [item.name for item in self._values(self.setting)]
        self.column = names.index(self.chosen[self.setting.title][0])
        self._show_cursor()

    def watch_column(self) -> None:
        """Redraw the cursor."""
        self._show_cursor()

    def watch_chosen(self) -> None:
        """Redraw, and notify the screen."""
        self.column = self.validate_column(self.column)
        self.refresh()
        self.post_message(self.Changed())

    def on_resize(self) -> None:
        """Update what can be scrolled, and keep the cursor visible."""
        self.virtual_size = Size(self.size.width, len(self._lines))
        self._show_cursor()

    def action_move(self, by: int) -> None:
        """Move to the row above or below; beyond the first and the last, to another panel."""
        if 0 <= self.row + by < len(self.settings):
            self.row += by
        else:
            self.post_message(Edge(by))

    def action_along(self, by: int) -> None:
        """Move along the row."""
        self.column += by

    def action_choose(self) -> None:
        """Choose the value at the cursor; in a row that accepts several, toggle it."""
        setting, item = self.setting, self.value
        if item.unavailable:
            self.notify(item.unavailable, title=f"{item.name} is not available", severity="warning")
            return
        names = self.chosen[setting.title]
        self.choose(setting, {*names} ^ {item.name} if setting.several else {item.name}, item.name)

    def action_all(self) -> None:
        """Choose all values of a row that accepts several."""
        setting = self.setting
        if setting.several:
            items = self._values(setting)[setting.first_alone :]
            self.choose(setting, {item.name for item in items if not item.unavailable})

    def action_default(self) -> None:
        """Choose the default of the row."""
        self.choose(self.setting, ())
        self.column = 0

    def choose(self, setting: Setting, names: Collection[str], newest: str = "") -> None:
        """Choose values by name; the default if there are none.

        Args:
            setting: The setting to change.
            names: The values to choose.
            newest: The value that the user added. If the default excludes other values, it replaces them, or they
                replace it.
        """
        default = setting.values[0].name
        if setting.first_alone and default in names:
            names = {default} if newest == default else {*names} - {default}
        listed = [item.name for item in self._values(setting) if item.name in names]
        typed = [name for name in names if name not in listed]
        self.chosen = {**self.chosen, setting.title: _in_order([*listed, *typed]) or (default,)}

    def action_other(self) -> None:
        """Let the screen ask for a value."""
        self.post_message(self.Other(self.setting))

    def on_click(self, event: events.Click) -> None:
        """Choose the value that was clicked."""
        line = event.y - self.gutter.top + int(self.scroll_offset.y)
        at = event.x - self.gutter.left
        setting = self._lines[line] if 0 <= line < len(self._lines) else None
        if not isinstance(setting, Setting):
            return
        self.row = self.settings.index(setting)
        for column, start, cell in self._cells(setting):
            if start <= at < start + len(cell):
                self.column = column
                self.action_choose()

    def on_key(self, event: events.Key) -> None:
        """Jump to the next row that begins with the letter; in upper case where the letter is a key of its own."""
        letter = event.character or ""
        if not letter.isalpha() or event.key in self.screen.active_bindings:
            return
        count, start = len(self.settings), self.row + 1
        for index in (position % count for position in range(start, start + count)):
            if self.settings[index].title.startswith(letter.lower()):
                self.row = index
                event.stop()
                return

    def render_line(self, y: int) -> Strip:
        """Return a heading or a row."""
        width, at = self.size.width, y + int(self.scroll_offset.y)
        if at >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[at]
        segments = self._row(line, width) if isinstance(line, Setting) else [self._piece(line, "heading")]
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _row(self, setting: Setting, width: int) -> list[Segment]:
        here = self.has_focus and setting is self.setting
        pieces = [self._piece(f"{INDENT}{setting.title}".ljust(self._label_width), "row" if here else "label")]
        cells, values = self._cells(setting), self._values(setting)
        if cells[0][0]:
            pieces.append(self._piece("…", "value"))
        for column, start, cell in cells:
            if start + len(cell) + (column + 1 < len(values)) > width:
                pieces.append(self._piece("…", "value"))
                break
            style = "chosen" if values[column].name in self.chosen[setting.title] else "value"
            if here and column == self.column:
                style = "cursor"
            elif values[column].unavailable:
                style = "unavailable"
            pieces.append(self._piece(cell, style))
        return pieces

    def _cells(self, setting: Setting) -> list[tuple[int, int, str]]:
        """Return index, first column and text of each value; the text of a chosen value is in brackets.

        The first values are omitted if the value at the cursor would not be visible otherwise.
        """
        values, chosen = self._values(setting), self.chosen[setting.title]
        texts = [f"{item.name}{item.note}" for item in values]
        cells = [f"[{text}]" if item.name in chosen else f" {text} " for item, text in zip(values, texts, strict=True)]
        first, room = 0, self.size.width - self._label_width - 1
        if setting is self.setting:
            while first < self.column and (first > 0) + sum(map(len, cells[first : self.column + 1])) > room:
                first += 1
        starts = itertools.accumulate(map(len, cells[first:]), initial=self._label_width + (first > 0))
        return list(zip(range(first, len(cells)), starts, cells[first:], strict=False))

    def _values(self, setting: Setting) -> tuple[Item, ...]:
        """Return the values of a row, including those that were typed."""
        items = {item.name: item for item in setting.values}
        return tuple(items.get(name, Item(name)) for name in _in_order([*items, *self.chosen[setting.title]]))

    def _piece(self, text: str, style: str) -> Segment:
        return Segment(text, self.get_component_rich_style(f"settings--{style}"))

    def _show_cursor(self) -> None:
        line = self._lines.index(self.setting)
        above = 1 if line and isinstance(self._lines[line - 1], str) else 0
        self.scroll_to_region(Region(0, line - above, 1, 1 + above), animate=False, force=True)
        self.refresh()
        self.post_message(self.Moved())


def _in_order(names: Iterable[str]) -> Names:
    """Return the names without duplicates; numbers come last, in ascending order."""
    return tuple(sorted(dict.fromkeys(names), key=lambda name: int(name) if name.isdecimal() else 0))
