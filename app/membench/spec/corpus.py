"""The texts that clients add: generated ones, and those of the user's files."""

from __future__ import annotations

import io
import itertools
import math
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from textwrap import shorten
from typing import NamedTuple

import msgspec

from membench.files import MIB, FileError, expand_home, read_bytes
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
CORPUS_BYTES_MAX = 256 * MIB
"""Most bytes of a user's file: over a million turns of 200 bytes. Every process that uses them holds all in memory."""
TEXT_LENGTH_MAX = 131_072
"""Most characters of a text, as in a field of a .csv file. Models read the first few hundred words."""


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
    return Corpus(kind="file", path=str(expand_home(value).absolute()), column=column)


def read_corpus(corpus: Corpus) -> list[str]:
    """Return the texts of a user's file without blank ones.

    Raises:
        CorpusError: The file cannot be read, does not have the format of its extension, or contains no text.
    """
    return list(_texts_of(Path(corpus.path or ""), corpus.column))


class Extent(NamedTuple):
    """How much a user's file contains."""

    texts: int
    characters: int
    """Of all texts together."""


def corpus_extent(corpus: Corpus) -> Extent:
    """Return how much a user's file contains, after reading it like `read_corpus`. Again only after it has changed.

    Raises:
        CorpusError: As for `read_corpus`.
    """
    path = Path(corpus.path or "")
    try:
        state = path.stat()
    except (OSError, ValueError):  # reading it says why
        return _extent(path, corpus.column, 0, 0)
    return _extent(path, corpus.column, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=8)
def _extent(path: Path, column: str, size: int, modified_ns: int) -> Extent:
    """Return how much a file contains; its size and the time of its last change are for the cache."""
    texts = characters = 0
    for text in _texts_of(path, column):
        texts, characters = texts + 1, characters + len(text)
    return Extent(texts, characters)


def _texts_of(path: Path, column: str) -> Iterator[str]:
    is_empty = True
    try:
        for number, text in _READERS[path.suffix.lower()](path, column):
            if len(text) > TEXT_LENGTH_MAX:
                raise CorpusError(f"{path}: line {number} has a text of {_TOO_LONG}")
            if text.strip():
                is_empty = False
                yield text
    except FileError as error:
        raise CorpusError(str(error)) from error
    if is_empty:
        raise CorpusError(f"{path}: contains no text; add at least one")


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
        self._pool: list[str] = []
        if corpus.kind == "file":
            self._pool = read_corpus(corpus)
        elif corpus.kind == "turns":
            self._pool = turns(POOL_SIZE, seed)

    def of_client(self, client: int, clients: int) -> Iterator[str]:
        """Return the texts of one client in order, without end."""
        if self._is_numbered:
            return map(benchmark_text, itertools.count(client, clients))
        return self._rounds(client, clients)

    def warmup(self, count: int) -> list[str]:
        """Return texts for the warm-up, none of which a client adds: the audit tells them apart by their text."""
        # The texts of later rounds end with a number, so only those of the file itself can be the same.
        taken = {text for text in self._pool if text.startswith(_WARM_UP)}
        return [*itertools.islice((text for text in map(_warmup_text, itertools.count()) if text not in taken), count)]

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


_WARM_UP = "Warm-up memory "


def _warmup_text(number: int) -> str:
    return f"{_WARM_UP}{number}: this one is stored before the clock starts."


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


@contextmanager
def _opened(path: Path, newline: str | None = None) -> Iterator[io.TextIOWrapper]:
    """Open a file as text, with or without a byte order mark; `newline` as for `open`."""
    stream = io.TextIOWrapper(io.BytesIO(read_bytes(path, CORPUS_BYTES_MAX)), encoding="utf-8-sig", newline=newline)
    try:
        yield stream
    except UnicodeDecodeError as error:
        # The error counts from the start of the block that was being decoded, which ends where the stream is.
        position = stream.buffer.tell() - len(error.object) + error.start
        raise FileError(path, f"is not UTF-8 (byte {position}); save it as UTF-8") from error


def _read_lines(path: Path, column: str) -> Iterator[tuple[int, str]]:
    with _opened(path) as lines:
        for number, line in enumerate(lines, 1):
            yield number, line.rstrip("\r\n")


class _TextLine(msgspec.Struct):
    text: str


def _read_jsonl(path: Path, column: str) -> Iterator[tuple[int, str]]:
    decode = msgspec.json.Decoder(_TextLine).decode
    for number, line in _read_lines(path, column):
        if not line.strip():
            continue
        try:
            yield number, decode(line).text
        except msgspec.DecodeError as error:
            raise CorpusError(f"{path}: line {number} is not a JSON object with a field 'text': {error}") from error
        except RecursionError as error:
            raise CorpusError(f"{path}: line {number} is nested too deeply; keep only its field 'text'") from error


def _read_csv(path: Path, column: str) -> Iterator[tuple[int, str]]:
    import csv

    with _opened(path, newline="") as lines:
        rows = csv.DictReader(lines)
        try:
            _check_column(path, rows.fieldnames or (), column)
            for row in rows:
                yield rows.reader.line_num, row[column] or ""
        except csv.Error as error:
            line = f"{path}: line {rows.reader.line_num}"
            if "field limit" in str(error):
                raise CorpusError(f"{line} has a field of {_TOO_LONG}") from error
            raise CorpusError(f"{line} is not valid CSV: {error}") from error


def _check_column(path: Path, columns: Sequence[str], column: str) -> None:
    if column not in columns:
        known = shorten(", ".join(columns), 120, placeholder="…") or "none"
        raise CorpusError(f"{path}: has no column {column!r} (it has: {known}); name one with --corpus-column")
    if columns.count(column) > 1:
        raise CorpusError(f"{path}: has several columns {column!r}; rename all but one")


_TOO_LONG = f"more than {TEXT_LENGTH_MAX:,} characters; shorten it"
_READERS = {".txt": _read_lines, ".jsonl": _read_jsonl, ".csv": _read_csv}
