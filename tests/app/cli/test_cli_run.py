"""`membench-tui run` as a user types it: its table, files, exit codes and signals. Never a traceback."""

from __future__ import annotations

import csv
import json
import re
import signal

import psutil
import pytest

from membench.results.history import History

pytestmark = pytest.mark.xdist_group("measures")

PATIENCE_S = 120.0


@pytest.fixture
def quick(membench, quick_file):
    """Run the quick scenarios."""
    return lambda *arguments, code=0, **options: membench(
        "run", "--scenarios", quick_file, *arguments, code=code, **options
    )


def runs_in(path):
    return json.loads(path.read_text())["runs"]


def rows_in(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_results_go_to_stdout_and_everything_else_to_stderr(quick):
    done = quick("quick", "lists", "--backend", "null,qdrant")
    header, *rows = done.out.splitlines()

    assert header.split() == [
        "scenario", "backend", "strategy", "threads", "store", "clients", "memories/s", "p50", "p99", "max", "lock",
        "%", "errors", "stored", "lost", "weights", "status", "verdict",
    ]  # fmt: skip
    assert [(row.split()[1:3], row.split()[-2]) for row in rows[:4]] == [
        ([scenario, backend], "ok") for scenario in ("quick", "lists") for backend in ("null", "qdrant")
    ]
    assert rows[-1].startswith("machine: ")
    assert done.err.splitlines()[0] == "4 runs, about 10 s"
    assert [line[:5] for line in done.err.splitlines()[1:]] == [f"[{number}/4]" for number in (1, 2, 3, 4)]


def test_published_figures_stand_next_to_the_measured_ones(membench, quick, tiny_twin, tmp_path):
    path = tmp_path / "r.md"
    choice = ("--backend", "agentmem", "--strategy", "mutex,adaptive", "--model", tiny_twin)
    done = membench("run", "single-add", "concurrent-add", *choice, "--markdown", path)

    _, table = done.out.split("published figures and this machine's:\n")
    rows = [line.split() for line in table.splitlines() if line.startswith(("single-add", "concurrent-add"))]
    assert [row[:2] for row in rows] == [
        *[["single-add", "memories/s"]] * 2,
        *[["concurrent-add", "memories/s"]] * 2,
        ["concurrent-add", "rate"],
    ]
    assert "adaptive" not in table and "2.03x" in table and "claimed" in table
    assert "| concurrent-add | rate / single-add | AgentMem | 2.03x | measured | agentmem (mutex" in path.read_text()
    assert "published" not in quick("quick", "--backend", "null").out


def test_precisions_are_a_matrix_and_a_column_where_they_differ(quick, tiny_twin, tmp_path):
    path = tmp_path / "r.json"
    done = quick(
        "quick", "--backend", "agentmem", "--strategy", "queue", "--precision", "fp32,int8", "--model", tiny_twin,
        "--json", path,
    )  # fmt: skip

    header, *rows = done.out.splitlines()
    assert header.split()[2:6] == ["strategy", "precision", "threads", "store"]
    assert [row.split()[4] for row in rows[:2]] == ["fp32", "int8"]
    assert "agentmem · queue · int8 · local" in done.err
    assert [(run["precision"], run["precision_cosine"], run["status"]) for run in runs_in(path)] == [
        ("fp32", None, "ok"),
        ("int8", None, "ok"),
    ]


def test_options_of_a_backend_are_a_matrix_that_is_recorded_and_compared(quick, tiny_twin, tmp_path):
    as_json, as_csv = tmp_path / "r.json", tmp_path / "r.csv"
    done = quick(
        "quick", "--backend", "agentmem,mem0", "--strategy", "mutex", "--backend-option", "history=as-shipped",
        "--backend-option", "history=together", "--store", "local-path", "--model", tiny_twin,
        "--json", as_json, "--csv", as_csv,
    )  # fmt: skip

    header, *rows = done.out.splitlines()
    assert header.split()[1:5] == ["backend", "options", "strategy", "threads"]
    assert [row.split()[2:4] for row in rows[:4]] == [
        [backend, f"history={value}"] for backend in ("agentmem", "mem0") for value in ("as-shipped", "together")
    ]
    assert {row.split()[5] for row in rows[:4]} == {"auto"}
    for backend in ("agentmem", "mem0"):
        assert any(line.startswith(f"{backend}, quick, mutex, ") and ": history=together is " in line for line in rows)
    runs = runs_in(as_json)
    assert [(run["status"], run["backend_options"], run["lost"]) for run in runs] == [
        ("ok", {"history": value}, 0) for value in ("as-shipped", "together") * 2
    ]
    assert [json.loads(row["backend_options"]) for row in rows_in(as_csv)] == [run["backend_options"] for run in runs]
    assert [run["bm25"] for run in runs] == [None, None, False, False]
    assert all(run["threads_auto"] and run["session_threads"] == [run["threads"]] for run in runs)


def test_a_fixed_embedder_needs_no_model_and_is_audited(quick, tmp_path):
    path = tmp_path / "r.json"
    done = quick(
        "quick", "--backend", "agentmem", "--backend", "mem0", "--embedder", "fixed", "--store", "edge",
        "--model", "none", "--json", path,
    )  # fmt: skip

    assert "embedder: fixed = " in done.out
    for run in runs_in(path):
        assert (run["embedder"], run["status"], run["lost"], run["corrupted"]) == ("fixed", "ok", 0, 0)
        assert {run[key] for key in ("strategy", "model", "weights", "precision", "threads")} == {None}


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
def test_the_scenario_file_can_precede_the_command(membench, quick_file, command):
    arguments = ["quick"] if command == "run" else []

    assert "quick" in membench("--scenarios", quick_file, command, *arguments).out


def test_json_and_csv_hold_the_same_runs(quick, tmp_path):
    quick("quick", "lists", "--backend", "null,qdrant", "--json", tmp_path / "r.json", "--csv", tmp_path / "r.csv")
    runs, rows = runs_in(tmp_path / "r.json"), rows_in(tmp_path / "r.csv")

    assert [sorted(run) for run in runs] == [sorted(row) for row in rows]
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


def test_try_measures_the_alternative_and_stores_the_outcome(quick, tmp_path):
    path = tmp_path / "records.json"
    done = quick("quick", "--backend", "qdrant", "--items", "500", "--clients", "1", "--try", "--json", path)
    (run,) = json.loads(path.read_text())["runs"]

    assert "trying the advice for quick · qdrant · local · 1 client: 2 runs" in done.err
    assert (run["verdict"], [trial["options"] for trial in run["trials"]]) == ("store-bound", [{"store": "edge"}])
    ratio = run["trials"][0]["ratio"]
    assert ratio["low"] < ratio["value"] < ratio["high"]
    assert "quick · qdrant · local · 1 client: tried --store edge: " in done.out
    with History() as history:
        assert len(history.record(run["run_id"]).trials) == 1
        assert len(history.runs()) == 3


def test_an_open_loop_states_its_target_and_what_was_achieved(quick, tmp_path):
    done = quick("quick", "--rate", "300", "--arrivals", "constant", "--json", tmp_path / "r.json")
    (run,) = runs_in(tmp_path / "r.json")

    assert "quick · null · 3 clients: target 300 operations/s, achieved " in done.out
    assert (run["target_operations_per_s"], run["arrivals"]) == (300.0, "constant")
    assert run["acknowledged"] == 30


def test_a_users_own_texts_are_used(quick, tmp_path):
    (tmp_path / "mine.csv").write_text("id,memory\n1,one\n2,two\n")
    done = quick("quick", "--backend", "qdrant", "--corpus", tmp_path / "mine.csv", "--corpus-column", "memory")

    assert done.out.splitlines()[1].split()[-6:-1] == ["0", "30", "0", "–", "ok"]


@pytest.mark.parametrize("backend", ["loses", "raises-all", "exits"])
def test_a_failed_run_is_exit_code_1_and_the_others_run(quick, plugins, tmp_path, backend):
    done = quick("quick", "--backend", f"null,{backend},qdrant", "--json", tmp_path / "r.json", code=1)
    runs = runs_in(tmp_path / "r.json")

    assert [run["status"] == "ok" for run in runs] == [True, False, True]
    assert f"✗ quick · {backend} · local · 3 clients: {runs[1]['error']}" in done.out


def test_operations_that_raise_are_counted_by_kind(quick, membench, plugins):
    done = quick("quick", "--backend", "raises-some", code=1)

    assert "! quick · raises-some · local · 3 clients: 33 % of the operations failed" in done.out
    assert re.search(
        r"operations that raised: ValueError x 10, after \S+ .s on average, at most \S+ .s$", done.out, re.M
    )
    assert re.search(r"^! +quick +raises-some .+ 3 +[\d,.]+ ! ", done.out, re.M)  # the rate is marked
    compared = membench("compare", "last", "last").out
    assert re.search(r"memories/s +[\d,.]+ ! +[\d,.]+ !", compared)
    assert "33 % of the operations failed; its rate is not that of the work" in compared


def test_an_unavailable_backend_is_left_out_with_a_note(quick, membench, plugins):
    done = quick("quick", "--backend", "broken-import,null")
    alone = quick("quick", "--backend", "broken-import", code=2)

    assert "! broken-import is left out: the plugin broken-import = faulty_broken:INFO of faulty does not" in done.err
    assert "libfaulty.so.3 is missing" in done.err
    assert done.out.splitlines()[1].split()[2] == "null"
    assert "nothing is left to run" in alone.error
    assert "libfaulty.so.3 is missing" in membench("list").out


def test_a_store_that_is_not_thread_safe_has_a_warning(quick):
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


def test_a_run_under_nohup_outlives_its_terminal(start, quick_file, plugins, signpost):
    command = start(
        "run", "--scenarios", quick_file, "steady", "--backend", "slow", "--duration", "2s",
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    signpost.wait()
    command.process.send_signal(signal.SIGHUP)
    done = command.end(code=0)

    assert "✓ steady · slow" in done.err


def test_the_runner_ends_when_its_console_is_killed(start, quick_file, plugins, signpost, temporary):
    command = start("run", "--scenarios", quick_file, "steady")
    runner = signpost.wait()
    command.process.kill()
    command.process.communicate()

    _, alive = psutil.wait_procs([runner], timeout=PATIENCE_S)
    assert alive == [] or runner.status() == psutil.STATUS_ZOMBIE
    assert list(temporary.glob("membench-*")) == []


def test_results_are_rescued_from_a_full_disk(quick, tmp_path, temporary):
    done = quick("quick", "--json", "/dev/full", "--csv", tmp_path / "r.csv", code=1)
    (rescued,) = temporary.glob("membench-*.json")

    assert done.error == f"/dev/full: cannot be written: No space left on device; the results are in {rescued}"
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
    assert out.count('"schema"') == 3  # the file's, and those of its two records


def test_a_state_folder_that_cannot_be_written_is_one_line(membench, quick, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))

    assert "file" in membench("models", "twin", code=1).error
    assert "the runner cannot be started: " in quick("quick", code=1).out
