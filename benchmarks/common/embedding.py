"""Comparisons of strategies that embed texts in this process, without a memory system around them."""

from __future__ import annotations

import argparse
import os
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}

from common.rounds import alternating
from membench.machine.facts import describe
from membench.plan.options import DEFAULT_MODEL
from membench.spec.corpus import benchmark_text, turns
from membench.units import plural
from membench_backends.base import Strategy
from membench_backends.embedding.engines.onnxruntime import FastEmbedModel, load_model
from membench_backends.embedding.strategies.catalogue import STRATEGIES, parse_options
from simulate_batching import LOG_TOKENS

CORPORA = ("uniform", "turns", "skewed")
TEXTS = 4096


class Candidate(NamedTuple):
    """A strategy to compare."""

    strategy: str
    threads: int | None = None
    """Intra-op threads of its sessions; None leaves them to the strategy."""

    @property
    def label(self) -> str:
        """`shared threads=1`, or the strategy alone."""
        return self.strategy if self.threads is None else f"{self.strategy} threads={self.threads}"


class EmbeddingFigures(NamedTuple):
    """What closed-loop clients of one strategy measured."""

    texts_per_s: float
    latency_p50_ms: float
    latency_p99_ms: float


Rounds = dict[str, dict[int, list[EmbeddingFigures]]]
"""Figures of each round, by strategy and number of clients."""


def corpus_texts(corpus: str) -> list[str]:
    """Return the texts of a corpus; no two are equal."""
    if corpus == "uniform":
        return [benchmark_text(number) for number in range(1000, 1000 + TEXTS)]
    return turns(TEXTS, 1, *LOG_TOKENS[corpus])


def measure_rounds(
    strategies: Mapping[str, Strategy],
    texts: Sequence[str],
    options: argparse.Namespace,
    before: Callable[[], object] = lambda: None,
) -> Rounds:
    """Measure every strategy at every number of clients in each round, in alternating order.

    Args:
        strategies: By name.
        texts: What the clients embed.
        options: `rounds`, `clients` and `seconds` of `comparison_parser`.
        before: Is called in each round before each number of clients.
    """
    rounds: Rounds = {name: {clients: [] for clients in options.clients} for name in strategies}
    for round_index in range(options.rounds):
        for clients in options.clients:
            before()
            for name in alternating(strategies, round_index):
                rounds[name][clients].append(closed_loop(strategies[name], texts, clients, options.seconds))
    return rounds


def closed_loop(strategy: Strategy, texts: Sequence[str], clients: int, duration_s: float) -> EmbeddingFigures:
    """Run clients that embed one text after another; calls in progress at the end still complete and count."""
    latencies_s: list[list[float]] = [[] for _ in range(clients)]
    barrier = threading.Barrier(clients + 1)
    deadline_s = 0.0

    def embed_until_deadline(client: int) -> None:
        barrier.wait()
        for text in islice(texts, client, None, clients):
            began_s = time.perf_counter()
            if began_s >= deadline_s:
                return
            strategy.embed(text)
            latencies_s[client].append(time.perf_counter() - began_s)

    threads = [threading.Thread(target=embed_until_deadline, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    began_s = time.perf_counter()
    deadline_s = began_s + duration_s
    barrier.wait()
    for thread in threads:
        thread.join()
    elapsed_s = time.perf_counter() - began_s
    ascending_ms = sorted(latency_s * 1e3 for of_client in latencies_s for latency_s in of_client)
    return EmbeddingFigures(
        texts_per_s=len(ascending_ms) / elapsed_s,
        latency_p50_ms=ascending_ms[len(ascending_ms) // 2],
        latency_p99_ms=ascending_ms[min(int(len(ascending_ms) * 0.99), len(ascending_ms) - 1)],
    )


def median_figures(rounds: Sequence[EmbeddingFigures]) -> EmbeddingFigures:
    """Return the median of each figure over rounds."""
    return EmbeddingFigures(*(statistics.median(column) for column in zip(*rounds, strict=True)))


def build_strategy(candidate: Candidate, options: argparse.Namespace) -> Strategy:
    """Return a strategy with sessions of its own."""
    info = STRATEGIES[candidate.strategy]
    known = info.options.__struct_fields__
    strategy_options = parse_options(
        candidate.strategy, {name: value for name, value in options.option if name in known}
    )
    return info.build(lambda threads=None: load_session(options, candidate.threads or threads), strategy_options)


def load_session(options: argparse.Namespace, threads: int | None = None) -> FastEmbedModel:
    """Load a session of the chosen model."""
    return load_model(options.model, threads, lambda stage: None, options.precision)


def comparison_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser of the options that all comparisons of strategies have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 8, 20, 64])
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        type=_key_value,
        metavar="KEY=VALUE",
        help="set an option of every strategy that has it; repeatable",
    )
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "int8"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="time for each strategy in each round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    return parser


def setup_line(options: argparse.Namespace) -> str:
    """Return one line about the machine, the model and the amount of measuring."""
    rounds = f"{plural(options.rounds, 'round')} of {options.seconds:g} s"
    return f"{describe()}; {options.model}, {options.precision}; {rounds}"


def _key_value(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value
