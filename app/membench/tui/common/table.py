"""A table of runs that fits its columns to the width there is: names end in an ellipsis, the least of them go first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import msgspec
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from membench.report.headline import failed_audit
from membench.tui.common.snapshot import RunView

GAP = 2
Piece = tuple[str, str]
"""A stretch of a line and its style."""


class Column(msgspec.Struct, frozen=True):
    """One column of a table of runs."""

    title: str
    cell: Callable[[RunView], str]
    number: bool = False
    """Numbers stand at the right."""
    priority: int = 0
    """Columns of the highest priority go first where the width does not do."""
    least: int = 0
    """Columns it can be cut to; 0 where it must never be cut."""
    style: Callable[[RunView], str] | None = None
    order: Callable[[RunView], float | str | None] | None = None
    """What it is sorted by, where that is not its text."""
    pieces: Callable[[RunView], list[Piece]] | None = None
    """What is drawn in place of its text, as wide as that, where one style does not do."""
    letter: str = ""
    """A letter of its title, for the key that sorts by it; empty where that makes no sense."""
    figure: bool = True
    """Whether it tells of what was measured: struck where the audit of the run failed."""


class RunTable(ScrollView, can_focus=True):
    """Runs, a row each, under a line of titles."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False, tooltip="Select the run above"),
        Binding("down", "move(1)", "Down", show=False, tooltip="Select the run below"),
        Binding("pageup", "move(-10)", "Page up", show=False, tooltip="Select ten runs above"),
        Binding("pagedown", "move(10)", "Page down", show=False, tooltip="Select ten runs below"),
        Binding("home", "move(-99999)", "First", show=False, tooltip="Select the first run"),
        Binding("end", "move(99999)", "Last", show=False, tooltip="Select the last run"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--title", "table--cursor", "table--plain"}

    rows: reactive[tuple[RunView, ...]] = reactive(())
    """The runs, in the order shown."""
    cursor: reactive[int] = reactive(0)
    """The row that is selected."""
    empty: reactive[str] = reactive("")
    """What to say instead while there are no runs."""

    class Selected(Message):
        """Another run was selected by the person."""

    def __init__(self, columns: Sequence[Column], id: str, *, sortable: bool = False) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.sorted_by = ""
        """The letter of the column that the rows are sorted by; marked."""
        self._sortable = sortable
        self._widths: tuple[tuple[Column, int], ...] = ()

    @property
    def selected(self) -> RunView | None:
        """The run under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def dropped(self) -> int:
        """Columns that there is no room for."""
        return len(self.columns) - len(self._widths) if self.rows else 0

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on the table."""
        return max(0, min(cursor, len(self.rows) - 1))

    def set_columns(self, columns: Sequence[Column], sorted_by: str = "") -> None:
        """Show other columns, and mark the one that the rows are sorted by, by its letter."""
        self.columns, self.sorted_by = tuple(columns), sorted_by
        self._fit()

    def select(self, run_id: str) -> None:
        """Put the cursor on a run, if it is there."""
        self.cursor = next((at for at, run in enumerate(self.rows) if run.spec.run_id == run_id), self.cursor)

    def watch_rows(self) -> None:
        """Fit the columns to what is in them."""
        self.cursor = self.validate_cursor(self.cursor)
        self._fit()

    def watch_cursor(self) -> None:
        """Keep the selected row in sight."""
        self.scroll_to_region(Region(0, self.cursor, 1, 2), animate=False, force=True)
        self.refresh()

    def on_resize(self) -> None:
        """Fit the columns to the new width."""
        self._fit()

    def on_click(self, event: events.Click) -> None:
        """Select the run that was clicked."""
        row = event.y - self.gutter.top + int(self.scroll_offset.y) - 1
        if 0 <= row < len(self.rows):
            self.cursor = row
            self.post_message(self.Selected())

    def action_move(self, by: int) -> None:
        """Select another run."""
        self.cursor += by
        self.post_message(self.Selected())

    def render_line(self, y: int) -> Strip:
        """The titles, which do not scroll, or a row."""
        width = self.size.width
        if not self.rows:
            return _line([(self.empty if y == 0 else "", "")], width, self.get_component_rich_style("table--title"))
        if y == 0:
            return _line(self._titles(), width, self.get_component_rich_style("table--title"))
        index = y - 1 + int(self.scroll_offset.y)
        if index >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        name = "table--cursor" if index == self.cursor and self.has_focus else "table--plain"
        return _line(self._row(self.rows[index]), width, self.get_component_rich_style(name))

    def _fit(self) -> None:
        width = self.size.width - self.scrollbar_size_vertical
        self._widths = fitted(self.columns, self.rows, width)
        self.virtual_size = Size(width, len(self.rows) + 1)
        self.refresh()

    def _titles(self) -> list[Piece]:
        pieces = []
        for column, width in self._widths:
            title = f"{column.title}▾" if column.letter and column.letter == self.sorted_by else column.title
            placed = _placed(title, width, column.number) + " " * GAP
            pieces += _underlined(placed, column.letter) if self._sortable else [(placed, "")]
        return pieces

    def _row(self, run: RunView) -> list[Piece]:
        pieces = []
        for column, width in self._widths:
            pieces += [*self._cell(column, width, run), (" " * GAP, "")]
        return pieces

    @staticmethod
    def _cell(column: Column, width: int, run: RunView) -> list[Piece]:
        if column.pieces:
            return column.pieces(run)
        placed = _placed(column.cell(run), width, column.number)
        style = column.style(run) if column.style else ""
        if column.figure and run.record and failed_audit(run.record):
            return _struck(placed, style)
        return [(placed, style)]


def fitted(columns: Sequence[Column], rows: Sequence[RunView], width: int) -> tuple[tuple[Column, int], ...]:
    """Columns with their widths: cut first, then dropped, until they fit."""
    wanted = {
        column: max([len(column.title) + bool(column.title)] + [len(column.cell(run)) for run in rows[:500]])
        for column in columns
    }
    shown = list(columns)
    while len(shown) > 1:
        over = sum(wanted[column] + GAP for column in shown) - GAP - width
        spare = sum(max(wanted[column] - column.least, 0) for column in shown if column.least)
        if over <= spare:
            return tuple(_cut(shown, wanted, over))
        shown.remove(max(shown, key=lambda column: column.priority))
    return tuple((column, width) for column in shown)


def _cut(columns: Sequence[Column], wanted: dict[Column, int], over: int) -> list[tuple[Column, int]]:
    widths = dict(wanted)
    while over > 0:
        widest = max((column for column in columns if column.least and widths[column] > column.least),
                     key=lambda column: widths[column] - column.least)  # fmt: skip
        widths[widest] -= 1
        over -= 1
    return [(column, widths[column]) for column in columns]


def _placed(text: str, width: int, right: bool) -> str:
    if len(text) > width:
        text = text[: width - 1] + "…"
    return text.rjust(width) if right else text.ljust(width)


def _underlined(title: str, letter: str) -> list[Piece]:
    at = title.find(letter)
    if not letter or at < 0:
        return [(title, "")]
    return [(title[:at], ""), (letter, "bold underline"), (title[at + 1 :], "")]


def _struck(placed: str, style: str) -> list[Piece]:
    """A line through what is there, not through the room around it."""
    text = placed.strip()
    before = len(placed) - len(placed.lstrip())
    return [(placed[:before], ""), (text, f"{style} strike".strip()), (placed[before + len(text) :], "")]


def _line(pieces: Sequence[Piece], width: int, style: Style) -> Strip:
    segments = [Segment(text, style + Style.parse(own) if own else style) for text, own in pieces]
    return Strip(segments).adjust_cell_length(width, style)
