"""The entry of the measured process: build the backend, warm up, measure, audit, report.

`membench.session` starts it for one repeat, with a `RunSpec` on standard input; messages go to standard output. What
the libraries print goes to standard error, which is the repeat's log.

python -m membench.runner.main FOLDER REPEAT
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from membench.machine.facts import environment
from membench.messages.encoding import Frames, decode_spec
from membench.messages.run import Auditing, Component, Finished, Loading, RepeatEnded, Started, WarmingUp
from membench.runner import meters
from membench.runner.audit import Embed, Progress, audit
from membench.runner.channel import Channel
from membench.runner.child import prepare_environment, run_process, watch_console
from membench.runner.load import Clients
from membench.runner.meters import Meters
from membench.runner.recorder import bucket_counts
from membench.runner.sampler import INTERVAL_NS, Sampler
from membench.spec.corpus import Texts
from membench.spec.run import RunSpec
from membench_backends.base import (
    IndexesKeywords,
    MakesVectors,
    MemoryBackend,
    Parts,
    Strategy,
    UnavailableError,
)
from membench_backends.options import parse_options
from membench_backends.registry import backends
from membench_backends.stores.table import STORES

if TYPE_CHECKING:
    from membench_backends.embedding.engines.onnxruntime import FastEmbedModel

REPORT_S = 0.25
"""How often the console hears of a warm-up or an audit, also without progress."""
Result = TypeVar("Result")

DIMENSIONS_WITHOUT_MODEL = 384
"""Length of vectors where no model is loaded: that of the default model."""


def run(channel: Channel, folder: Path) -> None:
    """Run the spec on standard input, and report to the console."""
    prepare_environment(folder)
    spec = _read_spec()
    watch_console(folder)
    if spec.metering:
        meters.install()
    _run(spec, int(sys.argv[2]), channel, folder)


def _read_spec() -> RunSpec:
    frames = Frames()
    while data := os.read(0, 1 << 16):
        for body in frames.feed(data):
            return decode_spec(body)
    sys.exit(1)


def _run(spec: RunSpec, repeat: int, channel: Channel, folder: Path) -> None:
    info = backends()[spec.backend]
    if info.unavailable:
        raise UnavailableError(info.unavailable)
    sessions, strategy = _load_embedder(spec, channel)
    model = sessions[0] if sessions else None
    channel.send(Loading(stage=f"opening {spec.backend}"))
    store = STORES[spec.store].build(folder) if spec.store else None
    dimensions = model.dimensions if model else DIMENSIONS_WITHOUT_MODEL
    options = parse_options(info.options, spec.backend_options, f"backend {spec.backend}")
    backend = info.build(Parts(strategy, store, dimensions, folder, options))
    assert spec.corpus is not None and spec.seed is not None, "a spec states its corpus and its seed"
    texts = Texts(spec.corpus, spec.seed)
    channel.send(
        Started(
            weights=model.weights if model else None,
            threads=model.threads if model else None,
            dimensions=dimensions,
            environment=environment(),
            precision_cosine=model.precision_cosine if model else None,
            session_threads=tuple(session.threads for session in sessions),
        )
    )
    warmup = _warm_up(spec, channel, backend, texts.warmup(spec.warmup_items or 0))
    clients = Clients(spec, backend, texts)
    _measure(clients, repeat, channel)
    outcome = None
    if info.capabilities.stores:
        together = model.embed if model and spec.precision != "fp32" else None
        expected = _expected_vectors(spec, backend, model, strategy)
        progress, acknowledged = Progress(), sum(log.acknowledged for log in clients.logs)
        outcome = _reporting(
            lambda: audit(backend, clients, warmup, expected, together, (store, backend), progress),
            lambda: channel.send(Auditing(acknowledged=acknowledged, checked=progress.checked)),
        )
    channel.send(Finished(audit=outcome, bm25=backend.writes_bm25() if isinstance(backend, IndexesKeywords) else None))
    for part in (backend, strategy, store):
        if part is not None:
            part.close()


def _load_embedder(spec: RunSpec, channel: Channel) -> tuple[list[FastEmbedModel], Strategy | None]:
    """Return the sessions of the model and the strategy that shares them; neither for a backend that does not embed."""
    if spec.embedder == "fixed":
        from membench_backends.embedding.fixed import FixedEmbedder

        return [], FixedEmbedder(DIMENSIONS_WITHOUT_MODEL)
    if spec.strategy is None or spec.model is None or spec.precision is None:
        return [], None
    # Imported after the meters are installed: strategies import `queue.SimpleQueue`, which is metered.
    from membench_backends.embedding.engines.onnxruntime import load_model
    from membench_backends.embedding.strategies import catalogue

    model, precision = spec.model, spec.precision
    sessions: list[FastEmbedModel] = []

    def load(threads: int | None = None) -> FastEmbedModel:
        sessions.append(load_model(model, spec.threads or threads, report_stage, precision))
        return sessions[-1]

    def report_stage(stage: str) -> None:
        channel.send(Loading(stage=stage))

    report_stage(f"loading {model}")
    options = catalogue.parse_options(spec.strategy, spec.strategy_options)
    return sessions, catalogue.STRATEGIES[spec.strategy].build(load, options)


def _warm_up(spec: RunSpec, channel: Channel, backend: MemoryBackend, texts: list[str]) -> list[str]:
    """Fill caches, start pools and trigger lazy imports before the clock starts, with as many callers as will run."""
    if not texts:
        return texts
    with ThreadPoolExecutor(min(spec.clients, len(texts))) as pool:
        if spec.operation == "add_batch":
            outcomes = [pool.submit(backend.add_batch, texts, "warm-up")]
        else:
            outcomes = [pool.submit(backend.add, text, "warm-up") for text in texts]
        _wait_for(outcomes, lambda done: channel.send(WarmingUp(items=len(texts), done=round(done * len(texts)))))
    for outcome in outcomes:
        if error := outcome.exception():
            logging.warning("a warm-up operation failed: %r", error)
    return texts


def _reporting(work: Callable[[], Result], report: Callable[[], None]) -> Result:
    """Return the result of some work, and report meanwhile that this process still runs."""
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(work)
        _wait_for([outcome], lambda done: report())
        return outcome.result()


def _wait_for(outcomes: Sequence[Future[Any]], report: Callable[[float], None]) -> None:
    """Wait for outcomes, and report regularly which share of them is there: the GIL is not held while this runs."""
    pending: Collection[Future[Any]] = outcomes
    while pending:
        report(1 - len(pending) / len(outcomes))
        pending = wait(pending, REPORT_S).not_done
    report(1.0)


def _measure(clients: Clients, repeat: int, channel: Channel) -> None:
    metered = Meters(clients.spec.metering, components_of(clients.spec))
    sampler = Sampler(repeat, clients.logs, metered)  # before the clients start, so that it misses nothing
    running = clients.start(repeat)
    sampler.start(running.start_ns)
    next_ns = running.start_ns + INTERVAL_NS
    operations = 0
    finished = False
    while not finished:
        finished = running.wait(next_ns) or running.crash is not None
        tick = sampler.tick(time.perf_counter_ns(), last=finished)
        operations += tick.operations
        channel.offer(tick)
        next_ns = max(next_ns + INTERVAL_NS, time.perf_counter_ns())
    metered.stop()
    if running.crash is not None:
        raise RuntimeError(f"{type(running.crash).__name__} ended a client: {running.crash}") from running.crash
    items = sum(log.acknowledged for log in clients.logs)
    unstarted_ns, unstarted_counts = bucket_counts([running.drain_unstarted()])
    channel.send(
        RepeatEnded(
            repeat=repeat,
            wall_s=running.wall_s,
            operations=operations,
            items=items,
            unstarted_ns=unstarted_ns,
            unstarted_counts=unstarted_counts,
        )
    )


def components_of(spec: RunSpec) -> dict[str, Component]:
    """Return the files whose locks belong to the run's strategy or store, by their paths as in a lock's site."""
    from membench_backends.embedding.strategies.catalogue import STRATEGIES

    components: dict[str, Component] = {}
    if spec.store:
        components[_path_of(STORES[spec.store].module)] = "store"
    if spec.strategy:
        components[_path_of(STRATEGIES[spec.strategy].module)] = "strategy"
    return components


def _path_of(module: str) -> str:
    return f"{module.replace('.', '/')}.py"


def _expected_vectors(
    spec: RunSpec, backend: MemoryBackend, model: FastEmbedModel | None, strategy: Strategy | None
) -> Embed | None:
    """Return how the audit obtains the vector that a text must have: from the model, one text at a time, or a table."""
    if model is not None:
        return lambda texts: model.embed(texts, batch_size=1)
    if spec.embedder == "fixed" and strategy is not None:
        return strategy.embed_batch
    return backend.vectors if isinstance(backend, MakesVectors) else None


if __name__ == "__main__":
    run_process(run)
