"""Parts of the dashboard that need no terminal: snapshots, charts and tables."""

from __future__ import annotations

import subprocess
import sys

import pytest
from msgspec.structs import asdict, replace
from tui_script import ScriptedSession

from membench.analysis.figures import Figures
from membench.messages.run import Tick
from membench.plan.matrix import expected_s, make_plan
from membench.plan.options import Choice
from membench.plan.scenarios import load_catalogue
from membench.results.latency import Latencies
from membench.session.measurement import Measurement
from membench.session.timeline import POINTS_MAX, Point, merge_points
from membench.spec.run import RunSpec
from membench.tui.common import columns, histogram
from membench.tui.common.chart import Curve, Level, downsampled, draw, nice_step
from membench.tui.common.engine import Drawing, Engine
from membench.tui.common.runs import PlanRuns
from membench.tui.common.snapshot import RunView, Snapshot
from membench.tui.common.table import fit_columns
from membench.tui.live import cores
from membench.tui.live.throughput import moving_average
from membench.tui.results import percentiles
from membench.tui.results.percentiles import curve_of


def tick(items: int = 10, duration_s: float = 0.1) -> Tick:
    return Tick(
        repeat=0, elapsed_s=duration_s, duration_s=duration_s, operations=items, items=items, errors={},
        latency_ns=(1_000_000,), latency_counts=(items,), cpu_percent_per_core=(50.0, 100.0), client_items=(items,),
    )  # fmt: skip


def waiting_run(spec: RunSpec, hue: int = 0) -> RunView:
    """Return the view of a run that has not started."""
    return RunView(figures=Figures(**asdict(spec)), state="waiting", hue=hue)


def test_the_progress_of_a_long_run_is_bounded_and_complete() -> None:
    measurement = Measurement(make_plan(Choice(backends=("null",)), load_catalogue()).runs[0])
    count = POINTS_MAX * 8
    for _ in range(count):
        measurement.feed(tick())
    progress = measurement.progress()
    assert len(progress.points) <= POINTS_MAX
    assert sum(point.items for point in progress.points) == count * 10
    assert progress.memories_per_s_now == pytest.approx(100.0)
    assert progress.latencies.percentile_ms(50.0) == pytest.approx(1.0, rel=0.01)


def test_merged_points_are_weighted_by_duration() -> None:
    both = merge_points([Point(0.1, 0.1, 10, (100.0,)), Point(0.4, 0.3, 10, (0.0,))])
    assert both == Point(0.4, pytest.approx(0.4), 20, (pytest.approx(25.0),))


def test_a_moving_average_keeps_the_mean_of_a_steady_run() -> None:
    points = [Point(number / 10, 0.1, 10 if number % 2 else 0, ()) for number in range(1, 21)]
    assert [rate for _, rate in moving_average(points, 0.4)][4:] == [pytest.approx(50.0)] * 16


def test_a_chart_fits_its_widget_and_states_its_units() -> None:
    curve = Curve(tuple((n / 10, 100.0 + n) for n in range(1000)), "#5fb3f0", 5.0, (Level(50.0, "mem0 · shared"),))
    lines = plain(curve, 60, 12)
    assert len(lines) <= 12 and max(map(len, lines)) <= 60
    assert "mem0 · shared" in "".join(lines) and "/s" in "".join(lines) and " s" in lines[-1]


def plain(curve: Curve, width: int, height: int) -> list[str]:
    """Return the lines of a chart without their colours."""
    return ["".join(segment.text for segment in line) for line in draw(curve, width, height)]


def test_a_chart_of_a_rate_of_zero_can_be_drawn() -> None:
    *field, axis, labels = plain(Curve(((0.1, 0.0), (0.2, 0.0))), 40, 8)
    assert any(cell > "\u2800" for cell in field[-1]) and field[-1].lstrip().startswith("0┤")
    assert axis.strip().startswith("└┬") and labels.split() == ["0", "s", "0.5", "s", "1.0", "s"]


@pytest.mark.parametrize("size", [(24, 4), (55, 16), (200, 40)])
def test_a_chart_fills_its_widget_exactly(size: tuple[int, int]) -> None:
    curve = Curve(tuple((n / 10, abs(n % 40 - 20.0)) for n in range(1, 100)), "#5fb3f0", 10.0, (), Level(30.0, "limit"))
    lines = plain(curve, *size)
    assert len(lines) == size[1] and max(map(len, lines)) <= size[0]


def test_a_curve_and_a_level_of_the_same_rate_share_a_row() -> None:
    *field, _, _ = plain(Curve(((0.0, 50.0), (4.0, 50.0)), "#5fb3f0", 8.0, (Level(50.0, "as fast"),)), 60, 12)
    (row,) = [line for line in field if "as fast" in line]
    assert sum(cell > "\u2800" for cell in row) == pytest.approx(27, abs=2)
    assert not any(cell > "\u2800" for line in field if line != row for cell in line)


def test_a_curve_has_no_gaps_where_it_is_steep() -> None:
    *field, _, _ = plain(Curve(((0.0, 0.0), (1.0, 100.0), (2.0, 0.0)), "#5fb3f0", 2.0), 40, 14)
    assert all(any(cell > "\u2800" for cell in line) for line in field[1:])


def test_only_the_first_of_two_levels_in_a_row_is_labelled() -> None:
    curve = Curve(((0.1, 10.0),), "#5fb3f0", 1.0, (Level(99.0, "before"),), Level(100.0, "limit 100"))
    lines = plain(curve, 50, 8)
    assert "limit 100" in "".join(lines) and "before" not in "".join(lines)


def test_a_chart_of_the_last_seconds_starts_with_them() -> None:
    points = tuple((60 + n / 10, 5.0) for n in range(100))
    *field, _, labels = plain(Curve(points, "#5fb3f0", 10.0, from_s=60.0), 60, 8)
    assert labels.split("  ")[0].strip() == "1 min 00 s", labels
    assert any(cell > "\u2800" for cell in "".join(field))


@pytest.mark.parametrize(("span", "step"), [(1.0, 0.5), (4.0, 1.0), (350.0, 100.0), (0.03, 0.01)])
def test_steps_are_round(span: float, step: float) -> None:
    assert nice_step(span, 4) == pytest.approx(step)


def test_downsampling_keeps_the_mean() -> None:
    points = [(float(n), float(n % 7)) for n in range(700)]
    fewer = downsampled(points, 100)
    assert len(fewer) <= 100
    assert sum(y for _, y in fewer) / len(fewer) == pytest.approx(3.0)


def test_a_histogram_shows_every_operation_and_marks_percentiles() -> None:
    latencies = Latencies.of({1_000_000: 9_970, 90_000_000: 20, 900_000_000: 10})
    drawn = [line.plain for line in histogram.draw(latencies, "#ffffff", 60, 8)]
    assert "▁" in drawn[-3][40:] and "█" in drawn[2]
    assert drawn[0].split() == ["p50", "p90", "p99", "p99.9", "max"] and drawn[1].count("▾") == 3
    assert drawn[-1].startswith("1 ms") and "1 s" in drawn[-1]
    assert all(len(line) <= 60 for line in drawn)


@pytest.mark.parametrize("count", [1, 2, 8, 64, 192])
def test_any_number_of_cores_fits(count: int) -> None:
    lines = [line.plain for line in cores.draw([Point(0.1, 0.1, 1, (50.0,) * count)] * 100, (0.0, 5.0), 46, 8)]
    assert len(lines) <= 8 and all(len(line) <= 46 for line in lines)
    omitted = [int(line.split()[1]) for line in lines if line.startswith("and ")]
    assert "\n".join(lines).count("core ") + sum(omitted) == count


@pytest.mark.parametrize("width", [30, 60, 76, 116, 200])
def test_tables_fit_their_width(width: int) -> None:
    runs = [waiting_run(spec) for spec in make_plan(Choice(), load_catalogue()).runs]
    chosen = fit_columns(
        (columns.MARK, columns.SCENARIO, columns.BACKEND, columns.STRATEGY, columns.STATUS), runs, width
    )
    assert sum(size for _, size in chosen) + 2 * (len(chosen) - 1) <= width


def test_the_first_paint_imports_nothing_that_it_does_not_need() -> None:
    measured = ("mem0", "fastembed", "onnxruntime", "qdrant_client", "qdrant_edge", "numpy")
    later = (
        "click",
        "membench.cli",
        "plotext",
        "membench.tui.live.screen",
        "membench.tui.results.screen",
        "membench.tui.history.screen",
    )
    code = f"import membench.tui.app, sys; print([name for name in {measured + later} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_strip_fills_exactly_its_part_of_the_time_axis() -> None:
    points = [Point(number / 10, 0.1, 1, (100.0,)) for number in range(1, 26)]
    assert len(cores.points_by_column(points, (0.0, 5.0), 100)) == 50
    assert len(cores.points_by_column(points, (0.0, 5.0), 10)) == 5
    assert len(cores.points_by_column(points[15:], (1.5, 2.5), 20)) == 20


def test_percentiles_in_the_same_column_keep_their_names() -> None:
    latencies = Latencies.of({1_000_000: 10_000})
    for width in (28, 60):
        names = histogram.draw(latencies, "#ffffff", width, 8)[0].plain
        assert names.split() == ["p50", "p90", "p99", "p99.9", "max"] and len(names) == width


@pytest.mark.parametrize(("operations", "names"), [(19, ["max"]), (20, ["p50", "max"]), (999, ["p50", "p90", "max"])])
def test_a_histogram_marks_only_percentiles_that_can_be_stated(operations: int, names: list[str]) -> None:
    drawn = histogram.draw(Latencies.of({1_000_000: operations}), "#ffffff", 60, 8)
    assert drawn[0].plain.split() == names


def test_a_percentile_curve_ends_where_ten_operations_are_left_and_marks_the_maximum() -> None:
    record = Measurement(make_plan(Choice(), load_catalogue()).runs[0]).record("ok")
    short, long = (
        curve_of(replace(record, latency_hdr=Latencies.of(counts).encode()), "mutex", "●", 0)
        for counts in ({2_000_000: 1}, {1_000_000: 99, 2_000_000: 900, 8_000_000: 1})
    )
    assert short and long
    assert (short.points, short.maximum) == ((), pytest.approx((0.0, 2.0), rel=1e-3))
    assert long.points[-1] == pytest.approx((2.0, 2.0), rel=1e-3)  # p99 of 1,000 operations
    assert long.maximum == pytest.approx((3.0, 8.0), rel=1e-3)
    for curves in ([short], [short, long]):
        lines = ["".join(segment.text for segment in line) for line in percentiles.draw(curves, 60, 12)]
        assert "\n".join(lines).count("×") == len(curves)


def test_the_time_left_scales_with_the_pace_of_finished_runs() -> None:
    first, second = make_plan(Choice(scenarios=("single-add",), backends=("mem0", "agentmem")), load_catalogue()).runs[
        :2
    ]
    done = replace(waiting_run(first).ended(Measurement(first).record("ok")), took_s=2 * expected_s(first))
    waiting = Snapshot("plan", (done, waiting_run(second, 1)))
    assert waiting.left_s(0.0) == pytest.approx(2 * expected_s(second))
    running = waiting.with_run(1, replace(waiting_run(second, 1), state="running", began_s=10.0))
    assert running.left_s(11.0) == pytest.approx(2 * expected_s(second) - 1.0)
    assert running.left_s(1e6) == 0.0


def test_opened_runs_precede_those_of_the_plan_and_have_colours_of_their_own() -> None:
    now_s = 100.0
    runs = PlanRuns(Engine(lambda message: None, Drawing(4.0), lambda: now_s), ScriptedSession, lambda: now_s)
    plan = make_plan(Choice(scenarios=("single-add",), backends=("mem0", "agentmem")), load_catalogue())
    stored = [Measurement(spec).record("ok") for spec in make_plan(Choice(backends=("null",)), load_catalogue()).runs]
    runs.start(plan)
    assert runs.in_progress and runs.snapshot and runs.unfinished == len(plan.runs)
    first = runs.snapshot.runs[0].ended(Measurement(plan.runs[0]).record("ok"))
    assert runs.update(runs.snapshot.with_run(0, first)) == (first,)
    runs.open(stored)
    runs.open(stored)
    assert [run.run_id for run in runs.finished] == [*(record.run_id for record in stored), first.run_id]
    assert not {run.hue for run in runs.finished[:-1]} & {run.hue for run in runs.snapshot.runs}
    now_s = 103.0
    assert runs.update(replace(runs.snapshot, over=True)) == ()
    now_s = 107.0
    assert not runs.in_progress and runs.elapsed_s == 3.0 and runs.time_left_s is None
    runs.close()


def test_the_last_seconds_of_a_run_are_not_merged() -> None:
    measurement = Measurement(make_plan(Choice(backends=("null",)), load_catalogue()).runs[0])
    for _ in range(2000):
        measurement.feed(tick(duration_s=0.125))  # an exact binary fraction: the sum of many is exact too
    progress = measurement.progress()
    assert len(progress.within(10.0)) == 80 and progress.within(None) == progress.points
