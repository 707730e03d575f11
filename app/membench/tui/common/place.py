"""What every place has: the first line, the keys at the bottom, and a word when the terminal is too small."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from membench.tui.common.keybar import KeyBar
from membench.tui.common.places import Places

if TYPE_CHECKING:
    from membench.results.record import Record
    from membench.tui.app import Dashboard

SMALLEST = (80, 24)


class Place(Screen[None]):
    """One of the places. Its keys are its BINDINGS; the help is made from them."""

    NAME = ""
    HELP = ""
    """What the place is for, in a sentence or two."""

    def __init__(self) -> None:
        super().__init__()
        self._shown_before = False
        # Textual looks at the size after the first layout, and would then begin again.
        width, height = self.app.size
        for breakpoints, length in (
            (self.app.HORIZONTAL_BREAKPOINTS, width),
            (self.app.VERTICAL_BREAKPOINTS, height),
        ):
            self.add_class(max(point for point in breakpoints or () if point[0] <= length)[1], update=False)

    @property
    def dashboard(self) -> Dashboard:
        """The app, by its own type."""
        from membench.tui.app import Dashboard

        return cast(Dashboard, self.app)

    def body(self) -> Iterable[Widget]:
        """What the place shows between the first line and the keys."""
        return ()

    def chosen_records(self) -> tuple[Record, ...]:
        """The runs that an export of this place writes: unless it has others, all that are over."""
        return tuple(run.record for run in self.dashboard.finished if run.record)

    def show_quiet(self) -> None:
        """Follow a change of how much is drawn."""

    def compose(self) -> ComposeResult:
        """The first line, the body, the keys."""
        yield Places(self.NAME, self.dashboard.facts)
        with Container(id="body"):
            yield from self.body()
        yield Static(id="too-small")
        yield KeyBar()

    @on(events.ScreenResume)
    def _keep_styles(self, event: events.ScreenResume) -> None:
        """Keep the styles that were worked out a moment ago, when the place was made: once is enough."""
        event.refresh_styles = self._shown_before
        self._shown_before = True

    def _compositor_refresh(self) -> None:
        """Draw, unless the app holds back what is drawn: Textual would draw it in vain, and once more afterwards."""
        if not self.app._batch_count:
            super()._compositor_refresh()

    def on_resize(self) -> None:
        """Say so when there is too little room."""
        width, height = self.app.size
        self.query_one("#too-small", Static).update(
            f"This terminal is {width} x {height}; the dashboard needs {SMALLEST[0]} x {SMALLEST[1]}. "
            "Make it larger, or q to quit."
        )
