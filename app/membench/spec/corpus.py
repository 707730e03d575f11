"""The texts that clients add: generated ones, and those of the user's files."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec

from membench.files import FileError, read_errors
from membench.spec.run import Corpus
from membench_backends.embedding.words import COMMON_WORDS

TURN_LOG_MEAN = 3.33
"""Mean of the logarithm of the tokens in a conversation turn, fitted to 5,882 turns of LoCoMo."""
TURN_LOG_DEVIATION = 0.50
"""Standard deviation of that logarithm, from the same fit."""
TURN_TOKENS_MIN, TURN_TOKENS_MAX = 4, 110
SPECIAL_TOKENS = 2
"""[CLS] and [SEP], which a tokenizer adds to every text."""
POOL_SIZE = 8192
"""Different conversation turns of one run."""


class CorpusError(Exception):
    """A corpus that cannot be used. The message is one line: the file, the reason, and what to do."""


def parse_corpus(value: str, column: str = "text") -> Corpus:
    """Return the corpus for a name, `benchmark` or `turns`, or for the path of a file.

    Raises:
        ValueError: The value is neither a known name nor a file of a known kind.
    """
    if value == "benchmark":
        return Corpus(kind="benchmark")
    if value == "turns":
        return Corpus(kind="turns")
    if Path(value).suffix.lower() not in _READERS:
        raise ValueError(f"corpus: {value!r} is neither 'benchmark', 'turns' nor a .txt, .jsonl or .csv file")
    return Corpus(kind="file", path=str(Path(value).expanduser().absolute()), column=column)


def read_corpus(corpus: Corpus) -> list[str]:
    """Return the texts of a user's file without blank ones.

    Raises:
        CorpusError: The file cannot be read, does not have the format of its extension, or contains no text.
    """
    path = Path(corpus.path or "")
    try:
        with read_errors(path):
            texts = [text for text in _READERS[path.suffix.lower()](path, corpus.column) if text.strip()]
    except FileError as error:
        raise CorpusError(str(error)) from error
    if not texts:
        raise CorpusError(f"{path}: contains no text; add at least one")
    return texts


class Texts:
    """An endless sequence of texts, divided among clients: client c of n gets texts c, c + n, c + 2n, ...

    The same corpus, seed and number of clients yield the same texts again, so the audit need not store them. A finite
    corpus is repeated in rounds, with the number of the round appended to each text, so that no text occurs twice.
    """

    def __init__(self, corpus: Corpus, seed: int) -> None:
        """Read or generate the texts.

        Raises:
            CorpusError: The user's file cannot be used.
        """
        self._is_numbered = corpus.kind == "benchmark"
        if corpus.kind == "file":
            self._pool = read_corpus(corpus)
        elif corpus.kind == "turns":
            self._pool = turns(POOL_SIZE, seed)

    def of_client(self, client: int, clients: int) -> Iterator[str]:
        """Return the texts of one client in order, without end."""
        if self._is_numbered:
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
    """Return the first index of `position, position + step, ...` in the next round of `size` texts."""
    return (position - size) % step if position < size else position - size


def warmup_texts(count: int) -> list[str]:
    """Return texts for the warm-up that occur in no corpus."""
    return [f"Warm-up memory {i}: this one is stored before the clock starts." for i in range(count)]


def benchmark_text(number: int) -> str:
    """Return the text of AgentMem's benchmark: 17 tokens with the special tokens."""
    return f"Test memory item {number}: This is a test memory for performance benchmarking."


def turns(
    count: int, seed: int, log_mean: float = TURN_LOG_MEAN, log_deviation: float = TURN_LOG_DEVIATION
) -> list[str]:
    """Return different conversation turns of common words, by default as long as real ones.

    The lengths in tokens are lognormal, and limited to 4 to 110: 31 on average.
    """
    generator = random.Random(seed)
    texts: dict[str, None] = {}
    while len(texts) < count:
        length = round(math.exp(generator.gauss(log_mean, log_deviation)))
        words = min(max(length, TURN_TOKENS_MIN), TURN_TOKENS_MAX) - SPECIAL_TOKENS
        texts[" ".join(generator.choices(COMMON_WORDS, k=words))] = None
    return list(texts)


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
            raise CorpusError(f"{path}: line {number} is not a JSON object with a field 'text': {error}") from error


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
