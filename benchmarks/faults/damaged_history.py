"""Damage a history in thirteen ways, and show that every command and the dashboard survive each of them.

Each kind of damage is set against `history`, `show`, `compare`, `export`, `run`, and the dashboard's History. No
command may end with a traceback, an error is one line with exit code 2, undamaged runs stay visible, and the run that
is measured next is in the history or in a file that the output names. Takes about two minutes.

python benchmarks/faults/damaged_history.py [--seed N] [--cases N]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import shutil
import sqlite3
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.sandbox import Sandbox

RUN = ["run", "concurrent-add", "--backend", "null", "--items", "40", "--clients", "2", "--repeats", "1"]
LAST = "(SELECT max(rowid) FROM runs)"
Damage = Callable[[Path, random.Random], None]


def _sql(*statements: str) -> Damage:
    def damage(path: Path, generator: random.Random) -> None:
        with sqlite3.connect(path, isolation_level=None) as database:
            for statement in statements:
                database.execute(statement.replace("LAST", LAST))
        database.close()

    return damage


def _fields(change: Callable[[dict[str, Any], random.Random], None]) -> Damage:
    """Return a damage to the JSON of the newest run: of its summary, and of its record."""

    def damage(path: Path, generator: random.Random) -> None:
        with sqlite3.connect(path, isolation_level=None) as database:
            (content,) = database.execute(f"SELECT record FROM runs WHERE rowid = {LAST}").fetchone()
            document = msgspec.json.decode(zlib.decompress(content))
            change(document, generator)
            changed = msgspec.json.encode(document).replace(b'"HUGE"', b"1e999").replace(b'"NAN"', b"NaN")
            database.execute(
                f"UPDATE runs SET summary = ?, record = ? WHERE rowid = {LAST}", [changed, zlib.compress(changed)]
            )
        database.close()

    return damage


def _odd_number(document: dict[str, Any], generator: random.Random) -> None:
    field = generator.choice(["memories_per_s", "latency_p99_ms", "took_s", "measured_s", "acknowledged"])
    document[field] = generator.choice([-1, "HUGE", "NAN", 10**40, 1e300])


def _missing_field(document: dict[str, Any], generator: random.Random) -> None:
    del document[generator.choice(["run_id", "started_at", "status", "operation", "clients"])]


def _mistyped_field(document: dict[str, Any], generator: random.Random) -> None:
    document[generator.choice(["locks", "environment", "scenario", "error_kinds", "repeats"])] = generator.choice(
        [7, "x"]
    )


def _bad_time(document: dict[str, Any], generator: random.Random) -> None:
    document["started_at"] = generator.choice(
        ["yesterday", "0001-01-01T00:00:00+14:00", "", "9999-12-31T23:59:59-14:00"]
    )


def _overwrite(path: Path, generator: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(400):
        content[generator.randrange(100, len(content))] = generator.randrange(256)
    path.write_bytes(content)


DAMAGES: Mapping[str, tuple[Damage, bool]] = {
    "no name": (_sql("UPDATE runs SET run_id = NULL WHERE rowid = LAST"), False),
    "a name that is not UTF-8": (_sql("UPDATE runs SET run_id = CAST(x'ff41' AS TEXT) WHERE rowid = LAST"), False),
    "columns of other types": (_sql("UPDATE runs SET started_at = x'ff', summary = 7, record = 1.5, reference = 'x',"
                                    " wall_s = 'long', task = 0 WHERE rowid = LAST"), True),
    "a truncated record": (_sql("UPDATE runs SET record = substr(record, 1, 99) WHERE rowid = LAST"), True),
    "a record that is not compressed": (_sql("UPDATE runs SET record = x'00ff' WHERE rowid = LAST"), True),
    "a summary that is not UTF-8": (_sql("UPDATE runs SET summary = x'7b22ff' WHERE rowid = LAST"), False),
    "an odd number": (_fields(_odd_number), True),
    "a missing field": (_fields(_missing_field), True),
    "a mistyped field": (_fields(_mistyped_field), True),
    "a bad time": (_fields(_bad_time), True),
    "two rows of one run": (_sql("CREATE TABLE copy AS SELECT * FROM runs", "DROP TABLE runs",
                                 "ALTER TABLE copy RENAME TO runs", "INSERT INTO runs SELECT * FROM runs"), False),
    "a newer layout": (_sql("PRAGMA user_version = 99"), False),
    "overwritten pages": (_overwrite, True),
}  # fmt: skip
"""The damage by its name, and whether the newest run cannot be read afterwards."""


def check(kind: str, original: Path, seed: int) -> list[str]:
    """Return what went wrong with one kind of damage."""
    damage, is_lost = DAMAGES[kind]
    problems = []
    with Sandbox() as sandbox:
        path = sandbox.root / "data" / "membench-tui" / "history.sqlite3"
        path.parent.mkdir()
        shutil.copyfile(original, path)
        damage(path, random.Random(seed))
        export = ["export", "last", "--csv", "o.csv"]
        for command in (["history"], ["show", "last"], ["compare", "last", "last~1"], export):
            done = sandbox.run(command)
            expected = (0, 2) if kind == "overwritten pages" else (2,) if is_lost and command[0] != "history" else (0,)
            problems += _judge(f"{kind}: {command[0]}", done, expected)
            if command == ["history"] and kind != "overwritten pages" and done.stdout.count(b"\n") < 4:
                problems.append(f"{kind}: history: hides undamaged runs")
        problems += asyncio.run(_open_history(kind, sandbox))
        done = sandbox.run(RUN)
        problems += _judge(f"{kind}: run", done, (0,))
        if b"missing from it" in done.stderr:
            rescued = re.search(rb"the results are in (\S+)", done.stderr)
            if rescued is None or not Path(rescued[1].decode()).is_file():
                problems.append(f"{kind}: run: is lost: {done.stderr!r}")
    return problems


def _judge(what: str, done: Any, expected: tuple[int, ...]) -> list[str]:
    problems = []
    error = done.stderr.decode(errors="replace")
    if done.returncode not in expected:
        problems.append(f"{what}: exit code {done.returncode}, expected {expected}: {error[-300:]}")
    if "Traceback" in error:
        problems.append(f"{what}: traceback: {error[-300:]}")
    if done.returncode == 2 and len([line for line in error.splitlines() if not line.startswith("! ")]) != 1:
        problems.append(f"{what}: the error is not one line: {error!r}")
    return problems


async def _open_history(kind: str, sandbox: Sandbox) -> list[str]:
    """Open History in the dashboard, and open, mark, export and delete what it shows."""
    from membench.plan.scenarios import load_catalogue
    from membench.tui.app import Dashboard

    before = dict(os.environ)
    os.environ.update(sandbox.environment)
    try:
        app = Dashboard(load_catalogue())
        async with app.run_test(size=(120, 36)) as pilot:
            for key in ("4", "down", "home", "enter", "4", "space", "asterisk", "e", "escape", "u"):
                await pilot.press(key)
                await pilot.pause()
        app.runs.close()
    except Exception as error:  # the dashboard ended
        return [f"{kind}: dashboard: {error!r}"]
    finally:
        os.environ.clear()
        os.environ.update(before)
    return []


def main() -> int:
    """Check as many cases as asked for, each kind in turn with a new seed, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=len(DAMAGES))
    arguments = parser.parse_args()
    failures: list[list[str]] = []
    with Sandbox() as source:
        for _ in range(3):
            source.run(RUN)
        original = source.root / "data" / "membench-tui" / "history.sqlite3"
        for case in range(arguments.cases):
            kind = list(DAMAGES)[case % len(DAMAGES)]
            if problems := check(kind, original, arguments.seed + case):
                failures.append(problems)
                if len(failures) <= 5:
                    print(*problems, sep="\n", flush=True)
    print(f"{arguments.cases} cases x 6 uses, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
