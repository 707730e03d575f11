"""Plan: the form that chooses what to run, and the plan in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar

import msgspec
from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import OptionList

from membench.machine.doctor import Finding, disturbances
from membench.plan.checks import PlanError
from membench.plan.matrix import Plan, make_plan
from membench.plan.presets import Preset, PresetsError, save_preset, saved_presets
from membench.plan.scenarios import Scenario
from membench.report.wording import DASHBOARD
from membench.tui.common.panel import panel
from membench.tui.common.place import Place
from membench.tui.common.plain import Static, plain
from membench.tui.plan.about import about_item, about_setting
from membench.tui.plan.checklist import CheckList, Edge
from membench.tui.plan.form import PlanForm
from membench.tui.plan.forms import options_form, parse_names, setting_form
from membench.tui.plan.settings import Settings
from membench.tui.plan.summary import error_text, headline, plan_text, preset_description, preset_extent

EXAMINE_AFTER_S = 1.5
"""Delay from showing the place to examining the machine, which the dashboard's own drawing keeps busy until then."""
DIALOG_WIDTH = 84
ERROR_TIMEOUT_S = 12.0


class PlanScreen(Place):
    """The form."""

    NAME = "plan"
    HELP = (
        "Tick what to compare. Every combination is a run of its own, and Enter runs them all. p lists presets, each "
        "of which answers one question. Where nothing is ticked, the scenario or the backend decides. Arrow keys move "
        "within a panel and on to the next. A letter jumps to the next name that starts with it; use upper case where "
        "the letter is a key."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "options", "Options", tooltip="Change the options of the strategy or backend under the cursor",
                id="plan.options"),
        Binding("enter", "run", "Run", tooltip="Run the plan", id="plan.run"),
        Binding("p", "presets", "Presets", tooltip="Choose a plan that answers a question, or a saved one",
                id="plan.presets"),
        Binding("w", "save", "Save", show=False, tooltip="Save this plan under a name", id="plan.save"),
        Binding("left", "app.focus_previous", "Previous panel", show=False, tooltip="Go to the previous panel",
                id="plan.panel_before"),
        Binding("right", "app.focus_next", "Next panel", show=False, tooltip="Go to the next panel",
                id="plan.panel_after"),
        Binding("tab", "app.focus_next", "Next panel", show=False, tooltip="Go to the next panel",
                id="plan.next_panel"),
    ]  # fmt: skip

    outcome: var[Plan | PlanError | None] = var(None, init=False)
    """The plan that the form makes, or why it makes none."""
    findings: var[tuple[Finding, ...]] = var((), init=False)
    """What disturbs measurements on this machine now."""

    class Run(Message):
        """The user wants to run a plan."""

        def __init__(self, plan: Plan) -> None:
            super().__init__()
            self.plan = plan

    class Examined(Message):
        """The machine has been examined."""

        def __init__(self, findings: Sequence[Finding]) -> None:
            super().__init__()
            self.findings = tuple(findings)

    def __init__(self, catalogue: Mapping[str, Scenario]) -> None:
        super().__init__()
        self._catalogue = catalogue
        self.form = PlanForm(catalogue)
        self._preset: Preset | None = None
        self._list = self.form.lists["scenarios"]
        self._complete = False

    def body(self) -> Iterable[Widget]:
        """Yield the lists; `complete` mounts what is below them."""
        yield Horizontal(*self.form.lists.values(), id="panels")

    def on_mount(self) -> None:
        """Focus the first list."""
        self._list.focus()

    async def complete(self) -> None:
        """Mount what the first paint does not wait for: settings, the rest of the lists, and the plan."""
        text = panel("The plan", Static(id="words"), id="words-panel", scrolls=True)
        text.can_focus = True
        about = panel("About", Static(id="about"), id="about-panel", scrolls=True)
        await self.query_one("#body").mount(Horizontal(self.form.settings, about, id="middle"), text)
        self._complete = True
        self.form.complete_lists()
        self._show_about()
        self.call_after_refresh(self._make_plan)  # once the size of its panel is known

    def on_screen_resume(self) -> None:
        """Update the expected time, since more runs are known, and examine the machine a little later."""
        self._show_plan()
        self.set_timer(EXAMINE_AFTER_S, self._examine_if_idle)

    def on_resize(self) -> None:
        """Fit the text to the new width."""
        self.call_after_refresh(self._show_plan)

    @on(CheckList.Changed)
    @on(Settings.Changed)
    def _make_plan(self) -> None:
        try:
            self.outcome = make_plan(self.form.choice, self._catalogue)
        except PlanError as error:
            self.outcome = error

    @on(OptionList.OptionHighlighted)
    @on(Settings.Moved)
    @on(events.DescendantFocus)
    def _show_about(self) -> None:
        if not self._complete:
            return
        focused = self.focused
        if isinstance(focused, CheckList):
            self._list = focused
            about = about_item(focused.item) if focused.item else Content("")
        elif isinstance(focused, Settings):
            about = about_setting(focused)
        else:
            return
        self.query_one("#about", Static).update(about)
        self.query_one("#about-panel").scroll_home(animate=False)
        self.refresh_bindings()

    def on_edge(self, message: Edge) -> None:
        """Go to the panel above or below."""
        if not self._complete:
            return
        if self.focused is self.form.settings:
            (self._list if message.direction < 0 else self.query_one("#words-panel")).focus()
        elif message.direction > 0:
            self.form.settings.focus()

    def watch_outcome(self) -> None:
        """Show the plan."""
        self._show_plan()

    def watch_findings(self) -> None:
        """Show what disturbs measurements."""
        self._show_plan()

    def action_run(self) -> None:
        """Run the plan, or say why that is impossible."""
        self._make_plan()  # again, because a plan that runs twice has two names
        if plan := self._plan_or_notify("This cannot be run"):
            self.post_message(self.Run(plan))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enable options for strategies and backends only."""
        return action != "options" or self.form.options_at(self.focused) is not None

    def action_options(self) -> None:
        """Open the form of the strategy or backend under the cursor."""
        panel, options = self.focused, self.form.options_at(self.focused)
        item = panel.item if isinstance(panel, CheckList) else None
        if options is None or item is None or not isinstance(panel, CheckList):
            return
        declared = options.declared.get(item.name)
        if declared is None or not declared.__struct_fields__:
            self.notify("It has no options.")
            return
        key = panel.choice.key
        form = options_form(item.name, declared, options.of(item.name), several=key == "backends")
        self.app.push_screen(form, partial(self._change_options, key, item.name))

    def _change_options(self, key: str, name: str, values: Mapping[str, str] | None) -> None:
        if values is not None:
            self.form.change_options(key, name, values)
            self._make_plan()

    @on(Settings.Other)
    def _ask_for_value(self, message: Settings.Other) -> None:
        setting = message.setting
        if setting.parse is None:
            self.notify(f"There are no other values for {setting.title}.")
            return

        def choose(values: Mapping[str, str] | None) -> None:
            if values is not None:
                self.form.settings.choose(setting, parse_names(setting, values[setting.title]))

        self.app.push_screen(setting_form(setting, self.form.settings.chosen[setting.title]), choose)

    def action_presets(self) -> None:
        """Open the presets."""
        from membench.tui.plan.presets import Presets

        width = min(DIALOG_WIDTH, self.app.size.width - 6)
        extent = partial(preset_extent, catalogue=self._catalogue)
        description = partial(preset_description, catalogue=self._catalogue, width=width)
        self.app.push_screen(Presets(extent, description, self.action_save), self._apply_preset)

    def _apply_preset(self, preset: Preset | None) -> None:
        if preset is None:
            return
        self.form.choice = preset.choice
        self._preset = msgspec.structs.replace(preset, choice=self.form.choice)
        self._make_plan()
        self._show_plan()

    def action_save(self) -> None:
        """Ask for a name, and save the choice under it."""
        from membench.tui.plan.presets import PresetName

        if (plan := self._plan_or_notify("There is no plan to save")) is None:
            return
        try:
            taken = [preset.name for preset in saved_presets()]
        except PresetsError as error:
            self._notify_error("Presets cannot be saved", error)
            return
        self.app.push_screen(PresetName(headline(plan), taken), self._save_as)

    def _save_as(self, name: str | None) -> None:
        from membench.tui.plan.presets import Presets

        if name is None:
            return
        try:
            save_preset(name, self.form.choice)
        except PresetsError as error:
            self._notify_error("The preset was not saved", error)
            return
        self.notify(f"p lists it from now on: {name}", title="Preset saved")
        self._preset = Preset(name=name, choice=self.form.choice)
        self._show_plan()
        if isinstance(self.app.screen, Presets):
            self.app.screen.read()

    def _plan_or_notify(self, title: str) -> Plan | None:
        """Return the plan; None, with a notification, where the choice makes none."""
        if isinstance(self.outcome, Plan):
            return self.outcome
        if self.outcome is not None:
            self.notify(DASHBOARD.plan_error(self.outcome), title=title, severity="error")
        return None

    def _notify_error(self, title: str, error: Exception) -> None:
        self.notify(str(error), title=title, severity="error", timeout=ERROR_TIMEOUT_S)

    def _show_plan(self) -> None:
        if not self._complete or self.outcome is None:
            return
        place = self.query_one("#words-panel")
        is_preset = self._preset is not None and self._preset.choice == self.form.choice
        place.border_title = plain(f"The plan: {self._preset.name}" if self._preset and is_preset else "The plan")
        if isinstance(self.outcome, PlanError):
            text = error_text(self.outcome)
        else:
            warnings = [f"{finding.check} {finding.value}: {finding.advice}" for finding in self.findings]
            text = plan_text(self.outcome, *place.scrollable_content_region.size, warnings)
        self.query_one("#words", Static).update(text)

    def _examine_if_idle(self) -> None:
        if self.is_current and not self.dashboard.running:
            self._examine()

    @work(thread=True, exclusive=True)
    def _examine(self) -> None:
        self.post_message(self.Examined(disturbances()))

    def on_plan_screen_examined(self, message: Examined) -> None:
        """Keep what was found."""
        self.findings = message.findings
