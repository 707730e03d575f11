"""What the dashboard says of a run in words."""

from __future__ import annotations

import re

from textual.content import Content

from membench.cli.console import STATUS_MARKS
from membench.results.record import TIME_PARTS, Record
from membench.tui.common.colours import BAD, COOL, GOOD, LOCK, TIME_COLOURS, WARM, hue_of
from membench.tui.common.snapshot import RunView, Snapshot
from membench.units import format_count, format_latency, format_rate, format_share

MARKS = {"waiting": " ", "running": "▸", **STATUS_MARKS}
FAINT = "$foreground 60%"
LEGEND = (
    (MARKS["running"], "", "this run is under way"),
    (MARKS["ok"], GOOD, "it went well, and nothing that was acknowledged is lost"),
    (MARKS["partial"], WARM, "it was ended early; what was measured is kept"),
    (MARKS["failed"], BAD, "it failed, crashed or got stuck, and says why"),
    *(
        (fill, TIME_COLOURS[field][0], f"client time: {meaning}")
        for (field, _, fill), meaning in zip(
            TIME_PARTS,
            (
                "waiting for a lock; the same warm hue everywhere",
                "waiting for a queue, a future or an event",
                "ready to run, with no core free",
                "on a core; the same cool hue everywhere",
                "blocked on anything else: the disk, the interpreter's lock, a clock",
            ),
            strict=True,
        )
    ),
    ("▁▄█", COOL[-1], "a core, from idle to busy"),
    ("▾", "", "a percentile of the latencies; its name stands above it"),
)
"""Marks with their styles, and what they mean. Each run has a hue of its own, the same everywhere."""


def shortened(text: str, width: int) -> str:
    """A text that fits: whole, or cut after a word where that leaves most of it, and an ellipsis."""
    if len(text) <= width:
        return text
    cut = text[: max(width - 1, 0)]
    if text[len(cut)] != " " and (end := cut.rfind(" ")) > width // 2:
        cut = cut[:end]
    return cut.rstrip(" ,;:") + "…" * (width > 0)


def waiting_for(run: RunView) -> str:
    """Why a run has nothing to draw yet."""
    if run.state == "waiting":
        return "waiting for its turn"
    if run.state != "running":
        return "nothing was measured"
    return "waiting for the first tick" if run.stage == "measuring" else f"{run.stage} …"


def nothing_of(run: RunView) -> str:
    """The same in fewer words, for where others have said it."""
    return "nothing measured yet" if run.state in ("waiting", "running") else "nothing was measured"


def short_title(run: RunView) -> str:
    """`agentmem · mutex · 8`."""
    parts = (run.spec.backend, run.spec.strategy, str(run.spec.workload.clients))
    return " · ".join(part for part in parts if part)


def doing(run: RunView) -> str:
    """What a run does now, or how it ended."""
    if run.state == "running":
        return run.stage
    return f"{MARKS[run.state]} {run.state}".strip()


def figures_of(run: RunView) -> Content:
    """Three lines beside the large figure."""
    course, workload = run.course, run.spec.workload
    done = format_count(course.acknowledged) + (f" of {workload.items:,}" if workload.items else "")
    errors = (f"{course.errors:,} errors", "bold $error" if course.errors else FAINT)
    weights = f" · {course.weights} weights" if course.weights else ""
    return Content("\n").join(
        [
            Content.assemble(
                ("ops/s" + (" now" if run.state == "running" else ""), FAINT),
                *(("  mean ", FAINT), (format_rate(run.memories_per_s), "bold")),
                *_against_limit(run),
            ),
            Content.assemble((f"{done} done · ", FAINT), errors, (weights, FAINT)),
            Content.styled(" · ".join(_options(run)), FAINT),
        ]
    )


def _against_limit(run: RunView) -> list[tuple[str, str]]:
    """The best this machine reached offline, and how much of it this is; nothing where it is not known."""
    limit = run.limit_memories_per_s
    if limit is None:
        return []
    share = format_share(run.memories_per_s / limit if run.memories_per_s is not None else None)
    return [("  limit ", FAINT), (format_rate(limit), "bold"), (f"  {share}", "bold")]


def batching_of(run: RunView) -> Content:
    """How a strategy that collects requests does so; nothing for one that does not."""
    contention = run.course.contention
    if contention is None:
        return Content("")
    batch, depth, padding = contention.batch_size_mean, contention.queue_depth_p99, contention.padding_factor
    told = [
        *([f"batches of {batch:.1f}"] if batch is not None and batch > 1 else []),
        *([f"queue p99 {depth:.0f}"] if depth is not None else []),
        *([f"{padding:.2f} tokens computed for one of text"] if padding is not None and padding > 1.005 else []),
    ]
    return Content.styled(" · ".join(told), FAINT)


def _options(run: RunView) -> list[str]:
    return [f"{name}={'auto' if value is None else value}" for name, value in run.spec.strategy_options.items()]


def rates_of(run: RunView) -> Content:
    """The rates in a line, for where there is no room for large figures."""
    hue, running = f"bold {hue_of(run.hue)}", run.state == "running"
    now = [("now ", FAINT), (f"{format_rate(run.course.now)} /s   ", hue)] if running else []
    mean = (f"{format_rate(run.memories_per_s)} /s", "bold" if running else hue)
    return Content.assemble(*now, ("mean ", FAINT), mean, *_against_limit(run), (f"   {doing(run)}", FAINT))


def beside_lock_share(run: RunView) -> Content:
    """Three lines beside the large share of waiting for locks."""
    lines = ["of client time is spent", "waiting for a lock"]
    contention = run.course.contention
    if contention and contention.cores_used is not None and run.course.points:
        cores = len(run.course.points[-1].cores)
        lines.append(f"{contention.cores_used:.1f} of {cores} cores used by the run")
    return Content.styled("\n".join(lines), FAINT)


def verdict_of(run: RunView) -> Content:
    """The verdict with its first evidence, and the advice: of the run, or so far; nothing where there is none."""
    record, so_far = run.record, run.course.diagnosis
    if record and record.verdict:
        evidence = "; ".join(record.verdict_evidence[:1]) if record.verdict_evidence else ""
        return Content("\n").join([_because(record.verdict, evidence), *_next(record.verdict_advice)])
    if record is None and so_far and so_far.verdict != "unclear":
        because = _because(so_far.verdict, so_far.evidence[0])
        return Content("\n").join([Content.assemble(("so far ", FAINT), because), *_next(so_far.advice)])
    return Content("")


def whole_verdict_of(record: Record) -> list[Content]:
    """The verdict with everything that led to it, and the advice, a paragraph each."""
    if record.verdict is None:
        return []
    return [_because(record.verdict, "; ".join(record.verdict_evidence or ())), *_next(record.verdict_advice)]


def verdict_style(verdict: str) -> str:
    """The warm hue for what waits for a lock; the words say it too."""
    return f"bold {LOCK}" if verdict == "lock-bound" else "bold"


def _because(verdict: str, evidence: str) -> Content:
    return Content.assemble((verdict, verdict_style(verdict)), (f": {evidence}" if evidence else ""))


def _next(advice: str | None) -> list[Content]:
    """The advice, without the dashes of options: on Plan they are rows of the same names."""
    return [Content.assemble(("→ ", "bold $accent"), re.sub(r"--(?=[a-z])", "", advice))] if advice else []


def fairness_of(record: Record) -> str:
    """How evenly the clients were served; empty where that is not known."""
    if record.fairness_jain is None or not record.client_longest_ms:
        return ""
    shortest, longest = min(record.client_longest_ms), max(record.client_longest_ms)
    spread = f"; longest operation of a client {format_latency(shortest)} to {format_latency(longest)}"
    return f"Jain's index {record.fairness_jain:.3f}" + (spread if record.clients > 1 else "")


def stages_of(record: Record) -> tuple[str, ...]:
    """Mean and 99th percentile of each stage; none where none was marked."""
    tails = record.stage_p99_ms or {}
    return tuple(
        f"{name.replace('_', ' ')} {format_latency(mean)}"
        + (f" (p99 {format_latency(tails[name])})" if name in tails else "")
        for name, mean in (record.stage_ms or {}).items()
    )


def audit_of(record: Record) -> str:
    """What was acknowledged, and what the store held in the end."""
    if record.stored is None:
        return f"{format_count(record.acknowledged)} acknowledged; nothing was read back"
    return (
        f"{format_count(record.acknowledged)} acknowledged, {format_count(record.stored)} stored, "
        f"{format_count(record.lost)} lost, {format_count(record.duplicated)} duplicated, "
        f"{format_count(record.corrupted)} corrupted"
    )


def progress_of(snapshot: Snapshot) -> str:
    """`Run 7 of 18, 11 more to come`, or how many there were."""
    done, total = len(snapshot.records), len(snapshot.runs)
    if snapshot.over:
        return f"All {total} runs done" if done == total else f"{done} of {total} runs done"
    left = total - done - 1
    return f"Run {min(done + 1, total)} of {total}" + (f", {left} more to come" if left > 0 else "")
