"""The twin's WordPiece tokenizer: as many entries as BERT's, so that English is cut into about as many tokens."""

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

_SPECIALS = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"}
"""At the ids that they have in BERT's vocabulary, which keeps its first 999 entries for specials."""
_RESERVED = 999
_ENDINGS = """
ing ed s es er ers est ly ness ment ments tion tions sion ation ity ities al able ible ful less ous ive ize ized
ise ised ism ist ists ship hood ward wards like man men land town ville berg field house th nd rd st en ion ions
ic ical ally ance ence ant ent ary ory ure age ate ated ates ating ting ted ter ding ded der ling led ler ning
ned ner ping ped per ring red rer sing sed ser ving ved ver king ked ker ging ged ger ies ied ier iest ily
"""
_WHOLE_ENDINGS = ("s", "d", "ed", "er")
"""Common words with these are mostly tokens of their own in BERT's vocabulary too."""
_TYPOGRAPHY = "‘’“”–—…•·°×÷±€£¥§©®"
_VOWELS = frozenset("aeiouy")


def write_tokenizer(architecture: Architecture, folder: Path) -> None:
    """Write the tokenizer's files, as FastEmbed reads them, into a folder."""
    tokenizer = Tokenizer(WordPiece(vocabulary(architecture.vocabulary), unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 101), ("[SEP]", 102)],
    )
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    special = {f"{token[1:-1].lower()}_token": token for token in _SPECIALS.values()}
    settings = {
        "special_tokens_map.json": special,
        "tokenizer_config.json": {**special, "do_lower_case": True, "model_max_length": architecture.positions},
        "config.json": {"hidden_size": architecture.hidden, "model_type": "bert", "pad_token_id": 0},
    }
    for name, content in settings.items():
        (folder / name).write_text(json.dumps(content, indent=2))


def vocabulary(size: int) -> dict[str, int]:
    """Tokens and their ids, the same on every machine.

    Raises:
        ValueError: The size has no room for what must be in it, or asks for more than there is.
    """
    tokens = list(islice(dict.fromkeys(_tokens()), size))
    if len(tokens) < size or size < _RESERVED + len(set(_characters())) + len(COMMON_WORDS):
        raise ValueError(f"a vocabulary of {size} tokens cannot be made")
    return {token: index for index, token in enumerate(tokens)}


def _tokens() -> Iterator[str]:
    """The most useful first; some come more than once."""
    yield from _reserved()
    yield from _characters()
    yield from COMMON_WORDS
    yield from (f"{word}{ending}" for word in COMMON_WORDS for ending in _WHOLE_ENDINGS)
    yield from (f"##{ending}" for ending in _ENDINGS.split())
    yield from map(str, range(1000))
    yield from (f"##{first}{second}" for first, second in product(string.digits, repeat=2))
    pairs = ["".join(letters) for letters in product(string.ascii_lowercase, repeat=2)]
    triples = ["".join(letters) for letters in product(string.ascii_lowercase, repeat=3)]
    # Syllables first: the vocabulary has no room for every triple, and few words hold three consonants in a row.
    triples.sort(key=_VOWELS.isdisjoint)
    for piece in (*pairs, *triples):
        yield piece
        yield f"##{piece}"


def _reserved() -> Iterator[str]:
    unused = count()
    for index in range(_RESERVED):
        yield _SPECIALS[index] if index in _SPECIALS else f"[unused{next(unused)}]"


def _characters() -> Iterator[str]:
    """Every character alone and inside a word, so that no English text holds an unknown one."""
    printable = [*string.punctuation, *string.digits, *string.ascii_lowercase, *_TYPOGRAPHY]
    yield from printable
    yield from (f"##{character}" for character in printable)
