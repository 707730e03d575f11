"""The dashboard: its places, its keys, and the plan under way."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import ANSIToTruecolor, LineFilter
from textual.notifications import SeverityLevel
from textual.reactive import var
from textual.screen import Screen

from membench.cli.console import Exit, complain
from membench.machine.facts import describe
from membench.plan.matrix import DEFAULT_MODEL, Plan
from membench.plan.scenarios import CatalogueError, Scenario, load_catalogue
from membench.results.record import Record
from membench.settings import Config, ConfigError, config_path, keep_theme, load_config
from membench.tui.common.engine import Drawing, Engine, NotKept, Pictured, SessionFactory, SessionLike, give_way
from membench.tui.common.filters import Ascii, Recolour, knows_no_more_than_ascii
from membench.tui.common.keys import Key, check_keys, keys_of
from membench.tui.common.place import Place
from membench.tui.common.places import PLACES
from membench.tui.common.snapshot import RunView, Snapshot
from membench.tui.common.themes import PALETTES
from membench.tui.plan.screen import PlanScreen
from membench.units import format_duration, from_home, plural
from membench_backends.embedding.models.cache import weights_on_disk


def _live() -> Place:
    from membench.tui.live.screen import LiveScreen

    return LiveScreen()


def _results() -> Place:
    from membench.tui.results.screen import ResultsScreen

    return ResultsScreen()


def _history() -> Place:
    from membench.tui.history.screen import HistoryScreen

    return HistoryScreen()


def _load_places() -> None:
    """Import what draws the other places: neither before the first picture, nor beside a run."""
    from membench.tui.common import plot
    from membench.tui.results import screen as results  # noqa: F401

    plot.load()


class Dashboard(App[None]):
    """Plans, shows and keeps runs. The engine works in a thread and sends snapshots; this draws them."""

    TITLE = "membench-tui"
    CSS_PATH = "dashboard.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "tiny"), (80, "narrow"), (100, "wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "flat"), (24, "low"), (32, "tall"), (48, "high")]  # noqa: RUF012
    # A place is imported when it is first gone to: the first one shall be there at once.
    MODES = {"live": _live, "results": _results, "history": _history}  # noqa: RUF012
    DEFAULT_MODE = "plan"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(
                str(number),
                f"switch_mode({place!r})",
                place.capitalize(),
                show=False,
                tooltip=f"Go to {place.capitalize()}",
                id=f"app.{place}",
            )
            for number, place in enumerate(PLACES, 1)
        ),
        Binding(
            "question_mark", "help", "Help", key_display="?", tooltip="The keys of the place you are in", id="app.help"
        ),
        Binding("ctrl+p", "command_palette", "Palette", tooltip="Find any action by its name", id="app.palette"),
        Binding("f2", "next_theme", "Theme", show=False, tooltip="The next theme; it is kept", id="app.theme"),
        Binding(
            "f3",
            "quiet",
            "Quiet",
            show=False,
            tooltip="Draw nothing but the elapsed time while something is measured, or draw again",
            id="app.quiet",
        ),
        Binding("q", "leave", "Quit", tooltip="Leave at once; a run under way is ended", id="app.quit"),
        Binding("ctrl+q", "leave", "Quit", show=False, tooltip="Leave at once; a run under way is ended"),
        Binding("ctrl+c", "interrupt", "Quit", show=False, priority=True, tooltip="Leave, whatever is open"),
    ]

    snapshot: var[Snapshot | None] = var(None, init=False)
    """The plan under way or last run, as often as it is drawn."""
    finished: var[tuple[RunView, ...]] = var((), init=False)
    """Every run that is over since the start, of all plans."""

    def __init__(
        self,
        catalogue: Mapping[str, Scenario],
        session_factory: SessionFactory | None = None,
        *,
        config: Config | None = None,
        autorun: Plan | None = None,
        leave_at_end: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the dashboard.

        Args:
            catalogue: The scenarios to choose from.
            session_factory: Makes what runs a plan.
            config: Theme, redraw rate, keys.
            autorun: A plan to begin with at once.
            leave_at_end: Leave when the plan is over.
            clock: Seconds, for the time that a plan has taken.
        """
        super().__init__()
        self.animation_level = "none"
        self.config = config or Config()
        self._recolour: Recolour | None = None
        for palette in PALETTES.values():
            self.register_theme(palette.theme)
        self._wear(self.config.theme)
        self._css_variables = self.get_css_variables()
        self.stylesheet.set_variables(self._css_variables)
        self.add_mode("plan", lambda: PlanScreen(catalogue))
        self.drawing = Drawing(self.config.fps, self.config.quiet)
        self._session_factory = session_factory or self._session
        self._autorun, self._leave_at_end = autorun, leave_at_end
        self._clock = clock
        self._began = self._ended = 0.0
        self._earlier: tuple[RunView, ...] = ()
        self.engine = Engine(self.post_message, self.drawing, clock)
        self.set_keymap(self.config.keys)
        weights = weights_on_disk(DEFAULT_MODEL).weights
        self.facts = (describe(), DEFAULT_MODEL.rpartition("/")[2], f"{weights or 'no'} weights")

    @property
    def running(self) -> bool:
        """Whether a plan is under way."""
        return self.snapshot is not None and not self.snapshot.over

    @property
    def elapsed_s(self) -> float:
        """Seconds that the plan has taken."""
        return (self._clock() if self.running else self._ended) - self._began

    @property
    def time_left_s(self) -> float | None:
        """Seconds that the plan under way will still take, roughly."""
        return self.snapshot.left_s(self._clock()) if self.snapshot and self.running else None

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Without that for the terminal's own colours: nothing here has them, and every line would go through it."""
        return [one for one in super().get_line_filters() if not isinstance(one, ANSIToTruecolor)]

    def on_load(self) -> None:
        """Take the app's own colours: Textual does so only after the first screen, which takes some from the app."""
        self.stylesheet.apply(self)

    def on_mount(self) -> None:
        """Listen for signals, begin with what was asked for."""
        if self.config.ascii:
            self._filters.append(Ascii())
        if not self.is_headless:
            give_way()
            self._listen_for_signals()
        self.call_after_refresh(self._settle)
        if self._autorun:
            self.run_plan(self._autorun)

    async def _settle(self) -> None:
        """Do what the first picture did not need, now that it is drawn."""
        for screen in self.get_screen_stack(self.DEFAULT_MODE):
            if isinstance(screen, PlanScreen):
                await screen.complete()
        if not self.is_headless:
            gc.freeze()  # what is there now stays: no need to go through it beside a run
        gc.enable()
        threading.Thread(target=_load_places, daemon=True).start()

    def _session(self, plan: Plan) -> SessionLike:
        from membench.session.session import Session  # what measures is imported when something is measured

        return Session(plan, drawn=self.drawing.__str__)

    def refresh_css(self, animate: bool = True) -> None:
        """Take the style sheet anew, if the colours are others: Textual asks for it twice before the first picture."""
        if (variables := self.get_css_variables()) != self._css_variables:
            self._css_variables = variables
            super().refresh_css(animate)

    def on_plan_screen_run(self, message: PlanScreen.Run) -> None:
        """Run the plan that was made."""
        self.run_plan(message.plan)

    def run_plan(self, plan: Plan) -> None:
        """Begin with a plan and show it."""
        if self.running:
            self.notify("A plan is under way: 2 shows it, x there stops it.", severity="warning")
            return
        self._earlier = self.finished
        self._began = self._clock()
        self.snapshot = self.engine.run(plan, self._session_factory(plan), first_hue=len(self._earlier))
        self.switch_mode("live")

    def on_pictured(self, message: Pictured) -> None:
        """Draw it."""
        before, self.snapshot = self.snapshot, message.snapshot
        if before is None or len(before.records) != len(self.snapshot.records):
            self._take_finished(self.snapshot)
        if self.snapshot.over:
            self._plan_is_over(self.snapshot)

    def _take_finished(self, snapshot: Snapshot) -> None:
        known = len(self.finished) - len(self._earlier)
        ended = tuple(run for run in snapshot.runs if run.record)
        self.finished = (*self._earlier, *ended)
        for run in ended[known:]:
            if run.record and run.record.error and run.record.status != "partial":
                self.notify(run.record.error, title=f"{run.record.status}: {run.spec.title()}", severity="error")

    def _plan_is_over(self, snapshot: Snapshot) -> None:
        self._ended = self._clock()
        if snapshot.problem:
            self.notify(snapshot.problem, title="The plan has ended", severity="error", timeout=20)
        else:
            self.notify(over_in_words(snapshot, self.elapsed_s), title="The plan is over", timeout=8)
        if self._leave_at_end:
            self.exit()

    def on_not_kept(self, message: NotKept) -> None:
        """Say so: what is measured goes on."""
        self.notify(message.why, severity="warning", timeout=12)

    def open_records(self, records: Sequence[Record]) -> None:
        """Show runs of the history in Results, as if they had just been run; the cursor is on the first of them."""
        from membench.tui.common.table import RunTable
        from membench.tui.history.views import view_of

        known = {run.spec.run_id for run in self.finished}
        hue = len(self._earlier) + len(self.snapshot.runs if self.snapshot else ())
        opened = (view_of(record, hue + at) for at, record in enumerate(records) if record.run_id not in known)
        count = len(self._earlier)
        self._earlier = (*self._earlier, *opened)
        self.finished = (*self._earlier, *self.finished[count:])
        self.switch_mode("results")
        self.call_after_refresh(lambda: self.screen.query_one(RunTable).select(records[0].run_id))

    def show_log(self, run: RunView | None) -> None:
        """Open the log of a run, if it has one."""
        if run is None or run.log is None:
            self.notify("This run has no log yet.", severity="warning")
        else:
            from membench.tui.common.dialogs import Log

            self.push_screen(Log(run.spec.title(), run.log))

    def action_skip_run(self) -> None:
        """End the run under way; the plan goes on."""
        if self.engine.session and self.running:
            self.engine.session.skip()
        else:
            self.notify("No run is under way.")

    def action_stop_plan(self) -> None:
        """Ask, then end the plan."""
        if self.snapshot is None or not self.running:
            self.notify("No plan is under way.")
            return
        from membench.tui.common.dialogs import Question

        left = len(self.snapshot.runs) - len(self.snapshot.records)
        text = f"What was measured is kept. {plural(left, 'run')} will not be complete."
        self.push_screen(Question("Stop the plan?", text), self._stop_if)

    def _stop_if(self, wanted: bool | None) -> None:
        if wanted and self.engine.session:
            self.engine.session.stop()

    def action_export(self) -> None:
        """Ask for a path and write the runs that are over."""
        records = self._records_here()
        if not records:
            self.notify("There is nothing to export yet: no run is over.", severity="warning")
            return
        from membench.tui.common.dialogs import Export

        proposal = Path(f"membench-{records[-1].plan_id}.csv")
        dialog = Export(records, proposal, picture=self.export_screenshot())
        self.push_screen(dialog, lambda paths: self._exported(len(records), paths))

    def _records_here(self) -> tuple[Record, ...]:
        return self.screen.chosen_records() if isinstance(self.screen, Place) else ()

    def _exported(self, runs: int, paths: tuple[Path, ...] | None) -> None:
        if paths:
            more = f" and {plural(len(paths) - 1, 'more file')}" if len(paths) > 1 else ""
            self.notify(f"{plural(runs, 'run')} written to {paths[0]}{more}", title="Exported", timeout=8)

    def action_help(self) -> None:
        """Show the keys of the place."""
        from membench.tui.common.dialogs import Help

        place = self.screen
        if isinstance(place, Place):
            self.push_screen(Help(f"{place.NAME.capitalize()}: keys", place.HELP, keys_of(self, place)))

    def action_next_theme(self) -> None:
        """Put on the theme after the one that is worn, and keep it."""
        names = list(PALETTES)
        self.action_wear(names[(names.index(self.theme) + 1) % len(names)])

    def action_wear(self, name: str) -> None:
        """Put a theme on, and keep it in the file of settings."""
        self._wear(name)
        try:
            keep_theme(name)
        except OSError as error:
            self.notify(f"It cannot be kept: {error.strerror or error}", title=f"Theme {name}", severity="warning")
        else:
            self.notify(f"kept in {from_home(config_path())}", title=f"Theme {name}")

    def _wear(self, name: str) -> None:
        palette = PALETTES[name]
        if self._recolour:
            self._filters.remove(self._recolour)
        self._recolour = Recolour(palette.colours) if palette.colours else None
        if self._recolour:
            self._filters.insert(0, self._recolour)
        self.theme = name

    def action_quiet(self) -> None:
        """Draw nothing but the elapsed time while something is measured, or draw again."""
        self.drawing.quiet = not self.drawing.quiet
        if isinstance(self.screen, Place):
            self.screen.show_quiet()
        now = "nothing but the elapsed time is drawn during a run" if self.drawing.quiet else "runs are drawn again"
        self.notify(now, title="Quiet")

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Say something in one line, over the keys at the bottom: figures stay in sight."""
        words = f"{title}: {message}" if title else message
        super().notify(words, severity=severity, timeout=timeout, markup=False)

    def action_leave(self) -> None:
        """Leave the dashboard."""
        self.exit(return_code=Exit.DONE)

    def action_interrupt(self) -> None:
        """Leave the dashboard as an interrupted command does."""
        self.exit(return_code=Exit.INTERRUPTED)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action of the place, for the palette."""
        for key in keys_of(self, screen):
            if key.action != "command_palette":
                yield SystemCommand(f"{key.name} ({key.shown})", key.does, partial(self.run_key, key))
        for name in PALETTES:
            yield SystemCommand(f"Theme: {name}", "Put it on, and keep it", partial(self.action_wear, name))

    async def run_key(self, key: Key) -> None:
        """Do what a key does."""
        await self.run_action(key.action, default_namespace=key.owner)

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.action_interrupt)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    def _hang_up(self) -> None:
        """Leave; at once where the terminal is gone: Textual would wait for what it still has to write there."""
        try:
            termios.tcgetattr(sys.__stderr__ or 2)
        except termios.error:
            self.engine.leave()
            os._exit(Exit.INTERRUPTED)
        self.action_interrupt()


def over_in_words(snapshot: Snapshot, elapsed_s: float) -> str:
    """How a plan went, and where to look."""
    records = snapshot.records
    bad = sum(record.status != "ok" for record in records)
    failed = f", {bad} of them not well" if bad else ""
    return f"{plural(len(records), 'run')} in {format_duration(elapsed_s)}{failed}. 3 shows the results."


def run_dashboard(scenarios: Path | None = None, **given: Any) -> int:
    """Show the dashboard until the person leaves; every process it started has ended then.

    Args:
        scenarios: A scenario file in place of the one that ships.
        given: Settings that go before those of the file, by their names; None where nothing is given.

    Returns:
        The exit code: 0, 2 for a wrong file, or 130 after a signal.
    """
    try:
        catalogue = load_catalogue(scenarios)
        config = load_config(**given)
        check_keys(config.keys, config_path())
    except (CatalogueError, ConfigError) as error:
        complain(str(error))
        return Exit.USAGE
    if config.ascii is None:
        config = msgspec.structs.replace(config, ascii=knows_no_more_than_ascii())
    app = Dashboard(catalogue, config=config)
    try:
        app.run()
    finally:
        app.engine.leave()
    return app.return_code or Exit.DONE
