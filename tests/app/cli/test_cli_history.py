"""Runs of the history from the command line: listed, shown, compared, exported, forgotten."""

from __future__ import annotations

import csv
import json
import sys
from datetime import UTC, datetime

import msgspec
import pytest

from membench.__main__ import main
from membench.results.history import History, history_path
from membench.session.measurement import Measurement

WINDOWS = (98.0, 101.0, 99.0, 102.0, 100.0, 97.0, 103.0, 100.0, 99.0, 101.0)


@pytest.fixture
def membench(monkeypatch, capsys):
    """Runs a command in this process and expects an exit code; gives what it said."""

    def run(*arguments, code=0):
        monkeypatch.setattr(sys, "argv", ["membench-tui", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        assert left.value.code == code, said.err
        return said

    return run


@pytest.fixture
def two_runs(spec, tick):
    """A history of two runs, the newer one, `bbb222`, twice as fast."""
    measurement = Measurement(spec(clients=2))
    measurement.feed(tick())
    whole = measurement.record("ok")
    slow = {"run_id": "aaa111", "memories_per_s": 50.0, "memories_per_s_windows": tuple(rate / 2 for rate in WINDOWS)}
    fast = {"run_id": "bbb222", "strategy": "shared", "memories_per_s": 100.0, "memories_per_s_windows": WINDOWS}
    with History(create=True) as history:
        for minute, changes in enumerate((slow, fast)):
            started_at = datetime(2026, 3, 1, 12, minute, tzinfo=UTC).isoformat(timespec="milliseconds")
            history.add(msgspec.structs.replace(whole, started_at=started_at, weights="twin", **changes))


def test_runs_are_kept_and_listed(membench, quick_file):
    membench("run", "--scenarios", quick_file, "quick", "lists")
    header, *rows = membench("history").out.splitlines()

    assert header.split() == [
        "run", "when", "scenario", "backend", "strategy", "store", "clients", "precision", "ops/s", "p99", "status",
        "verdict",
    ]  # fmt: skip
    assert [row.split()[4:6] for row in rows] == [["lists", "null"], ["quick", "null"]]


def test_a_plan_takes_as_long_as_it_took_before(membench, quick_file):
    membench("run", "--scenarios", quick_file, "quick")
    with History() as history:
        run_id = history.resolve("last")
        record = history.record(run_id)
    with History(create=True) as history:
        history.add(record, 4000.0)

    assert "1 run, about 1 h 06 min" in membench("run", "--scenarios", quick_file, "quick").err


def test_a_run_goes_on_where_it_cannot_be_kept(membench, quick_file):
    history_path().parent.mkdir(parents=True)
    history_path().write_text("no database " * 100)
    said = membench("run", "--scenarios", quick_file, "quick", "lists")

    assert said.err.count("results are not kept") == 1
    assert len([line for line in said.out.splitlines() if line.startswith("✓")]) == 2


def test_words_and_a_limit_choose_what_is_listed(membench, two_runs):
    assert "aaa111" not in membench("history", "shared").out
    assert "No run has 'shared' and 'mutex'" in membench("history", "shared", "mutex").err
    said = membench("history", "--limit", "1")
    assert "bbb222" in said.out and "aaa111" not in said.out
    assert "1 more" in said.err


def test_an_empty_history_says_what_to_do(membench):
    said = membench("history")

    assert said.out == ""
    assert "'membench-tui run' measures" in said.err


def test_a_run_is_shown_with_what_led_to_its_verdict(membench, two_runs):
    out = membench("show", "aaa").out

    assert out.startswith("quick · mem0 · mutex · local · 2 clients: 50.0 ops/s")
    assert "weights: twin" in out
    assert membench("show", "last~1").out == out


def test_two_runs_are_compared(membench, two_runs):
    out = membench("compare", "last", "aaa111").out

    assert "shared is 2.00x mutex (1.9" in out
    assert "from within each run" in out
    assert "not alike" not in out
    assert [line.split()[-2:] for line in out.splitlines() if line.startswith("memories/s")] == [["100", "50.0"]]


def test_what_makes_runs_unlike_is_told(membench, two_runs):
    with History() as history:
        history.add(
            msgspec.structs.replace(history.record("aaa111"), run_id="ccc333", weights="real", memories_per_s=None)
        )
    out = membench("compare", "ccc", "aaa").out

    assert "! not alike: weights: real against twin" in out
    assert "There is no ratio" in out


def test_runs_are_exported(membench, two_runs, tmp_path):
    said = membench("export", "aaa", "last", "--csv", tmp_path / "o.csv", "--json", tmp_path / "o.json",
                    "--hgrm", tmp_path / "o.hgrm")  # fmt: skip

    assert said.out == ""
    assert "2 runs written" in said.err
    assert [row["run_id"] for row in csv.DictReader((tmp_path / "o.csv").open(newline=""))] == ["aaa111", "bbb222"]
    assert len(json.loads((tmp_path / "o.json").read_text())["runs"]) == 2
    assert (tmp_path / "o-2.hgrm").exists()


def test_forgotten_runs_can_be_brought_back(membench, two_runs):
    assert "1 run forgotten" in membench("forget", "last").err
    assert "bbb222" not in membench("history").out
    assert "1 run brought back" in membench("forget", "--undo").err
    assert "bbb222" in membench("history").out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("show", "zzz"), "no run 'zzz' in the history"),
        (("compare", "last", "last~9"), "no run 'last~9'"),
        (("export", "last"), "name a file with --csv"),
        (("export", "last", "--csv", "/no/such/folder/o.csv"), "there is no folder"),
        (("forget",), "name the runs to forget"),
    ],
)
def test_wrong_use_is_one_line(membench, two_runs, arguments, complaint):
    said = membench(*arguments, code=2)

    assert complaint in said.err
    assert len(said.err.splitlines()) == 1
