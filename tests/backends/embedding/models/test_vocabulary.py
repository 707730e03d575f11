from __future__ import annotations

import string
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from membench_backends.embedding.models.vocabulary import vocabulary
from membench_backends.embedding.words import COMMON_WORDS

PARAGRAPH = """
Last weekend we finally went hiking in the mountains near the lake, and although the weather forecast had predicted
thunderstorms, it stayed sunny until the late afternoon. My sister brought her new camera and photographed several
eagles that were circling above the cliffs. On the way home we stopped at a little restaurant, where the owner
remembered us from our previous visit and recommended the grilled trout with lemon. I am allergic to shellfish, so I
always ask. Next month she is moving to Chicago for a position at the university hospital, and I promised to help her
to pack. "Don't forget the kitchen table," she said; it belonged to our grandmother, and it weighs at least 40 kilos.
"""


@pytest.fixture(scope="module")
def tokenizer(tiny_model_folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(tiny_model_folder / "tokenizer.json"))


def test_common_words_are_distinct_lower_case_words() -> None:
    assert len(COMMON_WORDS) == len(set(COMMON_WORDS)) >= 1000
    assert all(word.isascii() and word.isalpha() and word.islower() for word in COMMON_WORDS)


def test_the_vocabulary_has_the_size_and_special_tokens_of_berts() -> None:
    tokens = vocabulary(30_522)
    assert sorted(tokens.values()) == list(range(30_522))
    specials = {"[PAD]": 0, "[unused0]": 1, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, "[unused993]": 998}
    assert {token: tokens[token] for token in specials} == specials


@pytest.mark.parametrize("size", [100, 10_000_000])
def test_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=str(size)):
        vocabulary(size)


def test_the_benchmark_text_has_seventeen_tokens(tokenizer: Tokenizer) -> None:
    encoded = tokenizer.encode("Test memory item 7: This is a test memory for performance benchmarking.")
    assert " ".join(encoded.tokens) == (
        "[CLS] test memory item 7 : this is a test memory for performance benchmark ##ing . [SEP]"
    )
    assert len(encoded.ids) == 17


def test_common_words_are_one_token_each(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode(" ".join(COMMON_WORDS), add_special_tokens=False).ids) == len(COMMON_WORDS)


def test_english_is_split_about_as_finely_as_by_berts_vocabulary(tokenizer: Tokenizer) -> None:
    encoded = tokenizer.encode(PARAGRAPH, add_special_tokens=False)
    assert 1.05 <= len(encoded.tokens) / len(PARAGRAPH.split()) <= 1.6
    assert "[UNK]" not in encoded.tokens


@pytest.mark.parametrize("text", [string.printable, "xqzjkvbw zzzzzzzz qqq1234567890x", "naïve café – “quoted”…"])
def test_typed_text_has_no_unknown_token(tokenizer: Tokenizer, text: str) -> None:
    tokens = tokenizer.encode(text, add_special_tokens=False).tokens
    assert tokens
    assert "[UNK]" not in tokens
