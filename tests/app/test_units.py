"""Durations, latencies, rates and counts as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from membench.units import (
    abbreviate_home,
    format_count,
    format_duration,
    format_latency,
    format_rate,
    parse_duration,
    plural,
    suggest,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("5s", 5), ("1.5m", 90), ("2h", 7200), (" 5 s ", 5), ("0.5s", 0.5), ("1ms", 0.001)],
)
def test_a_duration_has_a_number_and_a_unit(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["5", "s", "", "5 parsecs", "-5s", "5s5s", "1e3s", "inf s", "nan", "5S", ".5s", "1,5s"]
)
def test_any_other_text_is_not_a_duration(text):
    with pytest.raises(ValueError, match="write a number and a unit, such as 500ms, 5s or 2m"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "0.0ms"])
def test_a_duration_of_zero_is_refused(text):
    with pytest.raises(ValueError, match="is zero; write a duration above 0"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.05, "50 ms"), (1, "1 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (100, "1 min 40 s"),
        (3599.6, "1 h 00 min"), (7500, "2 h 05 min"), (0, "0 ms"), (0.9999, "1 s"),
    ],
)  # fmt: skip
def test_a_duration_has_at_most_two_units(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (None, "–"), (0.00085, "850 ns"), (0.0712, "71.2 µs"), (7.812, "7.81 ms"), (99.96, "100 ms"),
        (1540.0, "1.54 s"), (60_000.0, "60.0 s"), (0.0, "0.00 ns"), (0.9996, "1.00 ms"), (999.7, "1.00 s"),
    ],
)  # fmt: skip
def test_a_latency_has_three_digits_and_a_unit(milliseconds, text):
    assert format_latency(milliseconds) == text


@pytest.mark.parametrize(
    ("rate", "text"), [(None, "–"), (7.449, "7.45"), (9.996, "10.0"), (130.6, "131"), (1_204_000.4, "1,204,000")]
)
def test_a_rate_has_three_digits(rate, text):
    assert format_rate(rate) == text


def test_counts_have_separators_and_a_noun_in_the_right_number():
    assert (format_count(None), format_count(0), format_count(1_234_567)) == ("–", "0", "1,234,567")
    assert [plural(1, "run"), plural(0, "run"), plural(2000, "memory", "memories")] == [
        "1 run", "0 runs", "2,000 memories",
    ]  # fmt: skip


def test_the_most_similar_name_is_suggested_or_all_of_them():
    known = ["single-add", "batch-add", "steady-add"]

    assert suggest("singel-add", known) == "did you mean 'single-add'?"
    assert suggest("xyz", known) == "choose from batch-add, single-add, steady-add"


def test_the_home_folder_is_abbreviated(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    assert abbreviate_home(Path("/home/ada/logs/a.log")) == "~/logs/a.log"
    assert abbreviate_home(Path("/var/log/a.log")) == "/var/log/a.log"
