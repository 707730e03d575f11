"""The command line in use: errors in one line, help, pipes, shell completion, and what is imported."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import membench.__main__
import membench.cli.console
from membench.plan.options import run_options

pytestmark = pytest.mark.xdist_group("measures")

COMMAND = Path(sysconfig.get_path("scripts")) / "membench-tui"
HEAVY = {"mem0", "fastembed", "onnxruntime", "qdrant_client", "qdrant_edge", "textual"}


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
        (["run", "--backend", ""], "--backend '': give at least one value"),
        (["run", "--clients", ","], "--clients ',': give at least one value"),
        (["run", "--clients", "0"], "--clients 0: must be a whole number from 1 to 1,024"),
        (["run", "--clients=-1"], "--clients -1: must be a whole number from 1 to 1,024"),
        (["run", "--clients", "100000"], "--clients 100000: must be a whole number from 1 to 1,024"),
        (["run", "--clients", "many"], "--clients many: must be a whole number from 1 to 1,024"),
        (["run", "--clients", "1,1.5"], "--clients 1.5: must be a whole number from 1 to 1,024"),
        (["run", "--threads", "x"], "--threads x: must be a whole number from 1 to 1,024, or auto"),
        (["run", "--items", "ten"], "--items ten: must be a whole number from 1 to 10,000,000"),
        (["run", "--items", "auto"], "--items auto: must be a whole number from 1 to 10,000,000"),
        (["run", "--items", "0"], "--items 0: must be a whole number from 1 to 10,000,000"),
        (["run", "--rate", "0"], "--rate 0: must be a number from 0.001 to 1,000,000"),
        (["run", "--rate", "nan"], "--rate nan: must be a number from 0.001 to 1,000,000"),
        (["run", "--rate", "1e-10"], "--rate 1e-10: must be a number from 0.001 to 1,000,000"),
        (["run", "--duration", "721h"], "and at most 30 days"),
        (["run", "--duration", f"{'9' * 400}h"], "and at most 30 days"),
        (["run", "--items", "9" * 5000], "must be a whole number from 1 to 10,000,000"),
        (["show", f"last~{'9' * 30}"], f"no run 'last~{'9' * 30}' in the history"),
        (["show", f"last~{'9' * 5000}"], "in the history; 'membench-tui history' lists them"),
        (["run", "--corpus", "~no-such-user/a.txt"], "~no-such-user/a.txt: cannot be read: No such file or directory"),
        (["run", "--model", "~no-such-user/a"], "~no-such-user/a is neither a folder nor a text model of FastEmbed"),
        (["run", "--scenarios", "/dev/zero"], "/dev/zero: is a device; save what it holds in a file"),
        (["doctor", "a\nb", "c"], "Got unexpected extra arguments (a b c)"),
        (["run", "--repeats", "0"], "--repeats 0: must be a whole number from 1 to 100"),
        (["run", "--seed=-1"], "--seed -1: must be a whole number from 0 to 4,294,967,295"),
        (["run", "--precision", "int9"], "--precision int9: must be one of fp32, int8"),
        (["run", "--embedder", "fixd"], "--embedder fixd: must be one of model, fixed"),
        (["run", "--duration", "5"], "--duration 5: must be a time above 0 with its unit, such as 500ms, 5s or 2m"),
        (["run", "--duration", "0s"], "--duration 0s: must be a time above 0 with its unit"),
        (["run", "--timeout", "soon"], "--timeout soon: must be a time above 0 with its unit"),
        (["run", "--duration", "5s", "--items", "3"], "--duration and --items: "),
        (["run", "--arrivals", "often"], "--arrivals often: must be one of constant, poisson"),
        (["run", "--strategy-option", "size"], "--strategy-option size: must be KEY=VALUE"),
        (["run", "--backend-option", "history"], "--backend-option history: must be KEY=VALUE"),
        (
            ["run", "--backend", "agentmem", "--backend-option", "history=as-shiped"],
            "--backend-option: backend agentmem: option history must be one of as-shipped, together, not 'as-shiped'",
        ),
        (
            ["run", "--strategy", "queue", "--strategy-option", "sice=3"],
            "--strategy-option sice: not an option of queue; did you mean 'size'?",
        ),
        (["run", "--strategy", "queue", "--strategy-option", "size=no"], "option size must be a whole number"),
        (["run", "--model", "BAAI/bge-smal-en-v1.5"], "did you mean BAAI/bge-small-en-v1.5?"),
        (["run", "--corpus", "missing.txt"], "missing.txt: cannot be read: No such file or directory"),
        (["run", "--corpus", "empty.txt"], "empty.txt: contains no text; add at least one"),
        (["run", "--corpus", "notes.pdf"], "'notes.pdf' is neither 'benchmark', 'turns' nor a .txt, .jsonl or .csv"),
        (["run", "--scenarios", "missing.toml"], "missing.toml: cannot be read: No such file or directory"),
        (["--scenarios", "broken.toml"], "broken.toml: is not valid TOML"),
        (["list", "--scenarios", "broken.toml"], "broken.toml: is not valid TOML"),
        (["run", "--json", "no/such/r.json"], "no/such/r.json: there is no folder no/such; create it first"),
        (["run", "--csv", "."], ".: is a folder; name a file in it"),
        (["run", "--hgrm", "/proc/r.hgrm"], "/proc/r-1.hgrm: cannot be written: "),
        (["run", "--json", "r", "--csv", "r"], "r: is named twice"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_one_line_and_exit_code_2(membench, tmp_path, arguments, message):
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "broken.toml").write_text("[scenario\n")
    done = membench(*arguments, code=2, cwd=tmp_path)

    assert message in done.error
    assert done.err.count("\n") == 1
    assert len(done.err) <= 301
    assert done.out == ""


@pytest.mark.parametrize("arguments", [["list"], ["--help"], ["doctor"], ["run", "quick"]])
@pytest.mark.parametrize("streams", [["stdout"], ["stdout", "stderr"]])
def test_a_closed_pipe_causes_no_traceback(start, quick_file, arguments, streams):
    read_end, write_end = os.pipe()
    os.close(read_end)
    scenarios = ["--scenarios", quick_file] if arguments[0] == "run" else []
    done = start(*arguments, *scenarios, **dict.fromkeys(streams, write_end))
    os.close(write_end)

    assert "rror" not in done.end().err


def test_a_reader_may_close_the_pipe_after_the_first_line(start):
    command = start("list")
    first = command.process.stdout.readline()
    command.process.stdout.close()
    command.process.stdout = None

    assert first.split() == [b"SCENARIOS"]
    assert "rror" not in command.end().err


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-", ">&-", "<&- >&-"])
def test_a_closed_stream_does_not_disturb_a_run(quick_file, tmp_path, closed):
    """Without the null device in its place, the pipe of a run would become the stream."""
    (tmp_path / "log").touch()
    arguments = f"run quick --scenarios {quick_file} --json {tmp_path / 'r.json'}"
    shell = f"{COMMAND} {arguments} {closed if '2>' in closed else f'2>{tmp_path}/log {closed}'}"
    done = subprocess.run(["sh", "-c", shell], stdout=subprocess.PIPE, text=True)

    if ">&-" in closed.replace("2>&-", ""):
        assert done.returncode == 2
        assert (tmp_path / "log").read_text() == (
            "membench-tui: standard output is closed; redirect it to a file, or to /dev/null\n"
        )
    else:
        assert done.returncode == 0
        assert "quick" in done.stdout
        assert (tmp_path / "r.json").stat().st_size > 100


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["run", "--help"], ["models", "--help"], ["--version"]])
def test_help_goes_to_stdout(membench, arguments):
    done = membench(*arguments)

    assert done.out.strip()
    assert done.err == ""


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["run", "--help"], ["models"], ["doctor"]])
def test_listing_imports_nothing_heavy(arguments):
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
    assert {"membench", "click"} <= loaded
    assert not loaded & HEAVY


def test_an_interrupt_during_imports_changes_only_the_exit_code(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["membench-tui", "list"])
    monkeypatch.setattr(membench.__main__, "_command", interrupted)
    with pytest.raises(SystemExit) as exited:
        membench.__main__.main()

    assert exited.value.code == 130
    assert capsys.readouterr() == ("", "")


def test_every_run_option_is_in_the_help_with_its_default_and_bounds(membench):
    text = " ".join(membench("run", "--help", env={**os.environ, "COLUMNS": "100"}).out.split())

    for field in run_options().values():
        assert field.extra["flag"] in text
        assert field.description in text
    assert "Concurrent callers. [1<=x<=1024]" in text
    assert "[default: auto; 1<=x<=1024]" in text
    assert "Arithmetic of the model. [default: fp32]" in text
    assert "an open loop. [0.001<=x<=1000000]" in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_printed(membench, shell):
    done = membench(env={**os.environ, "_MEMBENCH_TUI_COMPLETE": f"{shell}_source"})

    assert f"_MEMBENCH_TUI_COMPLETE={shell}_complete" in done.out
    assert done.err == ""


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        (["ru"], ["run"]),
        (["models", "p"], ["pull"]),
        (["run", "--strategy"], ["--strategy", "--strategy-option"]),
        (["run", "--no"], ["--no-metering"]),
        (["run", "--precision", "i"], ["int8"]),
        (["run", "--precision", "fp32,"], ["fp32,fp32", "fp32,int8"]),
        (["run", "--backend-option", "hi"], ["history=as-shipped", "history=together"]),
        (["run", "--backend-option", "mem0.history=t"], ["mem0.history=together"]),
        (["run", "--backend-option", "history=together,a"], ["history=together,as-shipped"]),
        (["run", "--strategy-option", "fair"], ["fair=true", "fair=false"]),
        (["run", "--strategy-option", "queue."], ["queue.size=", "queue.wait_ms="]),
        (["rn", "--x"], []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_commands_options_and_values_are_completed(membench, words, completions):
    typed = {"COMP_WORDS": " ".join(["membench-tui", *words]), "COMP_CWORD": str(len(words))}
    done = membench(env={**os.environ, **typed, "_MEMBENCH_TUI_COMPLETE": "bash_complete"})

    assert done.out.split() == [f"plain,{completion}" for completion in completions]
    assert done.err == ""


def test_a_shell_at_a_terminal_gets_completions_and_not_the_dashboard(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["membench-tui"])
    monkeypatch.setattr(membench.cli.console, "at_terminal", lambda: True)
    monkeypatch.setattr(membench.__main__, "_dashboard", lambda: pytest.fail("the dashboard was opened"))
    monkeypatch.setenv("_MEMBENCH_TUI_COMPLETE", "bash_source")
    with pytest.raises(SystemExit) as exited:
        membench.__main__.main()

    assert exited.value.code == 0
    assert "_MEMBENCH_TUI_COMPLETE=bash_complete" in capsys.readouterr().out


@pytest.mark.parametrize("rate", ["nan", "inf", "0", "31", "fast"])
def test_the_redraw_rate_is_a_number_within_bounds(membench, rate):
    assert membench("--fps", rate, code=2).error == f"--fps {rate}: must be a number from 0.2 to 30"
