"""A table of runs that fits its width: it shortens names, then drops the least important columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import msgspec
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive, var
from textual.scroll_view import ScrollView
from textual.strip import Strip

from membench.report.remarks import is_void
from membench.text import clean
from membench.tui.common.snapshot import RunView

GAP = 2
"""Cells between columns."""
SAMPLE = 500
"""Rows that decide how wide a column is."""
Piece = tuple[str, str]
"""Text and its style."""


class Column(msgspec.Struct, frozen=True):
    """One column of a table of runs."""

    title: str
    cell: Callable[[RunView], str]
    """Returns the text of a cell, as it comes; `text` makes it harmless."""
    number: bool = False
    """Whether cells are right-aligned, and the highest value sorts first."""
    priority: int = 0
    """Columns with the highest value are dropped first where the table is too wide."""
    least: int = 0
    """The width that it can be shortened to; 0 for a column that is never shortened."""
    style: Callable[[RunView], str] | None = None
    order: Callable[[RunView], float | str | None] | None = None
    """Returns the value to sort by, where that is not the text."""
    pieces: Callable[[RunView], list[Piece]] | None = None
    """Returns what is drawn instead of the text, of the same width, where a cell has several styles."""
    letter: str = ""
    """The letter of the title that sorts by this column; empty for a column that cannot be sorted by."""
    figure: bool = True
    """Whether cells are settings or figures of the run: they are struck through where its rate means nothing."""

    def text(self, run: RunView) -> str:
        """Return the text of a cell as one row."""
        return clean(self.cell(run))


class RunTable(ScrollView, can_focus=True):
    """Runs, one per row, below a line of titles that does not scroll."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False, tooltip="Select the previous run"),
        Binding("down", "move(1)", "Down", show=False, tooltip="Select the next run"),
        Binding("pageup", "move(-10)", "Page up", show=False, tooltip="Move up by ten runs"),
        Binding("pagedown", "move(10)", "Page down", show=False, tooltip="Move down by ten runs"),
        Binding("home", "move(-99999)", "First", show=False, tooltip="Select the first run"),
        Binding("end", "move(99999)", "Last", show=False, tooltip="Select the last run"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--title", "table--cursor", "table--plain"}

    rows: reactive[tuple[RunView, ...]] = reactive(())
    """The runs, in the order displayed."""
    cursor: reactive[int] = reactive(0)
    """The index of the selected row."""
    empty: reactive[str] = reactive("")
    """Text to display instead of an empty table."""
    dropped: var[int] = var(0)
    """How many columns do not fit."""

    class Selected(Message):
        """The user has selected another run."""

    def __init__(self, columns: Sequence[Column], id: str, *, sortable: bool = False) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.sorted_by = ""
        """The letter of the column that the rows are sorted by; it gets a mark."""
        self._sortable = sortable
        self._widths: tuple[tuple[Column, int], ...] = ()

    @property
    def selected(self) -> RunView | None:
        """The run under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor within the table."""
        return max(0, min(cursor, len(self.rows) - 1))

    def set_columns(self, columns: Sequence[Column], sorted_by: str = "") -> None:
        """Replace the columns, and mark the one that the rows are sorted by, given its letter."""
        self.columns, self.sorted_by = tuple(columns), sorted_by
        self._fit()

    def select(self, run_id: str) -> None:
        """Move the cursor to a run, if the table contains it."""
        self.cursor = next((at for at, run in enumerate(self.rows) if run.run_id == run_id), self.cursor)

    def watch_rows(self) -> None:
        """Fit the columns to their contents."""
        self.cursor = self.validate_cursor(self.cursor)
        self._fit()

    def watch_cursor(self) -> None:
        """Scroll to the selected row."""
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
        """Move the cursor by a number of rows."""
        self.cursor += by
        self.post_message(self.Selected())

    def render_line(self, y: int) -> Strip:
        """Render the titles or a row."""
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
        self._widths = fit_columns(self.columns, self.rows, width)
        self.dropped = len(self.columns) - len(self._widths) if self.rows else 0
        self.virtual_size = Size(width, len(self.rows) + 1)
        self.refresh()

    def _titles(self) -> list[Piece]:
        pieces = []
        for column, width in self._widths:
            title = f"{column.title}▾" if column.letter and column.letter == self.sorted_by else column.title
            aligned = _align(title, width, column.number) + " " * GAP
            pieces += _underline(aligned, column.letter) if self._sortable else [(aligned, "")]
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
        aligned = _align(column.text(run), width, column.number)
        style = column.style(run) if column.style else ""
        if column.figure and is_void(run.figures, run.state):
            return _strike(aligned, style)
        return [(aligned, style)]


def fit_columns(columns: Sequence[Column], rows: Sequence[RunView], width: int) -> tuple[tuple[Column, int], ...]:
    """Return the columns that fit, with their widths: shortened as far as possible, then dropped."""
    wanted = {
        column: max([len(column.title) + bool(column.title)] + [cell_len(column.text(run)) for run in rows[:SAMPLE]])
        for column in columns
    }
    shown = list(columns)
    while len(shown) > 1:
        excess = sum(wanted[column] + GAP for column in shown) - GAP - width
        spare = sum(max(wanted[column] - column.least, 0) for column in shown if column.least)
        if excess <= spare:
            return tuple(_shorten_widest(shown, wanted, excess))
        shown.remove(max(shown, key=lambda column: column.priority))
    return tuple((column, width) for column in shown)


def _shorten_widest(columns: Sequence[Column], wanted: dict[Column, int], excess: int) -> list[tuple[Column, int]]:
    widths = dict(wanted)
    while excess > 0:
        shrinkable = (column for column in columns if column.least and widths[column] > column.least)
        widths[max(shrinkable, key=lambda column: widths[column] - column.least)] -= 1
        excess -= 1
    return [(column, widths[column]) for column in columns]


def _align(text: str, width: int, right: bool) -> str:
    length = cell_len(text)
    if length > width:
        text, length = set_cell_size(text, width - 1) + "…", width
    blank = " " * (width - length)
    return blank + text if right else text + blank


def _underline(title: str, letter: str) -> list[Piece]:
    at = title.find(letter)
    if not letter or at < 0:
        return [(title, "")]
    return [(title[:at], ""), (letter, "bold underline"), (title[at + 1 :], "")]


def _strike(aligned: str, style: str) -> list[Piece]:
    """Strike through the text, but not the space around it."""
    text = aligned.strip()
    before = len(aligned) - len(aligned.lstrip())
    return [(aligned[:before], ""), (text, f"{style} strike".strip()), (aligned[before + len(text) :], "")]


def _line(pieces: Sequence[Piece], width: int, style: Style) -> Strip:
    segments = [Segment(text, style + Style.parse(own) if own else style) for text, own in pieces]
    return Strip(segments).adjust_cell_length(width, style)
