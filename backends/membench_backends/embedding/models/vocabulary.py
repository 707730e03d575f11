"""The twin's WordPiece tokenizer. It has as many entries as BERT's and splits English into about as many tokens."""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from itertools import count, islice, product
from typing import TYPE_CHECKING

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from membench_backends.embedding.words import COMMON_WORDS

if TYPE_CHECKING:
    from pathlib import Path

    from membench_backends.embedding.models.architecture import Architecture

_SPECIAL_TOKENS = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"}
"""Special tokens by id, as in BERT's vocabulary, which reserves its first 999 entries for them."""
_RESERVED = 999
_ENDINGS = """
ing ed s es er ers est ly ness ment ments tion tions sion ation ity ities al able ible ful less ous ive ize ized
ise ised ism ist ists ship hood ward wards like man men land town ville berg field house th nd rd st en ion ions
ic ical ally ance ence ant ent ary ory ure age ate ated ates ating ting ted ter ding ded der ling led ler ning
ned ner ping ped per ring red rer sing sed ser ving ved ver king ked ker ging ged ger ies ied ier iest ily
"""
_WHOLE_ENDINGS = ("s", "d", "ed", "er")
"""In BERT's vocabulary too, most common words with these endings are single tokens."""
_TYPOGRAPHY = "‘’“”–—…•·°×÷±€£¥§©®"
_VOWELS = frozenset("aeiouy")


def write_tokenizer(architecture: Architecture, folder: Path) -> None:
    """Write the tokenizer's files into a folder, in the form that FastEmbed reads."""
    tokenizer = Tokenizer(WordPiece(vocabulary(architecture.vocabulary), unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 101), ("[SEP]", 102)],
    )
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    special = {f"{token[1:-1].lower()}_token": token for token in _SPECIAL_TOKENS.values()}
    settings = {
        "special_tokens_map.json": special,
        "tokenizer_config.json": {**special, "do_lower_case": True, "model_max_length": architecture.positions},
        "config.json": {"hidden_size": architecture.hidden, "model_type": "bert", "pad_token_id": 0},
    }
    for name, content in settings.items():
        (folder / name).write_text(json.dumps(content, indent=2))


def vocabulary(size: int) -> dict[str, int]:
    """Return `size` tokens with their ids, the same on every machine.

    Raises:
        ValueError: The size is too small for the required tokens, or larger than the number of available ones.
    """
    tokens = list(islice(dict.fromkeys(_tokens()), size))
    if len(tokens) < size or size < _RESERVED + len(set(_characters())) + len(COMMON_WORDS):
        raise ValueError(f"a vocabulary of {size} tokens cannot be made")
    return {token: index for index, token in enumerate(tokens)}


def _tokens() -> Iterator[str]:
    """Yield tokens in order of usefulness, some of them repeatedly."""
    yield from _reserved()
    yield from _characters()
    yield from COMMON_WORDS
    yield from (f"{word}{ending}" for word in COMMON_WORDS for ending in _WHOLE_ENDINGS)
    yield from (f"##{ending}" for ending in _ENDINGS.split())
    yield from map(str, range(1000))
    yield from (f"##{first}{second}" for first, second in product(string.digits, repeat=2))
    pairs = ["".join(letters) for letters in product(string.ascii_lowercase, repeat=2)]
    triples = ["".join(letters) for letters in product(string.ascii_lowercase, repeat=3)]
    # Triples with a vowel first: not every triple fits, and few words have three consonants in a row.
    triples.sort(key=_VOWELS.isdisjoint)
    for piece in (*pairs, *triples):
        yield piece
        yield f"##{piece}"


def _reserved() -> Iterator[str]:
    unused = count()
    for index in range(_RESERVED):
        yield _SPECIAL_TOKENS[index] if index in _SPECIAL_TOKENS else f"[unused{next(unused)}]"


def _characters() -> Iterator[str]:
    """Yield every character, alone and inside a word, so that no English text has an unknown token."""
    printable = [*string.punctuation, *string.digits, *string.ascii_lowercase, *_TYPOGRAPHY]
    yield from printable
    yield from (f"##{character}" for character in printable)
