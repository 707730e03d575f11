"""Durations, latencies, rates, shares, counts and bytes as text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h)")
DURATION_MAX_S = 30 * 24 * 3600.0
"""The longest duration that can be chosen."""
_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Return the seconds of a duration such as `500ms`, `5s` or `1.5m`.

    Raises:
        ValueError: The text has no number or no unit, or the duration is zero or longer than 30 days.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a number and a unit, such as 500ms, 5s or 2m")
    number, unit = match.groups()
    seconds = float(number) * _SECONDS[unit]
    if seconds <= 0:
        raise ValueError(f"{text!r} is zero; write a duration above 0")
    if seconds > DURATION_MAX_S:
        raise ValueError(f"{text!r} is longer than 30 days; write a shorter duration")
    return seconds


def format_duration(seconds: float) -> str:
    """Return a duration such as `48 s`, `1 min 40 s` or `2 h 05 min`."""
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    whole_s = round(seconds)
    if whole_s < 60:
        return f"{whole_s} s"
    if whole_s < 3600:
        return f"{whole_s // 60} min {whole_s % 60:02d} s"
    return f"{whole_s // 3600} h {whole_s % 3600 // 60:02d} min"


def format_latency(milliseconds: float | None) -> str:
    """Return a latency with three digits: `850 ns`, `7.81 ms`, `1.54 s`; `–` for None."""
    if milliseconds is None:
        return "–"
    for limit, factor, unit in ((1e-3, 1e6, "ns"), (1.0, 1e3, "µs"), (1e3, 1.0, "ms")):
        if milliseconds < 0.9995 * limit:  # anything above rounds to 1 of the next unit
            return f"{_three_digits(milliseconds * factor)} {unit}"
    return f"{_three_digits(milliseconds / 1e3)} s"


def format_share(share: float | None) -> str:
    """Return a share from 0 to 1 as a percentage: `84 %`; `<1 %` for a small one above 0, `–` for None."""
    if share is None:
        return "–"
    return "<1 %" if 0 < share < 0.005 else f"{share:.0%}".replace("%", " %")


def format_rate(per_second: float | None) -> str:
    """Return a rate with three digits, or all digits of its integer part: `7.45`, `131`, `1,204,000`; `–` for None."""
    return "–" if per_second is None else _three_digits(per_second)


def format_rates(low: float, high: float) -> str:
    """Return an interval or a range of rates, or of ratios: `128 to 134`."""
    return f"{format_rate(low)} to {format_rate(high)}"


def format_count(count: int | None) -> str:
    """Return a count with thousands separators, `–` for None."""
    return "–" if count is None else f"{count:,}"


def format_bytes(count: int) -> str:
    """Return a number of bytes with three digits, in decimal units: `850 B`, `4.80 kB`, `21.3 GB`."""
    for limit, unit in ((1e3, "B"), (1e6, "kB"), (1e9, "MB")):
        if count < 0.9995 * limit:  # anything above rounds to 1 of the next unit
            return f"{count} B" if unit == "B" else f"{_three_digits(count / limit * 1e3)} {unit}"
    return f"{_three_digits(count / 1e9)} GB"


def plural(count: int, singular: str, plural_form: str | None = None) -> str:
    """Return a count with its noun: `1 run`, `12 runs`, `3 memories`."""
    return f"{count:,} {singular if count == 1 else plural_form or singular + 's'}"


def abbreviate_home(path: Path) -> str:
    """Return a path with `~` in place of the home folder: `~/.local/state/...`."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def suggest(word: str, known: Iterable[str]) -> str:
    """Return a hint for an unknown word: the most similar known name, or all of them."""
    names = sorted(known)
    similar = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"did you mean {similar[0]!r}?" if similar else f"choose from {', '.join(names)}"


def _three_digits(number: float) -> str:
    if number >= 99.95:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 9.995 else f"{number:.2f}"
