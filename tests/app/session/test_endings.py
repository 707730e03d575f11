"""The end of a run's processes: nothing that they started outlives them, whoever is killed."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress

import psutil
import pytest
from test_session import has_measured, only_record, processes, records, run, runners  # noqa: F401

from membench.messages.run import WarmingUp
from membench.session.events import RepeatStarted, RunEnded, RunMessage
from membench.session.folders import remove_abandoned
from membench.session.process import MeasuredProcess

pytestmark = [pytest.mark.xdist_group("measures"), pytest.mark.usefixtures("plugins")]

PATIENCE_S = 60.0


def marked(temporary):
    """Return the processes that have the folder for temporary files of this test in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(temporary) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != os.getpid()]


def wait_for_the_daemon(runner):
    """Wait until the supervisor has adopted a process, besides being the parent of the runner."""
    wait_until(lambda: len(runner.parent().children()) == 2)


def wait_until_nothing_is_left(temporary):
    """Wait until no process works in the folder, and no folder of a process is in it."""
    wait_until(lambda: not marked(temporary) and not list(temporary.glob("membench-run-*/")))


def wait_until(condition):
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_daemon_ends_with_the_run(run, temporary):  # noqa: F811
    record = only_record(run(backends=("daemonises",)))

    assert (record.status, record.acknowledged) == ("ok", 30)
    assert marked(temporary) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_end_of_a_runner_is_noticed_while_a_daemon_holds_its_pipe(run, number):  # noqa: F811
    def kill(session, event):
        if has_measured(event) and event.index == 0 and event.measurement.acknowledged >= 20:
            for runner in runners():
                runner.send_signal(number)

    ended = records(run(backends=("daemonises", "null"), items=3000, during=kill))

    assert [record.status for record in ended] == ["crashed", "ok"]
    assert f"the runner was killed by {number.name}" in ended[0].error
    assert ended[0].acknowledged >= 20
    assert ended[0].took_s < PATIENCE_S


def test_a_runner_ends_with_its_supervisor(run, temporary):  # noqa: F811
    def kill(session, event):
        if has_measured(event):
            for supervisor in psutil.Process().children():
                if "membench.runner.supervisor" in supervisor.cmdline():
                    supervisor.kill()

    record = only_record(run(backends=("daemonises",), items=3000, during=kill))

    assert record.status == "crashed"
    assert "killed together with its supervisor" in record.error
    assert marked(temporary) == []


@pytest.mark.parametrize("kills_runner", [False, True], ids=["alone", "with-its-runner"])
def test_nothing_outlives_a_console_that_is_killed(start, quick_file, signpost, temporary, kills_runner):
    command = start("run", "--scenarios", quick_file, "steady", "--backend", "daemonises")
    runner = signpost.wait()
    wait_for_the_daemon(runner)
    command.process.kill()
    if kills_runner:
        runner.kill()
    command.process.wait()

    wait_until_nothing_is_left(temporary)


def test_the_next_start_removes_what_a_console_and_its_supervisor_left(start, quick_file, signpost, temporary):
    command = start("run", "--scenarios", quick_file, "steady", "--backend", "daemonises")
    runner = signpost.wait()
    wait_for_the_daemon(runner)
    supervisor = runner.parent()
    supervisor.suspend()  # it would end the daemon as soon as the console is killed
    for process in (command.process, supervisor, runner):
        process.kill()
    command.process.wait()
    assert marked(temporary), "the daemon is left"
    assert list(temporary.glob("membench-run-*/"))
    (temporary / "membench-run-a-file-of-the-user").touch()
    start("list").end(code=0)

    wait_until_nothing_is_left(temporary)
    assert (temporary / "membench-run-a-file-of-the-user").exists()


def test_a_folder_in_use_is_not_removed(plan_of, temporary):
    from membench.session.session import Session

    events = Session(plan_of("steady", backends=("slow",))).events()
    assert next(event for event in events if has_measured(event))
    remove_abandoned()
    (folder,) = temporary.glob("membench-run-*/")
    events.close()

    assert not folder.exists()


def test_a_backend_that_holds_the_gil_is_a_timeout_that_says_so(run):  # noqa: F811
    ended = records(run(backends=("holds-gil", "null"), timeout_s=1.5))

    assert [record.status for record in ended] == ["timeout", "ok"]
    assert ended[0].error == "native code held Python's lock, the GIL, for 2 s while measuring; see --timeout"
    assert ended[0].acknowledged == 5


def test_a_slow_warm_up_that_progresses_is_no_timeout(run):  # noqa: F811
    events = run(backends=("slow-start",), clients=(1,), timeout_s=1.5)
    messages = [event.message for event in events if isinstance(event, RunMessage)]

    assert only_record(events).status == "ok"
    assert {1, 2} <= {message.done for message in messages if isinstance(message, WarmingUp)}


def test_a_console_that_was_stopped_reads_before_it_decides(start, quick_file, signpost):
    command = start(
        "run", "--scenarios", quick_file, "steady", "--backend", "slow", "--duration", "4s", "--timeout", "1s"
    )
    signpost.wait()
    command.process.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    command.process.send_signal(signal.SIGCONT)

    assert "✓ steady · slow" in command.end(code=0).err


@pytest.mark.parametrize("act", ["raises", "ends", "kills", "hangs"])
def test_what_happens_while_a_backend_is_closed_changes_nothing(run, monkeypatch, act):  # noqa: F811
    monkeypatch.setenv("MISBEHAVES", act)
    monkeypatch.setenv("MISBEHAVES_AT", "close")
    monkeypatch.setattr("membench.session.process.CLOSING_S", 0.5)
    record = only_record(run(backends=("misbehaves",)))

    assert (record.status, record.error, record.stored) == ("ok", None, 30)


def test_an_error_that_arrives_together_with_the_results_changes_nothing(run, monkeypatch):  # noqa: F811
    read = MeasuredProcess.read

    def read_to_the_end(process):
        messages = []
        with suppress(EOFError):
            while True:
                select.select(process.sources, [], [])
                messages += read(process)
        return messages

    monkeypatch.setattr(MeasuredProcess, "read", read_to_the_end)
    monkeypatch.setenv("MISBEHAVES", "raises")
    monkeypatch.setenv("MISBEHAVES_AT", "close")

    assert only_record(run(backends=("misbehaves",))).status == "ok"


def test_a_client_that_a_backend_ends_keeps_what_was_acknowledged(run):  # noqa: F811
    record = only_record(run(backends=("system-exit",), clients=(1,)))

    assert (record.status, record.acknowledged) == ("failed", 4)
    assert record.error == "RuntimeError: SystemExit ended a client: the library has had enough"


def test_a_log_keeps_its_beginning_and_its_end(run):  # noqa: F811
    events = run(backends=("floods",), clients=(1,))
    (log,) = [event.log for event in events if isinstance(event, RepeatStarted)]
    text = log.read_text()

    assert isinstance(events[-1], RunEnded)
    assert log.stat().st_size < 5_000_000
    assert text.startswith("call 1: xxx") and text.endswith("xxx\n")
    assert "call 2: x" in text and "call 29: x" in text
    assert " bytes are left out here]" in text
