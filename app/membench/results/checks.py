"""What the types of a record cannot state: numbers and times that a run can have, and histograms that can be read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from membench.analysis.figures import Figures
from membench.results.latency import decode_latencies

NUMBER_MAX = 1e18
"""Larger than every figure of a run: its numbers are times in nanoseconds at most."""
_MAY_BE_NEGATIVE = {"precision_cosine"}
_SHARE_MAX = 2.0
"""More than a share of client time can be, whatever was rounded."""
_SHARES = ("time_cpu", "time_runqueue", "time_lock", "time_result", "time_other", "time_sleep")


def check_figures(figures: Figures, document: Mapping[str, Any]) -> None:
    """Check the figures of a record that was decoded.

    Args:
        figures: The record.
        document: The JSON object that it was decoded from.

    Raises:
        msgspec.ValidationError: A value is none that a run can have; the message names the field.
    """
    for field, value in document.items():
        _check_numbers(field, value)
        if isinstance(value, int | float) and value < 0 and field not in _MAY_BE_NEGATIVE:
            raise msgspec.ValidationError(f"{field} is {value}, which is less than 0")
    for time in filter(None, figures.repeats_started_at):  # empty where the start is unknown
        check_timestamp(time, "repeats_started_at")
    for field in _SHARES:
        if (getattr(figures, field) or 0.0) > _SHARE_MAX:
            raise msgspec.ValidationError(f"{field} is more than the whole")
    if any(len(of or ()) > figures.clients for of in (figures.client_items, figures.client_longest_ms)):
        raise msgspec.ValidationError("it has figures of more clients than there were")
    if figures.memories_per_s_windows is not None and len(figures.memories_per_s_windows) < 2:
        raise msgspec.ValidationError("memories_per_s_windows has too few windows")
    for field in ("latency_hdr", "error_latency_hdr"):
        _check_histogram(field, getattr(figures, field))


def check_timestamp(text: object, field: str = "started_at") -> None:
    """Check that a text is a time in ISO 8601 in the years that local times reach.

    Raises:
        msgspec.ValidationError: It is not; the message names the field.
    """
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        moment = None
    if moment is None or not 1 < moment.year < datetime.max.year:
        raise msgspec.ValidationError(f"{field} is no time, but {str(text)[:40]!r}")


def _check_numbers(field: str, value: object) -> None:
    """Check that every number in a value is one that can be shown."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            _check_numbers(field, part)
    elif isinstance(value, int | float) and not (math.isfinite(value) and abs(value) <= NUMBER_MAX):
        raise msgspec.ValidationError(f"{field} is larger than any figure of a run")


def _check_histogram(field: str, histogram: str | None) -> None:
    if histogram is None:
        return
    try:
        decode_latencies(histogram)
    except Exception as error:  # the library raises whatever the bytes happen to lead to
        raise msgspec.ValidationError(f"{field} is no histogram") from error
