"""Hostile names, messages, options and logs through everything that shows or writes them.

Each string goes through the tables, messages and errors of the command line, the exports, and Plan, Live, Results,
History, dialogs and notifications of the dashboard. Nothing may crash, no control character may reach the terminal, no
markup may be interpreted, and no row may break. 2,000 strings take about half an hour on two
cores, nearly all of it in the dashboard.

    python benchmarks/faults/hostile_text.py [--seed N] [--cases N]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import io
import itertools
import json
import os
import random
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec

from membench.__main__ import main as run_main
from membench.cli import tables
from membench.cli.console import print_error
from membench.messages.run import Loading
from membench.plan.matrix import Plan
from membench.plan.scenarios import Scenario
from membench.report.exports import to_csv, to_json, to_markdown
from membench.results.history import History
from membench.results.record import Record
from membench.session.events import Event, RepeatStarted, RunEnded, RunMessage
from membench.session.measurement import Measurement
from membench.spec.run import RunSpec
from membench.text import MESSAGE_MAX, clean, one_line
from membench.tui.app import Dashboard
from membench.tui.common.dialogs import Log, Question
from membench_backends import registry

BATCH = 50
SIZE = (120, 36)
WHOLE = 1_000_000
"""A width at which no cell of a table is folded."""
KINDS: tuple[tuple[str, ...], ...] = (
    ("[/]", "[red]", "[bold", "[@click=app.leave]x[/]", "[link=file:///]", "\\[", "[/red]", "[]", "[b][/i]"),
    ("\x1b[31m", "\x1b[2J", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\", "\x9b2J", "\x9d0;t\x9c", "\x1bP", "\x1b"),
    ("\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u2028", "\u2029", "\x85", "\xad", "\u061c"),
    ("\0", "\x07", "\x08\x08", "\r", "\n", "\t", "\v", "\x7f", "\r\n"),
    ("\ud800", "\udfff", "\udcff"),
    ("e\u0301\u0302\u0303", "\u0300" * 9, "👩‍👩‍👧", "🇩🇪", "日本語", "\u3164", "ｆｕｌｌ"),
    ("=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x")', "\t=1", "\r=1", "＝1"),
    ("<b>", "<script>alert(1)</script>", "&amp;", "|", "`x`", "[a](http://x)", "![a](b)", "~~x~~", "**x**", "<!--"),
    ("plain", "name", " ", "a.b", "x/y", "%s", "{0}", "{task.total}", "'", '"', "\\"),
)  # fmt: skip
UNSAFE = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
"""What must not reach a terminal; the line feed ends a line."""


def hostile_strings(seed: int, count: int) -> list[str]:
    """Return different strings, each of one to six fragments; one in fifty is very long."""
    chance = random.Random(seed)
    strings: dict[str, None] = {}
    while len(strings) < count:
        text = "".join(chance.choice(chance.choice(KINDS)) for _ in range(chance.randint(1, 6)))
        strings[text * chance.choice((200, *(1,) * 49))] = None
    return list(strings)


def record_of(number: int, text: str, chance: random.Random) -> Record:
    """Return the record of a run in which a string is the name of everything."""
    text = _encodable(text)
    spec = RunSpec(
        run_id=f"{number:06d}", plan_id="plan", scenario=text or "-", backend=text or "-", strategy="mutex",
        strategy_options={"note": text}, backend_options={text: text}, store=chance.choice((None, text)),
        operation="add", clients=1, items=10, embedder="model", precision="fp32",
    )  # fmt: skip
    record = Measurement(spec).record("failed", text)
    names = {
        "error": text,
        "error_kinds": {text: 3},
        "errors": 3,
        "environment": {text: text, **dict.fromkeys(("cpu", "cores", "python"), text)},
    }
    return msgspec.structs.replace(record, verdict=text, verdict_advice=text, verdict_evidence=(text,), **names)


def run_command(*arguments: str) -> str:
    """Run a command in this process, and return what it prints."""
    output = io.StringIO()
    with (
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
        patch.object(sys, "argv", ["membench-tui", *arguments]),
        patch.object(tables, "PIPED_WIDTH", WHOLE),
        contextlib.suppress(SystemExit),
    ):
        run_main()
    return output.getvalue()


class HostilePlugin:
    """An entry point whose name is hostile, and so is the reason why it does not load."""

    dist = None

    def __init__(self, name: str) -> None:
        self.name = self.value = name

    def load(self) -> object:
        """Fail."""
        raise ImportError(f"{self.name}: cannot open {self.name}")


def command_line_failures(strings: Sequence[str]) -> Iterator[str]:
    """Yield what goes wrong on the command line with names of scenarios, plug-ins and runs, and with arguments."""
    chance = random.Random(1)
    records = [record_of(number, text, chance) for number, text in enumerate(strings)]
    with tempfile.TemporaryDirectory() as folder, _own_folders(folder), History(create=True) as history:
        for record in records:
            history.add(record)
        listed = run_command("history", "--limit", "100000")
        yield from _unsafe("history", listed)
        if (lines := listed.count("\n")) != len(records) + 1:
            yield f"history: {lines} lines for {len(records)} runs"
        yield from (f"history: lacks {text!r}" for text in map(_shown, strings) if text not in " ".join(listed.split()))
        for record in records:
            yield from _unsafe(f"show {record.scenario!r}", run_command("show", record.run_id))
        for record, other in itertools.pairwise(records):
            yield from _unsafe("compare", run_command("compare", record.run_id, other.run_id))
        yield from _list_failures(strings, Path(folder) / "scenarios.toml")
    for text in strings:
        for arguments in (("run", text), ("run", "--backend", text), ("show", text), ("run", "--backend-option", text)):
            output = run_command(*arguments, "--dry-run") if not text else run_command(*arguments)
            yield from _unsafe(" ".join(arguments[:-1]), output)
            if "Traceback" in output or output.count("\n") > 1:
                yield f"{arguments}: is not one line: {output[:200]!r}"


def _list_failures(strings: Sequence[str], path: Path) -> Iterator[str]:
    plugins = [HostilePlugin(text) for text in strings if text]
    tables_ = (f"[scenario.{_toml(name)}]\nsummary = {_toml(name)}\n" for name in _names(strings))
    path.write_text("".join(table + 'operation = "add"\nclients = 1\nitems = 1\n' for table in tables_), "utf-8")
    with patch.object(registry, "_entry_points", lambda: plugins):
        registry.backends.cache_clear()
        output = run_command("list", "--scenarios", str(path))
    registry.backends.cache_clear()
    yield from _unsafe("list", output)
    if "BACKENDS" not in output:
        yield f"list: fails: {output[:300]!r}"
    yield from (f"list: lacks {text!r}" for text in map(_shown, strings) if text not in " ".join(output.split()))


def export_failures(strings: Sequence[str]) -> Iterator[str]:
    """Yield what goes wrong in files, and in messages."""
    chance = random.Random(2)
    records = [record_of(number, text, chance) for number, text in enumerate(strings)]
    document, table, markdown = (render(records).decode() for render in (to_json, to_csv, to_markdown))
    for name, content in (("JSON", document), ("CSV", table), ("Markdown", markdown)):
        yield from _unsafe(name, content)
    read = json.loads(document)["runs"]
    yield from (
        f"JSON: another name than {r.scenario!r}"
        for r, d in zip(records, read, strict=True)
        if d["scenario"] != r.scenario
    )
    rows = list(csv.reader(io.StringIO(table)))
    if len(rows) != len(records) + 1 or len({*map(len, rows)}) != 1:
        yield "CSV: a row is broken"
    cells = [cell for row in rows for cell in row]
    yield from (
        f"CSV: a formula: {cell!r}"
        for cell in cells
        if cell[:1] in ("=", "+", "@", "-", "\t", "\r") and not _number(cell)
    )
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    if len({len(re.sub(r"\\.", "", line).split("|")) for line in lines}) != 1:
        yield "Markdown: a row is broken"
    yield from (f"Markdown: a tag: {line!r}" for line in lines if re.search("<[a-z!/]", line))
    for text in strings:
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            print_error(text)
        yield from _unsafe("error", errors.getvalue())
        if errors.getvalue().count("\n") != 1 or len(errors.getvalue()) > MESSAGE_MAX + 20:
            yield f"error: is not one short line: {errors.getvalue()[:100]!r}"


class _Session:
    """A session whose runs have hostile names, stages and errors."""

    def __init__(self, plan: Plan, records: Sequence[Record], log: Path) -> None:
        self.plan, self._records, self._log = plan, records, log

    def events(self) -> Iterator[Event]:
        """Yield each run, from its start to its end."""
        for index, (spec, record) in enumerate(zip(self.plan.runs, self._records, strict=True)):
            yield RepeatStarted(index, spec, 0, self._log)
            yield RunMessage(index, Loading(stage=record.error or ""), Measurement(spec))
            yield RunEnded(index, record)

    def stop(self) -> None:
        """Do nothing: the session ends at once."""

    skip = stop


async def dashboard_failures(strings: Sequence[str]) -> list[str]:
    """Return what goes wrong in the dashboard, in a plan whose runs have these names."""
    chance = random.Random(3)
    records = [record_of(number, text, chance) for number, text in enumerate(strings)]
    specs = [RunSpec(**{name: getattr(each, name) for name in RunSpec.__struct_fields__}) for each in records]
    plan = Plan(plan_id="plan", runs=tuple(specs), notes=())
    catalogue = {
        name: Scenario(name=name, summary=name, operation="add", clients=1, items=1) for name in _names(strings)
    }
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder, _own_folders(folder):
        log = Path(folder) / "run.log"
        log.write_bytes("\n".join(strings).encode(errors="surrogatepass"))
        app = Dashboard(catalogue, lambda plan: _Session(plan, records, log))
        with patch("textual.pilot.wait_for_idle", _settled):
            async with app.run_test(size=SIZE) as pilot:
                await pilot.pause()
                for _ in catalogue:
                    await pilot.press("down")
                failures += _screen("Plan", app)
                app.run_plan(plan)
                for _turn in range(3000):
                    if len(app.finished) == len(records) and not app.running:
                        break
                    await asyncio.sleep(0.01)
                else:
                    failures.append(f"Live: the plan does not end: {app.snapshot and app.snapshot.problem}")
                failures += await _walk(app, pilot, "2", strings)
                failures += await _walk(app, pilot, "3", strings)
                failures += await _walk(app, pilot, "4", strings)
                failures += await _texts(app, pilot, strings)
    return failures


async def _settled(*_: float) -> None:
    """Wait for the app to handle what it has, without the pilot's wait for an idle processor."""
    for _turn in range(5):
        await asyncio.sleep(0.001)


async def _walk(app: Dashboard, pilot: Any, key: str, strings: Sequence[str]) -> list[str]:
    """Visit every run of a place, and open the log of some."""
    failures: list[str] = []
    await pilot.press(key)
    await pilot.pause()
    for number in range(len(strings)):
        failures += _screen(f"place {key}", app)
        if number % 10 == 0 and key != "4":
            await pilot.press("l")
            await pilot.pause()
            failures += _screen("Log", app)
            if isinstance(app.screen, Log):
                await pilot.press("escape")
        await pilot.press("down")
    return failures


async def _texts(app: Dashboard, pilot: Any, strings: Sequence[str]) -> list[str]:
    """Show each string in a notification and in a dialog."""
    failures: list[str] = []
    for text in strings:
        app.clear_notifications()
        app.notify(text, title="note")
        app.push_screen(Question(text, text))
        await pilot.pause()
        failures += _screen("dialog", app)
        start = " ".join(clean(text).split())[:20].strip()
        if start not in " ".join(_rows(app)) and start.isascii():
            failures.append(f"dialog: lacks {start!r}")
        app.pop_screen()
        await pilot.pause()
        if any(len(note.message) > MESSAGE_MAX for note in app._notifications):
            failures.append(f"notification: is too long: {text[:40]!r}")
    return failures


def _rows(app: Dashboard) -> list[str]:
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


def _screen(place: str, app: Dashboard) -> Iterator[str]:
    strips = app.screen._compositor.render_strips()
    if any(strip.cell_length != SIZE[0] for strip in strips) or len(strips) != SIZE[1]:
        yield f"{place}: a row is broken"
    for row in _rows(app):
        yield from _unsafe(place, row)


def _unsafe(place: str, output: str) -> Iterator[str]:
    if found := UNSAFE.search(output):
        yield f"{place}: {found[0]!r} in {output[max(found.start() - 30, 0) : found.start() + 30]!r}"


def _shown(text: str) -> str:
    """Return what a terminal must show of a string."""
    return " ".join(clean(_encodable(text)).split())


def _encodable(text: str) -> str:
    """Return a text as a file could hold it."""
    return text.encode(errors="replace").decode()


def _names(strings: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, map(_encodable, strings))))


def _toml(name: str) -> str:
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")


def _number(cell: str) -> bool:
    return re.fullmatch(r"-?[\d.]+(e[+-]?\d+)?", cell) is not None


@contextlib.contextmanager
def _own_folders(folder: str) -> Iterator[None]:
    with patch.dict(os.environ, {f"XDG_{name}_HOME": folder for name in ("CONFIG", "DATA", "STATE")}):
        yield


def main() -> int:
    """Run all cases, print the counts and the first failures, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=2000)
    options = parser.parse_args()
    strings = hostile_strings(options.seed, options.cases)
    failures: list[str] = []
    for start in range(0, len(strings), BATCH):
        batch = strings[start : start + BATCH]
        failures += [*command_line_failures(batch), *export_failures(batch), *asyncio.run(dashboard_failures(batch))]
        print(f"\r{start + len(batch):,} strings, {len(failures)} failures", end="", file=sys.stderr)
    print(f"\n{len(strings):,} strings (seed {options.seed}), {len(failures)} failures")
    for failure in failures[:10]:
        print(f"  {one_line(failure)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
