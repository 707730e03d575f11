"""What opens over a place: a question, the export, the keys, a log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from app.results.record import Record
from app.tui.keys import Key
from app.units import plural

LOG_TAIL = 64 * 1024


class Question(ModalScreen[bool]):
    """Something to say yes or no to."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)", "Yes", tooltip="Do it"),
        Binding("n,escape", "dismiss(False)", "No", tooltip="Leave it"),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        """The question and its keys."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            dialog.border_subtitle = "enter yes · esc no"
            yield Static(self._text, markup=False)


class Export(ModalScreen[Path | None]):
    """Writes records to a CSV file; closes only when that is done, or with Escape."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", tooltip="Write nothing")]

    def __init__(self, records: Sequence[Record], proposal: Path) -> None:
        super().__init__()
        self._records, self._proposal = records, proposal
        self._replace: Path | None = None

    def compose(self) -> ComposeResult:
        """The path, and room for what is wrong with it."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = f"Export {plural(len(self._records), 'run')} as CSV"
            dialog.border_subtitle = "enter write · esc cancel"
            yield Input(str(self._proposal), placeholder="a path", select_on_focus=False)
            yield Static(id="complaint", markup=False)

    @on(Input.Changed)
    def _fresh(self) -> None:
        self._replace = None
        self.query_one("#complaint", Static).update("")

    @on(Input.Submitted)
    def _write(self, event: Input.Submitted) -> None:
        from app.results.exports import ExportError, check_writable, to_csv, write_whole

        path = Path(event.value.strip()).expanduser()
        try:
            check_writable(path)
            if path.is_file() and path != self._replace:
                self._replace = path
                self._complain(f"{path}: exists; enter once more replaces it")
                return
            write_whole(path, to_csv(self._records))
        except ExportError as error:
            self._complain(str(error))
        else:
            self.dismiss(path.resolve())

    def _complain(self, text: str) -> None:
        self.query_one("#complaint", Static).update(text)


class Help(ModalScreen[None]):
    """The keys of a place and what they do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,enter", "dismiss(None)", "Close", tooltip="Back to the place")
    ]

    def __init__(self, title: str, text: str, keys: Sequence[Key]) -> None:
        super().__init__()
        self._title, self._text, self.keys = title, text, keys

    def compose(self) -> ComposeResult:
        """What the place is for, and a line a key."""
        width = max(len(key.shown) for key in self.keys)
        lines = [Content.assemble((key.shown.rjust(width), "bold $accent"), f"  {key.does}") for key in self.keys]
        with VerticalScroll(classes="dialog wide") as dialog:
            dialog.border_title = self._title
            dialog.border_subtitle = "esc close"
            yield Static(Content(self._text))
            yield Static(Content("\n").join(lines), id="keys")


class Log(ModalScreen[None]):
    """What a run's process wrote, read anew every second."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,l,enter", "dismiss(None)", "Close", tooltip="Back to the place")
    ]

    def __init__(self, title: str, path: Path) -> None:
        super().__init__()
        self._title, self._path = title, path

    def compose(self) -> ComposeResult:
        """The end of the log under its path."""
        with VerticalScroll(classes="dialog wide tall") as dialog:
            dialog.border_title = self._title
            dialog.border_subtitle = "esc close"
            yield Static(str(self._path), classes="quiet", markup=False)
            yield Static(id="log", markup=False)

    def on_mount(self) -> None:
        """Read, and go on reading."""
        self._read()
        self.set_interval(1.0, self._read)

    def _read(self) -> None:
        self.query_one("#log", Static).update(Content(tail(self._path) or "The log is empty: nothing was printed."))


def tail(path: Path) -> str:
    """The end of a text file, without codes that would move the cursor; a word instead if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - LOG_TAIL, 0))
            text = file.read().decode(errors="replace")
    except OSError as error:
        return f"It cannot be read: {error.strerror or error}"
    return "".join(character for character in text.expandtabs() if character.isprintable() or character == "\n")
