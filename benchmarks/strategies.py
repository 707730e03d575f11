"""How near the strategies come to this machine's limit: embedding alone, in one process, in turn.

Every round measures the limit again, with the layout that the search found, and then each strategy at each number of
clients; what is printed is the median over rounds of the ratios within a round, so a machine that slows down slows down
both sides.

    python benchmarks/strategies.py
    python benchmarks/strategies.py --corpus turns --clients 1 8 20 64 --strategy adaptive shared --rounds 5
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import threading
import time
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}

from membench.machine.facts import describe
from membench.plan.matrix import DEFAULT_MODEL
from membench.spec.corpus import benchmark_text, turns
from membench_backends.base import Strategy
from membench_backends.cores import physical_cores
from membench_backends.embedding.engines.onnxruntime import FastEmbedModel, load_model
from membench_backends.embedding.limit.offline import OfflineSearch
from membench_backends.embedding.strategies.catalogue import STRATEGIES, parse_options

TEXTS = 4096
SAMPLE = 384
"""Texts of a pass for the limit."""
SKEWED_LOG_MEAN, SKEWED_LOG_DEVIATION = 2.6, 0.7
"""Of the tokens of a text: many short ones and a long tail, 17 on average."""
BOUNDS = {
    "uniform": {20: 0.90, 64: 0.90},
    "turns": {8: 0.75, 20: 0.86, 64: 0.95},
    "skewed": {8: 0.60, 20: 0.73, 64: 0.80},
}
"""What `adaptive` shall reach of the limit in fp32 on two cores."""
TAIL_BOUNDS = {"turns": 2.2, "skewed": 3.0}
"""Its p99, in times of its p50."""


class Figures(NamedTuple):
    """What one strategy gave in one round."""

    texts_per_s: float
    p50_ms: float
    p99_ms: float


Candidate = tuple[str, int | None]
"""A strategy, and the threads of its sessions; None leaves them to the strategy."""


def main() -> None:
    """Measure, and print a table a corpus."""
    options = _options()
    print(f"{describe()}; {options.model}, {options.precision}; {options.rounds} rounds of {options.seconds:g} s")
    candidates = candidates_of(options.strategy)
    built = {candidate: build(candidate, options) for candidate in candidates}
    everything = {}
    for corpus in options.corpus:
        everything[corpus] = _corpus(corpus, built, options)
    if options.json:
        options.json.write_text(json.dumps(everything, indent=1))


def texts_of(corpus: str) -> list[str]:
    """The texts of a corpus, every one of them different."""
    if corpus == "uniform":
        return [benchmark_text(number) for number in range(1000, 1000 + TEXTS)]
    if corpus == "turns":
        return turns(TEXTS, seed=1)
    return turns(TEXTS, 1, SKEWED_LOG_MEAN, SKEWED_LOG_DEVIATION)


def closed_loop(strategy: Strategy, texts: Sequence[str], clients: int, seconds: float) -> Figures:
    """Run clients that embed one text after another; what was under way at the end counts by its share."""
    latencies: list[list[float]] = [[] for _ in range(clients)]
    barrier = threading.Barrier(clients + 1)
    end_s = 0.0

    def client(number: int) -> None:
        own = latencies[number]
        barrier.wait()
        for text in islice(texts, number, None, clients):
            begin = time.perf_counter()
            if begin >= end_s:
                return
            strategy.embed(text)
            own.append(time.perf_counter() - begin)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    begin_s = time.perf_counter()
    end_s = begin_s + seconds
    barrier.wait()
    for thread in threads:
        thread.join()
    took_s = time.perf_counter() - begin_s
    every = sorted(latency for own in latencies for latency in own)
    return Figures(
        len(every) / took_s, 1e3 * every[len(every) // 2], 1e3 * every[min(int(len(every) * 0.99), len(every) - 1)]
    )


def _corpus(
    corpus: str, built: dict[Candidate, Strategy], options: argparse.Namespace
) -> dict[str, dict[str, list[float]]]:
    texts = texts_of(corpus)
    random.Random(2).shuffle(texts)
    search = OfflineSearch(partial(_load, options), physical_cores(), texts[:SAMPLE], passes=2)
    best = search.run(lambda found: None)
    print(f"\n{corpus}: the limit is reached with {best.layout}")
    limits: list[float] = []
    figures: dict[tuple[Candidate, int], list[Figures]] = {}
    shares: dict[tuple[Candidate, int], list[float]] = {}
    for number in range(options.rounds):
        for clients in options.clients:
            limit = search.again(best.layout).texts_per_s
            limits.append(limit)
            for candidate in list(built)[:: 1 if number % 2 else -1]:
                got = closed_loop(built[candidate], texts, clients, options.seconds)
                figures.setdefault((candidate, clients), []).append(got)
                shares.setdefault((candidate, clients), []).append(got.texts_per_s / limit)
    print(f"  limit {statistics.median(limits):.0f}/s ({min(limits):.0f} to {max(limits):.0f})")
    rows: dict[str, dict[str, list[float]]] = {}
    for clients in options.clients:
        print(f"  {clients} client{'s' if clients > 1 else ''}")
        medians = {candidate: _median(figures[candidate, clients]) for candidate in built}
        fastest = max(got.texts_per_s for got in medians.values())
        for candidate, got in medians.items():
            share = statistics.median(shares[candidate, clients])
            verdicts = _verdicts(corpus, clients, candidate, got, share, fastest, medians) if options.check else ""
            print(
                f"    {name_of(candidate):18s} {got.texts_per_s:7.1f}/s  {share:5.2f} of the limit  "
                f"p50 {got.p50_ms:7.1f} ms  p99 {got.p99_ms:7.1f} ms  {got.p99_ms / got.p50_ms:5.1f} x  {verdicts}",
                flush=True,
            )
            rows.setdefault(name_of(candidate), {})[str(clients)] = [*got, share]
    return rows


def _verdicts(
    corpus: str,
    clients: int,
    candidate: Candidate,
    got: Figures,
    share: float,
    fastest: float,
    medians: dict[Candidate, Figures],
) -> str:
    """What `adaptive` was asked for, and whether it keeps it."""
    if candidate[0] != "adaptive":
        return ""
    asked = [(got.texts_per_s / fastest, ">=", 0.97, "of the fastest")]
    if clients == 1:
        best = min((other.p50_ms for (name, _), other in medians.items() if name == "shared"), default=got.p50_ms)
        asked.append((got.p50_ms / best, "<=", 1.05, "of the best shared p50"))
    if (bound := BOUNDS[corpus].get(clients)) is not None:
        asked.append((share, ">=", bound, "of the limit"))
    if clients > 1 and corpus in TAIL_BOUNDS:
        asked.append((got.p99_ms / got.p50_ms, "<=", TAIL_BOUNDS[corpus], "p99/p50"))
    return "  ".join(
        f"{'✓' if (value >= bound if sign == '>=' else value <= bound) else '✗'} {value:.2f} {sign} {bound:.2f} {what}"
        for value, sign, bound, what in asked
    )


def _median(rounds: Sequence[Figures]) -> Figures:
    return Figures(*(statistics.median(values) for values in zip(*rounds, strict=True)))


def candidates_of(strategies: Sequence[str]) -> list[Candidate]:
    """Every strategy as it is, and those that leave the threads open with one and with all cores."""
    found: list[Candidate] = []
    for name in strategies:
        found += [(name, threads) for threads in ((1, physical_cores()) if name in ("shared", "mutex") else (None,))]
    return found


def name_of(candidate: Candidate) -> str:
    """`shared threads=1`."""
    name, threads = candidate
    return name if threads is None else f"{name} threads={threads}"


def build(candidate: Candidate, options: argparse.Namespace) -> Strategy:
    """A strategy with sessions of its own."""
    name, fixed = candidate
    given = dict(option.split("=", 1) for option in options.option)
    known = STRATEGIES[name].options.__struct_fields__
    own = parse_options(name, {key: value for key, value in given.items() if key in known})

    return STRATEGIES[name].build(lambda threads=None: _load(options, fixed or threads), own)


def _load(options: argparse.Namespace, threads: int | None = None) -> FastEmbedModel:
    return load_model(options.model, threads, lambda stage: None, options.precision)


def parser_of(description: str) -> argparse.ArgumentParser:
    """What every comparison of strategies can be told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 8, 20, 64])
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="of the strategies")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "int8"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of a candidate in a round")
    parser.add_argument("--json", type=Path, help="write the figures")
    return parser


def _options() -> argparse.Namespace:
    parser = parser_of((__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", nargs="+", choices=list(BOUNDS), default=list(BOUNDS))
    parser.add_argument("--strategy", nargs="+", default=["shared", "mutex", "queue", "pool", "adaptive"])
    parser.add_argument("--check", action=argparse.BooleanOptionalAction, default=True, help="say what is asked for")
    return parser.parse_args()


if __name__ == "__main__":
    main()
