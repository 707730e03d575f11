"""Results, the export, the help and the palette."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from textual.binding import Binding
from textual.widgets import Input
from tui_script import NARROW, WIDE, Stage, contention, notes_of, text_of, until

from membench.plan.matrix import make_plan
from membench.plan.options import Choice
from membench.plan.scenarios import load_catalogue
from membench.results.history import History
from membench.results.record import SCHEMA
from membench.settings import config_path
from membench.tui.common.dialogs import Export, Help
from membench.tui.common.keys import keys_of
from membench.tui.common.table import RunTable
from membench.tui.results.bars import bar_of, draw
from membench.tui.results.screen import ResultsScreen
from membench.tui.results.sorting import SortBy

SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])


async def two_results(pilot: Any, stage: Stage) -> None:
    """Finish two runs of a plan, the second being slower, and open Results."""
    await pilot.press("enter")
    await until(pilot, lambda: stage.sessions)
    for index, items in ((0, 240), (1, 120)):
        stage.session.begin(index)
        stage.session.tick(10)
        stage.session.finish(items)
    stage.session.over()
    await until(pilot, lambda: len(stage.app.finished) == 2 and not stage.app.running)
    stage.app.clear_notifications()
    await pilot.press("3")
    await until(pilot, lambda: stage.app.current_mode == "results")


async def pairs(pilot: Any, stage: Stage, lost: int = 0) -> None:
    """Finish a mutex that clients wait for and a strategy that is twice as fast but may lose memories; open Results."""
    choice = Choice(scenarios=("steady-add",), backends=("agentmem",), strategies=("mutex", "adaptive"), clients=(8,))
    stage.app.run_plan(make_plan(choice, load_catalogue()))
    await until(pilot, lambda: stage.sessions)
    for index, (items, met) in enumerate(((100, contention()), (200, contention(locks=(), lock_s=0.0)))):
        stage.session.begin(index)
        for number in range(1, 10):
            stage.session.tick(number, items // 10, 70.0 / (index + 1))
        stage.session.tick(10, items // 10, 70.0 / (index + 1), met)
        stage.session.finish(items, 1.0, lost=lost * index)
    stage.session.over()
    await until(pilot, lambda: len(stage.app.finished) == 2 and not stage.app.running)
    stage.app.clear_notifications()
    await pilot.press("3")
    await until(pilot, lambda: stage.app.current_mode == "results")
    await pilot.pause()


def rates(table: RunTable) -> list[float | None]:
    return [run.figures.memories_per_s for run in table.rows]


def words_of(stage: Stage) -> str:
    """Return the text of the screen without its line breaks."""
    return " ".join(text_of(stage.app).replace("█", " ").split())


async def to_export(pilot: Any, stage: Stage, path: Path) -> None:
    await pilot.press("e")
    await until(pilot, lambda: isinstance(stage.app.screen, Export))
    stage.app.screen.query_one(Input).value = str(path)
    await pilot.press("enter")
    await pilot.pause()


@SIZES
async def test_results_sort_by_the_letter_of_a_column(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await two_results(pilot, stage)
        table = stage.app.screen.query_one(RunTable)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(stage.app.screen, SortBy))
        assert "[m]emories/s" in text_of(stage.app) and "[v]erdict" in text_of(stage.app)
        await pilot.press("m")
        assert rates(table) == [120.0, 60.0]
        assert "memories/s▾" in text_of(stage.app)
        await pilot.press("r")
        assert rates(table) == [60.0, 120.0]
        await pilot.press("s", "m")
        assert rates(table) == [120.0, 60.0]


async def test_a_key_that_is_no_column_does_not_sort(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await two_results(pilot, stage)
        await pilot.press("s", "z")
        assert isinstance(stage.app.screen, SortBy)
        await pilot.press("escape")
        assert "in the order run" in text_of(stage.app)


async def test_no_letter_sorts_by_two_columns(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await two_results(pilot, stage)
        letters = [column.letter for column in stage.app.screen.query_one(RunTable).columns if column.letter]
    assert len(letters) == len(set(letters)) > 8


async def test_a_star_marks_the_run_that_is_faster_by_more_than_chance(stage: Stage) -> None:
    choice = Choice(scenarios=("steady-add",), backends=("agentmem",), strategies=("mutex", "adaptive"), repeats=3)
    async with stage.app.run_test(size=WIDE) as pilot:
        stage.app.run_plan(make_plan(choice, load_catalogue()))
        await until(pilot, lambda: stage.sessions)
        for index, items in enumerate((100, 200)):
            for extra in (0, 1, -1):
                stage.session.begin(index)
                stage.session.pause(items + extra, 1.0)
            stage.session.end("ok")
        stage.session.over()
        await until(pilot, lambda: len(stage.app.finished) == 2 and not stage.app.running)
        await pilot.press("3")
        await until(pilot, lambda: "★" in text_of(stage.app))
        rows = [line for line in text_of(stage.app).splitlines() if "steady-add" in line and "│" in line]
    assert [("★" in row, "mutex" in row) for row in rows[:2]] == [(False, True), (True, False)]


async def test_a_run_without_repeats_gets_no_star(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pairs(pilot, stage)
        assert "★" not in text_of(stage.app)


@pytest.mark.parametrize("options", ["as-shipped", "as-shipped,together"])
async def test_options_of_backends_are_a_column_where_one_is_changed_and_threads_always(
    stage: Stage, options: str
) -> None:
    choice = Choice(
        scenarios=("steady-add",), backends=("agentmem",), strategies=("mutex",), backend_options={"history": options}
    )
    async with stage.app.run_test(size=(200, 50)) as pilot:
        plan = make_plan(choice, load_catalogue())
        stage.app.run_plan(plan)
        await until(pilot, lambda: stage.sessions)
        for index in range(len(plan.runs)):
            stage.session.begin(index)
            stage.session.tick(10)
            stage.session.finish(100)
        stage.session.over()
        await until(pilot, lambda: len(stage.app.finished) == len(plan.runs) and not stage.app.running)
        await pilot.press("3")
        await until(pilot, lambda: stage.app.current_mode == "results")
        await pilot.pause()
        table = stage.app.screen.query_one(RunTable)
        cells = {column.title: [column.cell(run) for run in table.rows] for column in table.columns}
        assert cells.get("options", []) == (["history=as-shipped", "history=together"] if "," in options else [])
        assert set(cells["threads"]) == {"auto (2)"}
        assert "threads auto (2)" in text_of(stage.app) and "history=as-shipped" in text_of(stage.app)


async def test_columns_that_do_not_fit_are_counted(stage: Stage) -> None:
    async with stage.app.run_test(size=NARROW) as pilot:
        await two_results(pilot, stage)
        assert "more columns in a wider terminal" in text_of(stage.app)


async def test_a_run_with_many_errors_is_struck_through_and_its_bar_is_marked(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pairs(pilot, stage)
        runs = stage.app.finished
        table = stage.app.screen.query_one(RunTable)
        table.rows = tuple(replace(run, state="errors") for run in runs)
        await pilot.pause()
        struck = {
            segment.text.strip()
            for strip in stage.app.screen._compositor.render_strips()
            for segment in strip
            if segment.style and segment.style.strike
        }
    assert {"adaptive", "mutex", "100"} <= struck
    record = runs[0].record
    assert record
    bar = bar_of(replace(record, status="errors"), "mutex", "●", 0)
    assert bar and " !" in "\n".join(line.plain for line in draw([bar], None, 60, 8))


async def test_a_run_that_failed_its_audit_is_struck_through_with_the_reason(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pairs(pilot, stage, lost=3)
        struck = {
            segment.text.strip()
            for strip in stage.app.screen._compositor.render_strips()
            for segment in strip
            if segment.style and segment.style.strike
        }
        assert {"adaptive", "100", "200"} & struck == {"adaptive", "200"}
        assert "3 memories" in text_of(stage.app) and "1 run failed the audit" in words_of(stage)
        await pilot.press("end")
        await until(pilot, lambda: "✗ 3 memories of 203 acknowledged lost" in text_of(stage.app))


@SIZES
async def test_the_headline_names_the_bottleneck_and_what_is_faster(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await pairs(pilot, stage)
        seen = words_of(stage)
        assert stage.app.screen.query_one(RunTable).cursor == 0
    assert "agentmem: mutex is lock-bound (80 % of client time waits at mutex.py:31)" in seen
    assert "adaptive is 2.00x mutex" in seen


@SIZES
async def test_two_marked_runs_are_compared(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await pairs(pilot, stage)
        await pilot.press("space", "down", "space")
        await until(pilot, lambda: "2 marked" in text_of(stage.app))
        await until(pilot, lambda: "Throughput" in text_of(stage.app))
        seen = text_of(stage.app)
        assert "adaptive is 2.00x mutex" in seen.split("Throughput")[1]
        assert "● mutex" in seen and "◆ adaptive" in seen
        if size == NARROW:
            await pilot.press("c")
            await until(pilot, lambda: "Latency by percentile" in text_of(stage.app))
            seen = text_of(stage.app)
        assert "p99" in seen.split("Latency by percentile")[1]
        await pilot.press("u")
        await until(pilot, lambda: "unclear: clients spend" in text_of(stage.app))


async def test_one_marked_run_is_compared_with_the_selected_one(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pairs(pilot, stage)
        await pilot.press("space")
        await until(pilot, lambda: "mark a second run with space" in text_of(stage.app))
        await pilot.press("down")
        await until(pilot, lambda: "adaptive is 2.00x mutex" in text_of(stage.app).split("Throughput")[1])


async def test_charts_without_marks_show_comparable_runs(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pairs(pilot, stage)
        await pilot.press("c")
        await until(pilot, lambda: "◆ adaptive" in text_of(stage.app))
        await pilot.press("c")
        await until(pilot, lambda: "Throughput" not in text_of(stage.app))


async def test_a_run_is_shown_with_the_figures_published_of_its_workload(stage: Stage) -> None:
    choice = Choice(scenarios=("concurrent-add", "steady-add"), backends=("agentmem",), strategies=("mutex",))
    async with stage.app.run_test(size=(120, 60)) as pilot:
        stage.app.run_plan(make_plan(choice, load_catalogue()))
        await until(pilot, lambda: stage.sessions)
        for index in (0, 1):
            stage.session.begin(index)
            stage.session.tick(10)
            stage.session.finish(100, 2.0)
        stage.session.over()
        await until(pilot, lambda: len(stage.app.finished) == 2 and not stage.app.running)
        await pilot.press("3")
        await until(pilot, lambda: stage.app.current_mode == "results")
        table = stage.app.screen.query_one(RunTable)
        table.select(stage.app.finished[0].run_id)
        await until(pilot, lambda: "published" in text_of(stage.app))
        shown = " ".join(text_of(stage.app).split())
        assert "AgentMem 29.0, measured (its benchmark of 2025-12-10 on macOS); here 50.0: 1.72x" in shown
        await pilot.press("down")
        await until(pilot, lambda: table.selected.run_id == stage.app.finished[1].run_id)
        await until(pilot, lambda: "published" not in text_of(stage.app))


async def test_a_wide_terminal_shows_the_run_next_to_the_charts(stage: Stage) -> None:
    async with stage.app.run_test(size=(200, 60)) as pilot:
        await pairs(pilot, stage)
        await pilot.press("c")
        await until(pilot, lambda: "Latency by percentile" in text_of(stage.app))
        assert "Throughput" in text_of(stage.app) and "lock-bound: clients wait" in text_of(stage.app)


async def test_runs_are_copied_as_a_table(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pairs(pilot, stage)
        await pilot.press("y")
        await until(pilot, lambda: "2 runs copied" in notes_of(stage.app))
        rows = stage.app.clipboard.splitlines()
        assert rows[0].startswith("| scenario | backend | strategy |") and set(rows[1]) <= set("|-: ")
        assert "mutex" in rows[2] and "adaptive" in rows[3] and rows[4] == ""
        await pilot.press("end", "space", "y")
        await until(pilot, lambda: "1 run copied" in notes_of(stage.app))
        assert "mutex" not in stage.app.clipboard and "adaptive" in stage.app.clipboard


async def test_copying_nothing_shows_a_warning(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("3", "y")
        await until(pilot, lambda: "Nothing to copy" in notes_of(stage.app))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("out.csv", "run_id,plan_id,"),
        ("out.json", f'"schema": {SCHEMA}'),
        ("out.md", "| scenario | backend |"),
        ("out-2.hgrm", "1/(1-Percentile)"),
        ("out.svg", "<svg"),
    ],
)
async def test_export_writes_each_format(stage: Stage, tmp_path: Path, name: str, content: str) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pairs(pilot, stage)
        await to_export(pilot, stage, tmp_path / name.replace("-2", ""))
        await until(pilot, lambda: "2 runs written to" in notes_of(stage.app))
    assert content in (tmp_path / name).read_text()


async def test_an_svg_shows_the_place_and_no_path_of_this_machine(stage: Stage, tmp_path: Path) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pairs(pilot, stage)
        await to_export(pilot, stage, tmp_path / "out.svg")
        await until(pilot, lambda: (tmp_path / "out.svg").exists())
    picture = (tmp_path / "out.svg").read_text()
    assert "mutex" in picture and "dialog" not in picture
    assert not any(path in picture for path in (str(tmp_path), str(Path.home()), str(Path(__file__).parents[2])))


async def test_arrow_keys_change_the_format(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pairs(pilot, stage)
        await pilot.press("e", "down")
        assert stage.app.screen.query_one(Input).value.endswith(".json")
        await pilot.press("up", "up")
        assert stage.app.screen.query_one(Input).value.endswith(".svg")


async def test_an_unknown_extension_keeps_the_dialog_open(stage: Stage, tmp_path: Path) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pairs(pilot, stage)
        await to_export(pilot, stage, tmp_path / "out.xlsx")
        assert isinstance(stage.app.screen, Export)
        assert "has no known extension; use one of .csv" in " ".join(text_of(stage.app).split())


async def test_only_marked_runs_are_exported(stage: Stage, tmp_path: Path) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pairs(pilot, stage)
        await pilot.press("end", "space")
        await to_export(pilot, stage, tmp_path / "out.csv")
        await until(pilot, lambda: (tmp_path / "out.csv").exists())
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row["strategy"] for row in csv.DictReader(file)] == ["adaptive"]


async def test_every_key_of_the_place_can_be_remapped(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("3")
        bindings = [binding for binding in ResultsScreen.BINDINGS if isinstance(binding, Binding)]
    assert all(binding.id and binding.id.startswith("results.") for binding in bindings)


async def test_export_writes_a_csv_and_names_its_path(stage: Stage, tmp_path: Path) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await two_results(pilot, stage)
        await to_export(pilot, stage, tmp_path / "out.csv")
        await until(pilot, lambda: "out.csv" in notes_of(stage.app))
        assert not isinstance(stage.app.screen, Export)
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["memories_per_s"] for row in rows] == ["120.0", "60.0"]
    assert {row["weights"] for row in rows} == {"twin"}


async def test_a_path_that_cannot_be_written_keeps_the_dialog_open(stage: Stage, tmp_path: Path) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await two_results(pilot, stage)
        await to_export(pilot, stage, tmp_path / "no-such-folder" / "out.csv")
        assert isinstance(stage.app.screen, Export)
        assert "there is no folder" in " ".join(text_of(stage.app).split())


async def test_an_existing_file_is_replaced_only_after_a_second_enter(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("mine")
    async with stage.app.run_test(size=WIDE) as pilot:
        await two_results(pilot, stage)
        await to_export(pilot, stage, path)
        assert path.read_text() == "mine" and isinstance(stage.app.screen, Export)
        await pilot.press("enter")
        await until(pilot, lambda: path.read_text() != "mine")


async def test_the_export_never_replaces_a_file_that_is_read(stage: Stage, tmp_path: Path) -> None:
    config_path().parent.mkdir(parents=True, exist_ok=True)
    config_path().write_text("fps = 2\n")
    (tmp_path / "out.csv").symlink_to(config_path())
    async with stage.app.run_test(size=WIDE) as pilot:
        await two_results(pilot, stage)
        await to_export(pilot, stage, tmp_path / "out.csv")
        await pilot.press("enter")
        assert isinstance(stage.app.screen, Export)
        assert "is the settings file, which results never replace" in " ".join(text_of(stage.app).split())
    assert config_path().read_text() == "fps = 2\n"


async def test_exporting_nothing_shows_a_warning(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("3", "e")
        await until(pilot, lambda: "Nothing to export" in notes_of(stage.app))


@pytest.mark.parametrize("place", ["1", "2", "3"])
async def test_help_lists_exactly_the_keys_that_work_here(stage: Stage, place: str) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press(place)
        await pilot.pause()
        bound = {
            active.binding.action for active in stage.app.screen.active_bindings.values() if active.binding.tooltip
        }
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(stage.app.screen, Help))
        assert isinstance(stage.app.screen, Help)
        assert {key.action for key in stage.app.screen.keys} == bound
        await pilot.press("escape")
        assert not isinstance(stage.app.screen, Help)


async def test_the_palette_offers_every_action_of_the_place(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("2")
        await pilot.pause()
        offered = {command.help for command in stage.app.get_system_commands(stage.app.screen)}
        keys = keys_of(stage.app, stage.app.screen)
        assert {key.description for key in keys if key.action != "command_palette"} <= offered
        await stage.app.run_key(next(key for key in keys if key.action == "freeze"))
        assert stage.app.screen.has_class("frozen")


async def test_t_tries_the_advice_next_to_the_run(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pairs(pilot, stage)
        table = stage.app.screen.query_one(RunTable)
        mutex = next(run for run in stage.app.finished if run.figures.strategy == "mutex")
        table.select(mutex.run_id)
        await pilot.press("t")
        await until(pilot, lambda: len(stage.sessions) == 2 and stage.app.current_mode == "live")
        session = stage.session
        assert [(run.strategy, run.repeats) for run in session.plan.runs] == [("mutex", 3), ("shared", 3)]
        for repeat, order in enumerate(((0, 1), (1, 0), (0, 1))):
            for index in order:
                session.start(index)
                session.tick(10, 50 * (index + 1))
                if repeat < 2:
                    session.pause(100 * (index + 1) + repeat)
                else:
                    session.finish(100 * (index + 1) + repeat)
        session.over()
        await until(pilot, lambda: not stage.app.running)
        tried = next(run.record for run in stage.app.finished if run.run_id == mutex.run_id)
        assert tried and [trial.options for trial in tried.trials] == [{"strategy": "shared"}]
        assert "tried strategy shared: 1.99x" in notes_of(stage.app)
        await until(pilot, lambda: "tried strategy shared: 1.99x" in text_of(stage.app))
        assert stage.app.current_mode == "results" and table.selected and table.selected.run_id == mutex.run_id
        with History() as history:
            assert history.record(mutex.run_id).trials == tried.trials


async def test_t_says_when_there_is_nothing_to_try(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await two_results(pilot, stage)
        await pilot.press("t")
        await until(pilot, lambda: "There is nothing to try" in notes_of(stage.app))
        assert len(stage.sessions) == 1
