"""The frame of every place: first line, body, key bar, and a notice if the terminal is too small."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Container
from textual.widget import Widget

from membench.results.record import Record
from membench.tui.common.dashboard import DashboardApp
from membench.tui.common.keybar import KeyBar
from membench.tui.common.places import Places
from membench.tui.common.plain import Static
from membench.tui.common.textual_overrides import FastStartScreen

MIN_SIZE = (80, 24)
"""Columns and rows that every layout needs."""


class Place(FastStartScreen):
    """One of the four places. The help dialog lists its bindings."""

    NAME = ""
    HELP = ""
    """What the place is for, in a few sentences."""

    @property
    def dashboard(self) -> DashboardApp:
        """The app, by its own type."""
        assert isinstance(self.app, DashboardApp)
        return self.app

    def body(self) -> Iterable[Widget]:
        """Return the widgets between the first line and the key bar."""
        return ()

    def chosen_records(self) -> tuple[Record, ...]:
        """Return the records that an export of this place writes; by default, all finished runs."""
        return tuple(run.record for run in self.dashboard.finished if run.record)

    def show_quiet(self) -> None:
        """Show or hide what quiet mode hides; by default, it hides nothing."""

    def compose(self) -> ComposeResult:
        """Compose the first line, the body and the key bar."""
        yield Places(self.NAME, self.dashboard.facts)
        with Container(id="body"):
            yield from self.body()
        yield Static(id="too-small")
        yield KeyBar()

    def on_resize(self) -> None:
        """Update the notice that is shown if the terminal is too small."""
        width, height = self.app.size
        self.query_one("#too-small", Static).update(
            f"This terminal is {width} x {height}; the dashboard needs {MIN_SIZE[0]} x {MIN_SIZE[1]}. "
            "Enlarge it, or press q to quit."
        )
