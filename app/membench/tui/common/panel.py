"""A titled panel around widgets."""

from __future__ import annotations

from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget

from membench.tui.common.plain import plain


def panel(title: str, *children: Widget, id: str, scrolls: bool = False) -> Widget:
    """Return the widgets in a bordered panel, one below the other.

    Args:
        title: Text on the top border.
        children: What the panel contains.
        id: The widget's id.
        scrolls: Whether the panel scrolls when its content is too high; otherwise the content is clipped.
    """
    container = (
        VerticalScroll(*children, id=id, classes="panel", can_focus=False)
        if scrolls
        else Vertical(*children, id=id, classes="panel")
    )
    container.border_title = plain(title)
    return container
