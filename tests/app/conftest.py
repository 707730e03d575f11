"""Fixtures of the instrument's tests: quick scenarios, runs, ticks, and the command itself."""

from __future__ import annotations

import subprocess
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from membench.analysis.statistics import mean_rate, rate_interval
from membench.messages.run import Tick
from membench.plan.matrix import Plan, make_plan
from membench.plan.options import Choice
from membench.plan.scenarios import load_catalogue
from membench.spec.run import Corpus, RunSpec

COMMAND = Path(sysconfig.get_path("scripts")) / "membench-tui"
PATIENCE_S = 120.0

QUICK = """\
schema = 1

[scenario.quick]
summary = "Three clients add 30 memories."
operation = "add"
items = 30
clients = 3
corpus = "benchmark"
warmup_items = 3
backends = ["null"]

[scenario.lists]
summary = "Two clients add lists of 4."
operation = "add_batch"
items = 30
batch_size = 4
clients = 2
corpus = "turns"
warmup_items = 4
backends = ["null"]

[scenario.steady]
summary = "Two clients add for ten minutes."
operation = "add"
duration = "10m"
clients = 2
corpus = "turns"
backends = ["slow"]
"""


@pytest.fixture
def repeated():
    """A function that gives a record the rates of repeats that ran in processes of their own."""

    def repeat(record, *rates):
        measured = mean_rate(rates), rate_interval(rates) or (None, None)
        started_at = tuple(f"2026-11-24T10:00:{number:02}.000+00:00" for number in range(len(rates)))
        return msgspec.structs.replace(
            record,
            memories_per_s=measured[0],
            memories_per_s_low=measured[1][0],
            memories_per_s_high=measured[1][1],
            memories_per_s_repeats=rates,
            repeats_started_at=started_at,
        )

    return repeat


@pytest.fixture
def quick_file(tmp_path: Path) -> Path:
    """A scenario file whose runs take a moment: `quick`, `lists`, and `steady`, which must be stopped."""
    path = tmp_path / "quick.toml"
    path.write_text(QUICK)
    return path


@pytest.fixture
def plan_of(quick_file: Path) -> Callable[..., Plan]:
    """A factory of plans of the quick scenarios."""

    def make(*scenarios: str, **choice: object) -> Plan:
        return make_plan(Choice(scenarios=scenarios or ("quick",), **choice), load_catalogue(quick_file))

    return make


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for temporary files, of this process and of those that it starts."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.fixture
def spec() -> Callable[..., RunSpec]:
    """A factory of runs: one client of a backend that embeds and stores, with ten memories of the benchmark's text."""

    def make(**changes: object) -> RunSpec:
        settings = {
            "run_id": "run-1",
            "plan_id": "plan-1",
            "scenario": "quick",
            "backend": "mem0",
            "strategy": "mutex",
            "strategy_options": {},
            "store": "local",
            "operation": "add",
            "corpus": Corpus(kind="benchmark"),
            "clients": 1,
            "items": None if "duration_s" in changes else 10,
            "model": "BAAI/bge-small-en-v1.5",
            "precision": "fp32",
            "embedder": "model",
        }
        return RunSpec(**{**settings, **changes})

    return make


@pytest.fixture
def tick() -> Callable[..., Tick]:
    """A factory of ticks: 100 ms in which each of two clients did one operation."""

    def make(**changes: object) -> Tick:
        settings = {
            "repeat": 0,
            "elapsed_s": 0.1,
            "duration_s": 0.1,
            "operations": 2,
            "items": 2,
            "errors": {},
            "latency_ns": (1000, 2000),
            "latency_counts": (1, 1),
            "cpu_percent_per_core": (10.0, 90.0),
            "client_items": (1, 1),
        }
        return Tick(**{**settings, **changes})

    return make


@dataclass
class Completed:
    """The exit code and the output of a command that has ended."""

    code: int
    out: str
    err: str

    @property
    def error(self):
        """The error message, which must be one line."""
        (line,) = [line for line in self.err.splitlines() if line.startswith("membench-tui: ")]
        return line.removeprefix("membench-tui: ")


class Command:
    """A membench-tui in progress."""

    def __init__(self, *arguments, **options):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen([COMMAND, *map(str, arguments)], **{**streams, **options})

    def end(self, code=None):
        """Wait until the command ends, and return its output."""
        out, err = ((stream or b"").decode() for stream in self.process.communicate(timeout=PATIENCE_S))
        assert "Traceback" not in out + err
        done = Completed(self.process.returncode, out, err)
        assert code in (None, done.code), err
        return done


@pytest.fixture
def start(temporary):
    """A function that starts the command. At the end, no process and no temporary folder may be left."""
    started = []

    def start(*arguments, **options):
        started.append(Command(*arguments, **options))
        return started[-1]

    yield start
    for command in started:
        if command.process.poll() is None:
            command.process.kill()
            command.process.communicate()
    assert list(temporary.glob("membench-*/")) == []


@pytest.fixture
def membench(start):
    """A function that runs the command to its end and expects an exit code."""
    return lambda *arguments, code=0, **options: start(*arguments, **options).end(code)
