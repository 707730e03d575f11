"""Rows of a few values each: left and right go along a row, space chooses."""

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

SEVERAL = "tick several to compare them"
ONE = "one for every run"
INDENT = "  "


class Settings(ScrollView, can_focus=True):
    """The settings, a row each, under two headings: those that can have several values, and those that have one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "choose", "Choose", tooltip="Choose the value under the cursor", id="plan.choose"),
        Binding("o", "other", "Other value", tooltip="Type a value that is not in the row", id="plan.other"),
        Binding("a", "all", "All", show=False, tooltip="Choose every value of a row that takes several",
                id="plan.all_values"),
        Binding("n", "default", "Default", show=False, tooltip="Choose the row's default", id="plan.default_value"),
        Binding("up", "move(-1)", "Up", show=False, tooltip="Go to the row above, or to the panel above",
                id="plan.row_above"),
        Binding("down", "move(1)", "Down", show=False, tooltip="Go to the row below, or to the panel below",
                id="plan.row_below"),
        Binding("left", "along(-1)", "Value before", show=False, tooltip="Go to the value before",
                id="plan.value_before"),
        Binding("right", "along(1)", "Next value", show=False, tooltip="Go to the next value", id="plan.value_after"),
    ]  # fmt: skip
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *("settings--heading", "settings--label", "settings--value", "settings--chosen", "settings--cursor"),
        *("settings--row", "settings--unavailable"),
    }

    chosen: reactive[Mapping[str, Names]] = reactive(dict, init=False)
    """The names of the values chosen, by the title of their row."""
    row: reactive[int] = reactive(0, init=False)
    """The row under the cursor."""
    column: reactive[int] = reactive(0, init=False)
    """The value under the cursor, by its place in the row."""

    class Changed(Message):
        """Another value was chosen."""

    class Moved(Message):
        """Another value is under the cursor."""

    class Other(Message):
        """A value is wanted that is not in the row."""

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
        """The setting under the cursor."""
        return self.settings[self.row]

    @property
    def value(self) -> Item:
        """The value under the cursor."""
        return self._values(self.setting)[self.column]

    def validate_row(self, row: int) -> int:
        """Keep the cursor on a row."""
        return max(0, min(row, len(self.settings) - 1))

    def validate_column(self, column: int) -> int:
        """Keep the cursor on a value."""
        return max(0, min(column, len(self._values(self.setting)) - 1))

    def watch_row(self) -> None:
        """Begin in a row with what is chosen there."""
        names = [item.name for item in self._values(self.setting)]
        self.column = names.index(self.chosen[self.setting.title][0])
        self._show_cursor()

    def watch_column(self) -> None:
        """Show the cursor."""
        self._show_cursor()

    def watch_chosen(self) -> None:
        """Draw anew and tell the screen."""
        self.column = self.validate_column(self.column)
        self.refresh()
        self.post_message(self.Changed())

    def on_resize(self) -> None:
        """Scroll where there are more rows than room."""
        self.virtual_size = Size(self.size.width, len(self._lines))
        self._show_cursor()

    def action_move(self, by: int) -> None:
        """Go to the row above or below; beyond the first and the last is another panel."""
        if 0 <= self.row + by < len(self.settings):
            self.row += by
        else:
            self.post_message(Edge(by))

    def action_along(self, by: int) -> None:
        """Go along the row."""
        self.column += by

    def action_choose(self) -> None:
        """Choose the value under the cursor; in a row that takes several, choose it or no longer."""
        setting, item = self.setting, self.value
        if item.unavailable:
            self.notify(item.unavailable, title=f"{item.name} cannot be had here", severity="warning")
            return
        names = self.chosen[setting.title]
        self.choose(setting, {*names} ^ {item.name} if setting.several else {item.name}, item.name)

    def action_all(self) -> None:
        """Choose everything in a row that takes several."""
        setting = self.setting
        if setting.several:
            items = self._values(setting)[setting.first_alone :]
            self.choose(setting, {item.name for item in items if not item.unavailable})

    def action_default(self) -> None:
        """Choose the row's default."""
        self.choose(self.setting, ())
        self.column = 0

    def choose(self, setting: Setting, names: Collection[str], newest: str = "") -> None:
        """Choose values by name, the default where there are none.

        Args:
            setting: The row.
            names: What is to be chosen.
            newest: Of them, the one that was added last: a default that stands alone is no longer chosen beside it.
        """
        default = setting.values[0].name
        if setting.first_alone and default in names:
            names = {default} if newest == default else {*names} - {default}
        kept = [item.name for item in self._values(setting) if item.name in names]
        typed = [name for name in names if name not in kept]
        self.chosen = {**self.chosen, setting.title: _in_order([*kept, *typed]) or (default,)}

    def action_other(self) -> None:
        """Ask for a value, which is the screen's business."""
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
        """A heading or a row."""
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
        """Values by place, with where each begins and how it is written, in brackets where it is chosen.

        They begin with a later one than the first where the one under the cursor would not be in sight.
        """
        values, chosen = self._values(setting), self.chosen[setting.title]
        words = [f"{item.name}{item.note}" for item in values]
        cells = [f"[{word}]" if item.name in chosen else f" {word} " for item, word in zip(values, words, strict=True)]
        first, room = 0, self.size.width - self._label_width - 1
        if setting is self.setting:
            while first < self.column and (first > 0) + sum(map(len, cells[first : self.column + 1])) > room:
                first += 1
        starts = itertools.accumulate(map(len, cells[first:]), initial=self._label_width + (first > 0))
        return list(zip(range(first, len(cells)), starts, cells[first:], strict=False))

    def _values(self, setting: Setting) -> tuple[Item, ...]:
        """The values of a row, with those that were typed; counts in their order."""
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
    """Names, each once; counts by size, after all else."""
    return tuple(sorted(dict.fromkeys(names), key=lambda name: int(name) if name.isdecimal() else 0))
