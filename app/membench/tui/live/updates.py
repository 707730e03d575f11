"""Updates of texts and borders that repaint and lay out only what has changed."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from membench.tui.common.plain import Static


def update_text(place: Static, text: Content) -> None:
    """Display a text of constant height."""
    if place.content != text:
        place.update(text, layout=False)


def update_optional_text(place: Static, text: Content) -> None:
    """Display a text that is as high as it needs to be, and hide the widget while the text is empty."""
    if place.content != text:
        place.update(text, layout=False)
        if place.get_content_height(place.screen.size, place.app.size, place.size.width) != place.size.height:
            place.refresh(layout=True)
    place.display = bool(text)


def update_border(panel: Widget, title: Content, subtitle: str) -> None:
    """Display a title on the top border of a panel, and a subtitle on the bottom border."""
    for name, text in (("border_title", title), ("border_subtitle", Content(subtitle))):
        if getattr(panel, name) != text.markup:
            setattr(panel, name, text)
