"""The processes that the console starts: what they report, and how they end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from membench.messages.encoding import Frames, decode_message
from membench.messages.run import Failed, Loading

TIMEOUT_S = 60
PROCESS = """
import os, threading
from membench.messages.run import Loading
from membench.runner.child import prepare_environment, run_process, watch_console
from membench.spec.corpus import CorpusError
from membench_backends.base import UnavailableError

def work(channel, folder):
{body}

run_process(work)
"""


@pytest.fixture
def folder(tmp_path):
    """Return the process's own folder, with a file in it."""
    path = tmp_path / "own"
    path.mkdir()
    (path / "file").touch()
    return path


@pytest.fixture
def start(folder):
    """Return a function that starts a process whose work is some lines of code."""
    processes = []

    def start(*lines):
        code = PROCESS.format(body="\n".join(f"    {line}" for line in lines))
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", code, folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        with process:  # closes its streams and waits for it
            pass


@pytest.fixture
def run(start):
    """Return a function that runs a process to its end and returns its exit code, messages and log."""

    def run(*lines):
        process = start(*lines)
        output, log = process.communicate(timeout=TIMEOUT_S)
        return process.returncode, [decode_message(body) for body in Frames().feed(output)], log.decode()

    return run


def test_prints_go_to_the_log_and_messages_to_the_console(run):
    code, messages, log = run("print('printed')", "os.write(1, b'written')", "channel.send(Loading(stage='a stage'))")

    assert (code, messages) == (0, [Loading(stage="a stage")])
    assert "printed" in log
    assert "written" in log


@pytest.mark.parametrize("error", ["UnavailableError", "CorpusError"])
def test_an_error_of_the_user_is_reported_without_a_traceback(run, error):
    code, messages, log = run(f"raise {error}('not installed')")

    assert (code, messages) == (0, [Failed(error="not installed")])
    assert "Traceback" not in log


def test_any_other_error_is_reported_in_one_line_and_logged_with_its_traceback(run):
    code, messages, log = run("raise ValueError('one\\ntwo')")

    assert (code, messages) == (0, [Failed(error="ValueError: one two")])
    assert "Traceback" in log


def test_the_process_does_not_wait_for_remaining_threads(run):
    code, _, _ = run("threading.Thread(target=threading.Event().wait).start()")

    assert code == 0


def test_the_process_ends_and_removes_its_folder_when_the_console_closes_its_input(start, folder):
    process = start("watch_console(folder)", "channel.send(Loading(stage='ready'))", "threading.Event().wait()")
    process.stdout.read(1)
    assert process.poll() is None
    process.stdin.close()

    assert process.wait(TIMEOUT_S) == 1
    assert not folder.exists()


def test_the_process_ends_and_removes_its_folder_when_the_console_reads_no_more(start, folder):
    process = start("os.read(0, 1)", "channel.send(Loading(stage='too late'))", "threading.Event().wait()")
    process.stdout.close()
    process.stdin.write(b"x")
    process.stdin.flush()

    assert process.wait(TIMEOUT_S) == 1
    assert not folder.exists()


@pytest.mark.parametrize(("offline", "expected"), [(True, "1"), (False, None)])
def test_only_a_download_may_use_the_network(run, monkeypatch, offline, expected):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    _, messages, _ = run(
        f"prepare_environment(folder, offline={offline})",
        "channel.send(Loading(stage=str(os.environ.get('HF_HUB_OFFLINE'))))",
    )

    assert messages == [Loading(stage=str(expected))]


def test_mem0_writes_to_the_folder_of_the_process(run, folder):
    _, messages, _ = run("prepare_environment(folder)", "channel.send(Loading(stage=os.environ['MEM0_DIR']))")

    assert messages == [Loading(stage=str(folder / "mem0"))]
