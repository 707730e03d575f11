"""The dialogs that open over a place: a question, the export, the help and a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from membench.files import FileError, expand_home
from membench.plan.scenarios import Scenario
from membench.results.record import Record
from membench.settings import config_path
from membench.text import clean_lines, mask_secrets, one_line
from membench.tui.common.keys import Key
from membench.tui.common.plain import Static, plain
from membench.tui.common.words import FAINT, LEGEND
from membench.units import abbreviate_home, plural

LOG_TAIL_BYTES = 64 * 1024


class Question(ModalScreen[bool]):
    """Asks for confirmation; returns whether it was given."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)", "Yes", tooltip="Confirm"),
        Binding("n,escape", "dismiss(False)", "No", tooltip="Cancel"),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        """Compose the question; its keys are on the border."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(self._title)
            dialog.border_subtitle = "enter yes · esc no"
            yield Static(one_line(self._text))


class Export(ModalScreen[tuple[Path, ...] | None]):
    """Writes runs or a picture to a file; the extension decides which. Returns the files, or None if cancelled.

    The dialog stays open until the files are written, so that a wrong path can be corrected.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "format(1)", "Next format", tooltip="Switch to the next file format"),
        Binding("up", "format(-1)", "Previous format", tooltip="Switch to the previous file format"),
        Binding("escape", "dismiss(None)", "Cancel", tooltip="Write nothing"),
    ]

    def __init__(
        self, records: Sequence[Record], default_path: Path, picture: str, catalogue: Mapping[str, Scenario]
    ) -> None:
        """Initialise the dialog.

        Args:
            records: The runs to write.
            default_path: The path that the field starts with.
            picture: The place as SVG.
            catalogue: The scenarios with their published figures.
        """
        super().__init__()
        self._records, self._default_path, self._picture = records, default_path, picture
        self._catalogue = catalogue
        self._path_to_replace: Path | None = None
        """The existing path that pressing Enter again replaces."""

    def compose(self) -> ComposeResult:
        """Compose the path, the file formats, and space for an error."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = f"Export {plural(len(self._records), 'run')}"
            dialog.border_subtitle = "enter write · ↑↓ format · esc cancel"
            yield Input(str(self._default_path), placeholder="path", select_on_focus=False)
            yield Static(id="formats")
            yield Static(id="error")

    def action_format(self, by: int) -> None:
        """Switch to another file format, by changing the extension of the path."""
        from membench.report.exports import FORMATS

        field = self.query_one(Input)
        path, suffixes = Path(field.value.strip() or self._default_path), list(FORMATS)
        index = suffixes.index(path.suffix) + by if path.suffix in suffixes else 0
        field.value = str(path.with_suffix(suffixes[index % len(suffixes)]))
        field.cursor_position = len(field.value)

    @on(Input.Changed)
    def _show_format(self, event: Input.Changed) -> None:
        from membench.report.exports import FORMATS

        self._path_to_replace = None
        self._show_error("")
        chosen = Path(event.value.strip()).suffix
        names = (Content.styled(f" {name} ", "reverse" if suffix == chosen else "") for suffix, name in FORMATS.items())
        self.query_one("#formats", Static).update(Content(" ").join(names))

    @on(Input.Submitted)
    def _write(self, event: Input.Submitted) -> None:
        from membench.report.exports import ExportError, render_files
        from membench.report.outputs import Output, check_outputs

        path = expand_home(event.value.strip())
        try:
            files = render_files(path, self._records, self._picture, self._catalogue)
            check_outputs([each for each, _ in files], self._records, self._catalogue)
            existing = [str(each) for each, _ in files if each.is_file()]
            if existing and path != self._path_to_replace:
                self._path_to_replace = path
                self._show_error(f"{', '.join(existing)} exists; press enter again to replace it")
                return
            for each, content in files:
                Output(each, may_replace=bool(existing)).write(content)
        except (ExportError, FileError) as error:
            self._show_error(str(error))
        else:
            self.dismiss(tuple(each.resolve() for each, _ in files))

    def _show_error(self, text: str) -> None:
        self.query_one("#error", Static).update(text)


class Help(ModalScreen[None]):
    """Explains a place, its keys and the symbols."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,enter", "dismiss(None)", "Close", tooltip="Return to the place")
    ]

    def __init__(self, title: str, text: str, keys: Sequence[Key]) -> None:
        super().__init__()
        self._title, self._text, self.keys = title, text, keys

    def compose(self) -> ComposeResult:
        """Compose the explanation, a line per key, a line per symbol, and where the settings are."""
        width = max(len(key.display) for key in self.keys)
        lines = [
            Content.assemble(
                (key.display.rjust(width), "bold $accent"),
                f"  {key.description}",
                (f" ({key.id})" if key.id else "", FAINT),
            )
            for key in self.keys
        ]
        marks = [Content.assemble((mark.rjust(width), style), f"  {meaning}") for mark, style, meaning in LEGEND]
        settings = (
            f"{abbreviate_home(config_path())} sets the theme, the redraw rate and the keys. Its [keys] table uses the "
            "names in brackets."
        )
        with VerticalScroll(classes="dialog wide") as dialog:
            dialog.border_title = plain(self._title)
            dialog.border_subtitle = "esc close"
            yield Static(Content(self._text))
            yield Static(Content("\n").join(lines), id="keys")
            yield Static(Content("\n").join(marks), id="marks")
            yield Static(Content(settings), id="settings")


class Log(ModalScreen[None]):
    """The output of the process of a run, updated every second."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,l,enter", "dismiss(None)", "Close", tooltip="Return to the place")
    ]

    def __init__(self, title: str, path: Path) -> None:
        super().__init__()
        self._title, self._path = title, path

    def compose(self) -> ComposeResult:
        """Compose the path and the end of the log."""
        with VerticalScroll(classes="dialog wide tall") as dialog:
            dialog.border_title = plain(self._title)
            dialog.border_subtitle = "esc close"
            yield Static(str(self._path), classes="quiet")
            yield Static(id="log")

    def on_mount(self) -> None:
        """Start to update the log."""
        self._read()
        self.set_interval(1.0, self._read)

    def _read(self) -> None:
        self.query_one("#log", Static).update(Content(tail(self._path) or "The log is empty."))


def tail(path: Path) -> str:
    """Return the end of a text file as harmless text without secrets, or why it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - LOG_TAIL_BYTES, 0))
            text = file.read().decode(errors="replace")
    except OSError as error:
        return f"The log cannot be read: {error.strerror or error}"
    return clean_lines(mask_secrets(text))
