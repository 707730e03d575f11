"""The columns of tables of runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec.structs import replace

from membench.analysis.groups import threads_text
from membench.report.remarks import latency_text
from membench.text import mask_options
from membench.tui.common.colours import BAD, GOOD, LOCK, QUIET, WARM, hue_of
from membench.tui.common.locks import WARM_FROM
from membench.tui.common.snapshot import RunView
from membench.tui.common.table import Column, Piece
from membench.tui.common.timebar import bar_pieces, time_parts
from membench.tui.common.words import MARKS, verdict_style
from membench.units import format_count, format_rate, format_share
from membench_backends.options import options_text

_STATE_COLOURS = {"ok": GOOD, "waiting": QUIET, "running": "", "paused": "", "partial": WARM}


def state_mark(run: RunView) -> str:
    """Return the mark of a run's state: `✓`, `▸` or `✗`, and a space for a run that waits."""
    return MARKS[run.state]


def precision(run: RunView) -> str:
    """Return the arithmetic of the model, or what replaces the model; `–` where nothing embeds."""
    if run.figures.strategy is None and run.figures.embedder != "fixed":
        return "–"
    return run.figures.embedding_note() or run.figures.precision or "–"


def _state_style(run: RunView) -> str:
    return _STATE_COLOURS.get(run.state, BAD)


def _run_style(run: RunView) -> str:
    """Return the colour of a run, or grey while it waits."""
    return hue_of(run.hue) if run.state != "waiting" else QUIET


def _status(run: RunView) -> str:
    """Return what a run does, or how it ended."""
    return run.stage or run.state if run.state in ("running", "paused") else run.state


def _outcome(run: RunView) -> str:
    """Return the verdict of a run that went well; of any other, its status."""
    return run.verdict or run.state if run.state == "ok" else _status(run)


def _outcome_style(run: RunView) -> str:
    return verdict_style(run.verdict or "") if run.state == "ok" else _state_style(run)


def _conclusion(run: RunView) -> str:
    """Return the verdict of a run that went well; of any other, what went wrong."""
    if run.state == "ok":
        return run.verdict or "–"
    return run.error or run.state


def _unless_pending(run: RunView, value: float | None, text: str) -> str:
    """Return the text of a value: nothing for a value that the run may still get."""
    return "" if value is None and not run.has_ended else text


def _rate(run: RunView) -> str:
    rate = run.figures.memories_per_s
    return _unless_pending(run, rate, format_rate(rate))


def _latency(run: RunView, latency_ms: float | None) -> str:
    return _unless_pending(run, latency_ms, latency_text(run.figures, latency_ms))


def _lock(run: RunView) -> str:
    return _unless_pending(run, run.figures.time_lock, format_share(run.figures.time_lock))


def _lock_style(run: RunView) -> str:
    return f"bold {LOCK}" if (run.figures.time_lock or 0.0) >= WARM_FROM else ""


def _lost(run: RunView) -> str:
    return _unless_pending(run, run.figures.lost, format_count(run.figures.lost))


def _lost_style(run: RunView) -> str:
    return f"bold {BAD}" if run.figures.lost else ""


MARK = Column("", state_mark, style=_state_style, figure=False)
SCENARIO = Column("scenario", lambda run: run.figures.scenario, priority=4, least=10, letter="s")
BACKEND = Column("backend", lambda run: run.figures.backend, least=8, style=_run_style, letter="b")
STRATEGY = Column("strategy", lambda run: run.figures.strategy or "–", least=8, style=_run_style, letter="g")
PRECISION = Column("precision", precision, priority=3, letter="p")
THREADS = Column("threads", lambda run: threads_text(run.figures), priority=6, letter="h")
OPTIONS = Column(
    "options", lambda run: options_text(mask_options(run.figures.backend_options)) or "–", priority=3, letter="o"
)
STORE = Column("store", lambda run: run.figures.store or "–", priority=11, least=5, letter="e")
CLIENTS = Column(
    "clients",
    lambda run: run.clients_text,
    number=True,
    order=lambda run: run.figures.clients,
    letter="c",
)
RATE = Column(
    "memories/s",
    _rate,
    number=True,
    style=lambda run: "bold",
    order=lambda run: run.figures.memories_per_s,
    letter="m",
)
P50 = Column(
    "p50",
    lambda run: _latency(run, run.figures.latency_p50_ms),
    number=True,
    priority=10,
    order=lambda run: run.figures.latency_p50_ms,
    letter="5",
)
P99 = Column(
    "p99",
    lambda run: _latency(run, run.figures.latency_p99_ms),
    number=True,
    priority=1,
    order=lambda run: run.figures.latency_p99_ms,
    letter="9",
)
LONGEST = Column(
    "max",
    lambda run: _latency(run, run.figures.latency_max_ms),
    number=True,
    priority=1,
    order=lambda run: run.figures.latency_max_ms,
    letter="x",
)
LOCK_SHARE = Column(
    "lock", _lock, number=True, priority=1, style=_lock_style, order=lambda run: run.figures.time_lock, letter="l"
)
ERRORS = Column(
    "errors",
    lambda run: format_count(run.figures.errors),
    number=True,
    priority=7,
    order=lambda run: run.figures.errors,
    letter="r",
)
LOST = Column(
    "lost",
    _lost,
    number=True,
    priority=2,
    style=_lost_style,
    order=lambda run: run.figures.lost,
    letter="t",
    figure=False,
)
WEIGHTS = Column("weights", lambda run: run.figures.weights or "–", priority=7, letter="w")
STATUS = Column("status", _status, priority=6, least=7, style=_state_style, letter="a", figure=False)
CONCLUSION = Column("verdict", _conclusion, least=12, style=_outcome_style, letter="v", figure=False)
"""For tables of finished runs: the verdict, or what went wrong."""
OUTCOME = Column("verdict", _outcome, least=12, style=_outcome_style, figure=False)
"""For tables with runs in progress: the verdict, or the status; what went wrong is displayed elsewhere."""


def markers(markers: Mapping[str, str]) -> Column:
    """Return a column of the markers that runs have in charts, given by run ID."""
    return Column("", lambda run: markers.get(run.run_id, " "), style=_run_style, figure=False)


def rate(fastest: Collection[str]) -> Column:
    """Return the column of throughput, with a star for the clearly fastest of comparable runs, given by run ID."""
    return replace(RATE, cell=lambda run: f"★ {_rate(run)}" if run.run_id in fastest else _rate(run))


def bar(highest: float, width: int) -> Column:
    """Return a column of bars that compare the throughput with the highest one."""

    def cell(run: RunView) -> str:
        memories_per_s = run.figures.memories_per_s or 0.0
        eighths = round(memories_per_s / highest * width * 8) if highest else 0
        return ("█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8]).strip().ljust(width)

    return Column("", cell, priority=9, style=_run_style)


def time_bar(width: int) -> Column:
    """Return a column of stacked bars that divide the client time."""

    def pieces(run: RunView) -> list[Piece]:
        return bar_pieces(time_parts(run.figures), width)

    return Column("time", lambda run: " " * width, priority=5, pieces=pieces)
