"""The dashboard: its places, its keys, and the plan under way."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.reactive import var
from textual.screen import Screen
from textual.theme import Theme

from app.catalogue import CatalogueError, Scenario, load_catalogue
from app.console import Exit, complain
from app.machine import describe
from app.plan import DEFAULT_MODEL, Plan
from app.results.record import Record
from app.session import Session
from app.tui.engine import REDRAW_S, Engine, Pictured, SessionFactory, give_way
from app.tui.keys import Key, keys_of
from app.tui.screens.dialogs import Export, Help, Log, Question
from app.tui.screens.live import LiveScreen
from app.tui.screens.place import Place
from app.tui.screens.plan import PlanScreen
from app.tui.screens.results import ResultsScreen
from app.tui.snapshot import RunView, Snapshot
from app.tui.widgets.places import PLACES
from app.units import format_duration, plural
from backends.embedding.cache import weights_on_disk

THEME = Theme(
    name="membench",
    primary="#5fb3f0",
    secondary="#3879a8",
    accent="#7cc4f8",
    success="#4cc38a",
    warning="#f2a541",
    error="#ef6f6c",
    background="#0f1317",
    surface="#0f1317",
    panel="#1a2027",
    foreground="#dbe2e8",
    variables={"footer-background": "#1a2027", "footer-key-foreground": "#7cc4f8"},
)


class Dashboard(App[None]):
    """Plans, shows and keeps runs. The engine works in a thread and sends snapshots; this draws them."""

    TITLE = "membench-tui"
    CSS_PATH = "dashboard.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "tiny"), (80, "narrow"), (100, "wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "flat"), (24, "low"), (32, "tall"), (48, "high")]  # noqa: RUF012
    MODES = {"live": LiveScreen, "results": ResultsScreen}  # noqa: RUF012
    DEFAULT_MODE = "plan"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(number), f"switch_mode({place!r})", place.capitalize(), show=False, tooltip=f"Go to {place}")
            for number, place in enumerate(PLACES, 1)
        ),
        Binding("question_mark", "help", "Help", key_display="?", tooltip="The keys of the place you are in"),
        Binding("ctrl+p", "command_palette", "Palette", tooltip="Find any action by its name"),
        Binding("q", "leave", "Quit", tooltip="Leave at once; a run under way is ended"),
        Binding("ctrl+q", "leave", "Quit", show=False, tooltip="Leave at once; a run under way is ended"),
        Binding("ctrl+c", "interrupt", "Quit", show=False, priority=True, tooltip="Leave, whatever is open"),
    ]

    snapshot: var[Snapshot | None] = var(None, init=False)
    """The plan under way or last run, at most four times a second."""
    finished: var[tuple[RunView, ...]] = var((), init=False)
    """Every run that is over since the start, of all plans."""

    def __init__(
        self,
        catalogue: Mapping[str, Scenario],
        session_factory: SessionFactory = Session,
        *,
        autorun: Plan | None = None,
        leave_at_end: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the dashboard.

        Args:
            catalogue: The scenarios to choose from.
            session_factory: Makes what runs a plan.
            autorun: A plan to begin with at once.
            leave_at_end: Leave when the plan is over.
            clock: Seconds, for the time that a plan has taken.
        """
        super().__init__()
        self.animation_level = "none"
        self.add_mode("plan", lambda: PlanScreen(catalogue))
        self._session_factory = session_factory
        self._autorun, self._leave_at_end = autorun, leave_at_end
        self._clock = clock
        self._began = self._ended = 0.0
        self._earlier: tuple[RunView, ...] = ()
        self._newest: Snapshot | None = None
        self.engine = Engine(self.post_message)
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

    def on_mount(self) -> None:
        """Set the colours, listen for signals, begin with what was asked for."""
        self.register_theme(THEME)
        self.theme = THEME.name
        if not self.is_headless:
            give_way()
            self._listen_for_signals()
        self.set_interval(REDRAW_S, self._draw_newest)
        if self._autorun:
            self.run_plan(self._autorun)

    def on_plan_screen_run(self, message: PlanScreen.Run) -> None:
        """Run the plan that was made."""
        self.run_plan(message.plan)

    def run_plan(self, plan: Plan) -> None:
        """Begin with a plan and show it."""
        if self.running:
            self.notify("A plan is under way: 2 shows it, x there stops it.", severity="warning")
            return
        self._earlier = self.finished
        self._began, self._newest = self._clock(), None
        self.snapshot = self.engine.run(plan, self._session_factory(plan), first_hue=len(self._earlier))
        self.switch_mode("live")

    def on_pictured(self, message: Pictured) -> None:
        """Keep the newest picture until the next redraw."""
        self._newest = message.snapshot
        if message.snapshot.over:
            self._draw_newest()

    def _draw_newest(self) -> None:
        if self._newest is None or self._newest is self.snapshot:
            return
        before, self.snapshot = self.snapshot, self._newest
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

    def show_log(self, run: RunView | None) -> None:
        """Open the log of a run, if it has one."""
        if run is None or run.log is None:
            self.notify("This run has no log yet.", severity="warning")
        else:
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
        proposal = Path(f"membench-{records[-1].plan_id}.csv")
        self.push_screen(Export(records, proposal), lambda path: self._exported(len(records), path))

    def _records_here(self) -> tuple[Record, ...]:
        if self.current_mode == "live" and self.snapshot:
            return self.snapshot.records
        return tuple(run.record for run in self.finished if run.record)

    def _exported(self, runs: int, path: Path | None) -> None:
        if path:
            self.notify(f"{plural(runs, 'run')} written to {path}", title="Exported", timeout=8)

    def action_help(self) -> None:
        """Show the keys of the place."""
        place = self.screen
        if isinstance(place, Place):
            self.push_screen(Help(f"{place.NAME.capitalize()}: keys", place.HELP, keys_of(self, place)))

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

    async def run_key(self, key: Key) -> None:
        """Do what a key does."""
        await self.run_action(key.action, default_namespace=key.owner)

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.action_interrupt)


def over_in_words(snapshot: Snapshot, elapsed_s: float) -> str:
    """How a plan went, and where to look."""
    records = snapshot.records
    bad = sum(record.status != "ok" for record in records)
    failed = f", {bad} of them not well" if bad else ""
    return f"{plural(len(records), 'run')} in {format_duration(elapsed_s)}{failed}. 3 shows the results."


def run_dashboard(scenarios: Path | None = None) -> int:
    """Show the dashboard until the person leaves; every process it started has ended then.

    Returns:
        The exit code: 0, or 130 after a signal.
    """
    try:
        catalogue = load_catalogue(scenarios)
    except CatalogueError as error:
        complain(str(error))
        return Exit.USAGE
    app = Dashboard(catalogue)
    try:
        app.run()
    finally:
        app.engine.leave()
    return app.return_code or Exit.DONE
