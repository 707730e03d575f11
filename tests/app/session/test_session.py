"""Real runs of plans: every way in which a run can end, what its record states, and that nothing is left behind."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from membench.messages.run import Tick
from membench.results.latency import decode_latencies
from membench.session.events import RepeatStarted, RunEnded, RunMessage, RunPaused
from membench.session.session import Session

pytestmark = pytest.mark.xdist_group("measures")

MAX_S = 60.0


def runners():
    """Return the measured processes."""
    return [child for child in processes() if child.cmdline()[2:4] == ["-m", "membench.runner.main"]]


def processes():
    """Return all processes that a session has started."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "membench.runner" in " ".join(child.cmdline())]


@pytest.fixture
def run(plan_of, temporary):
    """Run a plan to its end; `during` gets each event. No process and no folder may be left, however it ends."""

    def run(*scenarios, during=lambda session, event: None, timeout_s=MAX_S, **choice):
        session = Session(plan_of(*scenarios, **choice), timeout_s)
        events = []
        for event in session.events():
            events.append(event)
            during(session, event)
        assert processes() == []
        assert list(temporary.glob("membench-*")) == []
        return events

    return run


def records(events):
    return [event.record for event in events if isinstance(event, RunEnded)]


def only_record(events):
    (record,) = records(events)
    return record


def has_measured(event):
    """Return whether an event says that operations of a run returned."""
    return isinstance(event, RunMessage) and isinstance(event.message, Tick) and event.message.operations > 0


@pytest.mark.parametrize("scenario", ["quick", "lists"])
@pytest.mark.parametrize("store", ["local", "edge"])
@pytest.mark.parametrize(("backend", "strategy"), [("mem0", "shared"), ("agentmem", "pool")])
def test_real_systems_store_what_they_acknowledge(run, tiny_twin, scenario, store, backend, strategy):
    record = only_record(
        run(scenario, backends=(backend,), strategies=(strategy,), stores=(store,), model=str(tiny_twin))
    )

    assert (record.status, record.error) == ("ok", None)
    assert (record.acknowledged, record.stored, record.lost, record.duplicated, record.corrupted) == (30, 30, 0, 0, 0)
    assert (record.misplaced, record.history_missing, record.store_reopened) == (0, 0, store == "edge")
    assert (record.weights, record.strategy, record.store, record.errors) == ("twin", strategy, store, 0)
    assert record.batch_call == (None if scenario == "quick" else backend == "agentmem")


def test_the_events_of_a_run_come_in_order(run):
    events = run(backends=("null",))
    kinds = [type(event.message).__name__ for event in events if isinstance(event, RunMessage)]

    assert isinstance(events[0], RepeatStarted)
    assert isinstance(events[-1], RunEnded)
    assert events[0].log.exists()
    assert list(dict.fromkeys(kinds)) == ["Loading", "Started", "WarmingUp", "Tick", "RepeatEnded", "Finished"]
    assert only_record(events).memories_per_s > 0
    assert only_record(events).environment["python"]


def test_each_repeat_has_a_process_of_its_own(run):
    processes = set()

    def watch(session, event):
        if has_measured(event):
            processes.update(runner.pid for runner in runners())

    events = run(backends=("qdrant",), repeats=3, during=watch)
    record = only_record(events)

    assert len(processes) == 3
    assert len(record.memories_per_s_repeats) == len(set(record.repeats_started_at)) == 3
    assert record.memories_per_s_low < record.memories_per_s < record.memories_per_s_high
    assert (record.acknowledged, record.stored, record.lost) == (90, 90, 0), "the audits are added up"
    assert record.took_s > record.measured_s


def test_the_runs_of_a_plan_alternate_in_blocks(run):
    events = run(backends=("null",), clients=(1, 2), repeats=3)
    order = [(event.index, event.repeat) for event in events if isinstance(event, RepeatStarted)]
    ends = [
        (type(event), event.index, event.record.status) for event in events if isinstance(event, RunPaused | RunEnded)
    ]

    assert order == [(0, 0), (1, 0), (1, 1), (0, 1), (0, 2), (1, 2)]
    assert ends == [
        *((RunPaused, index, "partial") for index in (0, 1, 1, 0)),
        *((RunEnded, index, "ok") for index in (0, 1)),
    ]  # fmt: skip


def test_a_run_that_fails_has_no_further_repeats(run, plugins):
    events = run(backends=("raises-all", "null"), repeats=2)

    assert [event.index for event in events if isinstance(event, RepeatStarted)] == [0, 1, 1]
    assert [record.status for record in records(events)] == ["failed", "ok"]


def test_stopping_keeps_the_repeats_of_every_run(run):
    def stop(session, event):
        if isinstance(event, RunPaused) and event.index == 1:
            session.stop()

    ended = records(run(backends=("null",), clients=(1, 2, 3), repeats=2, during=stop))

    assert [(record.clients, record.status, record.error) for record in ended] == [
        (1, "partial", "ended by the user after 1 of 2 repeats"),
        (2, "partial", "ended by the user after 1 of 2 repeats"),
    ]
    assert all(record.memories_per_s and record.acknowledged == 30 for record in ended)


def test_an_open_loop_records_its_target_and_what_was_achieved(run):
    record = only_record(run(backends=("null",), target_operations_per_s=500.0, arrivals="constant"))

    assert (record.loop, record.target_operations_per_s, record.arrivals) == ("open", 500.0, "constant")
    assert 0 < record.memories_per_s < 600
    assert record.acknowledged == 30


def test_an_open_loop_counts_everything_that_fell_due(run, plugins):
    record = only_record(
        run("steady", backends=("slow",), duration_s=0.5, target_operations_per_s=1000.0, arrivals="constant",
            clients=(1,))
    )  # fmt: skip

    assert record.status == "ok"
    assert record.acknowledged + record.due_not_started == 500 == decode_latencies(record.latency_hdr).total
    assert record.due_not_started > 300
    assert "ran_out_of_clients" in [fact.name for fact in record.verdict_evidence]


def test_the_clients_of_a_closed_loop_are_busy_and_agree_with_littles_law(run, plugins):
    record = only_record(run("steady", backends=("slow",), duration_s=0.5))

    assert record.effective_concurrency == pytest.approx(2, rel=0.1)
    assert record.little_ratio == pytest.approx(1, abs=0.05)
    assert record.due_not_started is None


@pytest.mark.parametrize(
    ("backend", "status", "error", "figures"),
    [
        ("raises-some", "errors", "33 % of the operations failed", (20, 20, 0, 0, 0)),
        ("prints", "ok", None, (30, 30, 0, 0, 0)),
        ("raises-all", "failed", "every operation failed: ConnectionError x 30", (0, 0, 0, 0, 0)),
        ("loses", "failed", "3 memories of 30 acknowledged lost", (30, 27, 3, 0, 0)),
        ("duplicates", "failed", "2 memories stored twice", (30, 32, 0, 2, 0)),
        ("corrupts", "failed", "1 memory of 30 acknowledged lost, 2 memories corrupted", (30, 30, 1, 0, 2)),
        (
            "unreadable",
            "failed",
            "the store is corrupted and cannot be read back: RuntimeError: page 4 is torn and cannot be read",
            (30, None, None, None, None),
        ),
    ],
)
def test_the_record_states_what_a_faulty_backend_did(run, plugins, backend, status, error, figures):
    record = only_record(run(backends=(backend,)))

    assert (record.status, record.error) == (status, error)
    assert (record.acknowledged, record.stored, record.lost, record.duplicated, record.corrupted) == figures
    failures = decode_latencies(record.error_latency_hdr).total if record.error_latency_hdr else 0
    assert failures == record.errors
    assert record.error_kinds == {"raises-some": {"ValueError": 10}, "raises-all": {"ConnectionError": 30}}.get(
        backend, {}
    )


@pytest.mark.parametrize(
    ("backend", "status", "error", "figures"),
    [
        ("faithful", "ok", None, (0, 0, 0, None, False)),
        ("wrong-users", "failed", "3 memories stored under another user", (0, 0, 3, None, False)),
        ("historian", "ok", None, (0, 0, 0, 0, False)),
        ("forgets-history", "failed", "3 memories missing from the history", (0, 0, 0, 3, False)),
        ("own-vectors", "ok", None, (0, 0, 0, None, False)),
        ("shares-vectors", "failed", "3 memories corrupted", (0, 3, 0, None, False)),
        ("flushes", "ok", None, (0, 0, 0, None, True)),
        ("forgets-to-flush", "failed", "13 memories of 30 acknowledged lost", (13, 0, 0, None, True)),
    ],
)
def test_the_audit_tells_faulty_backends_from_sound_ones(run, plugins, backend, status, error, figures):
    record = only_record(run(backends=(backend,), clients=(1,)))

    assert (record.status, record.error) == (status, error)
    assert (record.lost, record.corrupted, record.misplaced, record.history_missing, record.store_reopened) == figures
    assert record.failed_audit == (status == "failed")


def test_the_log_has_what_a_backend_prints(run, plugins, capfd):
    events = run(backends=("prints",))

    log = events[0].log.read_bytes()
    assert [log.count(junk) for junk in (b"junk on stdout", b"junk on stderr", b"junk past Python")] == [30] * 3
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("backend", "status", "error"),
    [
        ("segfaults", "crashed", "the runner was killed by SIGSEGV; its log is {log}"),
        ("exits", "crashed", "the runner ended with exit code 7; its log is {log}"),
        ("system-exit", "failed", "RuntimeError: SystemExit ended a client: the library has had enough"),
        ("late-import", "failed", "late-import: ModuleNotFoundError: No module named 'no_such_module_of_theirs'"),
    ],
)
def test_a_backend_that_ends_its_process_fails_only_its_own_run(run, plugins, backend, status, error):
    events = run(backends=("null", backend, "qdrant"))
    log = next(event.log for event in events if isinstance(event, RepeatStarted) and event.index == 1)

    assert [record.status for record in records(events)] == ["ok", status, "ok"]
    assert records(events)[1].error == error.format(log=log)
    assert records(events)[1].stored is None


def test_a_backend_that_is_broken_only_in_the_runner_says_why(run, plugins, monkeypatch, tmp_path):
    """The console finds the plugin, and the runner does not."""
    (plugins / "faulty_backends.py").rename(tmp_path / "away.py")
    try:
        record = only_record(run(backends=("slow",)))
    finally:
        (tmp_path / "away.py").rename(plugins / "faulty_backends.py")

    assert record.status == "failed"
    assert "the plugin slow = faulty_backends:SLOW of faulty does not load: ModuleNotFoundError" in record.error


def test_a_runner_that_is_killed_is_a_crashed_run_with_figures(run, plugins):
    acknowledged = []

    def kill(session, event):
        if has_measured(event) and event.index == 1 and not acknowledged:
            (runner,) = runners()
            runner.send_signal(signal.SIGKILL)
            acknowledged.append(event.measurement.acknowledged)

    ended = records(run(backends=("null", "slow", "qdrant"), items=3000, during=kill))

    assert [record.status for record in ended] == ["ok", "crashed", "ok"]
    assert ended[1].acknowledged >= acknowledged[0] > 0
    assert ended[1].memories_per_s > 0
    assert ended[1].latency_p50_ms > 0
    assert "the runner was killed by SIGKILL" in ended[1].error


def test_an_operation_that_hangs_times_out_and_the_plan_continues(run, plugins):
    ended = records(run(backends=("hangs", "null"), timeout_s=1.5))

    assert [record.status for record in ended] == ["timeout", "ok"]
    assert ended[0].error == "no operation returned for 2 s while measuring; see --timeout"
    assert (ended[0].acknowledged, ended[0].stored) == (5, None)


def test_a_timeout_of_weeks_is_possible(run):
    assert only_record(run(backends=("null",), timeout_s=1e8)).status == "ok"


def test_stopping_keeps_what_was_measured_and_ends_the_plan(run, plugins):
    def stop(session, event):
        if has_measured(event):
            session.stop()

    events = run("steady", backends=("slow", "null"), during=stop)
    record = only_record(events)

    assert (record.status, record.error) == ("partial", "ended by the user")
    assert record.acknowledged > 0
    assert record.memories_per_s > 0
    assert record.stored is None


def test_stopping_while_loading_leaves_an_empty_record(run):
    record = only_record(run(backends=("null", "null"), during=lambda session, event: session.stop()))

    assert (record.status, record.acknowledged, record.memories_per_s) == ("partial", 0, None)


def test_stopping_before_the_start_runs_nothing(plan_of):
    session = Session(plan_of())
    session.stop()

    assert list(session.events()) == []
    session.stop()


def test_skipping_continues_with_the_next_run(run, plugins):
    def skip(session, event):
        if has_measured(event) and event.index == 0:
            session.skip()

    ended = records(run("steady", "quick", backends=("slow",), during=skip))

    assert [record.status for record in ended] == ["partial", "ok"]
    assert (ended[1].acknowledged, ended[1].stored) == (30, 30)


def test_closing_the_events_ends_the_runner(plan_of, plugins, temporary):
    events = Session(plan_of("steady")).events()
    assert next(event for event in events if has_measured(event))
    events.close()

    assert processes() == []
    assert list(temporary.glob("membench-*")) == []


def test_a_runner_that_cannot_be_started_is_a_crashed_run(run, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    ended = records(run(backends=("null",)))

    assert [record.status for record in ended] == ["crashed"]
    assert ended[0].error.startswith("the runner cannot be started: ")


def test_the_oldest_logs_are_deleted(run, own_folders):
    logs = own_folders / "state" / "membench-tui" / "log"
    logs.mkdir(parents=True)
    for number in range(250):
        path = logs / f"old-{number}.log"
        path.touch()
        os.utime(path, (number, number))
    run(backends=("null",))

    remaining = {path.name for path in logs.glob("old-*.log")}
    assert "old-249.log" in remaining
    assert "old-0.log" not in remaining
    assert len(list(logs.glob("*.log"))) <= 201


def test_the_record_states_what_the_console_drew(plan_of):
    plan = plan_of("quick", backends=("null",))
    assert only_record(list(Session(plan).events())).drawn == "headless"
    drawn = iter(["4/s", "quiet", "quiet"])
    assert only_record(list(Session(plan, drawn=lambda: next(drawn)).events())).drawn == "4/s, then quiet"
