"""How close the strategies come to this machine's limit: embedding alone, in one process, in alternating order.

Every round measures the limit again, with the layout that the search found, and then each strategy at each number of
clients. The figures are medians over rounds of the ratios within a round, so a machine that slows down affects both
sides of a ratio.

    python benchmarks/strategies.py
    python benchmarks/strategies.py --corpus turns --clients 1 8 20 64 --strategy adaptive shared --rounds 5
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from common.embedding import (
    CORPORA,
    Candidate,
    EmbeddingFigures,
    Rounds,
    build_strategy,
    comparison_parser,
    corpus_texts,
    load_session,
    measure_rounds,
    median_figures,
    setup_line,
)
from common.rounds import median_ratio
from membench.units import plural
from membench_backends.base import Strategy
from membench_backends.cores import physical_cores
from membench_backends.embedding.limit.offline import OfflineSearch

SAMPLE_TEXTS = 384
"""Texts in one pass of the limit."""
LIMIT_SHARES_MIN = {
    "uniform": {20: 0.90, 64: 0.90},
    "turns": {8: 0.75, 20: 0.86, 64: 0.95},
    "skewed": {8: 0.60, 20: 0.73, 64: 0.80},
}
"""Bounds of `adaptive` in fp32 on two cores, by corpus and number of clients: its share of the limit;"""
TAIL_RATIOS_MAX = {"turns": 2.2, "skewed": 3.0}
"""its p99 / p50 with several clients;"""
FASTEST_SHARE_MIN = 0.97
"""its throughput / that of the fastest strategy;"""
SINGLE_CLIENT_P50_MAX = 1.05
"""and with one client its p50 / the best p50 of `shared`."""


class Result(NamedTuple):
    """The medians of a candidate at one number of clients."""

    figures: EmbeddingFigures
    limit_share: float


def main() -> None:
    """Measure, and print a table per corpus."""
    options = _options()
    print(setup_line(options))
    candidates = _candidates(options.strategy)
    strategies = {candidate.label: build_strategy(candidate, options) for candidate in candidates}
    report = {corpus: _measure_corpus(corpus, candidates, strategies, options) for corpus in options.corpus}
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))
    for strategy in strategies.values():
        strategy.close()


def _measure_corpus(
    corpus: str, candidates: Sequence[Candidate], strategies: Mapping[str, Strategy], options: argparse.Namespace
) -> dict[str, dict[int, dict[str, float]]]:
    """Measure and print one corpus; return its figures by strategy and number of clients."""
    texts = corpus_texts(corpus)
    random.Random(2).shuffle(texts)
    search = OfflineSearch(partial(load_session, options), physical_cores(), texts[:SAMPLE_TEXTS], passes=2)
    layout = search.run(lambda _: None).layout
    print(f"\n{corpus}: best offline layout {layout}")
    limits_texts_per_s: list[float] = []
    rounds = measure_rounds(
        strategies, texts, options, before=lambda: limits_texts_per_s.append(search.measure(layout).texts_per_s)
    )
    print(
        f"  limit {statistics.median(limits_texts_per_s):.0f} texts/s "
        f"({min(limits_texts_per_s):.0f} to {max(limits_texts_per_s):.0f})"
    )
    report: dict[str, dict[int, dict[str, float]]] = {candidate.label: {} for candidate in candidates}
    for index, clients in enumerate(options.clients):
        limits = limits_texts_per_s[index :: len(options.clients)]
        results = {candidate: _result(rounds, candidate, clients, limits) for candidate in candidates}
        _print_table(corpus, clients, results, options.check)
        for candidate, result in results.items():
            report[candidate.label][clients] = {**result.figures._asdict(), "limit_share": result.limit_share}
    return report


def _result(rounds: Rounds, candidate: Candidate, clients: int, limits_texts_per_s: Sequence[float]) -> Result:
    measured = rounds[candidate.label][clients]
    rates = [figures.texts_per_s for figures in measured]
    return Result(median_figures(measured), median_ratio(zip(rates, limits_texts_per_s, strict=True)))


def _print_table(corpus: str, clients: int, results: Mapping[Candidate, Result], check: bool) -> None:
    print(f"  {plural(clients, 'client')}")
    for candidate, result in results.items():
        figures = result.figures
        checks = _checks(corpus, clients, result, results) if check and candidate.strategy == "adaptive" else ""
        tail_ratio = figures.latency_p99_ms / figures.latency_p50_ms
        print(
            f"    {candidate.label:18s} {figures.texts_per_s:7.1f} texts/s  {result.limit_share:5.2f} of the limit  "
            f"p50 {figures.latency_p50_ms:7.1f} ms  p99 {figures.latency_p99_ms:7.1f} ms  {tail_ratio:5.1f} x  "
            f"{checks}",
            flush=True,
        )


def _checks(corpus: str, clients: int, result: Result, results: Mapping[Candidate, Result]) -> str:
    """Return the bounds of `adaptive`, each with a mark that shows whether the result meets it."""
    figures = result.figures
    fastest_texts_per_s = max(other.figures.texts_per_s for other in results.values())
    checks = [_at_least(figures.texts_per_s / fastest_texts_per_s, FASTEST_SHARE_MIN, "of the fastest")]
    shared_p50_ms = [
        other.figures.latency_p50_ms for candidate, other in results.items() if candidate.strategy == "shared"
    ]
    if clients == 1 and shared_p50_ms:
        ratio = figures.latency_p50_ms / min(shared_p50_ms)
        checks.append(_at_most(ratio, SINGLE_CLIENT_P50_MAX, "of the best shared p50"))
    if (share := LIMIT_SHARES_MIN[corpus].get(clients)) is not None:
        checks.append(_at_least(result.limit_share, share, "of the limit"))
    if clients > 1 and corpus in TAIL_RATIOS_MAX:
        ratio = figures.latency_p99_ms / figures.latency_p50_ms
        checks.append(_at_most(ratio, TAIL_RATIOS_MAX[corpus], "p99/p50"))
    return "  ".join(checks)


def _at_least(value: float, bound: float, what: str) -> str:
    return f"{'✓' if value >= bound else '✗'} {value:.2f} >= {bound:.2f} {what}"


def _at_most(value: float, bound: float, what: str) -> str:
    return f"{'✓' if value <= bound else '✗'} {value:.2f} <= {bound:.2f} {what}"


def _candidates(strategies: Sequence[str]) -> list[Candidate]:
    """Return the strategies; those that do not choose their threads, once with one and once with all cores."""
    candidates: list[Candidate] = []
    for strategy in strategies:
        if strategy in ("shared", "mutex"):
            candidates += [Candidate(strategy, threads) for threads in sorted({1, physical_cores()})]
        else:
            candidates.append(Candidate(strategy))
    return candidates


def _options() -> argparse.Namespace:
    parser = comparison_parser((__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", nargs="+", choices=CORPORA, default=CORPORA)
    parser.add_argument("--strategy", nargs="+", default=["shared", "mutex", "queue", "pool", "adaptive"])
    parser.add_argument(
        "--check", action=argparse.BooleanOptionalAction, default=True, help="show whether adaptive meets its bounds"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
