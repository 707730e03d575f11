"""History: finding, marking, opening, exporting, deleting and restoring runs, by keyboard alone."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.widgets import Input
from tui_script import NARROW, WIDE, Stage, contention, notes_of, text_of, until

from membench.messages.run import Audit, Finished, RepeatEnded, Started, Tick
from membench.results.history import History, history_path
from membench.session.measurement import Measurement
from membench.spec.run import RunSpec
from membench.tui.common.dialogs import Export
from membench.tui.common.table import RunTable
from membench.tui.history.screen import HistoryScreen

STRATEGIES = ("mutex", "shared", "adaptive", "queue")
NEWEST = datetime(2024, 11, 21, 14, 5).astimezone()
SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])


def store_runs(count: int = 4) -> None:
    """Store runs, each faster than the one before. The oldest, `run0`, waits for a mutex."""
    with History(create=True) as history:
        for number in range(count):
            strategy = STRATEGIES[number % len(STRATEGIES)]
            spec = RunSpec(run_id=f"run{number}", plan_id="plan", scenario="steady-add", operation="add", clients=8,
                           duration_s=2.0, backend="agentmem", strategy=strategy, strategy_options={}, store="local",
                           model="BAAI/bge-small-en-v1.5", precision="fp32", embedder="model")  # fmt: skip
            record = measured(spec, 10 + number, waits=strategy == "mutex").record("ok")
            began = NEWEST - timedelta(minutes=count - number)
            history.add(
                msgspec.structs.replace(record, started_at=began.isoformat(timespec="milliseconds"), took_s=5.0)
            )


def measured(spec: RunSpec, items: int, waits: bool) -> Measurement:
    measurement = Measurement(spec)
    measurement.feed(Started(weights="twin", threads=2, dimensions=384, environment={}))
    for number in range(1, 21):
        measurement.feed(
            Tick(
                repeat=0, elapsed_s=number / 10, duration_s=0.1, operations=items, items=items, errors={},
                latency_ns=(50_000_000, 90_000_000), latency_counts=(items - 1, 1), cpu_percent_per_core=(96.0, 8.0),
                client_items=(items, *(0,) * 7), client_longest_ns=(90_000_000,) * 8,
                contention=contention() if waits else contention(locks=(), lock_s=0.1),
            )
        )  # fmt: skip
    measurement.feed(RepeatEnded(repeat=0, wall_s=2.0, operations=20 * items, items=20 * items))
    measurement.feed(Finished(audit=Audit(20 * items, 20 * items, 0, 0, 0)))
    return measurement


async def to_history(pilot: Any, stage: Stage) -> RunTable:
    await pilot.press("4")
    await until(pilot, lambda: isinstance(stage.app.screen, HistoryScreen) and stage.app.screen.query_one(RunTable))
    return stage.app.screen.query_one(RunTable)


def shown(table: RunTable) -> list[str]:
    return [run.run_id for run in table.rows]


@SIZES
async def test_runs_are_listed_the_newest_first(stage: Stage, size: tuple[int, int]) -> None:
    store_runs()
    async with stage.app.run_test(size=size) as pilot:
        table = await to_history(pilot, stage)
        await until(pilot, lambda: shown(table) == ["run3", "run2", "run1", "run0"])
        text = text_of(stage.app)
        assert "2024-11-21" in text and "mutex" in text and "lock-bound" in text and "4 runs" in text


async def test_an_empty_history_names_the_keys_to_press(stage: Stage) -> None:
    async with stage.app.run_test(size=NARROW) as pilot:
        await to_history(pilot, stage)
        await until(pilot, lambda: "The history is empty. Press 1 for Plan" in text_of(stage.app))
        await pilot.press("enter", "space", "asterisk", "d", "e")
        await until(pilot, lambda: "Nothing to export" in notes_of(stage.app))


async def test_a_damaged_history_displays_the_error(stage: Stage) -> None:
    history_path().parent.mkdir(parents=True)
    history_path().write_text("no database " * 100)
    async with stage.app.run_test(size=WIDE) as pilot:
        await to_history(pilot, stage)
        await until(pilot, lambda: "cannot be read" in text_of(stage.app))


async def test_the_filter_applies_while_it_is_typed(stage: Stage) -> None:
    store_runs()
    async with stage.app.run_test(size=WIDE) as pilot:
        table = await to_history(pilot, stage)
        await pilot.press("slash", *"ada")
        await until(pilot, lambda: shown(table) == ["run2"])
        await pilot.press("space", *"nothing")
        await until(pilot, lambda: "No run contains all of these words" in text_of(stage.app))
        await pilot.press("escape")
        await until(pilot, lambda: len(shown(table)) == 4)
        assert table.has_focus


async def test_marked_runs_open_in_results(stage: Stage) -> None:
    store_runs()
    async with stage.app.run_test(size=WIDE) as pilot:
        await to_history(pilot, stage)
        await pilot.press("end", "space", "home", "space", "enter")
        await until(pilot, lambda: stage.app.current_mode == "results")
        results = stage.app.screen.query_one(RunTable)
        await until(pilot, lambda: results.selected and results.selected.run_id == "run3")
        assert {run.run_id for run in stage.app.finished} == {"run0", "run3"}
        results.select("run0")
        results.post_message(RunTable.Selected())
        await until(pilot, lambda: "mutex.py:31" in text_of(stage.app))
        assert "lock-bound" in text_of(stage.app)


async def test_a_run_that_is_opened_twice_is_listed_once(stage: Stage) -> None:
    store_runs()
    async with stage.app.run_test(size=WIDE) as pilot:
        for _ in range(2):
            await to_history(pilot, stage)
            await pilot.press("home", "enter")
            await until(pilot, lambda: stage.app.current_mode == "results")
        assert [run.run_id for run in stage.app.finished] == ["run3"]


async def test_undo_restores_deleted_runs(stage: Stage) -> None:
    store_runs()
    async with stage.app.run_test(size=WIDE) as pilot:
        table = await to_history(pilot, stage)
        await pilot.press("home", "space", "space", "d")
        await until(pilot, lambda: shown(table) == ["run1", "run0"])
        assert "Deleted 2 runs; u restores" in notes_of(stage.app)
        await pilot.press("d")
        await until(pilot, lambda: len(shown(table)) == 1)
        await pilot.press("u", "u")
        await until(pilot, lambda: shown(table) == ["run3", "run2", "run1", "run0"])
        await pilot.press("u")
        await until(pilot, lambda: "Nothing to restore" in notes_of(stage.app))


async def test_a_reference_has_a_star(stage: Stage) -> None:
    store_runs()
    async with stage.app.run_test(size=WIDE) as pilot:
        await to_history(pilot, stage)
        await pilot.press("end", "asterisk")
        await until(pilot, lambda: "★" in text_of(stage.app))
        with History() as history:
            assert [row.run_id for row in history.runs() if row.reference] == ["run0"]
        await pilot.press("m")
        await until(pilot, lambda: "★" not in text_of(stage.app))


async def test_whole_records_of_marked_runs_are_exported(stage: Stage, tmp_path: Path) -> None:
    store_runs()
    async with stage.app.run_test(size=WIDE) as pilot:
        await to_history(pilot, stage)
        await pilot.press("end", "space", "e")
        await until(pilot, lambda: isinstance(stage.app.screen, Export))
        stage.app.screen.query_one(Input).value = str(tmp_path / "out.csv")
        await pilot.press("enter")
        await until(pilot, lambda: (tmp_path / "out.csv").exists())
    with (tmp_path / "out.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["run_id"], row["acknowledged"], row["weights"]) == ("run0", "200", "twin")
    assert row["latency_hdr"]


async def test_a_run_is_stored_when_it_ends(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: stage.sessions)
        stage.session.begin(0)
        stage.session.tick(10)
        stage.session.finish()
        stage.session.over()
        await until(pilot, lambda: stage.app.finished and not stage.app.running)
        table = await to_history(pilot, stage)
        await until(pilot, lambda: shown(table) == [stage.app.finished[0].run_id])


async def test_a_run_that_cannot_be_stored_is_displayed(stage: Stage) -> None:
    history_path().parent.mkdir(parents=True)
    history_path().write_text("no database " * 100)
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: stage.sessions)
        for index in (0, 1):
            stage.session.begin(index)
            stage.session.tick(10)
            stage.session.finish()
        await until(pilot, lambda: len(stage.app.finished) == 2)
        assert notes_of(stage.app).count("results are missing from it") == 1
        stage.session.over()


def test_history(stage: Stage, snap_compare: Callable[..., bool]) -> None:
    """History: two runs marked, one of them the reference."""
    store_runs(12)

    async def act(pilot: Any) -> None:
        await to_history(pilot, stage)
        await pilot.press("home", "down", "space", "asterisk", "space")

    assert snap_compare(stage.app, terminal_size=WIDE, run_before=act)
