"""The texts that clients add: their lengths, their division among clients, and the files of users."""

from __future__ import annotations

import itertools
import math
import statistics

import pytest

from membench.spec.corpus import (
    POOL_SIZE,
    CorpusError,
    Texts,
    benchmark_text,
    corpus_extent,
    parse_corpus,
    read_corpus,
    turns,
)
from membench.spec.run import Corpus

TOO_LONG = "more than 131,072 characters; shorten it"
SIZES = (1, 2, 3, 7, 20, 64)


@pytest.fixture(scope="module")
def tokens(tiny_twin):
    """Return a function that counts the tokens of texts with their special tokens, as the model does."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tiny_twin / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda texts: [len(encoding.ids) for encoding in tokenizer.encode_batch(list(texts))]


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def corpus_of(path, column="text"):
    return parse_corpus(str(path), column)


def texts_of(path, column="text"):
    return read_corpus(corpus_of(path, column))


def test_turns_have_the_lengths_of_real_conversations(tokens):
    lengths = tokens(turns(POOL_SIZE, seed=1))
    logs = [math.log(length) for length in lengths]

    assert statistics.mean(lengths) == pytest.approx(31, abs=1.5)
    assert min(lengths) >= 4
    assert max(lengths) <= 110
    assert statistics.mean(logs) == pytest.approx(3.33, abs=0.05)
    assert statistics.stdev(logs) == pytest.approx(0.50, abs=0.05)


def test_turns_differ_and_depend_on_their_seed():
    first = turns(POOL_SIZE, seed=1)

    assert len(set(first)) == POOL_SIZE
    assert turns(POOL_SIZE, seed=1) == first
    assert not set(first[:100]) & set(turns(100, seed=2))


def test_the_benchmark_text_is_agentmems(tokens):
    assert benchmark_text(7) == "Test memory item 7: This is a test memory for performance benchmarking."
    assert tokens([benchmark_text(7)]) == [17]


def test_warm_up_texts_occur_in_no_corpus():
    warmup = Texts(Corpus(kind="turns"), seed=1).warmup(50)

    assert len(set(warmup)) == 50
    assert not set(warmup) & {*turns(POOL_SIZE, seed=1), *map(benchmark_text, range(50))}


def test_a_users_file_may_contain_the_texts_of_the_warm_up(write):
    usual = Texts(Corpus(kind="benchmark"), seed=1).warmup(3)
    texts = Texts(corpus_of(write("mine.txt", "\n".join([usual[0], "other", usual[2]]))), seed=1)
    warmup = texts.warmup(3)

    assert len(set(warmup)) == 3
    assert warmup[0] == usual[1]
    assert not set(warmup) & set(itertools.islice(texts.of_client(0, 1), 100))


def test_the_extent_of_a_file_follows_its_changes(write):
    path = write("mine.txt", "one\n\nthree\n")
    assert corpus_extent(corpus_of(path)) == (2, 8)
    write("mine.txt", "one\n\nthree\nfour\n")
    assert corpus_extent(corpus_of(path)) == (3, 12)


@pytest.mark.parametrize("clients", SIZES)
@pytest.mark.parametrize("size", SIZES)
def test_clients_divide_a_finite_corpus_without_overlap(write, size, clients):
    pool = [f"text number {i} of {size}" for i in range(size)]
    texts = Texts(corpus_of(write("mine.txt", "\n".join(pool))), seed=1)
    rounds = 3
    taken = [
        text
        for client in range(clients)
        for text in itertools.islice(texts.of_client(client, clients), len(range(client, rounds * size, clients)))
    ]

    assert len(set(taken)) == len(taken) == rounds * size
    assert sorted(taken) == sorted(text + suffix for suffix in ("", " 1", " 2") for text in pool)


@pytest.mark.parametrize("clients", [1, 3, 20, 1000])
@pytest.mark.parametrize("kind", ["benchmark", "turns"])
def test_clients_divide_an_endless_corpus_without_overlap(kind, clients):
    texts = Texts(Corpus(kind=kind), seed=1)
    each = -(-2 * POOL_SIZE // clients)
    taken = [text for client in range(clients) for text in itertools.islice(texts.of_client(client, clients), each)]

    assert len(set(taken)) == len(taken) == each * clients


def test_a_client_gets_the_same_texts_again():
    for corpus in (Corpus(kind="benchmark"), Corpus(kind="turns")):
        first, again = (list(itertools.islice(Texts(corpus, seed=5).of_client(3, 8), 2000)) for _ in range(2))
        assert first == again


@pytest.mark.parametrize("name", ["mine.txt", "MINE.TXT"])
def test_a_text_file_has_one_text_per_line(write, name):
    assert texts_of(write(name, "one\n\n  \ntwo three\r\nMüßig 🙂")) == ["one", "two three", "Müßig 🙂"]


def test_a_jsonl_file_has_one_text_per_object(write):
    path = write("mine.jsonl", '{"text": "one"}\n\n{"id": 2, "text": "two\\nlines"}\n{"text": " "}\n')

    assert texts_of(path) == ["one", "two\nlines"]


def test_a_csv_file_has_one_text_per_row(write):
    path = write("mine.csv", 'id,memory\n1,"one, with a comma"\n2,\n3,"two\nlines"\n4\n')

    assert texts_of(path, "memory") == ["one, with a comma", "two\nlines"]


@pytest.mark.parametrize(
    ("name", "content"), [("a.txt", "one\n"), ("a.jsonl", '{"text": "one"}\n'), ("a.csv", "text\none\n")]
)
def test_a_byte_order_mark_is_not_part_of_a_text(write, name, content):
    assert texts_of(write(name, "\ufeff" + content)) == ["one"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "", "contains no text; add at least one"),
        ("a.txt", "\n  \n\t\n", "contains no text; add at least one"),
        ("a.jsonl", "", "contains no text; add at least one"),
        ("a.csv", "text\n", "contains no text; add at least one"),
        ("a.csv", "", "has no column 'text' (it has: none); name one with --corpus-column"),
        ("a.csv", "id,memory\n1,x\n", "has no column 'text' (it has: id, memory); name one with --corpus-column"),
        ("a.jsonl", '{"text": "one"}\n{"txt": "two"}\n', "line 2 is not a JSON object with a field 'text'"),
        ("a.jsonl", '{"text": 3}\n', "line 1 is not a JSON object with a field 'text'"),
        ("a.jsonl", "\n[1]\n", "line 2 is not a JSON object with a field 'text'"),
        ("a.jsonl", "{broken\n", "line 1 is not a JSON object with a field 'text'"),
        ("a.txt", "Müßig".encode("latin-1"), "is not UTF-8 (byte 1); save it as UTF-8"),
        ("a.jsonl", b'{"text": "\xff"}', "is not UTF-8 (byte 10); save it as UTF-8"),
        ("a.csv", b"text\n\xff\n", "is not UTF-8 (byte 5); save it as UTF-8"),
        pytest.param("a.txt", b"a b c\n" * 5000 + b"\xff", "is not UTF-8 (byte 30000); save it as UTF-8", id="far"),
        pytest.param("a.csv", "text\n" + "x" * 200_000, f"line 2 has a field of {TOO_LONG}", id="field"),
        pytest.param("a.csv", "x" * 200_000 + ",text\n1,2", f"line 1 has a field of {TOO_LONG}", id="column"),
        pytest.param("a.txt", "one\n" + "x" * 200_000, f"line 2 has a text of {TOO_LONG}", id="line"),
        pytest.param("a.jsonl", '{"x": %s, "text": "a"}' % ("[" * 9999 + "]" * 9999), "line 1 is nested", id="deep"),
        ("a.csv", "text,text\n1,2\n", "has several columns 'text'; rename all but one"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_the_reason(write, name, content, message):
    path = write(name, content)
    with pytest.raises(CorpusError) as caught:
        texts_of(path)

    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_a_missing_file_or_a_folder_is_refused(tmp_path):
    (tmp_path / "folder.txt").mkdir()
    for name, reason in (
        ("missing.txt", "cannot be read: No such file or directory"),
        ("folder.txt", "is a folder; name a file in it"),
    ):
        with pytest.raises(CorpusError) as caught:
            texts_of(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: {reason}"


def test_a_relative_path_becomes_an_absolute_one(tmp_path, monkeypatch, own_folders):
    monkeypatch.chdir(tmp_path)

    assert parse_corpus("mine.txt").path == str(tmp_path / "mine.txt")
    assert parse_corpus("~/mine.txt").path == str(own_folders / "mine.txt")
    assert parse_corpus("~no-such-user/mine.txt").path == str(tmp_path / "~no-such-user" / "mine.txt")
