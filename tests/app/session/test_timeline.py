"""A run's course in ten windows."""

from __future__ import annotations

import pytest

from membench.session.timeline import PIECES_MAX, WINDOWS, Windows


def rates(pieces):
    windows = Windows()
    for duration_s, items in pieces:
        windows.add(duration_s, items)
    return windows.rates()


def test_each_window_has_what_was_done_in_it():
    assert rates([(0.1, count) for count in range(20)]) == pytest.approx([10 * (4 * at + 1) / 2 for at in range(10)])


def test_a_piece_in_two_windows_counts_in_both():
    assert rates([(1.0, 10)] * 15) == pytest.approx([10.0] * WINDOWS)
    assert rates([(1.5, 15), *[(1.0, 10)] * 8, (0.5, 0)]) == pytest.approx([10.0] * 9 + [5.0])


def test_nothing_is_left_out():
    pieces = [(0.1 + 0.01 * (at % 7), at % 5) for at in range(57)]

    assert sum(rates(pieces)) * sum(s for s, _ in pieces) / WINDOWS == pytest.approx(sum(count for _, count in pieces))


@pytest.mark.parametrize("pieces", [[], [(0.1, 3)] * (WINDOWS - 1), [(0.0, 0)] * 20])
def test_too_short_a_run_has_no_windows(pieces):
    assert rates(pieces) is None


def test_a_long_run_takes_no_more_room_than_a_short_one():
    windows = Windows()
    for _ in range(25 * PIECES_MAX):
        windows.add(0.1, 7)

    assert len(windows._pieces) <= PIECES_MAX
    assert windows.rates() == pytest.approx([70.0] * WINDOWS)
