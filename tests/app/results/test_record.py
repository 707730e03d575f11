"""Records: written in schema 3, and read in schemas 1 and 2 as well."""

from __future__ import annotations

import json

import msgspec
import pytest

from membench.analysis.diagnosis import Advice
from membench.analysis.facts import Fact
from membench.messages.run import LockUse
from membench.report.wording import COMMAND_LINE
from membench.results.record import SCHEMA, Record, decode_record

SCHEMA_1 = {
    "schema": 1, "run_id": "ab12", "plan_id": "p", "started_at": "2026-03-01T12:00:00.000+00:00",
    "membench_version": "0.1.0", "scenario": "steady-add", "operation": "add", "backend": "agentmem",
    "strategy": "mutex", "strategy_options": {"fair": False}, "store": "local", "model": "BAAI/bge-small-en-v1.5",
    "weights": "twin", "precision": "fp32", "embedder": "model", "threads": 2, "clients": 8, "loop": "open",
    "rate_ops_s": 50.0, "arrivals": "poisson", "batch_size": 1, "batch_call": None, "repeats": 3, "items": None,
    "duration_s": 5.0, "status": "ok", "error": None, "ops_per_s": 48.5, "ops_per_s_low": 47.0,
    "ops_per_s_high": 50.0, "ops_per_s_repeats": [48.5, 47.0, 50.0], "ops_per_s_windows": [48.0] * 10,
    "latency_p50_ms": 7.8, "latency_hdr": None, "errors": 0, "error_kinds": {}, "measured_s": 15.0,
    "acknowledged": 727, "time_lock": 0.9, "idle_share": 0.25, "context_switches_per_op": 3.5,
    "locks": [{"site": "backends/embedding/mutex.py:31", "name": "self._lock", "acquisitions": 10, "contended": 9,
               "wait_s": 45.0, "hold_s": 14.25, "longest_wait_ms": 300.0, "longest_queue": 7}],
    "timers": [], "limit_ops_per_s": 289.0, "limit_share": 0.17, "verdict": "lock-bound",
    "verdict_evidence": ["clients wait for locks 90 % of their time"],
    "verdict_advice": "One lock serialises every embedding: try --strategy shared, or one that batches.",
    "drawn": "headless", "environment": {"cpu": "a fast one"},
}  # fmt: skip


def test_a_record_of_schema_1_has_todays_names():
    record = decode_record(json.dumps(SCHEMA_1).encode())

    assert (record.schema, record.memories_per_s, record.memories_per_s_low, record.memories_per_s_high) == (
        SCHEMA, 48.5, None, None,
    )  # fmt: skip
    assert (record.memories_per_s_repeats, record.memories_per_s_windows) == ((48.5, 47.0, 50.0), (48.0,) * 10)
    assert (record.target_operations_per_s, record.loop) == (50.0, "open")
    assert (record.limit_memories_per_s, record.context_switches_per_operation) == (289.0, 3.5)
    assert COMMAND_LINE.evidence(record) == SCHEMA_1["verdict_evidence"]
    assert COMMAND_LINE.advice(record.verdict_advice) == SCHEMA_1["verdict_advice"]


def test_older_intervals_are_not_stated_because_they_came_from_one_process():
    ours = msgspec.json.decode(msgspec.json.encode(decode_record(json.dumps(SCHEMA_1).encode())))
    older = decode_record(json.dumps({**ours, "schema": 2, "memories_per_s_low": 47.0}).encode())

    assert (older.schema, older.memories_per_s_low) == (SCHEMA, None)


def test_what_schema_1_does_not_state_is_unknown():
    record = decode_record(json.dumps(SCHEMA_1).encode())

    assert (record.corpus, record.seed, record.warmup_items, record.operations_per_s) == (None, None, None, None)
    assert record.metering


def test_shares_of_a_lock_in_schema_1_are_those_of_the_measured_time():
    record = decode_record(json.dumps(SCHEMA_1).encode())
    (lock,) = record.locks

    assert record.wait_share(lock) == pytest.approx(45.0 / (15.0 * 8 * 0.75))
    assert record.held_share(lock) == pytest.approx(0.95)


def test_a_record_of_this_schema_survives_json():
    lock = LockUse("a.py:1", "lock", 4, 2, 0.1, 0.1, 30.0, 1, "strategy")
    record = msgspec.structs.replace(
        decode_record(json.dumps(SCHEMA_1).encode()),
        locks=(lock,),
        verdict_evidence=(Fact("lock_wait", {"share": 0.9}),),
        verdict_advice=Advice("replace_strategy", {"strategy": "shared"}, outlook=Fact("run_fills_cores")),
    )

    assert decode_record(msgspec.json.encode(record)) == record


def test_a_newer_record_is_refused():
    with pytest.raises(msgspec.MsgspecError, match=f"schema {SCHEMA + 1}"):
        decode_record(json.dumps({**SCHEMA_1, "schema": SCHEMA + 1}).encode())


def test_a_summary_states_what_the_record_states():
    record = decode_record(json.dumps(SCHEMA_1).encode())
    summary = record.summary()

    assert isinstance(record, Record) and summary.figures is record
    assert (summary.run_id, summary.state, summary.verdict, summary.error) == ("ab12", "ok", "lock-bound", None)
