"""The texts that clients add: generated ones, and the user's own."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec

from membench.spec.run import Corpus
from membench_backends.embedding.words import COMMON_WORDS

TURN_LOG_MEAN = 3.33
"""Mean of the logarithm of a conversation turn's tokens; with the deviation, fitted to 5,882 LoCoMo turns."""
TURN_LOG_DEVIATION = 0.50
TURN_TOKENS_MIN, TURN_TOKENS_MAX = 4, 110
SPECIAL_TOKENS = 2
"""[CLS] and [SEP], which a tokenizer adds to every text."""
POOL_SIZE = 8192


class CorpusError(Exception):
    """A corpus cannot be used; one line that says which, why, and what to do."""


def parse_corpus(value: str, column: str = "text") -> Corpus:
    """What a scenario or `--corpus` means: `benchmark`, `turns`, or the path of a file.

    Raises:
        ValueError: It is neither a known name nor a file of a known kind.
    """
    if value == "benchmark":
        return Corpus(kind="benchmark")
    if value == "turns":
        return Corpus(kind="turns")
    if Path(value).suffix.lower() not in _READERS:
        raise ValueError(f"corpus: {value!r} is neither 'benchmark', 'turns' nor a .txt, .jsonl or .csv file")
    return Corpus(kind="file", path=str(Path(value).expanduser().absolute()), column=column)


def read_corpus(corpus: Corpus) -> list[str]:
    """The texts of a user's file, blank ones left out.

    Raises:
        CorpusError: The file cannot be read, is not what its name says, or has no text in it.
    """
    path = Path(corpus.path or "")
    try:
        texts = [text for text in _READERS[path.suffix.lower()](path, corpus.column) if text.strip()]
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    if not texts:
        raise CorpusError(f"{path}: has no text in it; give at least one")
    return texts


class Texts:
    """An endless supply of texts, shared out among clients: client c of n gets texts c, c + n, c + 2n, ...

    The same corpus, seed and number of clients give the same texts again, so what was attempted need not be kept.
    When a finite corpus runs out it starts again with the number of the round appended, so every text stays its own.
    """

    def __init__(self, corpus: Corpus, seed: int) -> None:
        self._numbered = corpus.kind == "benchmark"
        if corpus.kind == "file":
            self._pool = read_corpus(corpus)
        elif corpus.kind == "turns":
            self._pool = turns(POOL_SIZE, seed)

    def of_client(self, client: int, clients: int) -> Iterator[str]:
        """The texts of one client, in its order, without end."""
        if self._numbered:
            return map(benchmark_text, itertools.count(client, clients))
        return self._rounds(client, clients)

    def _rounds(self, client: int, clients: int) -> Iterator[str]:
        position = client
        for round_number in itertools.count():
            suffix = f" {round_number}" if round_number else ""
            for text in itertools.islice(self._pool, position, None, clients):
                yield text + suffix
            position = _next_round(position, clients, len(self._pool))


def _next_round(position: int, step: int, size: int) -> int:
    """Where the progression `position, position + step, ...` first falls in the next round of `size` texts."""
    return (position - size) % step if position < size else position - size


def warmup_texts(count: int) -> list[str]:
    """Texts for the warm-up, unlike any of a corpus."""
    return [f"Warm-up memory {i}: this one is stored before the clock starts." for i in range(count)]


def benchmark_text(number: int) -> str:
    """AgentMem's benchmark text, 17 tokens with the special ones."""
    return f"Test memory item {number}: This is a test memory for performance benchmarking."


def turns(
    count: int, seed: int, log_mean: float = TURN_LOG_MEAN, log_deviation: float = TURN_LOG_DEVIATION
) -> list[str]:
    """Conversation turns of common words, every one different, as long as real ones are unless told otherwise.

    Lengths in tokens are lognormal (mean of the log 3.33, deviation 0.50), cut at 4 and 110: 31 on average.
    """
    generator = random.Random(seed)
    made: dict[str, None] = {}
    while len(made) < count:
        length = round(math.exp(generator.gauss(log_mean, log_deviation)))
        words = min(max(length, TURN_TOKENS_MIN), TURN_TOKENS_MAX) - SPECIAL_TOKENS
        made[" ".join(generator.choices(COMMON_WORDS, k=words))] = None
    return list(made)


def _read_lines(path: Path, column: str) -> Iterator[str]:
    with path.open(encoding="utf-8-sig") as lines:
        for line in lines:
            yield line.rstrip("\r\n")


class _TextLine(msgspec.Struct):
    text: str


def _read_jsonl(path: Path, column: str) -> Iterator[str]:
    decode = msgspec.json.Decoder(_TextLine).decode
    for number, line in enumerate(_read_lines(path, column), 1):
        if not line.strip():
            continue
        try:
            yield decode(line).text
        except msgspec.DecodeError as error:
            raise CorpusError(f"{path}: line {number} is no JSON object with a field 'text': {error}") from error


def _read_csv(path: Path, column: str) -> Iterator[str]:
    import csv

    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        if column not in (rows.fieldnames or ()):
            columns = ", ".join(rows.fieldnames or ()) or "none"
            raise CorpusError(f"{path}: has no column {column!r} (it has: {columns}); name one with --corpus-column")
        try:
            for row in rows:
                yield row[column] or ""
        except csv.Error as error:
            raise CorpusError(f"{path}: line {rows.reader.line_num} is not valid CSV: {error}") from error


_READERS = {".txt": _read_lines, ".jsonl": _read_jsonl, ".csv": _read_csv}
