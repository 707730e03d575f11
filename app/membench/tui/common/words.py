"""The texts that the dashboard displays about a run."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content

from membench.report.explanation import TIME_PARTS
from membench.report.remarks import STATUS_MARKS, exceeds_best_found
from membench.report.wording import DASHBOARD
from membench.results.record import Record
from membench.text import mask_options
from membench.tui.common.colours import BAD, COOL, GOOD, LOCK, TIME_COLOURS, WARM, hue_of
from membench.tui.common.snapshot import RunView, Snapshot
from membench.units import format_count, format_rate, format_share, plural
from membench_backends.options import key_values
from membench_backends.registry import changed_backend_options

MARKS = {"waiting": " ", "running": "▸", "paused": "·", **STATUS_MARKS}
FAINT = "$foreground 60%"
LEGEND = (
    (MARKS["running"], "", "in progress"),
    (MARKS["paused"], "", "between two repeats, while other runs have their turn"),
    (MARKS["ok"], GOOD, "finished; the store holds everything that was acknowledged"),
    (MARKS["partial"], WARM, "ended early by the user; what was measured is kept"),
    (MARKS["errors"], BAD, "finished, but more than 1 % of the operations failed, so its rate is not compared"),
    (MARKS["failed"], BAD, "failed, crashed or stuck; the reason is displayed"),
    *(
        (fill, TIME_COLOURS[field][0], f"client time: {meaning}")
        for (field, _, fill), meaning in zip(
            TIME_PARTS,
            (
                "waiting for a lock or a semaphore; always in this warm colour",
                "waiting for a queue, a future or an event",
                "ready to run, with no core free",
                "on a core; always in this cool colour",
                "blocked on anything else: the disk, the interpreter's lock, a clock",
            ),
            strict=True,
        )
    ),
    ("▁▄█", COOL[-1], "a core, from idle to busy"),
    ("▾", "", "a percentile of the latencies, or the longest, named above the mark"),
)
"""Marks with their styles and meanings."""


def shortened(text: str, width: int) -> str:
    """Return the text, or as much of it as fits with an ellipsis; cut after a word if that keeps most of it."""
    if len(text) <= width:
        return text
    cut = text[: max(width - 1, 0)]
    if text[len(cut)] != " " and (end := cut.rfind(" ")) > width // 2:
        cut = cut[:end]
    return cut.rstrip(" ,;:") + "…" * (width > 0)


def no_data_text(run: RunView) -> str:
    """Return why there is nothing to plot of a run."""
    if run.state == "waiting":
        return "waiting for its turn"
    if run.state != "running":
        return "nothing was measured"
    return "waiting for the first measurement" if run.stage == "measuring" else f"{run.stage} …"


def brief_no_data_text(run: RunView) -> str:
    """Return the same without the reason, for panels next to one that states it."""
    return "nothing was measured" if run.has_ended else "nothing measured yet"


def short_title(run: RunView) -> str:
    """Return `agentmem · mutex · 8`."""
    parts = (run.figures.backend, run.figures.strategy, str(run.figures.clients))
    return " · ".join(part for part in parts if part)


def state_text(run: RunView) -> str:
    """Return what a run does, or how it ended."""
    if run.state in ("running", "paused"):
        return run.stage
    return f"{MARKS[run.state]} {run.state}".strip()


def rate_details(run: RunView) -> Content:
    """Return the three lines next to the large rate."""
    figures = run.figures
    acknowledged = format_count(figures.acknowledged or 0) + (f" of {figures.items:,}" if figures.items else "")
    errors = (plural(figures.errors or 0, "error"), "bold $error" if figures.errors else FAINT)
    weights = f" · {figures.weights} weights" if figures.weights else ""
    return Content("\n").join(
        [
            Content.assemble(
                ("memories/s" + (" now" if run.state == "running" else ""), FAINT),
                *(("  mean ", FAINT), (format_rate(figures.memories_per_s), "bold")),
                *_limit_pieces(run),
            ),
            Content.assemble((f"{acknowledged} acknowledged · ", FAINT), errors, (weights, FAINT)),
            Content.styled(" · ".join(_options(run)), FAINT),
        ]
    )


def rate_line(run: RunView) -> Content:
    """Return the rates in one line, for terminals without room for the large rate."""
    hue, running = f"bold {hue_of(run.hue)}", run.state == "running"
    now_per_s = run.progress.memories_per_s_now if run.progress else None
    now = [("now ", FAINT), (f"{format_rate(now_per_s)} /s   ", hue)] if running else []
    mean = (f"{format_rate(run.figures.memories_per_s)} /s", "bold" if running else hue)
    return Content.assemble(*now, ("mean ", FAINT), mean, *_limit_pieces(run), (f"   {state_text(run)}", FAINT))


def batching_line(run: RunView) -> Content:
    """Return how a batching strategy batches; empty for any other."""
    batch, depth, padding = run.figures.batch_size_mean, run.figures.queue_depth_p99, run.figures.padding_factor
    texts = [
        *([f"batches of {batch:.1f}"] if batch is not None and batch > 1 else []),
        *([f"queue p99 {depth:.0f}"] if depth is not None else []),
        *([f"{format_share(padding - 1)} padding"] if padding is not None and padding > 1.005 else []),
    ]
    return Content.styled(" · ".join(texts), FAINT)


def lock_share_details(run: RunView) -> Content:
    """Return the lines next to the large share of client time that waits for locks."""
    figures = run.figures
    lines = ["of client time is spent", "waiting for a lock"]
    if figures.cores_used is not None and figures.cores:
        lines.append(f"{figures.cores_used:.1f} of {plural(figures.cores, 'core')} used by the run")
    return Content.styled("\n".join(lines), FAINT)


def verdict_text(run: RunView) -> Content:
    """Return the verdict with its first evidence, and the advice; while the run is in progress, both as of now."""
    if run.record:
        return Content("\n").join(_verdict_lines(run.record, evidence_max=1))
    diagnosis = run.progress.diagnosis if run.progress else None
    if diagnosis is None or diagnosis.verdict == "unclear":
        return Content("")
    verdict = _verdict(diagnosis.verdict, map(DASHBOARD.fact, diagnosis.evidence[:1]))
    advice = _advice(DASHBOARD.advice(diagnosis.advice))
    return Content("\n").join([Content.assemble(("so far ", FAINT), verdict), advice])


def verdict_paragraphs(record: Record) -> list[Content]:
    """Return the verdict with all its evidence, and the advice, one paragraph each."""
    return _verdict_lines(record)


def verdict_style(verdict: str) -> str:
    """Return the style of a verdict: the warm colour for one about a lock."""
    return f"bold {LOCK}" if verdict == "lock-bound" else "bold"


def progress_text(snapshot: Snapshot) -> str:
    """Return `Run 7 of 18, 11 more to come`, the same of repeats, or how many runs of the plan have finished."""
    finished, total = len(snapshot.records), len(snapshot.runs)
    if snapshot.over:
        return f"{plural(total, 'run')} finished" if finished == total else f"{finished} of {total} runs finished"
    done = sum(run.repeats_done for run in snapshot.runs)
    all_repeats = sum(run.figures.repeats for run in snapshot.runs)
    what = "Run" if all_repeats == total else "Repeat"
    left = all_repeats - done - 1
    return f"{what} {min(done + 1, all_repeats)} of {all_repeats}" + (f", {left} more to come" if left > 0 else "")


def _limit_pieces(run: RunView) -> list[tuple[str, str]]:
    """Return the best rate found and the share of it; nothing where none is known."""
    limit, share = run.figures.limit_memories_per_s, format_share(run.figures.limit_share)
    if limit is None:
        return []
    pieces = [("  best found ", FAINT), (format_rate(limit), "bold"), (f"  {share}", "bold")]
    return [*pieces, (" (measure it again)", FAINT)] if exceeds_best_found(run.figures) else pieces


def _options(run: RunView) -> list[str]:
    figures = run.figures
    options = {**figures.strategy_options, **changed_backend_options(figures.backend, figures.backend_options)}
    return key_values(mask_options(options))


def _verdict_lines(record: Record, evidence_max: int | None = None) -> list[Content]:
    if record.verdict is None:
        return []
    evidence = DASHBOARD.evidence(record)[:evidence_max]
    return [_verdict(record.verdict, evidence), *map(_advice, DASHBOARD.next_step(record))]


def _verdict(verdict: str, evidence: Iterable[str]) -> Content:
    phrases = "; ".join(evidence)
    return Content.assemble((verdict, verdict_style(verdict)), f": {phrases}" if phrases else "")


def _advice(sentence: str) -> Content:
    return Content.assemble(("→ ", "bold $accent"), sentence)
