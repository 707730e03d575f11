"""The first line: where one is, and what is measured on what."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

NAME = "membench-tui"
PLACES = ("plan", "live", "results", "history")


class Places(Widget):
    """The places with their keys, and facts at the right: as many as fit."""

    DEFAULT_CSS = """
    Places {
        height: 1; dock: top; padding: 0 1;
        link-style: none; link-color: $foreground; link-background-hover: $accent 30%; link-style-hover: bold;
    }
    """

    def __init__(self, place: str, facts: tuple[str, ...]) -> None:
        """Make the line.

        Args:
            place: Where this is.
            facts: The machine, the model, the weights: the last matter most.
        """
        super().__init__()
        self._place, self._facts = place, facts

    def render(self) -> Content:
        """The line, facts dropped from the left until it fits."""
        left = self._left()
        facts = list(self._facts)
        while facts and left.cell_length + len(" · ".join(facts)) + 2 > self.size.width:
            facts.pop(0)
        right = " · ".join(facts)
        gap = " " * max(self.size.width - left.cell_length - len(right), 0)
        return Content.assemble(left, gap, (right, "$foreground 60%"))

    def _left(self) -> Content:
        parts: list[Content | tuple[str, str]] = [(NAME, "bold $accent"), ("  ", "")]
        for number, place in enumerate(PLACES, 1):
            style = "reverse bold" if place == self._place else "$foreground 60%"
            label = Content.styled(f" {number} {place.capitalize()} ", style)
            parts += [label.stylize(f"@click=app.switch_mode({place!r})"), (" ", "")]
        return Content.assemble(*parts)
