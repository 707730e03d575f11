"""From messages to figures and records, also of a run that was cut short. What is unknown is None."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

import msgspec
import pytest
from hdrh.histogram import HdrHistogram

from membench.analysis.figures import Figures
from membench.messages.run import (
    Audit,
    Auditing,
    Contention,
    Finished,
    Loading,
    LockUse,
    RepeatEnded,
    Started,
    TimeSplit,
    WarmingUp,
)
from membench.results.latency import decode_latencies
from membench.results.record import Record
from membench.session.measurement import Measurement
from membench.spec.run import RunSpec

DESIGNED = {
    *("schema", "run_id", "plan_id", "started_at", "membench_version", "scenario", "operation", "backend", "strategy"),
    *("strategy_options", "store", "model", "weights", "precision", "threads", "clients", "corpus", "seed", "metering"),
    *("target_operations_per_s", "repeats", "items", "duration_s", "status", "error", "memories_per_s"),
    *("memories_per_s_low", "memories_per_s_high", "memories_per_s_repeats", "operations_per_s", "latency_p50_ms"),
    *("latency_p90_ms", "latency_p99_ms", "latency_p99_9_ms", "latency_max_ms", "latency_mean_ms", "latency_hdr"),
    *("errors", "error_kinds", "acknowledged", "stored", "lost", "duplicated", "corrupted", "time_cpu"),
    *("time_runqueue", "time_lock", "time_result", "time_other", "stage_ms", "locks", "timers", "cpu_percent_per_core"),
    *("gil_busy", "fairness_jain", "queue_depth_p99", "batch_size_mean", "padding_factor", "rss_peak_mb"),
    *("limit_memories_per_s", "limit_share", "verdict", "verdict_evidence", "verdict_advice", "environment"),
}
"""The fields that the design names."""

STARTED = Started(weights="twin", threads=2, dimensions=384, environment={"cpu": "a fast one"})
AUDIT = Audit(acknowledged=8, stored=7, lost=1, duplicated=0, corrupted=0, problem="1 memory lost")


def contention(rss_peak_mb, wall_s=0.4):
    """The readings of a repeat in which two clients waited a quarter of their time for a lock."""
    return Contention(
        time=TimeSplit(wall_s, wall_s / 2, wall_s / 8, wall_s / 4, 0.0, 0.0, 4),
        locks=(LockUse("a.py:1", "lock", 4, 2, wall_s / 4, 0.1, 30.0, 1, "strategy"),),
        timers=(),
        stage_ms={"embed": (2.0, 3.0)},
        gauges={"batch_size": (4.0, 8.0), "tokens": (10.0, 0.0), "padded_tokens": (15.0, 0.0)},
        readings={
            "rss_peak_mb": rss_peak_mb,
            "cores_used": rss_peak_mb / 100,
            "gil_busy": 0.5,
            "metered_s": wall_s / 2,
        },
    )


@pytest.fixture
def whole_run(spec, tick):
    """Two repeats of two ticks each, all messages in their order."""
    measurement = Measurement(spec(clients=2, repeats=2))
    for message in (
        Loading(stage="loading"),
        STARTED,
        WarmingUp(items=2),
        tick(client_items=(2, 0)),
        tick(
            elapsed_s=0.2,
            errors={"ValueError": 1},
            cpu_percent_per_core=(30.0, 50.0),
            contention=contention(100.0),
        ),
        RepeatEnded(repeat=0, wall_s=0.2, operations=4, items=4),
        tick(repeat=1),
        tick(repeat=1, elapsed_s=0.2, latency_ns=(5_000_000,), latency_counts=(2,), contention=contention(140.0)),
        RepeatEnded(repeat=1, wall_s=0.1, operations=4, items=4),
        Auditing(),
        Finished(audit=AUDIT),
    ):
        measurement.feed(message)
    return measurement


def test_a_record_has_every_designed_field():
    assert set(Record.__struct_fields__) >= DESIGNED


def test_a_whole_run_makes_a_whole_record(whole_run):
    record = whole_run.record("ok")

    assert (record.run_id, record.plan_id, record.scenario, record.operation) == ("run-1", "plan-1", "quick", "add")
    assert (record.backend, record.strategy, record.store, record.clients) == ("mem0", "mutex", "local", 2)
    assert (record.weights, record.threads, record.environment) == ("twin", 2, {"cpu": "a fast one"})
    assert (record.loop, record.target_operations_per_s, record.arrivals) == ("closed", None, None)
    assert record.memories_per_s_repeats == pytest.approx((20, 40))
    assert record.memories_per_s == pytest.approx((20 * 40) ** 0.5)
    assert (record.memories_per_s_low, record.memories_per_s_high) == (None, None), "two repeats are a range"
    assert (record.errors, record.error_kinds) == (1, {"ValueError": 1})
    assert (record.acknowledged, record.stored, record.lost, record.duplicated, record.corrupted) == (8, 7, 1, 0, 0)
    assert record.cpu_percent_per_core == pytest.approx((15, 80))
    assert record.fairness_jain is None  # each client has its share of the items
    assert record.rss_peak_mb == 140.0
    assert record.cores_used == pytest.approx(1.2)
    assert record.operations_per_s == pytest.approx(8 / 0.4)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", record.started_at)


def test_the_meters_of_all_repeats_are_combined(whole_run):
    record = whole_run.record("ok")
    (lock,) = record.locks

    assert (lock.acquisitions, lock.wait_s, lock.component) == (8, pytest.approx(0.2), "strategy")
    assert record.client_time_s == pytest.approx(0.8)
    assert (record.time_cpu, record.time_runqueue, record.time_lock) == pytest.approx((0.5, 0.125, 0.25))
    assert record.time_other == pytest.approx(0.125)
    assert record.wait_share(lock) == record.time_lock
    assert record.metered_s == pytest.approx(0.4)
    assert record.held_share(lock) == pytest.approx(0.2 / 0.4)
    assert (record.stage_ms, record.stage_p99_ms) == ({"embed": 2.0}, {"embed": 3.0})
    assert (record.batch_size_mean, record.padding_factor) == (4.0, 1.5)


def test_progress_and_record_state_the_same_figures(whole_run):
    progress, record = whole_run.progress(), whole_run.record("ok")
    figures = {name: getattr(progress.figures, name) for name in Figures.__struct_fields__}
    only_at_the_end = ("latency_hdr", "memories_per_s_low", "memories_per_s_high", "memories_per_s_windows")

    assert {name for name, value in figures.items() if value != getattr(record, name)} <= set(only_at_the_end)
    assert progress.latencies == decode_latencies(record.latency_hdr)
    assert progress.latencies.percentile_ms(99.0) == record.latency_p99_ms == figures["latency_p99_ms"]
    assert progress.measured_s == record.measured_s == pytest.approx(0.4)


def test_latencies_are_sorted_only_for_whole_snapshots(spec, tick):
    measurement = Measurement(spec(clients=2))
    measurement.feed(tick())
    before = measurement.progress()
    measurement.feed(tick(elapsed_s=0.2, latency_ns=(9000,), latency_counts=(2,)))

    assert measurement.progress(whole=False).latencies == before.latencies
    assert measurement.progress(whole=False).figures.latency_max_ms == before.figures.latency_max_ms
    assert measurement.progress().latencies.total == 4


def test_the_held_share_of_a_run_in_progress_is_that_of_the_metered_time(spec, tick):
    measurement = Measurement(spec(clients=2))
    measurement.feed(tick(contention=contention(100.0)))
    before = measurement.progress().figures
    measurement.feed(tick(elapsed_s=0.2))
    after = measurement.progress().figures

    assert after.measured_s == 2 * before.measured_s
    assert after.held_share(after.locks[0]) == before.held_share(before.locks[0]) == pytest.approx(0.1 / 0.2)


def test_a_run_in_progress_is_diagnosed_once_enough_is_measured(spec, tick):
    measurement = Measurement(spec(clients=2))
    measurement.feed(tick(duration_s=1.0, elapsed_s=1.0, contention=contention(100.0)))
    assert measurement.progress().diagnosis is None
    measurement.feed(tick(duration_s=1.5, elapsed_s=2.5))

    assert measurement.progress().diagnosis.verdict == measurement.record("ok").verdict


def test_percentiles_are_those_of_all_latencies(whole_run):
    record = whole_run.record("ok")
    histogram = HdrHistogram.decode(record.latency_hdr)

    assert histogram.get_total_count() == 8
    assert record.latency_p50_ms is record.latency_p90_ms is record.latency_p99_ms is record.latency_p99_9_ms is None
    assert record.latency_max_ms == pytest.approx(5, rel=0.001)
    assert record.latency_mean_ms == pytest.approx((3 * 0.001 + 3 * 0.002 + 2 * 5) / 8, rel=0.001)


def test_percentiles_are_stated_of_enough_operations(spec, tick):
    measurement = Measurement(spec(clients=2))
    measurement.feed(tick(latency_ns=(1000, 2000), latency_counts=(900, 100)))
    record = measurement.record("ok")

    assert (record.latency_p50_ms, record.latency_p99_ms) == pytest.approx((0.001, 0.002), rel=0.001)
    assert record.latency_p99_9_ms is None


def test_the_rate_is_the_geometric_mean_over_repeats_with_its_interval(spec):
    measurement = Measurement(spec(repeats=5))
    rates = [100.0, 90.0, 250.0, 110.0, 95.0]
    for repeat, rate in enumerate(rates):
        measurement.feed(RepeatEnded(repeat=repeat, wall_s=2.0, operations=0, items=round(2 * rate)))
    record = measurement.record("ok")

    assert record.memories_per_s == pytest.approx(statistics.geometric_mean(rates))
    assert 50 < record.memories_per_s_low < record.memories_per_s < record.memories_per_s_high < 250
    assert record.memories_per_s_repeats == tuple(rates)


def test_one_repeat_has_no_interval(spec):
    measurement = Measurement(spec())
    measurement.feed(RepeatEnded(repeat=0, wall_s=2.0, operations=10, items=10))
    record = measurement.record("ok")

    assert (record.memories_per_s, record.memories_per_s_low, record.memories_per_s_high) == (5.0, None, None)


def test_a_run_that_was_cut_off_keeps_what_it_measured(spec, tick):
    measurement = Measurement(spec(clients=2))
    for message in (STARTED, tick(), tick(elapsed_s=0.2, items=4, client_items=(4, 0))):
        measurement.feed(message)
    record = measurement.record("crashed", "the runner was killed by SIGKILL")

    assert (record.status, record.error) == ("crashed", "the runner was killed by SIGKILL")
    assert record.memories_per_s == pytest.approx(30)
    assert record.memories_per_s_repeats == ()
    assert record.acknowledged == 6
    assert record.latency_max_ms is not None
    assert (record.stored, record.lost, record.duplicated, record.corrupted) == (None, None, None, None)


def test_a_later_repeat_that_was_cut_off_does_not_count_towards_the_rate(spec, tick):
    measurement = Measurement(spec(clients=2, repeats=2))
    for message in (tick(), RepeatEnded(repeat=0, wall_s=0.1, operations=2, items=2), tick(repeat=1, items=900)):
        measurement.feed(message)

    assert measurement.record("partial").memories_per_s == pytest.approx(20)


def test_the_record_states_the_threads_of_each_session_and_who_chose_them(spec):
    started = Started(weights="twin", threads=1, dimensions=384, environment={}, session_threads=(1, 2))
    records = []
    for chosen in (None, 1):
        measurement = Measurement(spec(threads=chosen))
        for message in (started, Finished(audit=None, bm25=False)):
            measurement.feed(message)
        records.append(measurement.record("ok"))

    assert [(record.session_threads, record.threads_auto) for record in records] == [((1, 2), True), ((1, 2), False)]
    assert [record.bm25 for record in records] == [False, False]
    assert Measurement(spec()).record("ok").bm25 is None


def test_what_a_run_that_never_started_cannot_have_is_none(spec):
    record = Measurement(spec()).record("crashed", "dead")
    settings = {
        "run_id", "plan_id", "scenario", "backend", "strategy", "strategy_options", "backend_options", "store",
        "operation", "corpus", "clients", "items", "batch_size", "repeats", "warmup_items", "seed", "model",
        "precision", "embedder", "metering",
    }  # fmt: skip
    known = {"schema", "started_at", "membench_version", "status", "error", "errors", "error_kinds", "acknowledged",
             "memories_per_s_repeats", "repeats_started_at", "trials", "environment"}  # fmt: skip

    assert {field for field in Record.__struct_fields__ if getattr(record, field) is not None} == settings | known
    assert record.environment == record.error_kinds == {}
    assert record.acknowledged == record.errors == 0


def test_a_run_in_which_everything_failed_has_no_latency(spec, tick):
    measurement = Measurement(spec(clients=2))
    nothing = {"operations": 0, "items": 0, "latency_ns": (), "latency_counts": (), "client_items": (0, 0)}
    measurement.feed(tick(**nothing, errors={"OSError": 9}))
    record = measurement.record("failed", "every operation failed")

    assert record.memories_per_s == 0
    assert [getattr(record, f) for f in Record.__struct_fields__ if f.startswith("latency")] == [None] * 7
    assert (record.fairness_jain, record.errors, record.acknowledged) == (None, 9, 0)


def test_fairness_is_stated_where_clients_are_not_given_their_shares(spec, tick):
    for changes in ({"duration_s": 1.0}, {"target_operations_per_s": 50.0}):
        measurement = Measurement(spec(clients=2, **changes))
        measurement.feed(tick(client_items=(5, 3)))

        assert measurement.record("ok").fairness_jain == pytest.approx((5 + 3) ** 2 / (2 * (5**2 + 3**2)))


def test_failures_have_latencies_of_their_own(spec, tick):
    measurement = Measurement(spec(clients=2))
    measurement.feed(tick(latency_ns=(1000,), latency_counts=(40,), errors={"OSError": 30},
                          failure_ns=(2_000_000, 800_000_000), failure_counts=(29, 1)))  # fmt: skip
    record = measurement.record("errors")

    assert (record.latency_p50_ms, record.latency_max_ms) == pytest.approx((0.001, 0.001), rel=0.001)
    assert (record.error_latency_p50_ms, record.error_latency_max_ms) == pytest.approx((2, 800), rel=0.001)
    assert record.error_latency_mean_ms == pytest.approx((29 * 2 + 800) / 30, rel=0.001)
    assert decode_latencies(record.error_latency_hdr).total == 30
    assert decode_latencies(record.latency_hdr).total == 40


def test_a_few_failures_have_a_mean_and_a_maximum_but_no_percentile(spec, tick):
    measurement = Measurement(spec(clients=2))
    measurement.feed(tick(errors={"OSError": 1}, failure_ns=(2_000_000,), failure_counts=(1,)))
    record = measurement.record("errors")

    assert record.error_latency_p50_ms is None
    assert (record.error_latency_mean_ms, record.error_latency_max_ms) == pytest.approx((2, 2), rel=0.001)


def split_of(wall_s):
    return msgspec.structs.replace(contention(1.0), time=TimeSplit(wall_s, 0.1, 0.0, 0.0, 0.0, 0.0, 4))


def test_the_operations_in_progress_add_up_to_the_clients_at_work(spec, tick):
    measurement = Measurement(spec(clients=2))
    measurement.feed(tick(latency_ns=(100_000_000,), latency_counts=(3,), errors={"OSError": 1},
                          failure_ns=(50_000_000,), failure_counts=(1,), contention=split_of(0.36)))  # fmt: skip
    assert measurement.progress().figures.little_ratio is None  # the readings are not of the same moment
    measurement.feed(RepeatEnded(repeat=0, wall_s=0.2, operations=3, items=3))
    record = measurement.record("ok")

    assert record.effective_concurrency == pytest.approx(0.35 / 0.2, rel=0.001)
    assert record.little_ratio == pytest.approx(0.35 / 0.36, rel=0.001)
    assert record.harness_share == pytest.approx(1 - 0.35 / 0.36, abs=0.001)
    assert record.finished_early_share == pytest.approx(1 - 0.36 / 0.4, abs=0.001)


def test_operations_that_never_started_are_in_the_percentiles_of_an_open_loop(spec, tick):
    measurement = Measurement(spec(clients=2, duration_s=1.0, target_operations_per_s=100.0))
    measurement.feed(tick(elapsed_s=1.0, latency_ns=(1_000_000,), latency_counts=(50,), contention=split_of(2.0)))
    assert measurement.progress().figures.due_not_started is None
    measurement.feed(RepeatEnded(repeat=0, wall_s=1.0, operations=50, items=50,
                                 unstarted_ns=(500_000_000,), unstarted_counts=(50,)))  # fmt: skip
    record = measurement.record("ok")

    assert record.due_not_started == 50
    assert record.latency_p90_ms == record.latency_max_ms == pytest.approx(500, rel=0.001)
    assert decode_latencies(record.latency_hdr).total == 100
    assert record.operations_per_s == pytest.approx(50 / 0.1)
    assert record.latency_mean_ms == pytest.approx(1, rel=0.001)
    assert record.effective_concurrency == pytest.approx(25.05, rel=0.001)
    assert (record.little_ratio, record.finished_early_share) == (None, None)
    assert record.verdict_evidence[-1].name == "ran_out_of_clients"


@pytest.mark.parametrize("changes", [{"duration_s": 1.0}, {"target_operations_per_s": 50.0}])
def test_only_an_open_loop_with_a_deadline_can_leave_operations_undone(spec, tick, changes):
    measurement = Measurement(spec(clients=2, **changes))
    for message in (tick(), RepeatEnded(repeat=0, wall_s=0.1, operations=2, items=2)):
        measurement.feed(message)

    assert measurement.record("ok").due_not_started is None


def test_a_record_starts_with_the_settings_of_its_spec(spec):
    made = spec(operation="add_batch", batch_size=5, batch_call=False, target_operations_per_s=5.0, arrivals="poisson")
    record = Measurement(made).record("ok")

    assert {name: getattr(record, name) for name in RunSpec.__struct_fields__} == msgspec.structs.asdict(made)
    assert (record.loop, spec().loop) == ("open", "closed")
    assert record.title() == made.title()


def test_without_metering_there_are_no_locks(spec, tick):
    measurement = Measurement(spec(metering=False))
    measurement.feed(tick(contention=contention(100.0)))

    assert measurement.record("ok").locks is measurement.record("ok").timers is None


def test_the_version_is_that_of_the_project():
    import tomllib
    from importlib.metadata import version

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]

    assert version("membench-tui") == project["version"]


def test_windows_are_those_of_each_repeat_and_averaged(spec, tick):
    measurement = Measurement(spec(clients=2, repeats=2))
    for repeat, factor in enumerate((10, 30)):
        measurement.begin_repeat()
        for number in range(10):
            elapsed_s = 0.1 * (number + 1)
            measurement.feed(tick(repeat=repeat, elapsed_s=elapsed_s, duration_s=0.1, items=factor * (number + 1)))
        measurement.feed(RepeatEnded(repeat=repeat, wall_s=1.0, operations=0, items=0))

    assert measurement.record("ok").memories_per_s_windows == pytest.approx([200.0 * n for n in range(1, 11)])


def test_the_audits_of_all_repeats_are_added_up(spec):
    measurement = Measurement(spec(repeats=2))
    unreadable = Audit(acknowledged=5, stored=None, lost=None, duplicated=None, corrupted=None, problem="unreadable")
    measurement.feed(Finished(audit=AUDIT))
    measurement.feed(Finished(audit=AUDIT))
    assert (measurement.audit.acknowledged, measurement.audit.lost) == (2 * AUDIT.acknowledged, 2 * AUDIT.lost)
    measurement.feed(Finished(audit=unreadable))
    assert (measurement.audit.lost, measurement.audit.problem) == (None, AUDIT.problem or "unreadable")
