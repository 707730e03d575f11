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

from membench.results.record import Record
from membench.settings import config_path
from membench.tui.common.keys import Key
from membench.tui.common.words import FAINT, LEGEND
from membench.units import from_home, plural

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


class Export(ModalScreen[tuple[Path, ...] | None]):
    """Writes runs, or a picture, to a file whose extension says what; closes only when that is done, or with Escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "format(1)", "Format", tooltip="The next kind of file"),
        Binding("up", "format(-1)", "Format before", tooltip="The kind of file before"),
        Binding("escape", "dismiss(None)", "Cancel", tooltip="Write nothing"),
    ]

    def __init__(self, records: Sequence[Record], proposal: Path, picture: str) -> None:
        """Make the dialog.

        Args:
            records: The runs to write.
            proposal: The path to begin with.
            picture: The place as SVG, for those who want that.
        """
        super().__init__()
        self._records, self._proposal, self._picture = records, proposal, picture
        self._replace: Path | None = None

    def compose(self) -> ComposeResult:
        """The path, the kinds of files, and room for what is wrong."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = f"Export {plural(len(self._records), 'run')}"
            dialog.border_subtitle = "enter write · ↑↓ kind of file · esc cancel"
            yield Input(str(self._proposal), placeholder="a path", select_on_focus=False)
            yield Static(id="formats")
            yield Static(id="complaint", markup=False)

    def action_format(self, by: int) -> None:
        """Write another kind of file: to the same path with another extension."""
        from membench.report.exports import FORMATS

        field = self.query_one(Input)
        path, kinds = Path(field.value.strip() or self._proposal), list(FORMATS)
        at = kinds.index(path.suffix) + by if path.suffix in kinds else 0
        field.value = str(path.with_suffix(kinds[at % len(kinds)]))
        field.cursor_position = len(field.value)

    @on(Input.Changed)
    def _fresh(self, event: Input.Changed) -> None:
        from membench.report.exports import FORMATS

        self._replace = None
        self._complain("")
        suffix = Path(event.value.strip()).suffix
        kinds = (Content.styled(f" {name} ", "reverse" if kind == suffix else "") for kind, name in FORMATS.items())
        self.query_one("#formats", Static).update(Content(" ").join(kinds))

    @on(Input.Submitted)
    def _write(self, event: Input.Submitted) -> None:
        from membench.report.exports import ExportError, check_writable, files_of, write_whole

        path = Path(event.value.strip()).expanduser()
        try:
            files = files_of(path, self._records, self._picture)
            for each, _ in files:
                check_writable(each)
            existing = [str(each) for each, _ in files if each.is_file()]
            if existing and path != self._replace:
                self._replace = path
                self._complain(f"{', '.join(existing)}: exists; enter once more replaces it")
                return
            for each, content in files:
                write_whole(each, content)
        except ExportError as error:
            self._complain(str(error))
        else:
            self.dismiss(tuple(each.resolve() for each, _ in files))

    def _complain(self, text: str) -> None:
        self.query_one("#complaint", Static).update(text)


class Help(ModalScreen[None]):
    """The keys of a place and what they do, and what the marks mean."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,enter", "dismiss(None)", "Close", tooltip="Back to the place")
    ]

    def __init__(self, title: str, text: str, keys: Sequence[Key]) -> None:
        super().__init__()
        self._title, self._text, self.keys = title, text, keys

    def compose(self) -> ComposeResult:
        """What the place is for, a line a key, a line a mark, and where the settings are."""
        width = max(len(key.shown) for key in self.keys)
        lines = [
            Content.assemble(
                (key.shown.rjust(width), "bold $accent"), f"  {key.does}", (f" ({key.id})" if key.id else "", FAINT)
            )
            for key in self.keys
        ]
        marks = [Content.assemble((mark.rjust(width), style), f"  {meaning}") for mark, style, meaning in LEGEND]
        settings = f"Theme, redraw rate and keys are set in {from_home(config_path())}, keys by the names in brackets."
        with VerticalScroll(classes="dialog wide") as dialog:
            dialog.border_title = self._title
            dialog.border_subtitle = "esc close"
            yield Static(Content(self._text))
            yield Static(Content("\n").join(lines), id="keys")
            yield Static(Content("\n").join(marks), id="marks")
            yield Static(Content(settings), id="settings")


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
