"""The clients: how items are shared, when operations start, when latencies start, and what failures do."""

from __future__ import annotations

import itertools
import threading
from collections import Counter, defaultdict

import numpy as np
import pytest

from membench.runner import load
from membench.runner.load import NEVER_NS, Clients, batch_share
from membench.runner.meters import Meters
from membench.runner.recorder import ClientLog
from membench.runner.sampler import Sampler
from membench.spec.corpus import Texts, benchmark_text

NS = 1_000_000_000


class Recording:
    """A backend that records the calls of each user; `before` receives each call's texts."""

    def __init__(self, before=lambda texts: None):
        self.calls = defaultdict(list)
        self._before = before

    def add(self, text, user_id):
        self.add_batch([text], user_id)

    def add_batch(self, texts, user_id):
        self._before(texts)
        self.calls[user_id].append(list(texts))

    @property
    def texts(self):
        return [text for calls in self.calls.values() for call in calls for text in call]


@pytest.fixture
def run(spec):
    """A function that runs the clients once or more and returns them, drained; `after` receives each repeat."""

    def run(backend, repeats=1, after=lambda repeat: None, **changes):
        made = spec(**changes)
        clients = Clients(made, backend, Texts(made.corpus, seed=1))
        for repeat in range(repeats):
            meters = Meters(False, {})
            sampler = Sampler(repeat, clients.logs, meters)
            repeat_in_progress = clients.start(repeat)
            sampler.start(repeat_in_progress.start_ns)
            assert repeat_in_progress.wait(NEVER_NS)
            sampler.tick(repeat_in_progress.start_ns + 1, last=True)
            meters.stop()
            after(repeat_in_progress)
        return clients

    return run


@pytest.mark.parametrize("clients", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("items", [1, 5, 19, 20, 21, 100])
def test_a_closed_loop_shares_items_evenly(run, items, clients):
    backend = Recording()
    done = run(backend, items=items, clients=clients)
    shares = [log.acknowledged for log in done.logs]

    assert sum(shares) == items
    assert max(shares) - min(shares) <= 1
    assert sorted(backend.texts) == sorted({text for text in backend.texts})
    assert len(backend.texts) == items
    if items % clients == 0:
        assert sorted(backend.texts) == sorted(map(benchmark_text, range(items)))


@pytest.mark.parametrize("clients", [1, 2, 3, 8])
@pytest.mark.parametrize(("items", "size"), [(100, 100), (30, 4), (7, 10), (1, 1), (64, 8)])
def test_batches_are_dealt_out_and_the_last_may_be_short(run, items, size, clients):
    backend = Recording()
    done = run(backend, operation="add_batch", items=items, batch_size=size, clients=clients)
    lengths = Counter(len(call) for calls in backend.calls.values() for call in calls)

    assert lengths == Counter({size: items // size}) + Counter({items % size: 1} if items % size else {})
    assert len(set(backend.texts)) == len(backend.texts) == items
    assert [log.acknowledged for log in done.logs] == [batch_share(items, size, k, clients) for k in range(clients)]


def test_each_client_is_a_user(run):
    backend = Recording()
    run(backend, items=20, clients=4)

    assert sorted(backend.calls) == [f"user-{client}" for client in range(4)]


def test_each_repeat_adds_the_same_texts(run):
    backend = Recording()
    done = run(backend, repeats=3, items=20, clients=4)

    assert sorted(backend.texts) == sorted([*map(benchmark_text, range(20))] * 3)
    assert sum(log.acknowledged for log in done.logs) == 60


def test_operations_that_raise_are_counted_and_the_run_continues(run):
    def every_third(texts):
        if int(texts[0].split()[3].rstrip(":")) % 3 == 0:
            raise ValueError("no")

    backend = Recording(every_third)
    done = run(backend, items=30, clients=3)
    failed = [text for log in done.logs for text in log.failed_texts]

    assert sum((log.errors for log in done.logs), Counter()) == {"ValueError": 10}
    assert sorted(failed) == sorted(benchmark_text(i) for i in range(0, 30, 3))
    assert sum(log.acknowledged for log in done.logs) == 20 == len(backend.texts)
    assert not set(failed) & set(backend.texts)


@pytest.mark.parametrize("rate", [None, 10.0])
@pytest.mark.parametrize("operation", ["add", "add_batch"])
def test_the_latency_of_an_operation_that_raises_is_recorded_apart(run, clock, rate, operation):
    def slow_then_broken(texts):
        clock.sleep(0.02)
        if benchmark_text(0) in texts:
            raise ValueError("no")

    drained = []
    with pytest.MonkeyPatch.context() as patch:
        original = ClientLog.drain_failures
        patch.setattr(ClientLog, "drain_failures", lambda log: drained.extend(taken := original(log)) or taken)
        done = run(Recording(slow_then_broken), operation=operation, items=2, clients=1, target_operations_per_s=rate)

    assert drained == [20_000_000]
    assert done.logs[0].acknowledged == 1


@pytest.mark.parametrize("rate", [None, 1e6])
def test_a_batch_that_raises_fails_as_one_operation(run, rate):
    def first(texts):
        if benchmark_text(0) in texts:
            raise KeyError("no")

    done = run(
        Recording(first), operation="add_batch", items=30, batch_size=10, clients=1, target_operations_per_s=rate
    )

    assert done.logs[0].errors == {"KeyError": 1}
    assert done.logs[0].failed_texts == [benchmark_text(i) for i in range(10)]
    assert done.logs[0].acknowledged == 20


@pytest.mark.parametrize("operation", ["add", "add_batch"])
def test_a_closed_loop_ends_at_its_deadline(operation, monkeypatch):
    clock = iter(range(0, 10**6, 10))
    monkeypatch.setattr(load.time, "perf_counter_ns", lambda: next(clock))
    log = ClientLog(batched=operation == "add_batch")
    if operation == "add":
        load.add_closed(log, lambda text, user: None, "user-0", iter(lambda: "text", None), deadline_ns=100)
        assert list(log.latencies_ns) == [10] * 6  # the clock is read twice per operation; the last reading is 110
    else:
        load.call_closed(log, lambda batch: None, iter(lambda: ["a", "b"], None), deadline_ns=100)
        assert (len(log.latencies_ns), log.batch_items) == (4, 8)  # three readings per operation


def test_a_constant_rate_spaces_operations_evenly(spec):
    planned = load.planned_starts_ns(spec(items=50, target_operations_per_s=20.0, arrivals="constant"), repeat=0)

    assert planned == pytest.approx([i * NS / 20 for i in range(50)], abs=1)


def test_a_poisson_process_has_independent_exponential_gaps(spec):
    made = spec(items=20_000, target_operations_per_s=50.0, arrivals="poisson")
    planned = load.planned_starts_ns(made, repeat=0)
    gaps = np.diff([0, *planned]) / NS

    assert len(planned) == 20_000
    assert gaps.min() >= 0
    assert gaps.mean() == pytest.approx(1 / 50, rel=0.03)
    assert gaps.std() == pytest.approx(1 / 50, rel=0.05)
    assert abs(np.corrcoef(gaps[:-1], gaps[1:])[0, 1]) < 0.03
    assert load.planned_starts_ns(made, repeat=0) == planned
    assert load.planned_starts_ns(made, repeat=1) != planned


@pytest.mark.parametrize("arrivals", ["constant", "poisson"])
@pytest.mark.parametrize("rate", [0.5, 7.0, 1000.0])
def test_a_schedule_covers_the_whole_run(spec, arrivals, rate):
    for seed in range(20):
        made = spec(items=None, duration_s=10.0, target_operations_per_s=rate, arrivals=arrivals, seed=seed)
        assert load.planned_starts_ns(made, repeat=0)[-1] >= 10 * NS


@pytest.mark.parametrize("arrivals", ["constant", "poisson"])
def test_an_open_loop_runs_all_items_on_whichever_client_is_free(run, arrivals):
    backend = Recording()
    done = run(backend, items=101, clients=4, target_operations_per_s=1e6, arrivals=arrivals)

    assert sum(log.acknowledged for log in done.logs) == 101 == len(set(backend.texts))


def test_an_open_loop_of_batches_schedules_operations_not_memories(run):
    backend = Recording()
    run(backend, operation="add_batch", items=40, batch_size=8, clients=2, target_operations_per_s=1e6)

    assert [len(call) for calls in backend.calls.values() for call in calls] == [8] * 5


class FakeClock:
    """A clock that advances only when a thread sleeps or an operation takes time."""

    def __init__(self):
        self.now_ns = 1000 * NS

    def perf_counter_ns(self):
        return self.now_ns

    def sleep(self, seconds):
        self.now_ns += round(seconds * NS)


@pytest.fixture
def clock(monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr(load, "time", clock)
    return clock


def open_loop(run, clock, takes_s, **changes):
    durations = iter(takes_s)
    starts = []

    def work(texts):
        starts.append(clock.now_ns - 1000 * NS)
        clock.sleep(next(durations))

    made = {"target_operations_per_s": 10.0, "arrivals": "constant", "clients": 1, **changes}
    noted = []
    original = load.ClientLog.drain
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load.ClientLog, "drain", lambda log: noted.extend(taken := original(log)) or taken)
        run(Recording(work), **made)
    return [ns / NS for ns in starts], [ns / NS for ns in noted]


def test_latency_counts_from_the_planned_start(run, clock):
    starts, latencies = open_loop(run, clock, takes_s=[0.35, 0.01, 0.01, 0.01, 0.01, 0.01], items=6)

    # Planned at 0, 0.1, ...: the first takes until 0.35, so those of 0.1, 0.2 and 0.3 start late, one after another.
    assert starts == pytest.approx([0, 0.35, 0.36, 0.37, 0.4, 0.5])
    assert latencies == pytest.approx([0.35, 0.26, 0.17, 0.08, 0.01, 0.01])


def test_no_operation_starts_before_its_planned_start(run, clock):
    starts, latencies = open_loop(run, clock, takes_s=[0.02] * 5, items=5)

    assert starts == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert latencies == pytest.approx([0.02] * 5)


def test_nothing_starts_after_the_deadline(run, clock):
    starts, latencies = open_loop(run, clock, takes_s=[0.02, 0.45, 9.9], items=None, duration_s=0.4)

    assert starts == pytest.approx([0, 0.1])
    assert latencies == pytest.approx([0.02, 0.45])


@pytest.mark.parametrize("duration_s", [1.0, 2.0, 8.0])
def test_every_operation_that_was_due_is_counted_even_if_it_never_started(run, clock, duration_s):
    """A system that serves 50 operations per second is offered 100."""
    unstarted, offered = [], round(100 * duration_s)
    starts, latencies = open_loop(
        run, clock, takes_s=itertools.repeat(0.02), items=None, duration_s=duration_s, target_operations_per_s=100.0,
        after=lambda repeat: unstarted.extend(ns / NS for ns in repeat.drain_unstarted()),
    )  # fmt: skip

    assert len(starts) == len(latencies) == offered / 2
    assert len(unstarted) == offered / 2
    due_s = [n / 100 for n in range(offered)]
    assert sorted(unstarted) == pytest.approx(sorted(duration_s - at for at in due_s[offered // 2 :]), abs=1e-6)


@pytest.mark.parametrize("duration_s", [2.0, 8.0])
def test_a_system_that_stops_cannot_hide_behind_the_operations_that_returned(run, clock, duration_s):
    """After a second it stops until the deadline: what falls due meanwhile waits, and is most of what was offered."""
    unstarted = []
    stall = itertools.chain([0.005] * 100, [duration_s - 1.0], itertools.repeat(0.005))
    _, latencies = open_loop(
        run, clock, takes_s=stall, items=None, duration_s=duration_s, target_operations_per_s=100.0,
        after=lambda repeat: unstarted.extend(ns / NS for ns in repeat.drain_unstarted()),
    )  # fmt: skip
    slow = [latency for latency in latencies if latency > 0.01]

    assert len(slow) == 1  # all that the operations that returned say about the stop
    assert len(latencies) + len(unstarted) == 100 * duration_s
    assert np.median([*latencies, *unstarted]) == pytest.approx({2.0: 0.0075, 8.0: 3.0}[duration_s], abs=0.02)


def test_an_open_loop_by_items_starts_everything(run, clock):
    unstarted = []
    open_loop(run, clock, takes_s=[0.5] * 6, items=6, after=lambda repeat: unstarted.extend(repeat.drain_unstarted()))

    assert unstarted == []


def test_no_client_waits_for_a_start_after_the_deadline(run, clock):
    starts, _ = open_loop(run, clock, takes_s=[0.02] * 10, items=None, duration_s=0.35)

    assert starts == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_free_client_takes_what_falls_due(run):
    """While the first operation occupies one of two clients, the other takes all that falls due."""
    released, begun = threading.Event(), []

    def hold_the_first(texts):
        begun.append(texts[0])
        if len(begun) == 1:
            assert released.wait(60)
        elif len(begun) == 10:
            released.set()

    backend = Recording(hold_the_first)
    run(backend, items=10, clients=2, target_operations_per_s=1e6, arrivals="constant")

    assert sorted(map(len, backend.calls.values())) == [1, 9]


@pytest.mark.parametrize("rate", [None, 1e6])
@pytest.mark.parametrize("crash", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_a_backend_that_ends_a_client_thread_is_remembered(run, crash, rate):
    def raise_it(texts):
        raise crash

    repeats = []
    run(Recording(raise_it), after=repeats.append, items=10, clients=2, target_operations_per_s=rate)

    assert repeats[0].crash is crash
