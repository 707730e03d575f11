"""The first line: the places, and what the runs are measured on."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

APP_NAME = "membench-tui"
PLACES = ("plan", "live", "results", "history")
"""In the order of their keys, 1 to 4."""


class Places(Widget):
    """The places with their keys at the left, and as many facts as fit at the right."""

    DEFAULT_CSS = """
    Places {
        height: 1; dock: top; padding: 0 1;
        link-style: none; link-color: $foreground; link-background-hover: $accent 30%; link-style-hover: bold;
    }
    """

    def __init__(self, place: str, facts: tuple[str, ...]) -> None:
        """Initialise the line.

        Args:
            place: The place that shows it.
            facts: The machine, the model and its weights; the first are omitted if space is short.
        """
        super().__init__()
        self._place, self._facts = place, facts

    def render(self) -> Content:
        """Return the line."""
        places = self._places()
        facts = list(self._facts)
        while facts and places.cell_length + len(" · ".join(facts)) + 2 > self.size.width:
            facts.pop(0)
        right = " · ".join(facts)
        gap = " " * max(self.size.width - places.cell_length - len(right), 0)
        return Content.assemble(places, gap, (right, "$foreground 60%"))

    def _places(self) -> Content:
        parts: list[Content | tuple[str, str]] = [(APP_NAME, "bold $accent"), ("  ", "")]
        for number, place in enumerate(PLACES, 1):
            style = "reverse bold" if place == self._place else "$foreground 60%"
            label = Content.styled(f" {number} {place.capitalize()} ", style)
            parts += [label.stylize(f"@click=app.switch_mode({place!r})"), (" ", "")]
        return Content.assemble(*parts)
