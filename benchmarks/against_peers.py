"""The strategies beside batchers that others have written, on the same ONNX file and the same texts.

`batched` (mixedbread) and Infinity's engine (`infinity-emb`, optimum) come with

    pip install -e '.[peers]'
    pip install --no-deps infinity-emb        # by itself: it asks for a NumPy older than this project needs

A peer that is not installed is left out, and that is said. Everything runs in one process, in turn; ratios are medians
over rounds of the ratio within a round.

    python benchmarks/against_peers.py
    python benchmarks/against_peers.py --corpus turns --clients 20 --rounds 5 --svg peers.svg
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import logging
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import plotext
from benchmarks.strategies import Figures, build, closed_loop, name_of, parser_of, texts_of
from rich.console import Console
from rich.text import Text

from membench.machine.facts import describe
from membench.tui.common.plot import WHITE_BACKGROUND
from membench_backends.base import Strategy, UnavailableError
from membench_backends.cores import physical_cores
from membench_backends.embedding.engines.onnxruntime import load_model
from membench_backends.embedding.models.cache import MODEL_FILES, twin_of

OURS = (("shared", 1), ("shared", None), ("queue", None), ("pool", None), ("adaptive", None))
"""Strategies and the threads of their sessions; None leaves them to the strategy."""
PEERS = ("batched", "infinity")
BATCH_SIZE, TIMEOUT_MS = 32, 5.0
"""What both peers take by default."""
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
    """mixedbread's `batched`: a thread that runs batches of up to 32 texts, and waits 5 ms for them to fill."""

    def __init__(self, options: argparse.Namespace) -> None:
        try:
            import batched
        except ImportError as error:
            raise UnavailableError("batched is not installed: pip install batched") from error
        model = load_model(options.model, physical_cores(), lambda stage: None, options.precision)
        self._embed = batched.dynamically(
            lambda texts: list(model.embed(texts)), batch_size=BATCH_SIZE, timeout_ms=TIMEOUT_MS
        )

    def embed(self, text: str) -> Any:
        """Embed one text."""
        return self._embed(text)

    def embed_batch(self, texts: Sequence[str]) -> Any:
        """Embed a list."""
        return self._embed(list(texts))

    def close(self) -> None:
        """End its thread."""
        self._embed.shutdown()


class Infinity:
    """Infinity's engine on ONNX Runtime: sorts what waits by length, batches of up to 32, three threads in a row."""

    def __init__(self, options: argparse.Namespace) -> None:
        try:
            from infinity_emb import AsyncEmbeddingEngine, EngineArgs
            from infinity_emb.transformer.embedder import optimum
        except ImportError as error:
            raise UnavailableError(f"infinity-emb is not installed ({error}): see the head of this file") from error
        logging.getLogger("infinity_emb").setLevel(logging.WARNING)
        self._folder = tempfile.TemporaryDirectory()
        graph = _as_hub_folder(options, Path(self._folder.name))
        # It looks for graphs with absolute paths, which optimum then takes for names on the hub.
        optimum.get_onnx_files = lambda **_: Path(graph)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        arguments = EngineArgs(
            model_name_or_path=self._folder.name,
            engine="optimum",
            device="cpu",
            batch_size=BATCH_SIZE,
            pooling_method="cls",
            model_warmup=False,
            onnx_disable_optimize=True,  # the file is what FastEmbed runs: fused already
            lengths_via_tokenize=True,
        )
        self._engine = AsyncEmbeddingEngine.from_args(arguments)
        self._await(self._engine.astart())

    def embed(self, text: str) -> Any:
        """Embed one text."""
        return self._await(self._engine.embed(sentences=[text]))[0][0]

    def embed_batch(self, texts: Sequence[str]) -> Any:
        """Embed a list."""
        return self._await(self._engine.embed(sentences=list(texts)))[0]

    def close(self) -> None:
        """End its threads."""
        self._await(self._engine.astop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._folder.cleanup()

    def _await(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


MAKERS: dict[str, Callable[[argparse.Namespace], Strategy]] = {"batched": Batched, "infinity": Infinity}


def main() -> None:
    """Measure, and print a table and a chart a corpus."""
    options = _options()
    print(f"{describe()}; {options.model}, {options.precision}; {options.rounds} rounds of {options.seconds:g} s")
    built: dict[str, Strategy] = {name_of(candidate): build(candidate, options) for candidate in OURS}
    for name, make in MAKERS.items():
        try:
            built[name] = make(options)
        except UnavailableError as error:
            print(f"! {error}", file=sys.stderr)
    figures = {corpus: _corpus(corpus, built, options) for corpus in options.corpus}
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    for strategy in built.values():
        strategy.close()


def _corpus(
    corpus: str, built: dict[str, Strategy], options: argparse.Namespace
) -> dict[str, dict[int, list[Figures]]]:
    texts = texts_of(corpus)
    rounds: dict[str, dict[int, list[Figures]]] = {name: {} for name in built}
    for number in range(options.rounds):
        for clients in options.clients:
            for name in list(built)[:: 1 if number % 2 else -1]:
                got = closed_loop(built[name], texts, clients, options.seconds)
                rounds[name].setdefault(clients, []).append(got)
    print(f"\n{corpus}")
    for clients in options.clients:
        print(f"  {clients} client{'s' if clients > 1 else ''}")
        for name, of_name in rounds.items():
            got = Figures(*map(statistics.median, zip(*of_name[clients], strict=True)))
            ratio = _ratio(rounds["adaptive"][clients], of_name[clients])
            print(
                f"    {name:18s} {got.texts_per_s:7.1f}/s  p50 {got.p50_ms:7.1f} ms  p99 {got.p99_ms:7.1f} ms  "
                f"adaptive is {ratio:.2f} x",
                flush=True,
            )
        peers = [rounds[name][clients] for name in PEERS if name in rounds]
        if peers:
            least = min(_ratio(rounds["adaptive"][clients], peer) for peer in peers)
            print(f"    {'=> the better peer':18s} adaptive is {least:.2f} x")
    _chart(corpus, rounds, options)
    return rounds


def _ratio(ours: Sequence[Figures], theirs: Sequence[Figures]) -> float:
    """How many times faster, the median over rounds."""
    return statistics.median(our.texts_per_s / their.texts_per_s for our, their in zip(ours, theirs, strict=True))


def _chart(corpus: str, rounds: dict[str, dict[int, list[Figures]]], options: argparse.Namespace) -> None:
    """Throughput over the number of clients, a line each, named where it ends."""
    clients = options.clients
    figure = plotext.figure
    figure.clear()
    figure.plot_size(*CHART_SIZE)
    figure.canvas("default")
    figure.axes(active=False, axis="both", side=1)
    highest = 0.0
    for number, (name, of_name) in enumerate(rounds.items()):
        rates = [statistics.median(got.texts_per_s for got in of_name[count]) for count in clients]
        highest = max(highest, *rates)
        pixel = plotext.pixel(COLOURS[number % len(COLOURS)])
        figure.draw(figure.signal(range(len(clients)), rates, marker=plotext.marker("braille", pixel=pixel)).lines())
        figure.draw(figure.text(len(clients) - 0.95, rates[-1], plotext.colorize(f" {name}", pixel), alignment="left"))
    figure.ruler("x", "lower").lim(0, len(clients) - 0.4)
    figure.ruler("x", "lower").ticks(
        range(len(clients)), [f"{count} client{'s' if count > 1 else ''}" for count in clients]
    )
    figure.ruler("y", "left").lim(0, highest * 1.1)
    picture = figure.build().string().replace(WHITE_BACKGROUND, "")
    print(f"\n  texts/s, {corpus}, {options.precision}\n{picture}")
    if options.svg:
        console = Console(record=True, width=CHART_SIZE[0] + 2, file=io.StringIO())
        console.print(Text.from_ansi(picture))
        console.save_svg(str(options.svg), title=f"texts/s over clients: {corpus}, {options.precision}")


def _as_hub_folder(options: argparse.Namespace, folder: Path) -> str:
    """Lay a model out as a clone of a repository on the hub would be; the name of its graph."""
    loaded = load_model(options.model, 1, lambda stage: None, options.precision)
    source = Path(loaded.text_embedding.model._model_dir)  # type: ignore[attr-defined]
    for file in source.iterdir():
        (folder / file.name).symlink_to(file)
    if not (folder / "config.json").exists():
        architecture = twin_of(options.model)
        if architecture is None:
            raise UnavailableError(f"{source} has no config.json, which Infinity needs")
        shape = msgspec.structs.asdict(architecture)
        known = {
            "model_type": "bert",
            "architectures": ["BertModel"],
            "num_hidden_layers": shape["layers"],
            "hidden_size": shape["hidden"],
            "num_attention_heads": shape["heads"],
            "intermediate_size": shape["intermediate"],
            "vocab_size": shape["vocabulary"],
            "max_position_embeddings": shape["positions"],
        }
        (folder / "config.json").write_text(json.dumps(known))
    return next(name for name in MODEL_FILES if (folder / name).exists())


def _options() -> argparse.Namespace:
    parser = parser_of((__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", nargs="+", choices=["uniform", "turns", "skewed"], default=["uniform", "turns"])
    parser.add_argument("--svg", type=Path, help="write the last chart as a picture")
    return parser.parse_args()


if __name__ == "__main__":
    main()
