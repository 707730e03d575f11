"""The strategies beside batchers from other projects, on the same ONNX file and the same texts.

The peers are `batched` (mixedbread) and the engine of Infinity (`infinity-emb` with optimum):

    pip install -e '.[peers]'
    pip install --no-deps infinity-emb        # on its own: it requires an older NumPy than this project

A peer that is not installed is skipped with a message. Everything runs in one process, in alternating order; the ratios
are medians over rounds of the ratio within a round.

    python benchmarks/against_peers.py
    python benchmarks/against_peers.py --corpus turns --clients 20 --rounds 5 --svg peers.svg
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import logging
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import plotext
from rich.console import Console
from rich.text import Text

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
from membench.tui.common.plot import WHITE_BACKGROUND
from membench.units import plural
from membench_backends.base import Strategy, UnavailableError
from membench_backends.cores import physical_cores
from membench_backends.embedding.models.cache import MODEL_FILES, twin_of

OURS = (Candidate("shared", 1), Candidate("shared"), Candidate("queue"), Candidate("pool"), Candidate("adaptive"))
BATCH_TEXTS_MAX, BATCH_TIMEOUT_MS = 32, 5.0
"""The defaults of both peers."""
COLOURS = (
    (63, 199, 201),
    (229, 143, 184),
    (169, 147, 245),
    (143, 209, 106),
    (255, 140, 66),
    (230, 215, 91),
    (143, 166, 255),
)
CHART_SIZE = (88, 22)


class Batched:
    """mixedbread's `batched`: a thread runs batches of at most 32 texts and waits 5 ms for them to fill."""

    def __init__(self, options: argparse.Namespace) -> None:
        try:
            import batched
        except ImportError as error:
            raise UnavailableError("batched is not installed: pip install batched") from error
        model = load_session(options, physical_cores())
        self._embed = batched.dynamically(
            lambda texts: list(model.embed(texts)), batch_size=BATCH_TEXTS_MAX, timeout_ms=BATCH_TIMEOUT_MS
        )

    def embed(self, text: str) -> Any:
        """Embed one text."""
        return self._embed(text)

    def embed_batch(self, texts: Sequence[str]) -> Any:
        """Embed a list."""
        return self._embed(list(texts))

    def close(self) -> None:
        """Stop the thread."""
        self._embed.shutdown()


class Infinity:
    """Infinity's engine on ONNX Runtime: sorts waiting texts by length, batches at most 32, pipelines three threads."""

    def __init__(self, options: argparse.Namespace) -> None:
        try:
            from infinity_emb import AsyncEmbeddingEngine, EngineArgs
            from infinity_emb.transformer.embedder import optimum
        except ImportError as error:
            raise UnavailableError(f"infinity-emb is not installed ({error}): see {Path(__file__).name}") from error
        logging.getLogger("infinity_emb").setLevel(logging.WARNING)
        self._folder = tempfile.TemporaryDirectory()
        graph = _lay_out_for_hub(options, Path(self._folder.name))
        # Infinity searches for graphs by absolute path, which optimum would take for names on the hub.
        optimum.get_onnx_files = lambda **_: Path(graph)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        arguments = EngineArgs(
            model_name_or_path=self._folder.name,
            engine="optimum",
            device="cpu",
            batch_size=BATCH_TEXTS_MAX,
            pooling_method="cls",
            model_warmup=False,
            onnx_disable_optimize=True,  # FastEmbed's file is already fused
            lengths_via_tokenize=True,
        )
        self._engine = AsyncEmbeddingEngine.from_args(arguments)
        self._wait_for(self._engine.astart())

    def embed(self, text: str) -> Any:
        """Embed one text."""
        return self._wait_for(self._engine.embed(sentences=[text]))[0][0]

    def embed_batch(self, texts: Sequence[str]) -> Any:
        """Embed a list."""
        return self._wait_for(self._engine.embed(sentences=list(texts)))[0]

    def close(self) -> None:
        """Stop the threads."""
        self._wait_for(self._engine.astop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._folder.cleanup()

    def _wait_for(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


PEERS: dict[str, Callable[[argparse.Namespace], Strategy]] = {"batched": Batched, "infinity": Infinity}


def main() -> None:
    """Measure, and print a table and a chart per corpus."""
    options = _options()
    print(setup_line(options))
    strategies: dict[str, Strategy] = {candidate.label: build_strategy(candidate, options) for candidate in OURS}
    for name, build in PEERS.items():
        try:
            strategies[name] = build(options)
        except UnavailableError as error:
            print(f"! {error}", file=sys.stderr)
    report = {}
    for corpus in options.corpus:
        rounds = measure_rounds(strategies, corpus_texts(corpus), options)
        print(f"\n{corpus}")
        for clients in options.clients:
            _print_table(rounds, clients)
        _draw_chart(corpus, rounds, options)
        report[corpus] = _as_json(rounds)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))
    for strategy in strategies.values():
        strategy.close()


def _print_table(rounds: Rounds, clients: int) -> None:
    adaptive = rounds["adaptive"][clients]
    print(f"  {plural(clients, 'client')}")
    for name, by_clients in rounds.items():
        figures = median_figures(by_clients[clients])
        print(
            f"    {name:18s} {figures.texts_per_s:7.1f} texts/s  p50 {figures.latency_p50_ms:7.1f} ms  "
            f"p99 {figures.latency_p99_ms:7.1f} ms  adaptive / this {_speedup(adaptive, by_clients[clients]):.2f} x",
            flush=True,
        )
    speedups = [_speedup(adaptive, rounds[name][clients]) for name in PEERS if name in rounds]
    if speedups:
        print(f"    => adaptive / the faster peer {min(speedups):.2f} x")


def _speedup(ours: Sequence[EmbeddingFigures], theirs: Sequence[EmbeddingFigures]) -> float:
    return median_ratio((our.texts_per_s, their.texts_per_s) for our, their in zip(ours, theirs, strict=True))


def _as_json(rounds: Rounds) -> dict[str, dict[int, list[dict[str, float]]]]:
    return {
        name: {clients: [figures._asdict() for figures in measured] for clients, measured in by_clients.items()}
        for name, by_clients in rounds.items()
    }


def _draw_chart(corpus: str, rounds: Rounds, options: argparse.Namespace) -> None:
    """Print throughput over the number of clients, one labelled line per strategy, and save it if a file is named."""
    figure = plotext.figure
    figure.clear()
    figure.plot_size(*CHART_SIZE)
    figure.canvas("default")
    figure.axes(active=False, axis="both", side=1)
    columns = range(len(options.clients))
    highest_texts_per_s = 0.0
    for number, (name, by_clients) in enumerate(rounds.items()):
        rates = [median_figures(by_clients[clients]).texts_per_s for clients in options.clients]
        highest_texts_per_s = max(highest_texts_per_s, *rates)
        pixel = plotext.pixel(COLOURS[number % len(COLOURS)])
        figure.draw(figure.signal(columns, rates, marker=plotext.marker("braille", pixel=pixel)).lines())
        figure.draw(figure.text(len(columns) - 0.95, rates[-1], plotext.colorize(f" {name}", pixel), alignment="left"))
    figure.ruler("x", "lower").lim(0, len(columns) - 0.4)
    figure.ruler("x", "lower").ticks(columns, [plural(clients, "client") for clients in options.clients])
    figure.ruler("y", "left").lim(0, highest_texts_per_s * 1.1)
    chart = figure.build().string().replace(WHITE_BACKGROUND, "")
    print(f"\n  texts/s, {corpus}, {options.precision}\n{chart}")
    if options.svg:
        console = Console(record=True, width=CHART_SIZE[0] + 2, file=io.StringIO())
        console.print(Text.from_ansi(chart))
        console.save_svg(str(options.svg), title=f"texts/s by number of clients: {corpus}, {options.precision}")


def _lay_out_for_hub(options: argparse.Namespace, folder: Path) -> str:
    """Fill a folder with the model's files as in a clone of a hub repository; return the name of the graph."""
    session = load_session(options, 1)
    source = Path(session.text_embedding.model._model_dir)  # type: ignore[attr-defined]
    for file in source.iterdir():
        (folder / file.name).symlink_to(file)
    if not (folder / "config.json").exists():
        (folder / "config.json").write_text(json.dumps(_twin_config(options.model, source)))
    return next(name for name in MODEL_FILES if (folder / name).exists())


def _twin_config(model: str, source: Path) -> dict[str, Any]:
    """Return the hub configuration of a speed twin, which has none in its folder."""
    architecture = twin_of(model)
    if architecture is None:
        raise UnavailableError(f"{source} has no config.json, which Infinity needs")
    return {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "num_hidden_layers": architecture.layers,
        "hidden_size": architecture.hidden,
        "num_attention_heads": architecture.heads,
        "intermediate_size": architecture.intermediate,
        "vocab_size": architecture.vocabulary,
        "max_position_embeddings": architecture.positions,
    }


def _options() -> argparse.Namespace:
    parser = comparison_parser((__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", nargs="+", choices=CORPORA, default=["uniform", "turns"])
    parser.add_argument("--svg", type=Path, metavar="FILE", help="save the last chart as an SVG file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
