"""Results, the export, the help and the palette."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input
from tui_script import NARROW, WIDE, Stage, notes_of, text_of, until

from app.tui.keys import keys_of
from app.tui.screens.dialogs import Export, Help
from app.tui.widgets.table import RunTable

SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])


async def two_results(pilot: Any, stage: Stage) -> None:
    """A plan of which two runs are over, the second the slower one, and Results open."""
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


async def to_export(pilot: Any, stage: Stage, path: Path) -> None:
    await pilot.press("e")
    await until(pilot, lambda: isinstance(stage.app.screen, Export))
    stage.app.screen.query_one(Input).value = str(path)
    await pilot.press("enter")
    await pilot.pause()


@SIZES
async def test_results_sort_by_any_column(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await two_results(pilot, stage)
        table = stage.app.screen.query_one(RunTable)
        while not (table.sorted_by and table.sorted_by.title == "ops/s"):
            await pilot.press("s")
        assert [run.ops_per_s for run in table.rows] == [120.0, 60.0]
        await pilot.press("r")
        assert [run.ops_per_s for run in table.rows] == [60.0, 120.0]


async def test_export_writes_a_csv_and_says_where(stage: Stage, tmp_path: Path) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await two_results(pilot, stage)
        await to_export(pilot, stage, tmp_path / "out.csv")
        await until(pilot, lambda: "out.csv" in notes_of(stage.app))
        assert not isinstance(stage.app.screen, Export)
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["ops_per_s"] for row in rows] == ["120.0", "60.0"]
    assert {row["weights"] for row in rows} == {"twin"}


async def test_a_path_that_cannot_be_written_keeps_the_dialog(stage: Stage, tmp_path: Path) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await two_results(pilot, stage)
        await to_export(pilot, stage, tmp_path / "no-such-folder" / "out.csv")
        assert isinstance(stage.app.screen, Export)
        assert "there is no folder" in " ".join(text_of(stage.app).split())


async def test_an_existing_file_is_replaced_only_when_told_twice(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("mine")
    async with stage.app.run_test(size=WIDE) as pilot:
        await two_results(pilot, stage)
        await to_export(pilot, stage, path)
        assert path.read_text() == "mine" and isinstance(stage.app.screen, Export)
        await pilot.press("enter")
        await until(pilot, lambda: path.read_text() != "mine")


async def test_export_with_nothing_to_export_says_so(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("3", "e")
        await until(pilot, lambda: "nothing to export" in notes_of(stage.app))


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
        assert {key.does for key in keys if key.action != "command_palette"} == offered
        await stage.app.run_key(next(key for key in keys if key.action == "freeze"))
        assert stage.app.screen.has_class("frozen")
