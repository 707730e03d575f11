"""What the dashboard says of a run in words."""

from __future__ import annotations

from textual.content import Content

from app.console import STATUS_MARKS
from app.results.record import Record
from app.tui.colours import LOCK, hue_of
from app.tui.snapshot import RunView, Snapshot
from app.units import format_count, format_latency, format_rate

MARKS = {"waiting": " ", "running": "▸", **STATUS_MARKS}
FAINT = "$foreground 60%"


def percent(share: float | None) -> str:
    """`84 %`; `<1 %` for what is there but would round to nothing, `–` for None."""
    if share is None:
        return "–"
    return "<1 %" if 0 < share < 0.005 else f"{share:.0%}".replace("%", " %")


def waiting_for(run: RunView) -> str:
    """Why a run has nothing to draw yet."""
    if run.state == "waiting":
        return "waiting for its turn"
    if run.state != "running":
        return "nothing was measured"
    return "waiting for the first tick" if run.stage == "measuring" else f"{run.stage} …"


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
                ("memories/s" + (" now" if run.state == "running" else ""), FAINT),
                *(("   mean ", FAINT), (format_rate(run.ops_per_s), "bold")),
            ),
            Content.assemble((f"{done} done · ", FAINT), errors, (weights, FAINT)),
            Content.styled(" · ".join([*_batching(run), *_options(run)]), FAINT),
        ]
    )


def _batching(run: RunView) -> list[str]:
    contention = run.course.contention
    if contention is None:
        return []
    batch, depth = contention.batch_size_mean, contention.queue_depth_p99
    return [
        *([f"batches of {batch:.1f}"] if batch is not None and batch > 1 else []),
        *([f"queue p99 {depth:.0f}"] if depth is not None else []),
    ]


def _options(run: RunView) -> list[str]:
    return [f"{name}={'auto' if value is None else value}" for name, value in run.spec.strategy_options.items()]


def rates_of(run: RunView) -> Content:
    """The rates in a line, for where there is no room for large figures."""
    now = format_rate(run.course.now) if run.state == "running" else "–"
    return Content.assemble(
        *(("now ", FAINT), (f"{now} /s", f"bold {hue_of(run.hue)}"), ("   mean ", FAINT)),
        *((f"{format_rate(run.ops_per_s)} /s", "bold"), (f"   {doing(run)}", FAINT)),
    )


def beside_lock_share(run: RunView) -> Content:
    """Three lines beside the large share of waiting for locks."""
    lines = ["of client time is spent", "waiting for a lock"]
    contention = run.course.contention
    if contention and contention.cores_used is not None and run.course.points:
        cores = len(run.course.points[-1].cores)
        lines.append(f"{contention.cores_used:.1f} of {cores} cores used by the run")
    return Content.styled("\n".join(lines), FAINT)


def verdict_of(record: Record | None) -> Content:
    """The verdict with its first evidence, and the advice; nothing where there is none."""
    if record is None or record.verdict is None:
        return Content("")
    evidence = "; ".join(record.verdict_evidence[:1]) if record.verdict_evidence else ""
    return Content("\n").join([_because(record.verdict, evidence), *_next(record)])


def whole_verdict_of(record: Record) -> list[Content]:
    """The verdict with everything that led to it, and the advice, a paragraph each."""
    if record.verdict is None:
        return []
    return [_because(record.verdict, "; ".join(record.verdict_evidence or ())), *_next(record)]


def verdict_style(verdict: str) -> str:
    """The warm hue for what waits for a lock; the words say it too."""
    return f"bold {LOCK}" if verdict == "lock-bound" else "bold"


def _because(verdict: str, evidence: str) -> Content:
    return Content.assemble((verdict, verdict_style(verdict)), (f": {evidence}" if evidence else ""))


def _next(record: Record) -> list[Content]:
    return [Content.assemble(("→ ", "bold $accent"), record.verdict_advice)] if record.verdict_advice else []


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
