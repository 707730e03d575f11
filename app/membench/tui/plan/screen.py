"""Plan: what to run, chosen by ticking, and the plan in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar

import msgspec
from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import OptionList, Static

from membench.machine.doctor import Finding, disturbances
from membench.plan.matrix import SHIPPED, Choice, Plan, PlanError, make_plan
from membench.plan.presets import Preset, PresetsError, save_preset, saved_presets
from membench.plan.scenarios import Scenario
from membench.tui.common.place import Place
from membench.tui.plan.checklist import CheckList, Edge
from membench.tui.plan.choices import Item, Names, choice_lists, option_value, settings, ticks_of
from membench.tui.plan.forms import changed_options, setting_form, strategy_form, typed_names
from membench.tui.plan.settings import Settings
from membench.tui.plan.summary import (
    group_lines,
    headline,
    options_in_words,
    plan_in_words,
    refusal_in_words,
)
from membench_backends.embedding.strategies.catalogue import STRATEGIES

LOOK_AFTER_S = 1.5
"""Between the place being shown and a look at the machine, which is busy with drawing until then."""
DIALOG_WIDTH = 84


class PlanScreen(Place):
    """The form."""

    NAME = "plan"
    HELP = (
        "Tick what to compare; every combination is a run of its own, and enter runs them all. p has presets that "
        "answer a question each. Where nothing is ticked, the scenario or the backend decides. Arrows move within a "
        "panel and on to the next one. A letter jumps to the next name that begins with it, in upper case where the "
        "letter is a key."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "options", "Options", tooltip="Change the options of the strategy under the cursor",
                id="plan.options"),
        Binding("enter", "run", "Run", tooltip="Run the plan", id="plan.run"),
        Binding("p", "presets", "Presets", tooltip="Choose a plan that answers a question, or one that was saved",
                id="plan.presets"),
        Binding("w", "save", "Save", show=False, tooltip="Save this plan under a name", id="plan.save"),
        Binding("left", "app.focus_previous", "Panel before", show=False, tooltip="Go to the panel before",
                id="plan.panel_before"),
        Binding("right", "app.focus_next", "Panel after", show=False, tooltip="Go to the panel after",
                id="plan.panel_after"),
        Binding("tab", "app.focus_next", "Next panel", show=False, tooltip="Go to the next panel",
                id="plan.next_panel"),
    ]  # fmt: skip

    outcome: var[Plan | str] = var("", init=False)
    """The plan that the ticks make, or why they make none."""
    findings: var[tuple[Finding, ...]] = var((), init=False)
    """What disturbs measurements on this machine now."""

    class Run(Message):
        """A person wants this plan run."""

        def __init__(self, plan: Plan) -> None:
            super().__init__()
            self.plan = plan

    class Looked(Message):
        """The machine has been looked at."""

        def __init__(self, findings: Sequence[Finding]) -> None:
            super().__init__()
            self.findings = tuple(findings)

    def __init__(self, catalogue: Mapping[str, Scenario]) -> None:
        super().__init__()
        self._catalogue = catalogue
        self._rest = Choice()
        self._options: dict[str, dict[str, str]] = {}
        self._preset: Preset | None = None
        choices = choice_lists(catalogue, complete=False)
        ticks = ticks_of(self._rest, catalogue, choices)
        self._lists = {choice.key: CheckList(choice, ticks[choice.key]) for choice in choices}
        rows = settings(catalogue)
        self._settings = Settings(rows, {row.title: row.read(self._rest) for row in rows})
        self._list = self._lists["scenarios"]
        self._complete = False

    def body(self) -> Iterable[Widget]:
        """Lists; what is below them comes when they are there."""
        yield Horizontal(*self._lists.values(), id="panels")

    def on_mount(self) -> None:
        """Begin where the choice begins."""
        self._list.focus()

    async def complete(self) -> None:
        """Show what the first picture did not wait for: settings, the rest of the lists, and the plan."""
        words = _panel("The plan", Static(id="words"), id="words-panel")
        words.can_focus = True
        about = _panel("About", Static(id="about"), id="about-panel")
        await self.query_one("#body").mount(Horizontal(self._settings, about, id="middle"), words)
        self._complete = True
        for choice in choice_lists(self._catalogue):
            self._lists[choice.key].choice = choice
        self._explain()
        self.call_after_refresh(self._plan)  # its words fit the room there is, once that is known

    def on_screen_resume(self) -> None:
        """Tell the time anew, now that more runs are known; look at the machine once the place is drawn."""
        self._say()
        self.set_timer(LOOK_AFTER_S, self._look_if_idle)

    def on_resize(self) -> None:
        """Fit the words to the new width."""
        self.call_after_refresh(self._say)

    @property
    def choice(self) -> Choice:
        """What is chosen; what the form does not show is as the preset has it."""
        ticked = {key: panel.ticked for key, panel in self._lists.items()}
        fields: dict[str, object] = {}
        for setting in self._settings.settings:
            fields |= setting.write(self._settings.chosen[setting.title])
        strategies = ticked["strategies"]
        meant = STRATEGIES if not strategies or SHIPPED in strategies else strategies
        options = {
            f"{name}.{option}": value
            for name, changed in self._options.items()
            if name in meant
            for option, value in changed.items()
        }
        return msgspec.structs.replace(
            self._rest,
            scenarios=ticked["scenarios"],
            backends=ticked["backends"],
            strategies=() if strategies == (SHIPPED,) else strategies,
            strategy_options=options,
            **fields,
        )

    @choice.setter
    def choice(self, choice: Choice) -> None:
        self._rest = choice
        self._options = _options_by_strategy(choice)
        for key, names in ticks_of(choice, self._catalogue, [panel.choice for panel in self._lists.values()]).items():
            self._lists[key].ticked = names
        rows = self._settings.settings
        self._settings.chosen = {row.title: row.read(choice) or (row.values[0].name,) for row in rows}
        self._say_options()

    @on(CheckList.Changed)
    @on(Settings.Changed)
    def _plan(self) -> None:
        try:
            self.outcome = make_plan(self.choice, self._catalogue)
        except PlanError as error:
            self.outcome = str(error)

    @on(OptionList.OptionHighlighted)
    @on(Settings.Moved)
    @on(events.DescendantFocus)
    def _explain(self) -> None:
        if not self._complete:
            return
        focused = self.focused
        if isinstance(focused, CheckList):
            self._list = focused
            about = about_in_words(focused.item) if focused.item else Content("")
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
        if self.focused is self._settings:
            (self._list if message.direction < 0 else self.query_one("#words-panel")).focus()
        elif message.direction > 0:
            self._settings.focus()

    def watch_outcome(self) -> None:
        """Say the plan in words."""
        self._say()

    def watch_findings(self) -> None:
        """Warn of what was found."""
        self._say()

    def action_run(self) -> None:
        """Run the plan, or say why not."""
        self._plan()  # anew: a plan that is run twice has two names
        if isinstance(self.outcome, Plan):
            self.post_message(self.Run(self.outcome))
        else:
            self.notify(self.outcome, title="This cannot be run", severity="error")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a strategy has options."""
        return action != "options" or self.focused is self._lists["strategies"]

    def action_options(self) -> None:
        """Open the form of a strategy."""
        item = self._lists["strategies"].item
        if item is None or item.name not in STRATEGIES or not STRATEGIES[item.name].options.__struct_fields__:
            self.notify("It has no options.")
            return
        form = strategy_form(item.name, self._options.get(item.name, {}))
        self.app.push_screen(form, partial(self._take_options, item.name))

    def _take_options(self, strategy: str, values: Mapping[str, str] | None) -> None:
        if values is not None:
            self._options[strategy] = changed_options(strategy, values)
            self._say_options()
            self._plan()

    @on(Settings.Other)
    def _ask_for_value(self, message: Settings.Other) -> None:
        setting = message.setting
        if setting.other is None:
            self.notify(f"There are no other values for {setting.title}.")
            return

        def take(values: Mapping[str, str] | None) -> None:
            if values is not None:
                self._settings.choose(setting, typed_names(setting, values[setting.title]))

        self.app.push_screen(setting_form(setting, self._settings.chosen[setting.title]), take)

    def action_presets(self) -> None:
        """Open the presets."""
        from membench.tui.plan.presets import Presets

        self.app.push_screen(Presets(self._takes, self._describe, self.action_save), self._take_preset)

    def _take_preset(self, preset: Preset | None) -> None:
        if preset is None:
            return
        self.choice = preset.choice
        self._preset = msgspec.structs.replace(preset, choice=self.choice)
        self._plan()
        self._say()

    def action_save(self) -> None:
        """Ask for a name and keep the choice under it."""
        from membench.tui.plan.presets import PresetName

        if not isinstance(self.outcome, Plan):
            self.notify(self.outcome, title="There is no plan to save", severity="error")
            return
        try:
            taken = [preset.name for preset in saved_presets()]
        except PresetsError as error:
            self.notify(str(error), title="Presets cannot be saved", severity="error", timeout=12)
            return
        self.app.push_screen(PresetName(headline(self.outcome), taken), self._save_as)

    def _save_as(self, name: str | None) -> None:
        from membench.tui.plan.presets import Presets

        if name is None:
            return
        try:
            save_preset(name, self.choice)
        except PresetsError as error:
            self.notify(str(error), title="The preset was not saved", severity="error", timeout=12)
            return
        self.notify(f"p lists it from now on: {name}", title="Preset saved")
        self._preset = Preset(name=name, choice=self.choice)
        self._say()
        if isinstance(self.app.screen, Presets):
            self.app.screen.read()

    def _takes(self, preset: Preset) -> str:
        """How much a preset is, in a few words."""
        try:
            return headline(make_plan(preset.choice, self._catalogue)).rpartition(", ")[0]
        except PlanError:
            return "cannot run here"

    def _describe(self, preset: Preset) -> Content:
        """What a preset shows, how long it takes, and its runs."""
        try:
            plan = make_plan(preset.choice, self._catalogue)
        except PlanError as error:
            return refusal_in_words(str(error))
        width = min(DIALOG_WIDTH, self.app.size.width - 6)
        head = [Content.styled(preset.shows, "bold")] if preset.shows else []
        lines = [f"{headline(plan)}:", *group_lines(plan, width)]
        return Content("\n").join([*head, *(Content.styled(line, "$foreground 60%") for line in lines)])

    def _say(self) -> None:
        if not self._complete:
            return
        panel = self.query_one("#words-panel")
        named = self._preset is not None and self._preset.choice == self.choice
        panel.border_title = f"The plan: {self._preset.name}" if self._preset and named else "The plan"
        if isinstance(self.outcome, str):
            words = refusal_in_words(self.outcome)
        else:
            warnings = [f"{finding.what} {finding.found}: {finding.advice}" for finding in self.findings]
            words = plan_in_words(self.outcome, *panel.scrollable_content_region.size, warnings)
        self.query_one("#words", Static).update(words)

    def _say_options(self) -> None:
        self._lists["strategies"].changed = {
            name: options_in_words(changed) for name, changed in self._options.items() if changed
        }

    def _look_if_idle(self) -> None:
        if self.is_current and not self.dashboard.running:
            self._look()

    @work(thread=True, exclusive=True)
    def _look(self) -> None:
        self.post_message(self.Looked(disturbances()))

    def on_plan_screen_looked(self, message: Looked) -> None:
        """Keep what was found."""
        self.findings = message.findings


def _options_by_strategy(choice: Choice) -> dict[str, dict[str, str]]:
    """Options by the strategy that they are for; one that names no strategy is for all that have it."""
    found: dict[str, dict[str, str]] = {}
    for key, value in sorted(choice.strategy_options.items(), key=lambda option: "." in option[0]):
        strategy, _, option = key.rpartition(".")
        for name in (strategy,) if strategy else STRATEGIES:
            if name in STRATEGIES and option in STRATEGIES[name].options.__struct_fields__:
                found.setdefault(name, {})[option] = option_value(value)
    return found


def _panel(title: str, child: Widget, id: str) -> VerticalScroll:
    panel = VerticalScroll(child, id=id, classes="panel", can_focus=False)
    panel.border_title = title
    return panel


def about_in_words(item: Item) -> Content:
    """What to know about the item under the cursor."""
    first, *rest = item.about or ("",)
    if item.unavailable:
        first, *rest = f"Cannot run here: {item.unavailable}", *item.about
    return _about(item.name, first, rest)


def about_setting(panel: Settings) -> Content:
    """What to know about the value under the cursor, and about its row."""
    setting, value = panel.setting, panel.value
    names: Names = panel.chosen[setting.title]
    hint = (
        "Space ticks it; several are compared, each with runs of its own." if setting.several else "Space chooses it."
    )
    lines = [*value.about, hint, *(["o takes other values."] if setting.other else [])]
    if value.unavailable:
        lines = [f"Cannot be had here: {value.unavailable}", *value.about]
    chosen = " (chosen)" if value.name in names else ""
    return _about(setting.title, setting.about, [f"{value.name}{chosen}: {lines[0]}", *lines[1:]])


def _about(name: str, first: str, rest: Sequence[str]) -> Content:
    lines = [Content.assemble((f"{name}  ", "bold $accent"), first)]
    lines += [Content.styled(line, "$foreground 70%") for line in rest]
    return Content("\n").join(lines)
