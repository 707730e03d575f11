"""Text on the screen that is never markup."""

from __future__ import annotations

from typing import Any

from textual import widgets
from textual.content import Content
from textual.visual import VisualType

from membench.text import clean, clean_lines


def plain(text: str) -> Content:
    """Return a text in one row, for the border of a panel and for prompts; Textual takes a `str` for markup there."""
    return Content(clean(text))


class Static(widgets.Static):
    """A widget that displays a text as it is. Styled text is a `Content`."""

    def __init__(self, content: VisualType = "", **attributes: Any) -> None:
        super().__init__(_as_text(content), markup=False, **attributes)

    def update(self, content: VisualType = "", *, layout: bool = True) -> None:
        """Display another text."""
        super().update(_as_text(content), layout=layout)


def _as_text(content: VisualType) -> VisualType:
    return clean_lines(content) if isinstance(content, str) else content
