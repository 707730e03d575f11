"""The command as a person types it: exit codes, one-line errors, files, signals. Never a traceback."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import membench.__main__

pytestmark = pytest.mark.xdist_group("measures")

PATIENCE_S = 120.0
HEAVY = {"mem0", "fastembed", "onnxruntime", "qdrant_client", "qdrant_edge", "textual"}


@pytest.fixture
def quick(membench, quick_file):
    """Runs the quick scenarios."""
    return lambda *arguments, code=0, **options: membench(
        "run", "--scenarios", quick_file, *arguments, code=code, **options
    )


def runs_in(path):
    return json.loads(path.read_text())["runs"]


def rows_in(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_results_go_to_stdout_and_all_else_to_stderr(quick):
    done = quick("quick", "lists", "--backend", "null,qdrant")
    header, *rows = done.out.splitlines()

    assert header.split() == [
        "scenario", "backend", "strategy", "store", "clients", "ops/s", "p50", "p99", "lock", "%", "errors", "stored",
        "lost", "weights", "status", "verdict",
    ]  # fmt: skip
    assert [(row.split()[1:3], row.split()[-2]) for row in rows[:4]] == [
        ([scenario, backend], "ok") for scenario in ("quick", "lists") for backend in ("null", "qdrant")
    ]
    assert rows[-1].startswith("machine: ")
    assert done.err.splitlines()[0] == "4 runs, about 10 s"
    assert [line[:5] for line in done.err.splitlines()[1:]] == [f"[{number}/4]" for number in (1, 2, 3, 4)]


def test_precisions_are_a_matrix_and_a_column_where_they_differ(quick, tiny_twin, tmp_path):
    path = tmp_path / "r.json"
    done = quick(
        "quick", "--backend", "agentmem", "--strategy", "queue", "--precision", "fp32,int8", "--model", tiny_twin,
        "--json", path,
    )  # fmt: skip

    header, *rows = done.out.splitlines()
    assert header.split()[2:5] == ["strategy", "precision", "store"]
    assert [row.split()[4] for row in rows[:2]] == ["fp32", "int8"]
    assert "agentmem · queue · int8 · local" in done.err
    assert [(run["precision"], run["precision_cosine"], run["status"]) for run in runs_in(path)] == [
        ("fp32", None, "ok"),
        ("int8", None, "ok"),
    ]


def test_a_fixed_embedder_needs_no_model_and_is_audited(quick, tmp_path):
    path = tmp_path / "r.json"
    done = quick(
        "quick",
        "--backend",
        "agentmem,mem0",
        "--embedder",
        "fixed",
        "--store",
        "edge",
        "--model",
        "none",
        "--json",
        path,
    )

    assert "embedder: fixed = " in done.out
    for run in runs_in(path):
        assert (run["embedder"], run["status"], run["lost"], run["corrupted"]) == ("fixed", "ok", 0, 0)
        assert {run[key] for key in ("strategy", "model", "weights", "precision", "threads")} == {None}


@pytest.mark.parametrize("option", [("--precision", "int9"), ("--embedder", "fixd")])
def test_an_unknown_precision_or_embedder_is_named(quick, option):
    assert f"unknown {option[0][2:]} '{option[1]}'; did you mean" in quick("quick", *option, code=2).err


def test_a_model_with_random_weights_is_called_a_twin_everywhere(quick, tiny_twin, tmp_path):
    path = tmp_path / "r.json"
    done = quick("quick", "--backend", "fastembed", "--model", tiny_twin, "--json", path)

    assert "weights: twin = " in done.out
    assert done.out.splitlines()[1].split()[-3:-1] == ["twin", "ok"]
    assert [run["weights"] for run in runs_in(path)] == ["twin"]


def test_without_a_terminal_the_default_plan_runs_headless(membench, quick_file, tmp_path):
    text = quick_file.read_text()
    mine = tmp_path / "mine.toml"
    tables = [text.replace("scenario.quick", f"scenario.{name}") for name in ("single-add", "batch-add")]
    mine.write_text(
        tables[0].split("[scenario.lists]")[0]
        + tables[1].split("[scenario.lists]")[0].replace("schema = 1", "")
        + text.split("[scenario.lists]")[0]
        .replace("schema = 1", "")
        .replace("scenario.quick", "scenario.concurrent-add")
    )
    done = membench("--scenarios", mine)

    assert [row.split()[1] for row in done.out.splitlines()[1:4]] == ["single-add", "batch-add", "concurrent-add"]


@pytest.mark.parametrize("command", ["run", "list"])
def test_a_scenario_file_may_be_named_before_the_command(membench, quick_file, command):
    arguments = ["quick"] if command == "run" else []

    assert "quick" in membench("--scenarios", quick_file, command, *arguments).out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rn"], "unknown command 'rn'; did you mean 'run'?"),
        (["models", "pul"], "unknown command 'pul'; did you mean 'pull'?"),
        (["run", "singel-add"], "unknown scenario 'singel-add'; did you mean 'single-add'?"),
        (["run", "--backend", "mem1"], "unknown backend 'mem1'; did you mean 'mem0'?"),
        (["run", "--backend", "null,qdrnt"], "unknown backend 'qdrnt'; did you mean 'qdrant'?"),
        (["run", "--strategy", "mutx"], "unknown strategy 'mutx'; did you mean 'mutex'?"),
        (["run", "--store", "egde"], "unknown store 'egde'; did you mean 'edge'?"),
        (["run", "--cleints", "3"], "No such option '--cleints'."),
        (["run", "--backend", ""], "'' names nothing"),
        (["run", "--clients", ","], "',' names nothing"),
        (["run", "--clients", "0"], "--clients 0: must be a whole number from 1 to 1,024"),
        (["run", "--clients=-1"], "--clients -1: must be a whole number from 1 to 1,024"),
        (["run", "--clients", "100000"], "--clients 100000: must be a whole number from 1 to 1,024"),
        (["run", "--clients", "many"], "'many' is no whole number"),
        (["run", "--clients", "1.5"], "'1.5' is no whole number"),
        (["run", "--threads", "x"], "'x' is no whole number or 'auto'"),
        (["run", "--items", "ten"], "'ten' is not a valid integer"),
        (["run", "--items", "0"], "--items 0: must be a whole number from 1"),
        (["run", "--rate", "0"], "--rate 0: must be above 0"),
        (["run", "--rate", "nan"], "--rate nan: must be above 0"),
        (["run", "--repeats", "0"], "--repeats 0: must be"),
        (["run", "--seed=-1"], "--seed -1: must be"),
        (["run", "--duration", "5"], "'5' is no duration; write a number and a unit"),
        (["run", "--duration", "0s"], "'0s' is no time at all"),
        (["run", "--timeout", "soon"], "'soon' is no duration"),
        (["run", "--duration", "5s", "--items", "3"], "--duration and --items: "),
        (["run", "--arrivals", "often"], "'often' is not one of 'poisson', 'constant'"),
        (["run", "--strategy-option", "size"], "--strategy-option 'size': write it as key=value"),
        (
            ["run", "--strategy", "queue", "--strategy-option", "sice=3"],
            "no such option of queue; did you mean 'size'?",
        ),
        (["run", "--strategy", "queue", "--strategy-option", "size=no"], "option size must be a whole number"),
        (["run", "--model", "BAAI/bge-smal-en-v1.5"], "did you mean BAAI/bge-small-en-v1.5?"),
        (["run", "--corpus", "missing.txt"], "missing.txt: cannot be read: No such file or directory"),
        (["run", "--corpus", "empty.txt"], "empty.txt: has no text in it; give at least one"),
        (["run", "--corpus", "notes.pdf"], "'notes.pdf' is neither 'benchmark', 'turns' nor a .txt, .jsonl or .csv"),
        (["run", "--scenarios", "missing.toml"], "missing.toml: cannot be read: No such file or directory"),
        (["--scenarios", "broken.toml"], "broken.toml: is not valid TOML"),
        (["list", "--scenarios", "broken.toml"], "broken.toml: is not valid TOML"),
        (["run", "--json", "no/such/r.json"], "no/such/r.json: there is no folder no/such; make it first"),
        (["run", "--csv", "."], ".: is a folder; name a file in it"),
        (["run", "--hgrm", "/proc/r.hgrm"], "/proc/r.hgrm: cannot be written: "),
        (["run", "--json", "r", "--csv", "r"], "r: is named twice"),
    ],
    ids=" ".join,
)
def test_bad_usage_is_one_line_and_exit_code_2(membench, tmp_path, arguments, message):
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "broken.toml").write_text("[scenario\n")
    done = membench(*arguments, code=2, cwd=tmp_path)

    assert message in done.complaint
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_json_and_csv_hold_the_same_runs(quick, tmp_path):
    quick("quick", "lists", "--backend", "null,qdrant", "--json", tmp_path / "r.json", "--csv", tmp_path / "r.csv")
    runs, rows = runs_in(tmp_path / "r.json"), rows_in(tmp_path / "r.csv")

    assert [list(run) for run in runs] == [list(row) for row in rows]
    assert [(run["scenario"], run["backend"], run["status"]) for run in runs] == [
        (scenario, backend, "ok") for scenario in ("quick", "lists") for backend in ("null", "qdrant")
    ]
    assert [run["run_id"] for run in runs] == [row["run_id"] for row in rows]
    assert [run["stored"] for run in runs] == [None, 30, None, 30]
    assert [row["stored"] for row in rows] == ["", "30", "", "30"]
    assert json.loads(rows[0]["environment"]) == runs[0]["environment"]
    assert float(rows[0]["memories_per_s"]) == runs[0]["memories_per_s"]


def test_percentile_tables_are_numbered(quick, tmp_path):
    quick("quick", "--backend", "null,qdrant", "--hgrm", tmp_path / "r.hgrm")

    assert sorted(path.name for path in tmp_path.glob("*.hgrm")) == ["r-1.hgrm", "r-2.hgrm"]


def test_repeats_give_an_interval(quick, tmp_path):
    quick("quick", "--repeats", "3", "--json", tmp_path / "r.json")
    (run,) = runs_in(tmp_path / "r.json")

    assert len(run["memories_per_s_repeats"]) == run["repeats"] == 3
    assert run["memories_per_s_low"] <= run["memories_per_s"] <= run["memories_per_s_high"]


def test_an_open_loop_says_what_was_achieved_beside_what_was_asked(quick, tmp_path):
    done = quick("quick", "--rate", "300", "--arrivals", "constant", "--json", tmp_path / "r.json")
    (run,) = runs_in(tmp_path / "r.json")

    assert "quick · null · 3 clients: asked for 300 operations a second, achieved " in done.out
    assert (run["loop"], run["target_operations_per_s"], run["arrivals"]) == ("open", 300.0, "constant")
    assert run["acknowledged"] == 30


def test_texts_of_ones_own_are_used(quick, tmp_path):
    (tmp_path / "mine.csv").write_text("id,memory\n1,one\n2,two\n")
    done = quick("quick", "--backend", "qdrant", "--corpus", tmp_path / "mine.csv", "--corpus-column", "memory")

    assert done.out.splitlines()[1].split()[-6:-1] == ["0", "30", "0", "–", "ok"]


@pytest.mark.parametrize("backend", ["loses", "raises-all", "exits"])
def test_a_run_that_fails_is_exit_code_1_and_the_others_run(quick, plugins, tmp_path, backend):
    done = quick("quick", "--backend", f"null,{backend},qdrant", "--json", tmp_path / "r.json", code=1)
    runs = runs_in(tmp_path / "r.json")

    assert [run["status"] == "ok" for run in runs] == [True, False, True]
    assert f"✗ quick · {backend} · local · 3 clients: {runs[1]['error']}" in done.out


def test_operations_that_raise_are_counted_by_kind(quick, plugins):
    assert "operations that raised: ValueError x 10" in quick("quick", "--backend", "raises-some").out


def test_an_unavailable_backend_is_said_and_the_others_run(quick, membench, plugins):
    done = quick("quick", "--backend", "broken-import,null")
    alone = quick("quick", "--backend", "broken-import", code=2)

    assert "! broken-import is left out: the plugin broken-import = faulty_broken:INFO of faulty does not" in done.err
    assert "libfaulty.so.3 is missing" in done.err
    assert done.out.splitlines()[1].split()[2] == "null"
    assert "nothing is left to run" in alone.complaint
    assert "libfaulty.so.3 is missing" in membench("list").out


def test_a_store_that_is_not_thread_safe_is_warned_of(quick):
    done = quick("quick", "--backend", "qdrant", "--store", "local-unlocked", code=None)

    assert "! Not thread-safe" in done.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_keeps_what_was_measured(start, quick_file, plugins, signpost, tmp_path, number):
    command = start(
        "run", "--scenarios", quick_file, "quick", "steady", "--backend", "slow",
        "--json", tmp_path / "r.json", "--csv", tmp_path / "r.csv",
    )  # fmt: skip
    runner = signpost.wait()
    command.process.send_signal(number)
    done = command.end(code=130)
    runs = runs_in(tmp_path / "r.json")

    assert not runner.is_running() or runner.status() == psutil.STATUS_ZOMBIE
    assert [run["status"] for run in runs] == ["ok", "partial"]
    assert runs[1]["acknowledged"] > 0
    assert runs[1]["memories_per_s"] > 0
    assert [row["status"] for row in rows_in(tmp_path / "r.csv")] == ["ok", "partial"]
    assert "◐ steady · slow · local · 2 clients: ended by the user" in done.out


def test_a_console_that_is_killed_takes_its_runner_along(start, quick_file, plugins, signpost, temporary):
    command = start("run", "--scenarios", quick_file, "steady")
    runner = signpost.wait()
    command.process.kill()
    command.process.communicate()

    _, alive = psutil.wait_procs([runner], timeout=PATIENCE_S)
    assert alive == [] or runner.status() == psutil.STATUS_ZOMBIE
    assert list(temporary.glob("membench-*")) == []


def test_a_full_disk_is_complained_of_and_the_results_are_rescued(quick, tmp_path, temporary):
    done = quick("quick", "--json", "/dev/full", "--csv", tmp_path / "r.csv", code=1)
    (rescued,) = temporary.glob("membench-*.json")

    assert done.complaint == f"/dev/full: cannot be written: No space left on device; the results are in {rescued}"
    assert [run["status"] for run in runs_in(rescued)] == ["ok"]
    assert [row["status"] for row in rows_in(tmp_path / "r.csv")] == ["ok"]


def test_a_markdown_table_can_go_to_stdout(quick):
    done = quick("quick", "--markdown", "-")
    head, rule, row, *_ = done.out.splitlines()

    assert head.startswith("| scenario | backend |") and set(rule) <= set("|-: ") and row.startswith("| quick | null |")
    assert "verdict" in done.err


def test_json_can_go_to_stdout_once(quick):
    out = quick("quick", "lists", "--json", "/dev/stdout").out
    document, _ = json.JSONDecoder().raw_decode(out[out.index("{") :])

    assert [run["scenario"] for run in document["runs"]] == ["quick", "lists"]
    assert out.count('"schema"') == 3  # the file's and its two records'


@pytest.mark.parametrize("arguments", [["list"], ["--help"], ["doctor"], ["run", "quick"]])
@pytest.mark.parametrize("streams", [["stdout"], ["stdout", "stderr"]])
def test_output_into_a_closed_pipe_is_no_error_worth_a_traceback(start, quick_file, arguments, streams):
    read_end, write_end = os.pipe()
    os.close(read_end)
    scenarios = ["--scenarios", quick_file] if arguments[0] == "run" else []
    done = start(*arguments, *scenarios, **dict.fromkeys(streams, write_end))
    os.close(write_end)

    assert "rror" not in done.end().err


def test_a_reader_of_the_first_line_only_gets_it(start):
    command = start("list")
    first = command.process.stdout.readline()
    command.process.stdout.close()
    command.process.stdout = None

    assert first.split() == [b"SCENARIOS"]
    assert "rror" not in command.end().err


def test_the_speed_twin_is_built_where_it_is_said_to_be(membench, own_folders):
    done = membench("models", "twin")
    folder = Path(done.out.strip().rpartition(": ")[2])

    assert done.out.startswith("twin weights of BAAI/bge-small-en-v1.5: ")
    assert folder.parent == own_folders / "cache" / "membench-tui" / "twins"
    assert (folder / "model_optimized.onnx").stat().st_size > 100e6
    assert "speed twin, cached" in membench("models").out
    for graph in folder.glob("*.onnx"):
        graph.unlink()


def test_there_is_a_twin_of_known_models_only(membench):
    done = membench("models", "twin", "--model", "BAAI/bge-base-en", code=1)

    assert done.complaint == "BAAI/bge-base-en has no speed twin; there is one of BAAI/bge-small-en-v1.5"


def test_without_a_network_a_pull_is_one_line(membench, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    done = membench("models", "pull", code=1)

    assert "http://127.0.0.1:9 cannot be reached" in done.complaint
    assert done.out == ""


def test_a_state_folder_that_cannot_be_written_is_one_line(membench, quick, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))

    assert "file" in membench("models", "twin", code=1).complaint
    assert "the runner cannot be started: " in quick("quick", code=1).out


def test_list_names_everything(membench):
    out = membench("list").out
    words = out.split()

    for heading in ("SCENARIOS", "BACKENDS", "STRATEGIES", "STORES", "MODELS"):
        assert heading in words
    for name in ("single-add", "store-only", "mem0", "agentmem", "null", "queue", "pool", "edge", "local-unlocked"):
        assert name in words


def test_doctor_names_the_machine_and_what_is_installed(membench):
    done = membench("doctor")

    for word in ("machine", "cores", "CPU governor", "free memory", "open files", "fastembed", "onnxruntime", "model"):
        assert word in done.out
    assert done.err == ""


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["run", "--help"], ["models", "--help"], ["--version"]])
def test_help_is_a_result(membench, arguments):
    done = membench(*arguments)

    assert done.out.strip()
    assert done.err == ""


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["run", "--help"], ["models"], ["doctor"]])
def test_nothing_heavy_is_imported_to_say_what_there_is(arguments):
    code = f"""
import atexit, sys
atexit.register(lambda: print("LOADED", *sorted({{name.partition(".")[0] for name in sys.modules}})))
sys.argv = ["membench-tui", *{arguments!r}]
from membench.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    loaded = set(done.stdout.rpartition("LOADED ")[2].split())

    assert done.returncode == 0, done.stderr
    assert {"app", "click"} <= loaded
    assert not loaded & HEAVY


def test_an_interrupt_while_something_is_loaded_is_told_by_the_exit_code_alone(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["membench-tui", "list"])
    monkeypatch.setattr(membench.__main__, "_command", interrupted)
    with pytest.raises(SystemExit) as left:
        membench.__main__.main()

    assert left.value.code == 130
    assert capsys.readouterr() == ("", "")
