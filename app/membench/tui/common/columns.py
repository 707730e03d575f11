"""The columns that tables of runs are made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec.structs import replace

from membench.messages.run import embedding_note
from membench.tui.common.colours import BAD, GOOD, LOCK, QUIET, WARM, hue_of
from membench.tui.common.locks import WARM_FROM
from membench.tui.common.snapshot import RunView
from membench.tui.common.table import Column, Piece
from membench.tui.common.timebar import bar_of, parts_of
from membench.tui.common.words import MARKS, verdict_style
from membench.units import format_count, format_latency, format_rate, format_share

_STATE_COLOURS = {"ok": GOOD, "waiting": QUIET, "running": "", "partial": WARM}


def mark(run: RunView) -> str:
    """`✓`, `▸`, `✗` or nothing yet."""
    return MARKS[run.state]


def state_style(run: RunView) -> str:
    """The colour of a state; the words say it too."""
    return _STATE_COLOURS.get(run.state, BAD)


def run_style(run: RunView) -> str:
    """The hue of a run, dimmed while it waits."""
    return hue_of(run.hue) if run.state != "waiting" else QUIET


def status(run: RunView) -> str:
    """What the run is doing, or how it ended."""
    return run.stage or run.state if run.state == "running" else run.state


def _verdict(run: RunView) -> str | None:
    return run.record.verdict if run.record else None


def _outcome(run: RunView) -> str:
    """The verdict of a run that went well, and otherwise how it stands."""
    return _verdict(run) or run.state if run.state == "ok" else status(run)


def _outcome_style(run: RunView) -> str:
    return _verdict_style(run) if run.state == "ok" else state_style(run)


def _verdict_style(run: RunView) -> str:
    return verdict_style(_verdict(run) or "")


def _conclusion(run: RunView) -> str:
    """The verdict of a run that went well, and otherwise why it did not."""
    if run.state == "ok" or run.record is None:
        return _verdict(run) or "–"
    return run.record.error or run.state


def precision(run: RunView) -> str:
    """The arithmetic of the model, or what is there in its place; `–` where nothing embeds."""
    if run.spec.strategy is None and run.spec.embedder != "fixed":
        return "–"
    return embedding_note(run.spec.precision, run.spec.embedder) or run.spec.precision


def _rate(run: RunView) -> str:
    return "" if run.memories_per_s is None else format_rate(run.memories_per_s)


def _lock(run: RunView) -> str:
    return "" if run.state == "waiting" else format_share(run.shares.lock)


def _lock_style(run: RunView) -> str:
    return f"bold {LOCK}" if (run.shares.lock or 0.0) >= WARM_FROM else ""


def _lost(run: RunView) -> str:
    return format_count(run.record.lost) if run.record else ""


def _lost_style(run: RunView) -> str:
    return f"bold {BAD}" if run.record and run.record.lost else ""


def _errors(run: RunView) -> int:
    return run.record.errors if run.record else run.course.errors


def _latency(run: RunView, percentile: float) -> str:
    value = run.percentile_ms(percentile)
    return "" if value is None else format_latency(value)


MARK = Column("", mark, style=state_style, figure=False)
SCENARIO = Column("scenario", lambda run: run.spec.scenario, priority=4, least=10, letter="s")
BACKEND = Column("backend", lambda run: run.spec.backend, least=8, style=run_style, letter="b")
STRATEGY = Column("strategy", lambda run: run.spec.strategy or "–", least=8, style=run_style, letter="g")
PRECISION = Column("precision", precision, priority=3, letter="p")
STORE = Column("store", lambda run: run.spec.store or "–", priority=11, least=5, letter="e")
CLIENTS = Column(
    "clients",
    lambda run: str(run.spec.workload.clients),
    number=True,
    priority=2,
    order=lambda run: run.spec.workload.clients,
    letter="c",
)
RATE = Column("ops/s", _rate, True, style=lambda run: "bold", order=lambda run: run.memories_per_s, letter="o")
P50 = Column("p50", lambda run: _latency(run, 50.0), True, 10, order=lambda run: run.percentile_ms(50.0), letter="5")
P99 = Column("p99", lambda run: _latency(run, 99.0), True, 1, order=lambda run: run.percentile_ms(99.0), letter="9")
LOCK_SHARE = Column("lock", _lock, True, 1, style=_lock_style, order=lambda run: run.shares.lock, letter="l")
ERRORS = Column("errors", lambda run: format_count(_errors(run)), True, 7, order=_errors, letter="r")
STORED = Column(
    "stored",
    lambda run: format_count(run.record.stored) if run.record else "",
    number=True,
    priority=8,
    order=lambda run: run.record.stored if run.record else None,
    letter="d",
    figure=False,
)
LOST = Column(
    "lost",
    _lost,
    number=True,
    priority=1,
    style=_lost_style,
    order=lambda run: run.record.lost if run.record else None,
    letter="t",
    figure=False,
)
WEIGHTS = Column("weights", lambda run: run.course.weights or "–", priority=7, letter="w")
STATUS = Column("status", status, priority=6, least=7, style=state_style, letter="a", figure=False)
VERDICT = Column("verdict", _conclusion, least=13, style=_outcome_style, letter="v", figure=False)
"""For runs that are over."""
OUTCOME = Column("verdict", _outcome, least=13, style=_outcome_style, figure=False)
"""For where runs are still under way."""


def signs(signs: Mapping[str, str]) -> Column:
    """A column of the signs by which the runs that are compared are told apart, by the name of the run."""
    return Column("", lambda run: signs.get(run.spec.run_id, " "), style=run_style, figure=False)


def rate(best: Collection[str]) -> Column:
    """Throughput, with a star at the runs that are the best of their group."""
    return replace(RATE, cell=lambda run: f"★ {_rate(run)}" if run.spec.run_id in best else _rate(run))


def bar(highest: float, width: int) -> Column:
    """A column of bars: throughput against the highest there is."""

    def cell(run: RunView) -> str:
        rate = run.memories_per_s or 0.0
        eighths = round(rate / highest * width * 8) if highest else 0
        return ("█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8]).strip().ljust(width)

    return Column("", cell, priority=9, style=run_style)


def time_bar(width: int) -> Column:
    """A column of bars: where client time went."""

    def pieces(run: RunView) -> list[Piece]:
        return bar_of(parts_of(run.shares), width)

    return Column("time", lambda run: " " * width, priority=5, pieces=pieces)
