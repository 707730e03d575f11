"""Results in words: why a run is as slow as it is, and how a system scales."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence

import msgspec

from membench.analysis.comparison import WITHIN_ONE_RUN, compare, ratio_in_words
from membench.analysis.scaling import NEARLY, Estimate, Scaling, ScalingError, ceiling, fit
from membench.messages.run import embedding_note
from membench.report.headline import group_key, is_sound, names_of
from membench.results.record import TIME_PARTS, Record
from membench.units import format_count, format_latency, format_rate, format_share, plural
from membench_backends.embedding.strategies.catalogue import STRATEGIES

BAR_WIDTH = 50
LOCKS_TOLD = 5
LITTLE_TOLERANCE = 0.03
"""How far closed-loop throughput times latency may be from the number of clients (Little's law)."""
SCALING_MIN = 3
"""Numbers of clients from which on a reader expects to be told how a system scales, or why not."""


def explain_run(record: Record) -> Iterator[str]:
    """The verdict with its evidence, where client time went, the locks and the stages: a line each."""
    yield f"{record.title()}: {format_rate(record.memories_per_s)} ops/s, {record.verdict or record.status}"
    if record.error:
        yield f"  {record.error}"
    if record.verdict_evidence:
        yield f"  because  {'; '.join(record.verdict_evidence)}"
    if record.verdict_advice:
        yield f"  next     {record.verdict_advice}"
    yield from _suspicion(record)
    yield from _time(record)
    yield from _fairness(record)
    yield from _locks(record)
    yield from _stages(record)


def _suspicion(record: Record) -> Iterator[str]:
    """Little's law, X R / N = 1: what is missing is time that clients spent between operations."""
    missing = record.harness_share or 0.0
    # An operation that raised has no latency, but took its time.
    told = record.loop == "closed" and not record.errors and record.verdict != "harness-bound"
    if told and missing > LITTLE_TOLERANCE:
        yield f"  suspect  throughput x latency / clients is {1 - missing:.2f}, not 1: clients did more than operate"


def _time(record: Record) -> Iterator[str]:
    shares = [(name, fill, getattr(record, field)) for field, name, fill in TIME_PARTS]
    known = [(name, fill, share) for name, fill, share in shares if share is not None]
    if not known:
        return
    bar = "".join(fill * round(share * BAR_WIDTH) for _, fill, share in known)
    told = "  ".join(f"{name} {format_share(share)}" for name, _, share in known if share >= 0.005)
    yield f"  time     {bar}  {told}"


def _fairness(record: Record) -> Iterator[str]:
    if record.fairness_jain is not None and record.client_longest_ms:
        yield (
            f"  fairness Jain's index {record.fairness_jain:.3f}; longest operation of a client "
            f"{format_latency(min(record.client_longest_ms))} to {format_latency(max(record.client_longest_ms))}"
        )


def _locks(record: Record) -> Iterator[str]:
    if not record.locks or not record.measured_s:
        return
    yield f"  {'locks':<44}{'wait':>6}{'held':>6}{'contended':>11}{'longest':>10}{'queue':>7}"
    for lock in record.locks[:LOCKS_TOLD]:
        taken = int(lock["acquisitions"])
        yield (
            f"  {_cut(str(lock['site']), 43):<44}"
            f"{format_share(float(lock['wait_s']) / (record.measured_s * record.clients)):>6}"
            f"{format_share(float(lock['hold_s']) / record.measured_s):>6}"
            f"{format_share(min(int(lock['contended']) / taken, 1) if taken else 0):>11}"
            f"{format_latency(float(lock['longest_wait_ms']) or None):>10}"
            f"{format_count(int(lock['longest_queue'])):>7}"
        )


def _stages(record: Record) -> Iterator[str]:
    if record.stage_ms:
        yield "  stages   " + "  ".join(
            f"{name} {format_latency(mean)}" + (f" (p99 {format_latency((record.stage_p99_ms or {}).get(name))})")
            for name, mean in record.stage_ms.items()
        )


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"…{text[1 - width :]}"


def explain_strategies(records: Sequence[Record]) -> Iterator[str]:
    """Each strategy against the first, a line for all runs that differ in nothing else; nothing for a single one."""
    groups: defaultdict[tuple[Hashable, ...], list[Record]] = defaultdict(list)
    for record in filter(is_sound, records):
        if record.strategy:
            same = (record.backend, record.store, record.precision, record.model, record.embedder)
            groups[(group_key(record), *same)].append(record)
    bases: set[str | None] = set()
    for first, *others in groups.values():
        names = names_of([first, *others])
        ratios = {names[other.run_id]: ratio for other in others if (ratio := compare(other, first))}
        if ratios:
            told = [ratio_in_words(name, names[first.run_id], ratio) for name, ratio in ratios.items()]
            store = first.store if len({record.store for record in records}) > 1 else None
            how = (store, embedding_note(first.precision, first.embedder), plural(first.clients, "client"))
            yield f"{', '.join(filter(None, (first.backend, first.scenario, *how)))}: {', '.join(told)}"
        bases.update(ratio.basis for ratio in ratios.values())
    if "windows" in bases:
        yield WITHIN_ONE_RUN


def scaling_groups(records: Sequence[Record]) -> dict[str, dict[int, list[float]]]:
    """Memories a second of each repeat, by number of clients, of the runs that differ in nothing else."""
    groups: defaultdict[str, dict[int, list[float]]] = defaultdict(dict)
    for record in records:
        if record.status == "ok" and record.loop == "closed" and record.memories_per_s_repeats:
            groups[scaling_group(record)].setdefault(record.clients, []).extend(record.memories_per_s_repeats)
    return {name: points for name, points in groups.items() if len(points) > 1}


def scaling_group(record: Record) -> str:
    """What a run shares with those that differ from it in the number of clients only, in a few words."""
    threads = f"threads {record.threads}" if record.threads else None
    options = (f"{key}={value}" for key, value in _chosen_options(record).items())
    how = (record.strategy, embedding_note(record.precision, record.embedder), record.store)
    return " · ".join(filter(None, (record.scenario, record.backend, *how, threads, *options)))


def _chosen_options(record: Record) -> dict[str, object]:
    """The options of the strategy that are not as they are by default."""
    if record.strategy not in STRATEGIES:
        return {}
    defaults = msgspec.structs.asdict(STRATEGIES[record.strategy].options())
    return {key: value for key, value in record.strategy_options.items() if value != defaults.get(key)}


def explain_scaling(records: Sequence[Record]) -> Iterator[str]:
    """How each system scales with clients, where enough numbers of them were measured; or why that cannot be said."""
    limit = next((record.limit_memories_per_s for record in records if record.limit_memories_per_s), None)
    for name, points in scaling_groups(records).items():
        if len(points) < SCALING_MIN:
            continue
        try:
            fitted = fit(points)
        except ScalingError as error:
            yield not_fitted(name, error)
        else:
            yield from fitted_in_words(name, points, fitted, limit)


def not_fitted(name: str, error: ScalingError) -> str:
    """Why there is no curve."""
    return f"scaling of {name}: not fitted: {error}"


def fitted_in_words(
    name: str, points: Mapping[int, Sequence[float]], scaling: Scaling, limit: float | None
) -> Iterator[str]:
    """What a fitted curve says, and the figures it rests on."""
    yield from curve_in_words(name, scaling)
    yield from _points(points, scaling, limit)


def curve_in_words(name: str, scaling: Scaling) -> Iterator[str]:
    """The parameters of a curve with their intervals, and where it ends."""
    yield (
        f"scaling of {name}: contention {_interval(scaling.contention, '.2f')}, "
        f"coherency {_interval(scaling.coherency, '.4f')} "
        f"(Universal Scalability Law, within {format_share(scaling.residual)})"
    )
    if scaling.peak_memories_per_s:
        where = f"at {_interval(scaling.peak_clients, '.1f')} clients" if scaling.peak_clients else "levelling off"
        enough = f"; {format_share(NEARLY)} of it from {_interval(scaling.enough_clients, '.1f')} clients on"
        yield (
            f"  at most {_interval(scaling.peak_memories_per_s, ',.0f')} ops/s, {where}"
            f"{enough if scaling.enough_clients else ''}"
        )


def _points(points: Mapping[int, Sequence[float]], scaling: Scaling, limit: float | None) -> Iterator[str]:
    """Measured, fitted and possible throughput, and the serial share, a column for each number of clients."""
    medians = {clients: statistics.median(rates) for clients, rates in sorted(points.items())}
    first, rate = next(iter(medians.items()))
    bounds = [ceiling(clients, first / rate, limit) for clients in medians]
    serial = [scaling.karp_flatt.get(clients) for clients in medians]
    yield from (
        f"  {name:<32}" + "".join(f"{cell:>9}" for cell in cells)
        for name, cells in (
            ("clients", [str(clients) for clients in medians]),
            ("measured, ops/s", [format_rate(median) for median in medians.values()]),
            ("fitted", [format_rate(scaling.memories_per_s(clients)) for clients in medians]),
            ("bound, min(N / R1, limit)", [format_rate(bound) for bound in bounds]),
            ("serial share (Karp-Flatt)", ["–" if share is None else f"{share:.2f}" for share in serial]),
        )
    )


def _interval(estimate: Estimate | None, form: str) -> str:
    if estimate is None:
        return "–"
    return f"{estimate.value:{form}} ({estimate.low:{form}} to {estimate.high:{form}})"
