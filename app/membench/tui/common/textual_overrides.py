"""Overrides of Textual's private behaviour and of its order of start-up, together in one file.

Everything else in the dashboard uses Textual's public API alone, so an upgrade of Textual means reading this file.
Each entry is written for Textual 8.2.8 and gives its reason. `membench.tui` imports this module first: Textual reads
its environment once, on import.
"""

from __future__ import annotations

import os

# Textual 8.2.8 repaints what a key changed at the end of a frame, so half the frame time halves the wait. It does not
# repaint more often: most frames have nothing to do.
os.environ.setdefault("TEXTUAL_FPS", "120")

from collections.abc import Sequence

from textual import events, on
from textual.app import App
from textual.filter import ANSIToTruecolor, LineFilter
from textual.keys import _character_to_key
from textual.screen import Screen


class FastStartApp(App[None]):
    """An app that applies its style sheet once before the first paint, with line filters of its own."""

    own_line_filters: tuple[LineFilter, ...] = ()
    """Filters applied to every line, before Textual's own."""

    def __init__(self) -> None:
        super().__init__()
        self._applied_css_variables: dict[str, str] | None = None

    def prepare_css(self) -> None:
        """Load the variables of the current theme into the style sheet, before it is parsed for the first time.

        Textual 8.2.8 parses the style sheet with its default theme, then again with the app's.
        """
        self._applied_css_variables = self.get_css_variables()
        self.stylesheet.set_variables(self._applied_css_variables)

    def on_load(self) -> None:
        """Style the app itself.

        Textual 8.2.8 does so after the first screen is styled, although the screen inherits from the app.
        """
        self.stylesheet.apply(self)

    def refresh_css(self, animate: bool = True) -> None:
        """Apply the style sheet again, but only if the theme's variables differ.

        Textual 8.2.8 asks for it twice before the first paint.
        """
        variables = self.get_css_variables()
        if variables != self._applied_css_variables:
            self._applied_css_variables = variables
            super().refresh_css(animate)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return our own filters and Textual's, without its filter for ANSI colours.

        Textual 8.2.8 sends every line through that filter; nothing in the dashboard uses ANSI colours. It also has no
        public way to add a filter.
        """
        filters = (each for each in super().get_line_filters() if not isinstance(each, ANSIToTruecolor))
        return [*self.own_line_filters, *filters]


class FastStartScreen(Screen[None]):
    """A screen that computes its styles and its layout once before its first paint."""

    def __init__(self) -> None:
        super().__init__()
        self._resumed_before = False
        self._add_breakpoint_classes()

    def _add_breakpoint_classes(self) -> None:
        """Add the classes of the app's breakpoints.

        Textual 8.2.8 adds them after the first layout, and then has to do the layout again.
        """
        width, height = self.app.size
        for breakpoints, length in (
            (self.app.HORIZONTAL_BREAKPOINTS, width),
            (self.app.VERTICAL_BREAKPOINTS, height),
        ):
            _, name = max(each for each in breakpoints or () if each[0] <= length)
            self.add_class(name, update=False)

    @on(events.ScreenResume)
    def _skip_first_restyle(self, event: events.ScreenResume) -> None:
        """Keep the styles that were computed when the screen was mounted.

        Textual 8.2.8 computes them again when the screen is shown for the first time, right after mounting it.
        """
        event.refresh_styles = self._resumed_before
        self._resumed_before = True

    def _compositor_refresh(self) -> None:
        """Repaint, unless the app is in a batch update.

        Textual 8.2.8 renders during a batch, discards the result, and renders again when the batch ends.
        """
        if not self.app._batch_count:
            super()._compositor_refresh()


def key_name(character: str) -> str:
    """Return the name of a character's key, such as `question_mark` for `?`.

    Textual 8.2.8 has a public function only for the opposite direction.
    """
    return _character_to_key(character)
