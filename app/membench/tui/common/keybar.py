"""The last line: the keys that matter most where one is.

One widget, drawn when the keys are others than before: Textual's own has a widget a key, made anew at every change of
focus, which took a tenth of the time to the first picture.
"""

from __future__ import annotations

from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

MORE = Content.styled("…", "$text-muted")


class KeyBar(Widget):
    """Keys and what they do, as many as fit; a click does the same."""

    DEFAULT_CSS = """
    KeyBar {
        height: 1; dock: bottom; background: $panel;
        link-style: none; link-color: $foreground; link-background-hover: $accent 30%; link-style-hover: none;
    }
    """

    _keys: tuple[Content, ...] = ()

    def on_mount(self) -> None:
        """Follow what can be done."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self._changed(self.screen)

    def render(self) -> Content:
        """The line."""
        return self.line(self.size.width)

    def line(self, width: int) -> Content:
        """Closer together where room is short; an ellipsis where keys are left out: the help has them all."""
        room = width - 1
        for gap in ("  ", " "):
            line = Content(gap).join(self._keys)
            if line.cell_length <= room:
                return Content.assemble(" ", line)
        shown = list(self._keys)
        while shown and sum(key.cell_length + 1 for key in shown) + MORE.cell_length > room:
            shown.pop()
        return Content.assemble(" ", Content(" ").join([*shown, MORE]))

    def _changed(self, screen: Screen[object]) -> None:
        keys: dict[str, Content] = {}
        for _, binding, enabled, _ in screen.active_bindings.values():
            if binding.show and binding.action not in keys:
                keys[binding.action] = self._key(binding.key, self.app.get_key_display(binding), binding.description)
                if not enabled:
                    keys[binding.action] = keys[binding.action].stylize("$foreground 45%")
        if tuple(keys.values()) != self._keys:
            self._keys = tuple(keys.values())
            self.refresh()

    @staticmethod
    def _key(key: str, shown: str, name: str) -> Content:
        return Content.assemble((shown, "bold $accent"), f" {name}").stylize(f"@click=app.simulate_key({key!r})")
