"""The prompt for the column to sort by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen

from membench.tui.common.plain import Static
from membench.tui.common.table import Column

AS_RUN = ""
"""Stands for no column: the order in which the runs were run."""


class SortBy(ModalScreen[str | None]):
    """Asks for a column, and returns its letter; None if the order stays as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", f"dismiss({AS_RUN!r})", "As run", tooltip="Sort in the order in which they were run"),
        Binding("escape", "dismiss(None)", "Cancel", tooltip="Keep the order"),
    ]

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self._columns = columns

    def compose(self) -> ComposeResult:
        """Compose the columns with their letters in brackets."""
        parts = [Content.styled("Sort by", "bold"), *map(_choice, self._columns)]
        yield Static(Content("  ").join([*parts, Content("enter as run"), Content("esc cancel")]), id="sort-by")

    def on_key(self, event: events.Key) -> None:
        """Choose the column of a letter."""
        letter = event.character
        if letter and any(column.letter == letter for column in self._columns):
            event.stop()
            self.dismiss(letter)


def _choice(column: Column) -> Content:
    before, _, after = column.title.partition(column.letter)
    return Content.assemble(before, (f"[{column.letter}]", "bold $accent"), after)
