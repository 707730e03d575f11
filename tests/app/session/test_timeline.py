"""The timeline of a run: bounded space, ten windows, the current rate."""

from __future__ import annotations

import pytest

from membench.session.timeline import POINTS_MAX, RECENT_S, WINDOWS, Point, Timeline


def timeline_of(pieces):
    timeline, end_s = Timeline(), 0.0
    for duration_s, items in pieces:
        end_s += duration_s
        timeline.append(Point(end_s, duration_s, items, (50.0, 10.0)))
    return timeline


def windows(pieces):
    return timeline_of(pieces).windows()


def test_each_window_has_the_rate_of_its_time():
    assert windows([(0.1, count) for count in range(20)]) == pytest.approx([10 * (4 * at + 1) / 2 for at in range(10)])


def test_a_point_in_two_windows_counts_in_both():
    assert windows([(1.0, 10)] * 15) == pytest.approx([10.0] * WINDOWS)
    assert windows([(1.5, 15), *[(1.0, 10)] * 8, (0.5, 0)]) == pytest.approx([10.0] * 9 + [5.0])


def test_windows_leave_nothing_out():
    pieces = [(0.1 + 0.01 * (at % 7), at % 5) for at in range(57)]

    assert sum(windows(pieces)) * sum(s for s, _ in pieces) / WINDOWS == pytest.approx(
        sum(items for _, items in pieces)
    )


@pytest.mark.parametrize("pieces", [[], [(0.1, 3)] * (WINDOWS - 1), [(0.0, 0)] * 20])
def test_a_short_run_has_no_windows(pieces):
    assert windows(pieces) is None


@pytest.mark.parametrize("ticks", [POINTS_MAX - 1, POINTS_MAX, POINTS_MAX + 1, 25 * POINTS_MAX + 3])
def test_a_long_run_takes_no_more_space_than_a_short_one(ticks):
    timeline = timeline_of([(0.1, 7)] * ticks)
    points = timeline.points

    assert len(points) <= POINTS_MAX
    assert sum(point.items for point in points) == 7 * ticks
    assert sum(point.duration_s for point in points) == pytest.approx(0.1 * ticks)
    assert [point.end_s for point in points] == sorted(point.end_s for point in points)
    assert timeline.windows() == pytest.approx([70.0] * WINDOWS)
    assert len(timeline.recent) <= RECENT_S / 0.1 + 1


def test_merged_points_weight_core_use_by_duration():
    timeline = Timeline()
    for at in range(2 * POINTS_MAX):
        timeline.append(Point(at + 1.0, 1.0, 1, (100.0 * (at % 2), 30.0)))

    assert {point.cores for point in timeline.points} == {(50.0, 30.0)}


def test_the_current_rate_is_that_of_the_last_second():
    assert Timeline().memories_per_s_now is None
    assert timeline_of([(0.1, 100)] * 20 + [(0.1, 3)] * 10).memories_per_s_now == pytest.approx(30)
    assert timeline_of([(2.5, 10)]).memories_per_s_now == pytest.approx(4)
