"""Trials: what an advice recommends becomes a plan, and its records become outcomes."""

from __future__ import annotations

import msgspec
import pytest

from membench.analysis.diagnosis import Advice
from membench.plan.checks import strategy_options
from membench.plan.trial import trial_plan, trials_of
from membench.session.measurement import Measurement


@pytest.fixture
def advised(spec):
    """A factory of records of runs that went well, with an advice."""

    def advised(step, options, **changes):
        record = Measurement(spec(backend="agentmem", strategy="mutex", store="local", **changes)).record("ok")
        return msgspec.structs.replace(record, memories_per_s=100.0, verdict_advice=Advice(step, options))

    return advised


def choices(plan):
    return [(run.strategy, run.store, run.threads) for run in plan.runs]


def test_the_run_is_measured_again_next_to_the_alternative(advised):
    record = advised("replace_strategy", {"strategy": "shared"}, strategy_options={}, clients=20)
    plan = trial_plan(record)
    again, alternative = plan.runs

    assert choices(plan) == [("mutex", "local", None), ("shared", "local", None)]
    assert len({record.run_id, again.run_id, alternative.run_id}) == 3
    assert {run.plan_id for run in plan.runs} == {plan.plan_id} != {record.plan_id}
    assert (again.clients, again.items, again.seed, again.repeats) == (20, record.items, record.seed, 3)


def test_an_alternative_gets_the_options_of_its_strategy(advised):
    plan = trial_plan(advised("batch_calls", {"strategy": "adaptive"}, strategy_options={}))

    assert plan.runs[1].strategy_options == strategy_options("adaptive", {}) != {}


def test_a_store_with_a_lock_is_also_tried_without_it(advised):
    plan = trial_plan(advised("replace_store", {"store": "edge"}))

    assert [run.store for run in plan.runs] == ["local", "edge", "local-unlocked"]


def test_the_store_of_the_run_is_no_alternative(advised):
    assert [run.store for run in trial_plan(advised("compare_stores", {"store": "local,edge"})).runs] == [
        "local",
        "edge",
    ]


def test_more_repeats_than_an_interval_needs_are_kept(advised):
    assert trial_plan(advised("fewer_threads", {"threads": 1}, repeats=5)).runs[0].repeats == 5


@pytest.mark.parametrize(
    ("step", "options"), [("raise_rate", {"rate": None}), ("measure_longer", {"repeats": 3}), ("remove_timer", {})]
)
def test_an_advice_without_another_choice_cannot_be_tried(advised, step, options):
    assert trial_plan(advised(step, options)) is None


def test_a_run_that_failed_has_nothing_to_try(advised):
    record = advised("fewer_threads", {"threads": 1})

    assert trial_plan(msgspec.structs.replace(record, status="failed")) is None
    assert trial_plan(msgspec.structs.replace(record, verdict_advice="a sentence of schema 1")) is None


def test_the_outcome_is_the_ratio_to_the_run_beside_it(advised, repeated):
    record = advised("replace_store", {"store": "edge"})
    again, edge, unlocked = (msgspec.structs.replace(record, run_id=name) for name in ("again", "edge", "unlocked"))
    measured = [
        repeated(again, 100.0, 101.0, 102.0),
        repeated(edge, 200.0, 204.0, 203.0),
        msgspec.structs.replace(repeated(unlocked, 50.0, 51.0, 50.0), status="failed", error="9 memories lost"),
    ]
    first, second = trials_of(record, measured)

    assert (first.run_id, first.options, first.problem) == ("edge", {"store": "edge"}, None)
    assert first.ratio.value == pytest.approx(2.0, rel=0.01)
    assert (first.ratio.basis, second.ratio.includes_1) == ("pairs", False)
    assert (second.options, second.problem) == ({"store": "local-unlocked"}, "9 memories lost")


def test_an_interrupted_trial_has_no_outcome(advised, repeated):
    record = advised("fewer_threads", {"threads": 1})
    whole = repeated(record, 1.0, 2.0, 3.0)

    assert trials_of(record, [whole]) == ()
    assert trials_of(record, [whole, msgspec.structs.replace(whole, status="partial")]) == ()
