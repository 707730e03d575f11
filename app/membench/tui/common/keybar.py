"""The last line: the most important keys of the place.

A single widget that repaints when the keys differ. Textual's footer has one widget per key and creates them all again
whenever the focus changes, which took a tenth of the time to the first paint.
"""

from __future__ import annotations

from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

MORE = Content.styled("…", "$text-muted")


class KeyBar(Widget):
    """Keys and their labels, as many as fit. A click runs the action."""

    DEFAULT_CSS = """
    KeyBar {
        height: 1; dock: bottom; background: $panel;
        link-style: none; link-color: $foreground; link-background-hover: $accent 30%; link-style-hover: none;
    }
    """

    _keys: tuple[Content, ...] = ()

    def on_mount(self) -> None:
        """Subscribe to changes of the active bindings."""
        self.screen.bindings_updated_signal.subscribe(self, self._update)
        # Which actions are enabled depends on the app's current screen, which a new mode may not have yet.
        self.call_after_refresh(self._update, self.screen)

    def render(self) -> Content:
        """Return the line."""
        return self.line(self.size.width)

    def line(self, width: int) -> Content:
        """Return the keys with narrower gaps if space is short, then with an ellipsis in place of the last ones."""
        available = width - 1
        for gap in ("  ", " "):
            line = Content(gap).join(self._keys)
            if line.cell_length <= available:
                return Content.assemble(" ", line)
        fitting = list(self._keys)
        while fitting and sum(key.cell_length + 1 for key in fitting) + MORE.cell_length > available:
            fitting.pop()
        return Content.assemble(" ", Content(" ").join([*fitting, MORE]))

    def _update(self, screen: Screen[object]) -> None:
        keys: dict[str, Content] = {}
        for _, binding, enabled, _ in screen.active_bindings.values():
            if binding.show and binding.action not in keys:
                key = _labelled_key(binding.key, self.app.get_key_display(binding), binding.description)
                keys[binding.action] = key if enabled else key.stylize("$foreground 45%")
        if tuple(keys.values()) != self._keys:
            self._keys = tuple(keys.values())
            self.refresh()


def _labelled_key(key: str, display: str, label: str) -> Content:
    return Content.assemble((display, "bold $accent"), f" {label}").stylize(f"@click=app.simulate_key({key!r})")
