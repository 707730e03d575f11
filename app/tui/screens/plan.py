"""Plan: what to run, chosen by ticking, and the plan in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import OptionList, Static

from app.catalogue import Scenario
from app.messages import RunSpec
from app.plan import DEFAULT_STORE, Choice, Plan, PlanError, make_plan
from app.tui.choices import Item, choice_lists
from app.tui.screens.place import Place
from app.tui.widgets.checklist import CheckList
from backends.embedding.cache import weights_on_disk


class PlanScreen(Place):
    """The form."""

    NAME = "plan"
    HELP = (
        "Tick what to compare; every combination is a run of its own. Where nothing is ticked, the scenario or the "
        "backend decides. A letter jumps to the next item that begins with it; use a capital where it is a key."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "run", "Run", tooltip="Run the plan"),
        Binding("left", "app.focus_previous", "Panel before", show=False, tooltip="Go to the panel before"),
        Binding("right", "app.focus_next", "Panel after", show=False, tooltip="Go to the panel after"),
        Binding("tab", "app.focus_next", "Next panel", tooltip="Go to the next panel"),
    ]

    outcome: var[Plan | str] = var("", init=False)
    """The plan that the ticks make, or why they make none."""

    class Run(Message):
        """A person wants this plan run."""

        def __init__(self, plan: Plan) -> None:
            super().__init__()
            self.plan = plan

    def __init__(self, catalogue: Mapping[str, Scenario]) -> None:
        super().__init__()
        self._catalogue = catalogue
        self._lists = {choice.key: CheckList(choice) for choice in choice_lists(catalogue)}

    def body(self) -> Iterable[Widget]:
        """Panels of ticks, and below them words."""
        lists = self._lists
        yield Horizontal(
            lists["scenarios"],
            lists["backends"],
            lists["strategies"],
            Vertical(lists["stores"], lists["clients"], id="load"),
            id="panels",
        )
        yield Horizontal(
            _panel("About", Static(id="about"), id="about-panel"),
            _panel("The plan", Static(id="words"), id="words-panel"),
            id="below",
        )

    def on_mount(self) -> None:
        """Begin where the choice begins."""
        self._lists["scenarios"].focus()
        self._plan()

    @on(CheckList.Changed)
    def _plan(self) -> None:
        try:
            self.outcome = make_plan(self._choice(), self._catalogue)
        except PlanError as error:
            self.outcome = str(error)

    @on(OptionList.OptionHighlighted)
    @on(events.DescendantFocus)
    def _explain(self) -> None:
        if isinstance(self.focused, CheckList):
            self.query_one("#about", Static).update(about_in_words(self.focused.item))

    def watch_outcome(self) -> None:
        """Say the plan in words."""
        self.query_one("#words", Static).update(outcome_in_words(self.outcome))

    def action_run(self) -> None:
        """Run the plan, or say why not."""
        self._plan()  # anew: a plan that is run twice has two names
        if isinstance(self.outcome, Plan):
            self.post_message(self.Run(self.outcome))
        else:
            self.notify(self.outcome, title="This cannot be run", severity="error")

    def _choice(self) -> Choice:
        ticked = {key: panel.ticked for key, panel in self._lists.items()}
        return Choice(
            scenarios=ticked["scenarios"],
            backends=ticked["backends"],
            strategies=ticked["strategies"],
            stores=ticked["stores"] or (DEFAULT_STORE,),
            clients=tuple(map(int, ticked["clients"])),
        )


def _panel(title: str, child: Widget, id: str) -> VerticalScroll:
    panel = VerticalScroll(child, id=id, classes="panel", can_focus=False)
    panel.border_title = title
    return panel


def about_in_words(item: Item) -> Content:
    """What to know about the item under the cursor."""
    lines = [*([f"Cannot run here: {item.unavailable}"] if item.unavailable else []), *item.about]
    first, *rest = lines or [""]
    parts: list[tuple[str, str]] = [(f"{item.name}  ", "bold $accent"), (first, "")]
    parts += [(f"\n\n{line}", "$foreground 60%") for line in rest]
    return Content.assemble(*parts)


def outcome_in_words(outcome: Plan | str) -> Content:
    """The plan in words with what a reader must know, or why there is none."""
    if isinstance(outcome, str):
        return Content.assemble(("✗ ", "bold $error"), (outcome[:1].upper() + outcome[1:], "$error"))
    parts: list[tuple[str, str]] = [(f"{outcome.summary()}.  ", "bold"), ("enter", "bold $accent"), (" runs it.", "")]
    models = dict.fromkeys(run.model for run in outcome.runs if run.strategy)
    parts += [(f"\n! {note}", "$warning") for note in outcome.notes]
    parts += [(f"\n{weights_in_words(model)}", "$foreground 60%") for model in models]
    parts += [("\n", ""), *((f"\n{line}", "") for line in runs_in_words(outcome))]
    return Content.assemble(*parts)


def runs_in_words(plan: Plan) -> list[str]:
    """A line for each scenario and backend: `concurrent-add  agentmem  mutex, queue  20 clients`."""
    groups: dict[tuple[str, str], list[RunSpec]] = {}
    for run in plan.runs:
        groups.setdefault((run.scenario, run.backend), []).append(run)
    rows = [(scenario, backend, *_varied(runs)) for (scenario, backend), runs in groups.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _varied(runs: list[RunSpec]) -> tuple[str, str, str]:
    """What differs among the runs of a scenario and a backend: strategies, stores, clients."""
    strategies = dict.fromkeys(run.strategy or "–" for run in runs)
    stores = dict.fromkeys(run.store or "–" for run in runs)
    clients = dict.fromkeys(run.workload.clients for run in runs)
    most = max(clients)
    return (
        ", ".join(strategies),
        ", ".join(stores),
        ", ".join(map(str, clients)) + f" {'client' if most == 1 else 'clients'}",
    )


def weights_in_words(model: str) -> str:
    """What the weights of a model are here, and what that means."""
    found = weights_on_disk(model)
    meaning = (
        "its speed is the real model's, its similarities mean nothing." if found.weights == "twin" else "as published."
    )
    return f"{model}: {found.note}; {meaning}"
