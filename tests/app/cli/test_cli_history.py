"""Runs of the history on the command line: listed, shown, compared, exported, deleted."""

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


@pytest.fixture
def membench(monkeypatch, capsys):
    """A function that runs a command in this process, expects an exit code, and returns the output."""

    def run(*arguments, code=0):
        monkeypatch.setattr(sys, "argv", ["membench-tui", *map(str, arguments)])
        with pytest.raises(SystemExit) as exited:
            main()
        output = capsys.readouterr()
        assert exited.value.code == code, output.err
        return output

    return run


@pytest.fixture
def two_runs(spec, tick, repeated):
    """A history of two runs; the newer one, `bbb222`, is twice as fast."""
    measurement = Measurement(spec(clients=2))
    measurement.feed(tick())
    complete = measurement.record("ok")
    slow = {"run_id": "aaa111"}, (48.0, 50.0, 52.0)
    fast = {"run_id": "bbb222", "strategy": "shared", "plan_id": "another"}, (99.0, 100.0, 101.0)
    with History(create=True) as history:
        for minute, (changes, rates) in enumerate((slow, fast)):
            started_at = datetime(2026, 3, 1, 12, minute, tzinfo=UTC).isoformat(timespec="milliseconds")
            run = msgspec.structs.replace(complete, started_at=started_at, weights="twin", **changes)
            history.add(repeated(run, *rates))


def test_finished_runs_are_listed(membench, quick_file):
    membench("run", "--scenarios", quick_file, "quick", "lists")
    header, *rows = membench("history").out.splitlines()

    assert header.split() == [
        "run", "when", "scenario", "backend", "strategy", "precision", "threads", "store", "clients", "memories/s",
        "p99", "max", "status", "verdict",
    ]  # fmt: skip
    assert [row.split()[4:6] for row in rows] == [["lists", "null"], ["quick", "null"]]


def test_the_expected_time_is_that_of_earlier_runs(membench, quick_file):
    membench("run", "--scenarios", quick_file, "quick")
    with History() as history:
        run_id = history.resolve("last")
        record = history.record(run_id)
    with History(create=True) as history:
        history.add(msgspec.structs.replace(record, took_s=4000.0))

    assert "1 run, about 1 h 06 min" in membench("run", "--scenarios", quick_file, "quick").err


def test_a_plan_continues_without_a_history(membench, quick_file):
    history_path().parent.mkdir(parents=True)
    history_path().write_text("not a database " * 100)
    output = membench("run", "--scenarios", quick_file, "quick", "lists")

    assert output.err.count("results are missing from it") == 1
    assert len([line for line in output.out.splitlines() if line.startswith("✓")]) == 2


def test_words_and_a_limit_select_the_rows(membench, two_runs):
    assert "aaa111" not in membench("history", "shared").out
    assert "No run contains 'shared' and 'mutex'." in membench("history", "shared", "mutex").err
    output = membench("history", "--limit", "1")
    assert "bbb222" in output.out and "aaa111" not in output.out
    assert "1 more" in output.err


def test_an_empty_history_says_what_to_do(membench):
    output = membench("history")

    assert output.out == ""
    assert "'membench-tui run' measures runs" in output.err


def test_a_run_is_shown_with_what_led_to_its_verdict(membench, two_runs):
    out = membench("show", "aaa").out

    assert out.startswith("quick · mem0 · mutex · local · 2 clients: 50.0 memories/s")
    assert "weights: twin" in out
    assert membench("show", "last~1").out == out


def test_two_runs_are_compared(membench, two_runs):
    out = membench("compare", "last", "aaa111").out

    assert "shared is 2.00x mutex (1.82 to 2.19); 95 % interval over the repeats of each" in out
    assert "conditions differ" not in out
    (rates,) = (line for line in out.splitlines() if line.startswith("memories/s"))
    assert rates.split(None, 1)[1].split(")") == ["100 (97.5 to 103", "     50.0 (45.2 to 55.2", " "]


def test_conditions_that_differ_are_listed(membench, two_runs):
    with History() as history:
        history.add(
            msgspec.structs.replace(history.record("aaa111"), run_id="ccc333", weights="real", memories_per_s=None)
        )
    out = membench("compare", "ccc", "aaa").out

    assert "! conditions differ: weights: real against twin" in out
    assert "There is no ratio" in out


def test_runs_are_exported(membench, two_runs, tmp_path):
    output = membench("export", "aaa", "last", "--csv", tmp_path / "o.csv", "--json", tmp_path / "o.json",
                    "--hgrm", tmp_path / "o.hgrm", "--markdown", tmp_path / "o.md")  # fmt: skip

    assert output.out == ""
    assert "2 runs written" in output.err
    assert [row["run_id"] for row in csv.DictReader((tmp_path / "o.csv").open(newline=""))] == ["aaa111", "bbb222"]
    assert len(json.loads((tmp_path / "o.json").read_text())["runs"]) == 2
    assert (tmp_path / "o-2.hgrm").exists()
    assert [line.split(" | ")[2] for line in (tmp_path / "o.md").read_text().splitlines()[2:4]] == ["mutex", "shared"]


def test_a_run_can_be_exported_to_stdout(membench, two_runs):
    output = membench("export", "last", "--markdown", "-")

    assert output.err == "1 run written to /dev/stdout\n"


def test_a_star_marks_a_reference(membench, two_runs):
    with History() as history:
        history.set_reference("aaa111", True)
    _, newer, older = membench("history").out.splitlines()

    assert (newer.split()[0], older.split()[0]) == ("✓", "★")


def test_unknown_figures_of_a_row_are_dashes(membench, two_runs):
    with History() as history:
        complete = history.record("aaa111")
    with History(create=True) as history:
        unknown = dict.fromkeys(("strategy", "store", "precision", "memories_per_s", "latency_max_ms", "verdict"))
        history.add(msgspec.structs.replace(complete, run_id="ddd444", status="crashed", **unknown))
    (row,) = [line.split() for line in membench("history").out.splitlines() if "ddd444" in line]

    assert row[4:] == ["quick", "mem0", "–", "–", "–", "–", "2", "–", "–", "–", "crashed", "–"]


def test_deleted_runs_can_be_restored(membench, two_runs):
    assert "1 run deleted" in membench("forget", "last").err
    assert "bbb222" not in membench("history").out
    assert "1 run restored" in membench("forget", "--undo").err
    assert "bbb222" in membench("history").out


def test_an_export_never_replaces_the_history(membench, two_runs):
    before = history_path().read_bytes()
    output = membench("export", "last", "--csv", history_path(), "--force", code=2)

    assert "history.sqlite3: is a file of the history, which results never replace" in output.err
    assert history_path().read_bytes() == before


def test_an_export_replaces_a_file_only_with_force(membench, two_runs, tmp_path):
    (tmp_path / "o.csv").write_text("mine")
    output = membench("export", "last", "--csv", tmp_path / "o.csv", code=2)
    assert output.err.splitlines() == [
        f"membench-tui: {tmp_path / 'o.csv'}: exists already; choose another file, or replace it with --force"
    ]
    assert (tmp_path / "o.csv").read_text() == "mine"
    membench("export", "last", "--csv", tmp_path / "o.csv", "--force")
    assert (tmp_path / "o.csv").read_text().startswith("run_id,")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("show", "zzz"), "no run 'zzz' in the history"),
        (("compare", "last", "last~9"), "no run 'last~9'"),
        (("export", "last"), "no file is named; use --json, --csv, --markdown or --hgrm"),
        (("export", "last", "--csv", __file__), "test_cli_history.py: exists already; choose another file, or"),
        (("export", "last", "--csv", "/no/such/folder/o.csv"), "there is no folder"),
        (("forget",), "name the runs to delete"),
    ],
)
def test_wrong_usage_is_one_line(membench, two_runs, arguments, error):
    output = membench(*arguments, code=2)

    assert error in output.err
    assert len(output.err.splitlines()) == 1
