"""The line that asks which column to sort by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from membench.tui.common.table import Column

AS_RUN = ""
"""In place of a column's letter: the order in which they were run."""


class SortBy(ModalScreen[str | None]):
    """Takes the letter of a column; Escape leaves the order as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", f"dismiss({AS_RUN!r})", "As run", tooltip="In the order in which they were run"),
        Binding("escape", "dismiss(None)", "Cancel", tooltip="Leave the order as it is"),
    ]

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self._columns = columns

    def compose(self) -> ComposeResult:
        """Every column with its letter in brackets."""
        words = [Content.styled("Sort by", "bold"), *map(_choice, self._columns)]
        yield Static(Content("  ").join([*words, Content("enter as run"), Content("esc cancel")]), id="sort-by")

    def on_key(self, event: events.Key) -> None:
        """Sort by the column whose letter it is."""
        letter = event.character
        if letter and any(column.letter == letter for column in self._columns):
            event.stop()
            self.dismiss(letter)


def _choice(column: Column) -> Content:
    before, _, after = column.title.partition(column.letter)
    return Content.assemble(before, (f"[{column.letter}]", "bold $accent"), after)
