"""Whether every scenario file, however broken, is read or refused in one line that names it.

Each case is the built-in scenario file after a few mutations: values replaced by others of every type and size, keys
renamed or repeated, tables nested, bytes changed, lines cut. `list --scenarios` reads it, in a fork of a process that
has loaded the command line; every tenth is planned by `run` as well, with a store that does not exist, so that nothing
is measured. 5,000 cases take about fifteen minutes on two busy cores.

    python benchmarks/faults/scenario_files.py
    python benchmarks/faults/scenario_files.py --cases 300 --seed 7
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.campaign import Outcome, campaign
from faults.in_process import run_forked
from faults.sandbox import Sandbox
from membench.plan.scenarios import built_in_scenarios_path

PLANNED_EVERY = 10
_VALUES = (
    *('""', '"x"', "0", "-1", "1", "nan", "inf", "-0.0", "1e400", "9" * 30, "9" * 5000, "true", "[]", "{}", "[[1]]"),
    *("1979-05-27", "07:32:00", '"5s"', '"-5s"', '"0s"', f'"{"9" * 400}h"', '["mem0"]', '[""]', "[1]", "{ a = 1 }"),
    *(
        '"~nosuchuser/a.txt"',
        '"/dev/zero.txt"',
        '"\\u0000.txt"',
        '"a.txt"',
        f'"{"x" * 5000}"',
        '"\\u202e"',
        "'''a\nb'''",
    ),
    *(
        "[" * 2000 + "]" * 2000,
        "{ a = " * 500 + "1" + " }" * 500,
        "a.b.c",
        "0x" + "f" * 40,
        '{ "mem0.history" = [1, "x"] }',
    ),
)
_NAMES = (
    "items",
    "clients",
    "rate",
    "corpus",
    "name",
    "schema",
    "scenario",
    "a" + ".a" * 300,
    '""',
    '"é"',
    "batch_size",
)


def main() -> None:
    """Run the campaign."""
    campaign(__doc__ or "", 5000, _outcomes)


def _outcomes(chance: random.Random, cases: int) -> Iterator[Outcome]:
    original = built_in_scenarios_path().read_bytes()
    with Sandbox() as sandbox:
        path = sandbox.work / "mine.toml"
        for number in range(cases):
            path.write_bytes(mutated(chance, original))
            done = run_forked(sandbox, ["list", "--scenarios", "mine.toml"])
            if number % PLANNED_EVERY == 0 and not done.code:
                done = run_forked(sandbox, ["run", "--scenarios", "mine.toml", "--json", "no/such/folder"])
            if (
                done.code == 2
                and "mine.toml" not in done.err
                and "scenario " not in done.err
                and "no/such" not in done.err
            ):
                done = done._replace(code=70, err=f"does not name the file: {done.err}")
            yield done._replace(case=f"case {number}")


def mutated(chance: random.Random, content: bytes) -> bytes:
    """Return a scenario file after one to four mutations."""
    for _ in range(chance.randint(1, 4)):
        content = chance.choice(_MUTATIONS)(chance, content)
    return content


def _replace_value(chance: random.Random, content: bytes) -> bytes:
    return _on_a_line(
        chance, content, lambda line: re.sub(rb"=.*", lambda _: b"= " + _any(chance, _VALUES), line, count=1)
    )


def _replace_name(chance: random.Random, content: bytes) -> bytes:
    return _on_a_line(chance, content, lambda line: re.sub(rb"^[\w.]+", lambda _: _any(chance, _NAMES), line, count=1))


def _insert_entry(chance: random.Random, content: bytes) -> bytes:
    entry = _any(chance, _NAMES) + b" = " + _any(chance, _VALUES)
    return _on_a_line(chance, content, lambda line: line + b"\n" + entry)


def _repeat_line(chance: random.Random, content: bytes) -> bytes:
    return _on_a_line(chance, content, lambda line: line + b"\n" + line)


def _drop_line(chance: random.Random, content: bytes) -> bytes:
    return _on_a_line(chance, content, lambda _: b"")


def _change_bytes(chance: random.Random, content: bytes) -> bytes:
    changed = bytearray(content or b"a")
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _cut(chance: random.Random, content: bytes) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _encode_otherwise(chance: random.Random, content: bytes) -> bytes:
    return content.decode(errors="replace").encode(
        chance.choice(("utf-16", "utf-8-sig", "utf-32", "latin-1")), "replace"
    )


def _add_header(chance: random.Random, content: bytes) -> bytes:
    header = chance.choice(
        (b"[scenario]", b"[[scenario.x]]", b"[scenario.x.y]", b"[scenario.'']", b"[x]", b"[scenario.x")
    )
    return _on_a_line(chance, content, lambda line: header + b"\n" + line)


_MUTATIONS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_replace_value, _replace_value, _replace_value, _replace_name, _insert_entry, _repeat_line, _drop_line),
    *(_change_bytes, _cut, _encode_otherwise, _add_header),
)


def _on_a_line(chance: random.Random, content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Change a line that is not a comment."""
    lines = content.split(b"\n")
    numbers = [number for number, line in enumerate(lines) if line and not line.startswith(b"#")] or [0]
    number = chance.choice(numbers)
    lines[number] = change(lines[number])
    return b"\n".join(lines)


def _any(chance: random.Random, texts: tuple[str, ...]) -> bytes:
    return chance.choice(texts).encode()


if __name__ == "__main__":
    main()
