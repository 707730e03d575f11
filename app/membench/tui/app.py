"""The dashboard: its places, its keys, and how it starts and ends."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widget import MountError

from membench.interrupts import EXIT_CODE, Interrupts
from membench.machine.facts import describe
from membench.plan.matrix import Plan
from membench.plan.options import DEFAULT_MODEL
from membench.plan.scenarios import Scenario, load_catalogue
from membench.results.record import Record
from membench.settings import Config, ConfigError, config_path, load_config, save_theme
from membench.tui.common.dashboard import PLAN_IN_PROGRESS, DashboardApp
from membench.tui.common.engine import (
    Drawing,
    Engine,
    HistoryWriteFailed,
    SessionFactory,
    SessionLike,
    SnapshotUpdated,
    lower_drawing_priority,
)
from membench.tui.common.filters import Ascii, Harmless, Recolour, is_ascii_only
from membench.tui.common.keys import Key, keys_of
from membench.tui.common.place import Place
from membench.tui.common.places import PLACES
from membench.tui.common.runs import PlanRuns
from membench.tui.common.snapshot import RunView, Snapshot
from membench.tui.common.themes import PALETTES
from membench.tui.keymap import check_keys
from membench.tui.plan.screen import PlanScreen
from membench.units import abbreviate_home, format_duration, plural
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


def _prepare_in_background() -> None:
    """Do what the first paint does not need, before a run could be disturbed by it.

    Import what the other places need, and remove what earlier consoles left.
    """
    from membench.session.folders import remove_abandoned
    from membench.tui.common import plot
    from membench.tui.results import screen as results  # noqa: F401

    plot.load()
    remove_abandoned()


def _new_session(drawing: Drawing, plan: Plan) -> SessionLike:
    from membench.session.session import Session  # not needed before the first run

    return Session(plan, drawn=drawing.__str__)


class Dashboard(DashboardApp):
    """Plans, displays and stores runs.

    The engine runs plans in a thread of its own and posts snapshots; the dashboard displays them.
    """

    TITLE = "membench-tui"
    CSS_PATH = "dashboard.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "tiny"), (80, "narrow"), (100, "wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "flat"), (24, "low"), (32, "tall"), (48, "high")]  # noqa: RUF012
    # Other places are imported when they are first opened, so that the first paint does not wait for them.
    MODES = {"live": _live, "results": _results, "history": _history}  # noqa: RUF012
    DEFAULT_MODE = "plan"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(number), f"switch_mode({place!r})", place.capitalize(), show=False,
                    tooltip=f"Go to {place.capitalize()}", id=f"app.{place}")
            for number, place in enumerate(PLACES, 1)
        ),
        Binding("question_mark", "help", "Help", key_display="?", tooltip="Show the keys of this place",
                id="app.help"),
        Binding("ctrl+p", "command_palette", "Palette", tooltip="Find an action by name", id="app.palette"),
        Binding("f2", "next_theme", "Theme", show=False, tooltip="Switch to the next theme, and save the choice",
                id="app.theme"),
        Binding("f3", "quiet", "Quiet", show=False, id="app.quiet",
                tooltip="Toggle quiet mode: draw only the elapsed time during a run"),
        Binding("q", "leave", "Quit", tooltip="Quit at once; ends a run in progress", id="app.quit"),
        Binding("ctrl+q", "leave", "Quit", show=False, tooltip="Quit at once; ends a run in progress"),
        Binding("ctrl+c", "interrupt", "Quit", show=False, priority=True, tooltip="Quit, even from a dialog"),
    ]  # fmt: skip

    def __init__(
        self,
        catalogue: Mapping[str, Scenario],
        session_factory: SessionFactory | None = None,
        *,
        config: Config | None = None,
        autorun: Plan | None = None,
        leave_at_end: bool = False,
        clock: Callable[[], float] = time.monotonic,
        interrupts: Interrupts | None = None,
    ) -> None:
        """Initialise the dashboard, and start the thread of its engine.

        Args:
            catalogue: The scenarios to choose from.
            session_factory: Returns the session that runs a plan; by default, a real one.
            config: Theme, redraw rate and keys.
            autorun: A plan to start at once.
            leave_at_end: Whether to quit when a plan ends.
            clock: Returns seconds; measures how long a plan takes.
            interrupts: The signals that make the dashboard quit.
        """
        super().__init__()
        self._interrupts = interrupts or Interrupts()
        self.animation_level = "none"
        self._config = config or Config()
        for palette in PALETTES.values():
            self.register_theme(palette.theme)
        self._apply_theme(self._config.theme)
        self.prepare_css()
        self.set_keymap(self._config.keys)
        self.catalogue = catalogue
        self.add_mode("plan", lambda: PlanScreen(catalogue))
        self._autorun, self._leave_at_end = autorun, leave_at_end
        self.drawing = Drawing(self._config.fps, self._config.quiet)
        engine = Engine(self.post_message, self.drawing, clock)
        self.runs = PlanRuns(engine, session_factory or partial(_new_session, self.drawing), clock)
        weights = weights_on_disk(DEFAULT_MODEL).weights
        self.facts = (describe(), DEFAULT_MODEL.rpartition("/")[2], f"{weights or 'no'} weights")

    def on_mount(self) -> None:
        """Handle signals, and start the plan that was given."""
        if not self.is_headless:
            lower_drawing_priority()
        self.call_after_refresh(self._complete_start)
        if self._autorun:
            self.run_plan(self._autorun)

    async def _complete_start(self) -> None:
        """Do what the first paint does not need."""
        for screen in self.get_screen_stack(self.DEFAULT_MODE):
            if isinstance(screen, PlanScreen):
                try:
                    await screen.complete()
                except (MountError, NoMatches):
                    if self.return_code is None:  # otherwise the user has quit already
                        raise
        if not self.is_headless:
            self._interrupts.call(
                partial(_interrupt, self, asyncio.get_running_loop())
            )  # quits a dashboard that is whole
            gc.freeze()  # these objects live as long as the dashboard: no collection during a run visits them
        gc.enable()
        threading.Thread(target=_prepare_in_background, daemon=True).start()

    def on_plan_screen_run(self, message: PlanScreen.Run) -> None:
        """Run the plan of the form."""
        self.run_plan(message.plan)

    def run_plan(self, plan: Plan) -> None:
        """Start a plan and switch to Live."""
        if self.running:
            self.notify(PLAN_IN_PROGRESS, severity="warning")
            return
        self.runs.start(plan)
        self.publish_runs()
        self.switch_mode("live")

    def on_snapshot_updated(self, message: SnapshotUpdated) -> None:
        """Display a snapshot, and notify of failed runs and of the end of the plan."""
        finished = self.runs.update(message.snapshot)
        self.publish_runs()
        for run in finished:
            if run.error and run.state != "partial":
                self.notify(run.error, title=f"{run.state}: {run.figures.title()}", severity="error")
        if message.snapshot.over:
            self._notify_plan_over(message.snapshot)
            if tried := self.runs.end_trial():
                self.keep_trial(tried)
            if self._leave_at_end:
                self.exit()

    def _notify_plan_over(self, snapshot: Snapshot) -> None:
        if snapshot.problem:
            self.notify(snapshot.problem, title="The plan failed", severity="error", timeout=20)
        else:
            self.notify(plan_outcome(snapshot, self.elapsed_s), title="The plan has ended", timeout=8)

    def on_history_write_failed(self, message: HistoryWriteFailed) -> None:
        """Notify that a run is not in the history; the plan continues."""
        self.notify(message.reason, severity="warning", timeout=12)

    def open_records(self, records: Sequence[Record]) -> None:
        """Show stored runs in Results, with the cursor on the first."""
        from membench.tui.common.table import RunTable

        self.runs.open(records)
        self.publish_runs()
        self.switch_mode("results")
        self.call_after_refresh(lambda: self.screen.query_one(RunTable).select(records[0].run_id))

    def show_log(self, run: RunView | None) -> None:
        """Open the log of a run, if it has one."""
        if run is None or run.log is None:
            self.notify("This run has no log.", severity="warning")
        else:
            from membench.tui.common.dialogs import Log

            self.push_screen(Log(run.figures.title(), run.log))

    def action_skip_run(self) -> None:
        """End the run in progress; the plan continues with the next one."""
        if self.running:
            self.runs.skip_run()
        else:
            self.notify("No run is in progress.")

    def action_stop_plan(self) -> None:
        """Ask for confirmation, then end the plan."""
        if not self.running:
            self.notify("No plan is in progress.")
            return
        from membench.tui.common.dialogs import Question

        def stop_if_confirmed(confirmed: bool | None) -> None:
            if confirmed:
                self.runs.stop_plan()

        text = f"What was measured is kept. {plural(self.runs.unfinished, 'run')} will be incomplete."
        self.push_screen(Question("Stop the plan?", text), stop_if_confirmed)

    def action_export(self) -> None:
        """Ask for a path, and write the runs that the place chooses."""
        records = self.screen.chosen_records() if isinstance(self.screen, Place) else ()
        if not records:
            self.notify("Nothing to export: no run has finished.", severity="warning")
            return
        from membench.tui.common.dialogs import Export

        def notify_exported(paths: tuple[Path, ...] | None) -> None:
            if paths:
                more = f" and {plural(len(paths) - 1, 'more file')}" if len(paths) > 1 else ""
                text = f"{plural(len(records), 'run')} written to {paths[0]}{more}"
                self.notify(text, title="Exported", timeout=8)

        default_path = Path(f"membench-{records[-1].plan_id}.csv")
        self.push_screen(Export(records, default_path, self.export_screenshot(), self.catalogue), notify_exported)

    def action_help(self) -> None:
        """Show what the place is for, and its keys."""
        from membench.tui.common.dialogs import Help

        place = self.screen
        if isinstance(place, Place):
            self.push_screen(Help(f"{place.NAME.capitalize()}: keys", place.HELP, keys_of(self, place)))

    def action_next_theme(self) -> None:
        """Switch to the next theme, and save the choice."""
        names = list(PALETTES)
        self.action_set_theme(names[(names.index(self.theme) + 1) % len(names)])

    def action_set_theme(self, name: str) -> None:
        """Switch to a theme, and save the choice in the settings file."""
        self._apply_theme(name)
        try:
            save_theme(name)
        except ConfigError as error:
            self.notify(f"not saved: {error}", title=f"Theme {name}", severity="warning")
        else:
            self.notify(f"saved in {abbreviate_home(config_path())}", title=f"Theme {name}")

    def _apply_theme(self, name: str) -> None:
        colours = PALETTES[name].colours
        recolour = [Recolour(colours)] if colours else []
        self.own_line_filters = (Harmless(), *recolour, *([Ascii()] if self._config.ascii else []))
        self.theme = name

    def action_quiet(self) -> None:
        """Turn quiet mode on or off."""
        self.drawing.quiet = not self.drawing.quiet
        if isinstance(self.screen, Place):
            self.screen.show_quiet()
        text = "only the elapsed time is drawn during a run" if self.drawing.quiet else "runs are drawn again"
        self.notify(text, title="Quiet")

    def action_leave(self) -> None:
        """Quit the dashboard."""
        self.exit(return_code=0)

    def action_interrupt(self) -> None:
        """Quit the dashboard, with the exit code of an interrupted command."""
        self.exit(return_code=EXIT_CODE)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Return every action of the place and every theme, for the command palette."""
        for key in keys_of(self, screen):
            if key.action != "command_palette":
                yield SystemCommand(f"{key.label} ({key.display})", key.description, partial(self.run_key, key))
        for name in PALETTES:
            yield SystemCommand(f"Theme: {name}", "Switch to this theme", partial(self.action_set_theme, name))

    async def run_key(self, key: Key) -> None:
        """Run the action of a key."""
        await self.run_action(key.action, default_namespace=key.owner)


def plan_outcome(snapshot: Snapshot, elapsed_s: float) -> str:
    """Return how a plan ended, and where its results are."""
    records = snapshot.records
    bad = sum(record.status != "ok" for record in records)
    not_ok = f", {bad} not ok" if bad else ""
    return f"{plural(len(records), 'run')} in {format_duration(elapsed_s)}{not_ok}. 3 shows the results."


def _interrupt(app: Dashboard, loop: asyncio.AbstractEventLoop) -> None:
    with suppress(RuntimeError):  # the loop is closed: the dashboard is quitting already
        loop.call_soon_threadsafe(app.action_interrupt)


def run_dashboard(scenarios: Path | None = None, **settings: Any) -> int:
    """Run the dashboard until the user quits. On return, every process that it started has ended.

    Args:
        scenarios: A scenario file to use instead of the built-in one.
        settings: Values that override the settings file, by name; None overrides nothing.

    Returns:
        The exit code: 0, or 130 after a signal.

    Raises:
        CatalogueError: The scenario file is not valid.
        ConfigError: The settings file is not valid.
    """
    catalogue = load_catalogue(scenarios)
    config = load_config(**settings)
    check_keys(config.keys, config_path())
    if config.ascii is None:
        config = msgspec.structs.replace(config, ascii=is_ascii_only())
    with Interrupts(
        needs_terminal=True
    ) as interrupts:  # also before the dashboard is there, and while its runs are ended and stored
        app = Dashboard(catalogue, config=config, interrupts=interrupts)
        try:
            app.run()
        finally:
            interrupts.call(bool)  # the loop is closed
            app.runs.close()
    return app.return_code or 0
