"""Whether every corpus, however odd, is read or refused in one line that names it.

Each case is a .txt, .jsonl or .csv file: of random texts, in several encodings, with or without a byte order mark, with
NULs, duplicates, very long or deep lines, broken quotes, or only bytes. `run` reads it in a fork of a process that has
loaded the command line; it names a folder that does not exist, so that nothing is measured. A file that is read must
yield its texts to the clients as well. 5,000 cases take about fifteen minutes on two busy cores.

    python benchmarks/faults/corpora.py
    python benchmarks/faults/corpora.py --cases 300 --seed 7
"""

from __future__ import annotations

import itertools
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.campaign import Outcome, campaign
from faults.in_process import run_forked
from faults.sandbox import Sandbox
from membench.spec.corpus import CorpusError, Texts, corpus_extent, parse_corpus, read_corpus

_TEXTS = (
    *(
        "one",
        "two words",
        "Müßig 🙂",
        "\u202etfel",
        "a\0b",
        " ",
        "",
        "\t",
        "\u3000",
        "\x1b[31m",
        "a,b",
        '"',
        '"a',
        "a\rb",
        "1",
    ),
    *("Warm-up memory 0: this one is stored before the clock starts.", "{}", "null", "text", "x" * 5000, "y" * 140_000),
)
_ENCODINGS = (*["utf-8"] * 8, "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp1252", "shift_jis")
_REFUSED = "no/such/folder"


def main() -> None:
    """Run the campaign."""
    campaign(__doc__ or "", 5000, _outcomes)


def _outcomes(chance: random.Random, cases: int) -> Iterator[Outcome]:
    with Sandbox() as sandbox:
        for number in range(cases):
            suffix, content = corpus(chance)
            path = sandbox.work / f"mine{suffix}"
            path.write_bytes(content)
            arguments = [
                "run",
                "single-add",
                "--backend",
                "null",
                "--corpus",
                path.name,
                "--json",
                f"{_REFUSED}/r.json",
            ]
            done = run_forked(sandbox, arguments)
            if path.name not in done.err and _REFUSED not in done.err:
                done = done._replace(code=70, err=f"does not name the file: {done.err}")
            elif problem := _problem_of_texts(path, is_refused=_REFUSED not in done.err):
                done = done._replace(code=70, err=problem)
            yield done._replace(case=f"case {number}: {suffix} {content[:60]!r}")


def _problem_of_texts(path: Path, *, is_refused: bool) -> str:
    """Return how the texts of the clients differ from those that the command read; empty if they do not."""
    source = parse_corpus(str(path))
    try:
        texts = read_corpus(source)
    except CorpusError:
        return "" if is_refused else "is read by the command, and not by the run"
    if is_refused:
        return "is refused by the command, and read by the run"
    extent, supply = corpus_extent(source), Texts(source, 1)
    if [*itertools.islice(supply.of_client(0, 1), len(texts))] != texts or extent.texts != len(texts):
        return "the clients get other texts"
    return "a text of the warm-up is one of the clients'" if {*supply.warmup(5)} & {*texts} else ""


def corpus(chance: random.Random) -> tuple[str, bytes]:
    """Return the extension and the content of a random corpus."""
    suffix = chance.choice((".txt", ".jsonl", ".csv"))
    texts = [chance.choice(_TEXTS) for _ in range(chance.choice((0, 1, 3, 40)))]
    lines = {".txt": _txt, ".jsonl": _jsonl, ".csv": _csv}[suffix](chance, texts)
    end = chance.choice(("\n", "\n", "\r\n", "\r"))
    content = end.join(lines).encode(chance.choice(_ENCODINGS), "replace")
    if chance.random() < 0.15:
        changed = bytearray(content or b"a")
        for _ in range(chance.randint(1, 5)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        content = bytes(changed)
    return suffix, content if chance.random() < 0.95 else chance.randbytes(chance.randrange(300))


def _txt(chance: random.Random, texts: list[str]) -> list[str]:
    return texts


def _jsonl(chance: random.Random, texts: list[str]) -> list[str]:
    odd = (
        "",
        "{",
        "[]",
        '{"text": 1}',
        '{"txt": "a"}',
        '{"text": "\\ud800"}',
        '{"text": "a", "text": "b"}',
        '{"text": null}',
    )
    huge = (
        f'{{"x": {"[" * 3000}{"]" * 3000}, "text": "a"}}',
        f'{{"x": {"9" * 5000}, "text": "a"}}',
        '{"x": 1e999, "text": "a"}',
    )
    return [
        chance.choice(odd + huge) if chance.random() < 0.05 else json.dumps({"id": 1, "text": text}) for text in texts
    ]


def _csv(chance: random.Random, texts: list[str]) -> list[str]:
    header = chance.choice(("text", "text", "id,text", "id,text", "text,text", "", "id", "x" * 140_000, "text,id,note"))
    rows = [text if chance.random() < 0.3 else '"' + text.replace('"', '""') + '"' for text in texts]
    return [header, *(f"1,{row}" if header.startswith("id,") else row for row in rows)]


if __name__ == "__main__":
    main()
