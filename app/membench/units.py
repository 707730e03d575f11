"""Durations and numbers, read and written the way people do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h)")
_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Seconds in a duration such as `500ms`, `5s`, `1.5m`.

    Raises:
        ValueError: It has no number, no unit, or is zero.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no duration; write a number and a unit, such as 500ms, 5s or 2m")
    number, unit = match.groups()
    seconds = float(number) * _SECONDS[unit]
    if seconds <= 0:
        raise ValueError(f"{text!r} is no time at all; use more than 0")
    return seconds


def format_duration(seconds: float) -> str:
    """A span of time for a person: `48 s`, `1 min 40 s`, `2 h 05 min`."""
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def format_latency(milliseconds: float | None) -> str:
    """A latency in the unit that keeps it short, to three digits: `850 ns`, `7.81 ms`, `1.54 s`; `–` for None."""
    if milliseconds is None:
        return "–"
    for limit, factor, unit in ((1e-3, 1e6, "ns"), (1.0, 1e3, "µs"), (1e3, 1.0, "ms")):
        if milliseconds < 0.9995 * limit:  # above that it rounds to 1 of the next unit
            return f"{_three_digits(milliseconds * factor)} {unit}"
    return f"{_three_digits(milliseconds / 1e3)} s"


def format_share(share: float | None) -> str:
    """A share of a whole: `84 %`; `<1 %` for what is there but would round to nothing, `–` for None."""
    if share is None:
        return "–"
    return "<1 %" if 0 < share < 0.005 else f"{share:.0%}".replace("%", " %")


def format_rate(per_second: float | None) -> str:
    """A rate to three digits, whole above 100 and with a thousands mark: `7.45`, `131`, `1,204,000`; `–` for None."""
    return "–" if per_second is None else _three_digits(per_second)


def format_rate_between(per_second: float | None, low: float | None, high: float | None) -> str:
    """A rate with its interval, where there is one: `131 (128 to 134)`."""
    rate = format_rate(per_second)
    return rate if low is None or high is None else f"{rate} ({format_rate(low)} to {format_rate(high)})"


def format_count(count: int | None) -> str:
    """A count with thousands marks, `–` for None."""
    return "–" if count is None else f"{count:,}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 run`, `12 runs`, `3 memories`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def from_home(path: Path) -> str:
    """A path as short as a shell takes it: `~/.local/state/...`."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def suggest(word: str, known: Iterable[str]) -> str:
    """What to say after `unknown word`: the nearest known name, or all of them."""
    names = sorted(known)
    nearest = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"did you mean {nearest[0]!r}?" if nearest else f"choose from {', '.join(names)}"


def _three_digits(number: float) -> str:
    if number >= 99.95:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 9.995 else f"{number:.2f}"
