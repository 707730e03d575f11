"""Plan: choosing with the keyboard and the mouse, options, settings, presets, and the plan in words."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from textual.widgets import Input, OptionList
from tui_script import NARROW, WIDE, Stage, notes_of, text_of, until

import membench.tui.plan.choices
from membench.machine.doctor import Finding
from membench.plan.checks import PlanError
from membench.plan.matrix import Plan, make_plan
from membench.plan.options import Choice
from membench.plan.presets import BUILT_IN, presets_path, save_preset, saved_presets
from membench.plan.scenarios import Scenario, load_catalogue
from membench.results.history import History
from membench.session.measurement import Measurement
from membench.tui.common.words import shortened
from membench.tui.plan.checklist import CheckList
from membench.tui.plan.choices import settings
from membench.tui.plan.forms import Form
from membench.tui.plan.presets import PresetName, Presets
from membench.tui.plan.screen import PlanScreen
from membench.tui.plan.settings import Settings
from membench.tui.plan.summary import group_lines
from membench_backends.embedding.strategies.catalogue import STRATEGIES
from membench_backends.registry import backends

SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
ALL_SIZES = pytest.mark.parametrize("size", [WIDE, NARROW, (200, 60)], ids=["wide", "narrow", "large"])


def screen_of(stage: Stage) -> PlanScreen:
    (screen,) = [screen for screen in stage.app.screen_stack if isinstance(screen, PlanScreen)]
    return screen


def plan_of(stage: Stage) -> Plan:
    outcome = screen_of(stage).outcome
    assert isinstance(outcome, Plan)
    return outcome


def ticked(stage: Stage, key: str) -> tuple[str, ...]:
    return screen_of(stage).query_one(f"#{key}", CheckList).ticked


def chosen(stage: Stage, title: str) -> tuple[str, ...]:
    return screen_of(stage).query_one(Settings).chosen[title]


def runs_of(plan: Plan) -> list[Any]:
    """The runs without the names that every plan makes anew."""
    return [replace(run, run_id="", plan_id="") for run in plan.runs]


@SIZES
async def test_enter_runs_the_built_in_comparison(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: stage.app.current_mode == "live")
        runs = runs_of(stage.session.plan)
    assert runs == runs_of(make_plan(Choice(), load_catalogue()))
    assert {run.strategy for run in runs if run.backend == "agentmem"} == {"mutex", "queue", "adaptive"}


async def test_every_choice_is_visible_without_scrolling(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.pause()
        seen = text_of(stage.app)
        names = [item.name for panel in stage.app.query(CheckList) for item in panel.choice.items]
        rows = [(row.title, *(value.name for value in row.values)) for row in settings(load_catalogue())]
        for panel in (*stage.app.query(CheckList), stage.app.query_one(Settings)):
            assert panel.max_scroll_y == 0
    for name in (*names, *(name for row in rows for name in row)):
        assert name in seen


@ALL_SIZES
async def test_cut_text_ends_with_an_ellipsis(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await pilot.press("right", "right", "a")
        await pilot.pause()
        for panel in stage.app.query(CheckList):
            width = panel.scrollable_content_region.width
            for option in panel.options:
                assert len(str(option.prompt)) <= width
        assert len(plan_of(stage).runs) == len(make_plan(screen_of(stage).form.choice, load_catalogue()).runs)


@SIZES
async def test_ticking_updates_the_plan(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await until(pilot, lambda: screen_of(stage).outcome)
        before = len(plan_of(stage).runs)
        await pilot.press("down", "down", "down", "space")
        assert len(plan_of(stage).runs) > before
        assert f"{len(plan_of(stage).runs)} runs, about" in text_of(stage.app)
        assert "speed twin" in text_of(stage.app)


async def test_all_none_and_letters_work_in_the_focused_panel(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("tab", "n", "f", "space")
        assert ticked(stage, "backends") == ("fastembed",)
        await pilot.press("N", "space")
        assert ticked(stage, "backends") == ("fastembed", "null")
        await pilot.press("right", "a")
        assert ticked(stage, "strategies") == ("shipped", *STRATEGIES)
        assert len(ticked(stage, "scenarios")) == 3


async def test_letters_after_a_slash_filter_the_list(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        panel = stage.app.query_one("#scenarios", CheckList)
        await pilot.press("n", "slash", *"add")
        assert [option.id for option in panel.options] == ["single-add", "batch-add", "concurrent-add", "steady-add"]
        await pilot.press("minus", "x")
        assert panel.option_count == 0 and panel.item is None
        assert "nothing contains 'add-x'" in text_of(stage.app)
        await pilot.press("space", "backspace", "backspace", "backspace", "backspace", "backspace", *"te", "space")
        assert panel.filter == "te" and ticked(stage, "scenarios") == ("steady-add",)
        await pilot.press("escape")
        assert panel.option_count == 5 and panel.item is not None and panel.item.name == "steady-add"
        assert "/te" not in text_of(stage.app)


async def test_all_ticks_what_is_found_and_leaving_the_panel_shows_everything(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("n", "slash", *"st", "tab")
        panel = stage.app.query_one("#scenarios", CheckList)
        assert panel.filter is None and panel.option_count == 5 and "no scenario" in text_of(stage.app).lower()
        await pilot.press("left", "slash", *"st", "tab", "left", "slash", "s")
        panel.action_all()
        await pilot.pause()
        assert ticked(stage, "scenarios") == ("single-add", "steady-add", "store-only")


async def test_arrows_go_from_panel_to_panel(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("right", *["down"] * 5)
        assert stage.app.focused is stage.app.query_one(Settings)
        await pilot.press("up")
        assert stage.app.focused is stage.app.query_one("#backends")
        await pilot.press("down", *["down"] * 8)
        assert stage.app.focused is stage.app.query_one("#words-panel")


async def test_settings_make_a_matrix_or_apply_to_every_run(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("n", "down", "down", "down", "space", "tab", "tab", "n", "tab")
        await pilot.press("right", "right", "right", "right", "space", "right", "right", "space")  # clients 8 and 20
        await pilot.press("down", "right", "space")  # threads auto and 1
        await pilot.press("L", "L", "right", "right", "space")  # for 3 s, the usual 3 times
        runs = plan_of(stage).runs
        assert "3 s, 3 times" in text_of(stage.app)
    assert {run.clients for run in runs} == {8, 20} and {run.threads for run in runs} == {None, 1}
    assert {(run.repeats, run.duration_s) for run in runs} == {(3, 3.0)}
    assert len(runs) == (1 + 2) * 2 * 2


async def test_as_scenario_excludes_other_values(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("tab", "tab", "tab", "right", "space")
        assert chosen(stage, "clients") == ("1",)
        await pilot.press("a")
        assert chosen(stage, "clients") == ("1", "2", "4", "8", "16", "20", "32", "64")
        await pilot.press("left", "space")
        assert chosen(stage, "clients") == ("as scenario",)
        await pilot.press("space")
        assert chosen(stage, "clients") == ("as scenario",)
        await pilot.press("right", "space", "n")
        assert chosen(stage, "clients") == ("as scenario",)


async def test_another_value_can_be_typed_and_a_wrong_one_is_rejected(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("tab", "tab", "tab", "o", *"48,2000", "enter")
        assert isinstance(stage.app.screen, Form)
        assert "It must be a whole number from 1 to 1,024, not '2000'." in text_of(stage.app)
        await pilot.press("backspace", "backspace", "enter")
        assert chosen(stage, "clients") == ("20", "48")
        await pilot.press("L", "L", "o", *"1.5m", "enter")
        assert chosen(stage, "length") == ("90 s",) and plan_of(stage).runs[0].duration_s == 90
        await pilot.press("o")
        stage.app.screen.query_one(Input).value = "7"
        await pilot.press("enter")
        assert chosen(stage, "length") == ("7 memories",) and plan_of(stage).runs[0].items == 7
        await pilot.press("o")
        stage.app.screen.query_one(Input).value = "soon"
        await pilot.press("enter", "escape")
        assert chosen(stage, "length") == ("7 memories",)
        await pilot.press("E", "o")
        assert "There are no other values for embedder" in notes_of(stage.app)


@pytest.mark.parametrize("row", settings(load_catalogue()), ids=lambda row: row.title)
def test_every_value_of_a_setting_survives_the_choice_it_makes(row: Any) -> None:
    for value in row.values:
        choice = replace(Choice(), **row.write((value.name,)))
        assert row.read(choice) == (value.name,)
        assert row.parse is None or value is row.values[0] or row.parse(value.name) == value.name


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "1,000,001", "nan"])
def test_an_impossible_rate_is_rejected(text: str) -> None:
    (loop,) = [row for row in settings(load_catalogue()) if row.title == "loop"]
    assert loop.parse is not None
    with pytest.raises(ValueError, match=r"It must be a number from 0\.001 to 1,000,000"):
        loop.parse(text)


def test_a_catalogue_with_rates_does_not_claim_closed_loops() -> None:
    catalogue: dict[str, Scenario] = load_catalogue()
    open_loop = {"steady-add": replace(catalogue["steady-add"], rate=5.0)}
    (loop,) = [row for row in settings(open_loop) if row.title == "loop"]
    assert loop.values[0].name == "as scenario"


async def test_a_click_ticks_an_item_and_chooses_a_value(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: "local-unlocked" in text_of(stage.app))
        lines = text_of(stage.app).splitlines()
        (at,) = [(line.index("edge"), y) for y, line in enumerate(lines) if "local-unlocked" in line]
        await pilot.click(offset=at)
        assert chosen(stage, "store") == ("local", "edge")
        (at,) = [(line.index("steady-add"), y) for y, line in enumerate(lines) if "[ ] steady-add" in line]
        await pilot.click(offset=at)
        assert "steady-add" in ticked(stage, "scenarios")


async def test_options_are_changed_in_a_form_and_shown_beside_the_name(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("right", "right", "Q", "o")
        assert isinstance(stage.app.screen, Form)
        seen = text_of(stage.app)
        assert "requests that close a window at once" in seen and "from 1 to 4,096; 64 by default" in seen
        await pilot.press(*"128", "down", *"x", "enter")
        assert isinstance(stage.app.screen, Form) and "It must be a number from 1 to 60,000." in text_of(stage.app)
        await pilot.press("backspace", *"5", "enter")
        assert "size 128, wait 5 ms" in text_of(stage.app) and "queue (size 128, wait 5 ms)" in text_of(stage.app)
        (queue,) = {tuple(run.strategy_options.items()) for run in plan_of(stage).runs if run.strategy == "queue"}
        assert queue == (("size", 128), ("wait_ms", 5.0))


async def test_two_values_of_a_backends_option_are_compared(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("right", "A", "o")
        assert isinstance(stage.app.screen, Form)
        assert "as-shipped by default; commas separate" in text_of(stage.app)
        await pilot.press(*"together,x", "enter")
        assert isinstance(stage.app.screen, Form) and "It must be one of as-shipped, together." in text_of(stage.app)
        await pilot.press("backspace", *"as-shipped", "enter")
        assert "agentmem (history together, as-shipped)" in text_of(stage.app)
        histories = [run.backend_options["history"] for run in plan_of(stage).runs if run.backend == "agentmem"]
        assert set(histories) == {"together", "as-shipped"}
        assert histories.count("together") == histories.count("as-shipped")
        others = [run.backend_options["history"] for run in plan_of(stage).runs if run.backend == "mem0"]
        assert set(others) == {"as-shipped"}
        choice = screen_of(stage).form.choice
        assert choice.backend_options == {"agentmem.history": "together,as-shipped"}
        screen_of(stage).form.choice = Choice(scenarios=("single-add",), backend_options={"history": ["together"]})
        assert screen_of(stage).form.choice.backend_options == {
            "mem0.history": "together", "agentmem.history": "together",
        }  # fmt: skip
        await pilot.press("o", *"as-shipped", "enter", "up", "o", *"as-shipped", "enter")
        assert screen_of(stage).form.choice.backend_options == {}


async def test_options_of_unticked_backends_are_kept_out_of_the_plan(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("right", "A", "o", *"together", "enter", "n", "M", "space")
        assert screen_of(stage).form.choice.backend_options == {} and plan_of(stage).runs
        await pilot.press("A", "space")
        assert screen_of(stage).form.choice.backend_options == {"agentmem.history": "together"}


async def test_a_wrong_option_of_a_saved_preset_is_an_error_of_the_plan(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE):
        screen_of(stage).form.choice = Choice(scenarios=("single-add",), backend_options={"mem0.history": "gone"})
        screen_of(stage)._make_plan()
        assert isinstance(screen_of(stage).outcome, PlanError)


async def test_a_cancelled_form_and_a_default_change_nothing(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("right", "right", "Q", "o", *"128", "escape")
        assert screen_of(stage).form.choice.strategy_options == {}
        await pilot.press("o", "enter")
        assert screen_of(stage).form.choice.strategy_options == {}
        await pilot.press("home", "o", "end", "up", "up")
        assert "It has no options" in notes_of(stage.app)


async def test_options_of_unticked_strategies_are_kept_out_of_the_plan(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("right", "right", "Q", "o", *"128", "enter", "n", "M", "space")
        assert screen_of(stage).form.choice.strategy_options == {} and plan_of(stage).runs
        await pilot.press("Q", "space")
        assert screen_of(stage).form.choice.strategy_options == {"queue.size": "128"}


async def test_a_preset_takes_four_keys(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: "presets, such as: Is the lock in the way?" in text_of(stage.app))
        await pilot.press("p", "down")
        assert "AgentMem's mutex and adaptive" in text_of(stage.app)
        await pilot.press("enter")
        assert "The plan: Is the lock in the way?" in text_of(stage.app)
        assert ticked(stage, "strategies") == ("mutex", "adaptive") and chosen(stage, "length") == ("3 s",)
        await pilot.press("enter")
        await until(pilot, lambda: stage.app.current_mode == "live")
        assert [run.strategy for run in stage.session.plan.runs] == ["mutex", "adaptive"]


@pytest.mark.parametrize("preset", BUILT_IN, ids=[preset.name for preset in BUILT_IN])
async def test_the_form_makes_the_plan_of_every_preset(stage: Stage, preset: Any) -> None:
    async with stage.app.run_test(size=NARROW) as pilot:
        await pilot.press("p", *["down"] * BUILT_IN.index(preset), "enter")
        await pilot.pause()
        assert runs_of(plan_of(stage)) == runs_of(make_plan(preset.choice, load_catalogue()))
        assert not plan_of(stage).notes


async def test_a_changed_plan_loses_the_name_of_its_preset(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("p", "down", "enter", "space")
        assert "The plan: Is the lock" not in text_of(stage.app) and "The plan" in text_of(stage.app)


async def test_a_plan_is_saved_chosen_again_and_deleted(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("n", "down", "down", "down", "space", "w")
        assert isinstance(stage.app.screen, PresetName)
        await pilot.press("enter")
        assert "A name is required" in text_of(stage.app)
        await pilot.press(*"mine", "enter")
        await until(pilot, lambda: saved_presets())
        assert "The plan: mine" in text_of(stage.app)
        await pilot.press("p", "enter")
        assert ticked(stage, "scenarios") == ("single-add", "batch-add", "concurrent-add")
        await pilot.press("p", "end", "enter")
        await pilot.pause()
        assert ticked(stage, "scenarios") == ("steady-add",)
        await pilot.press("p", "end", "d")
        assert "Delete this preset?" in text_of(stage.app)
        await pilot.press("n")
        assert len(saved_presets()) == 1
        await pilot.press("d", "y")
        await until(pilot, lambda: not saved_presets())
        assert stage.app.screen.query_one(OptionList).option_count == len(BUILT_IN)


async def test_a_name_that_exists_is_replaced_only_when_asked_twice(stage: Stage) -> None:
    save_preset("mine", Choice())
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("n", "space", "p", "w", *"mine", "enter")
        assert "press enter again to replace it" in text_of(stage.app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(stage.app.screen, Presets))
        assert saved_presets()[0].choice.scenarios == ("single-add",)
        await pilot.press("d")
        assert "This preset is built in" in notes_of(stage.app)


async def test_a_damaged_presets_file_is_reported_once_and_left_alone(stage: Stage) -> None:
    presets_path().parent.mkdir(parents=True)
    presets_path().write_text("{")
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("p")
        assert "presets.json: is not a file of presets" in notes_of(stage.app)
        assert stage.app.screen.query_one(OptionList).option_count == len(BUILT_IN)
        await pilot.press("escape", "w")
        await pilot.pause()
        assert "Presets cannot be saved" in notes_of(stage.app) and not isinstance(stage.app.screen, PresetName)
    assert presets_path().read_text() == "{"


async def test_a_preset_with_an_unknown_name_says_so(stage: Stage) -> None:
    save_preset("elsewhere", Choice(scenarios=("not-here",)))
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("p", "end")
        assert "Unknown scenario 'not-here'" in text_of(stage.app) and "cannot run here" in text_of(stage.app)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(screen_of(stage).outcome, PlanError)


async def test_a_preset_keeps_what_the_form_does_not_show(stage: Stage) -> None:
    save_preset("seeded", Choice(scenarios=("single-add",), seed=7, metering=False))
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("p", "end", "enter")
        await pilot.pause()
        assert {(run.seed, run.metering) for run in plan_of(stage).runs} == {(7, False)}


async def test_every_run_is_listed_with_its_time_where_there_is_room(stage: Stage) -> None:
    async with stage.app.run_test(size=(200, 60)) as pilot:
        await pilot.pause()
        seen = text_of(stage.app)
        assert " 1  single-add · mem0 · shared · local · 1 client  " in seen and "15  concurrent-add" in seen
        await pilot.resize_terminal(*NARROW)
        await until(pilot, lambda: "15  concurrent-add" not in text_of(stage.app))


async def test_a_choice_that_cannot_run_says_why_in_place(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("n")
        assert "no scenario is chosen" in text_of(stage.app).lower()
        await pilot.press("enter", "w")
        await pilot.pause()
        assert stage.app.current_mode == "plan" and not stage.sessions
        assert "This cannot be run" in notes_of(stage.app) and "There is no plan to save" in notes_of(stage.app)


async def test_a_risky_store_has_a_warning(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("tab", "tab", "tab", "S", "right", "space")
        assert "! Not thread-safe" in text_of(stage.app)


async def test_disturbances_have_a_warning(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Finding("power", "battery", "plug the machine in")]
    monkeypatch.setattr(membench.tui.plan.screen, "disturbances", lambda: found)
    monkeypatch.setattr(membench.tui.plan.screen, "EXAMINE_AFTER_S", 0.01)
    async with stage.app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: "! power battery: plug the machine in" in text_of(stage.app))


async def test_the_expected_time_states_its_basis(stage: Stage) -> None:
    (run,) = make_plan(Choice(scenarios=("store-only",), repeats=3), load_catalogue()).runs
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("n", "end", "space", "tab", "n")
        assert "1 run, about 8 s, a first guess" in text_of(stage.app)
        with History(create=True) as history:
            history.add(Measurement(run).record("ok", took_s=41.0))
        await pilot.press("2", "1")
        await until(pilot, lambda: "1 run, about 41 s, from earlier runs" in text_of(stage.app))
        await pilot.press("left", "home", "space")
        assert "partly from earlier runs" in text_of(stage.app)


@SIZES
async def test_a_backend_that_cannot_run_is_shown_with_its_reason(
    stage: Stage, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = {name: replace(info, unavailable="needs mem0") if name == "mem0" else info
               for name, info in backends().items()}  # fmt: skip
    for name in ("backends", "built_in"):
        monkeypatch.setattr(membench.tui.plan.choices, name, lambda: missing)
    async with stage.app.run_test(size=size) as pilot:
        assert " –  mem0" in text_of(stage.app)
        await pilot.press("tab")
        assert "Cannot run here: needs mem0" in text_of(stage.app)
        await pilot.press("space")
        assert ticked(stage, "backends") == ("agentmem",) and "needs mem0" in notes_of(stage.app)
        await pilot.press("a")
        assert "mem0" not in ticked(stage, "backends")


async def test_a_backend_of_another_distribution_is_listed_after_those_that_ship(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = backends()
    monkeypatch.setattr(
        membench.tui.plan.choices, "backends", lambda: {**known, "other": replace(known["null"], name="other")}
    )
    async with stage.app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: "[ ] other" in text_of(stage.app))
        assert ticked(stage, "backends") == ("mem0", "agentmem")
        await pilot.press("tab", "O", "space")
        assert ticked(stage, "backends") == ("mem0", "agentmem", "other")


async def test_references_state_their_kind(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("down", "down")
        shown = " ".join(text_of(stage.app).split())
        assert "measured" in shown and "claimed" in shown and "unsourced" in shown
        assert stage.app.query_one("#about-panel").max_scroll_y == 0


@pytest.mark.parametrize("width", [40, 74, 114])
def test_the_lines_of_a_plan_fit_their_width(width: int) -> None:
    several: dict[str, Any] = {"clients": (1, 2, 4, 8, 16, 32), "threads": (1, 2), "precisions": ("fp32", "int8")}
    choice = Choice(strategies=tuple(STRATEGIES), stores=("local", "edge"), strategy_options={"size": 8}, **several)
    lines = group_lines(make_plan(choice, load_catalogue()), width)
    assert len(lines) == 6 and all(len(line) <= max(width, 70) for line in lines)
    assert any("…" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "width", "short"),
    [("as it is", 8, "as it is"), ("one two three", 9, "one two…"), ("unbreakable", 6, "unbre…"), ("one", 0, "")],
)
def test_a_text_is_shortened_after_a_word(text: str, width: int, short: str) -> None:
    assert shortened(text, width) == short
