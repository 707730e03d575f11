"""Facts in words: every fact and every step has a sentence, in the vocabulary of each front end."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

import membench
from membench.analysis.comparison import Ratio
from membench.analysis.diagnosis import Advice
from membench.analysis.facts import Fact
from membench.plan.checks import PlanError, plan_error
from membench.report.wording import COMMAND_LINE, DASHBOARD
from membench.results.trial import Trial
from membench.session.measurement import Measurement

SITE = "strategies/mutex.py:31"
EVIDENCE = [
    (Fact("no_operation"), "no operation returned"),
    (Fact("between_operations", {"share": 0.6}), "60 % of client time is between operations"),
    (Fact("mean_latency", {"latency_ms": 0.001}), "mean latency 1.00 µs"),
    (
        Fact("rate_achieved", {"share": 0.98, "target_operations_per_s": 100.0}),
        "98 % of the target of 100 operations/s",
    ),
    (Fact("cores_busy", {"share": 0.25}), "the run uses 25 % of the cores"),
    (
        Fact("cores_wanted", {"cores_wanted": 1.6, "cores": 1}),
        "1.6 threads of the run ran or were ready to run on 1 core",
    ),
    (Fact("clients_idle", {"share": 0.5}), "clients are idle 50 % of the time"),
    (
        Fact("threads_ready", {"workers": 12.0, "clients": 2.0, "cores": 4}),
        "12.0 worker threads and 2.0 clients ran or were ready to run on 4 cores",
    ),
    (Fact("sessions", {"sessions": 3, "threads": 2}), "3 sessions of 2 threads"),
    (Fact("sessions", {"sessions": None, "threads": 1}), "one session per core of 1 thread"),
    (Fact("core_wait", {"share": 0.5}), "clients wait for a core 50 % of their time"),
    (Fact("lock_wait", {"share": 0.8}), "clients wait for locks 80 % of their time"),
    (Fact("lock_held", {"site": SITE, "share": 0.95}), f"the lock created at {SITE} is held 95 % of the time"),
    (Fact("lock_held", {"site": SITE, "share": None}), f"the lock created at {SITE} is held – of the time"),
    (
        Fact("semaphore_held", {"site": SITE, "permits": 2, "share": 0.95}),
        f"the semaphore created at {SITE} has 2 permits, in use 95 % of the time",
    ),
    (Fact("busiest_of", {"locks": 20_000}), "that is the busiest of 20,000 created there"),
    (Fact("handed_over", {"share": 0.08}), "passing from one thread to the next takes another 8 %"),
    (
        Fact("hold_split", {"cpu": 0.3, "runqueue": 0.2, "lock": 0.1, "result": 0.1, "sleep": 0.2, "other": 0.1}),
        "its holders spend 30 % on a core, 20 % waiting for a core, 10 % waiting for another lock, "
        "10 % waiting for a result, 20 % asleep, 10 % blocked otherwise",
    ),
    (
        Fact("outer_lock", {"site": SITE, "inner_site": "a.py:1"}),
        f"they queue at the lock created at {SITE}, whose holders wait for the one created at a.py:1",
    ),
    (
        Fact("others_lock", {"site": SITE, "share": 0.9}),
        f"other threads of the run wait for the lock created at {SITE}, taken 90 % of the time",
    ),
    (
        Fact("convoy_cores", {"site": SITE, "kind": "lock", "share": 0.7}),
        f"a convoy behind the cores: the next holder of the lock created at {SITE} waits for a core 70 % of the time",
    ),
    (
        Fact("convoy_gil", {"site": SITE, "kind": "semaphore", "share": 0.7}),
        f"a convoy behind the interpreter's lock (GIL): the holders of the semaphore created at {SITE} are blocked "
        "70 % of the time, while clients run Python code",
    ),
    (
        Fact("holders_fill_cores", {"site": SITE, "kind": "lock", "share": 0.0}),
        f"the lock created at {SITE} is a symptom: its holders work, and the run takes all cores that it gets",
    ),
    (Fact("longest_wait", {"latency_ms": 300.0}), "longest wait 300 ms"),
    (
        Fact("workers_busy", {"workers": 1.0, "cores": 2}),
        "1.0 other threads of the run ran or were ready to run on 2 cores",
    ),
    (Fact("clients_sleep", {"share": 0.9}), "clients are asleep 90 % of their time"),
    (
        Fact("unseen_waits", {"share": 0.9}),
        "90 % of client time is blocked on what no meter shows: a lock created through _thread or in native code, "
        "asyncio, another process, the disk or the network",
    ),
    (Fact("result_wait", {"share": 0.9}), "clients wait for a result 90 % of their time"),
    (
        Fact("timer_sleeps", {"site": "queue.py:90", "share": 0.8, "sleep_ms": 20.0}),
        "meanwhile queue.py:90 sleeps 80 % of the time, 20 ms at a time",
    ),
    (Fact("timer_setting", {"wait_ms": 20.0}), "the timer is set to 20 ms"),
    (
        Fact("blocked", {"share": 0.75}),
        "clients are blocked 75 % of their time, but not by a lock, a result or the store",
    ),
    (Fact("gil_taken", {"share": 0.85}), "85 % of the probes found the interpreter's lock (GIL) taken"),
    (Fact("client_cores", {"cores_used": 0.8, "cores": 4}), "clients used 0.8 of 4 cores"),
    (Fact("storing", {"share": 0.75}), "75 % of an operation is spent storing the memory"),
    (Fact("stage", {"stage": "store", "latency_ms": 50.0}), "store 50.0 ms on average"),
    (Fact("settled", {"after_s": 1.5}), "throughput took 1.5 s to settle, which the rate includes"),
    (
        Fact("still_rising", {"change": 0.3}),
        "still warming up: throughput rose by 30 % while it was measured; measure longer",
    ),
    (Fact("slowing_down", {"change": 0.2}), "slowing down: throughput fell by 20 % while it was measured"),
    (Fact("padding", {"padding_factor": 1.06}), "6 % padding"),
    (
        Fact("computing", {"share": 0.9}),
        "clients are on a core or waiting for one 90 % of their time",
    ),
    (Fact("other_programs", {"cores_used": 3.0}), "other programs used 3.0 cores"),
    (
        Fact("ran_out_of_clients", {"operations": 1250}),
        "ran out of clients: 1,250 operations were due but never started",
    ),
    (Fact("other_program", {"program": "make", "cores_used": 2.5}), "make used 2.5 on the whole machine"),
    (Fact("rate_only", {"memories_per_s": 131.4}), "131 memories/s, and nothing else is known"),
    (
        Fact("client_time", {"time_cpu": 0.3, "time_runqueue": 0.2, "time_lock": 0.1, "time_other": 0.4}),
        "clients spend 30 % on a core, 20 % waiting for a core, 10 % waiting for locks, 40 % blocked otherwise",
    ),
    (
        Fact("client_time", {"time_cpu": 0.1, "time_result": 0.9}),
        "clients spend 10 % on a core, 90 % waiting for results",
    ),
]  # fmt: skip
OUTLOOKS = [
    (Fact("cores_idle", {"idle_cores": 3.0, "cores": 4}), "; meanwhile 3.0 of 4 cores are idle."),
    (
        Fact("run_fills_cores"),
        "; the run fills the cores, so fewer and larger calls help, and more concurrent calls do not.",
    ),
    (
        Fact("others_fill_cores"),
        "; other programs use the rest of the cores, so measure again without them.",
    ),
    (
        Fact("holder_runs_python"),
        "; but its holder keeps the interpreter's lock, which one thread has at a time with or without this one.",
    ),
    (
        Fact("work_fills_cores"),
        "; the work under the lock takes all cores that it gets, so more concurrent calls do not help.",
    ),
    (Fact("holder_waits"), "; its holder mostly waits, and waits can overlap."),
]
STEPS = [
    (
        Advice("batch_calls", {"strategy": "adaptive"}),
        "One lock serialises every embedding: try --strategy adaptive, which batches.",
    ),
    (Advice("check_log"), "Look at the run's error and its log."),
    (
        Advice("enable_metering", {"metering": True}),
        "Measure without --no-metering: this run does not show who waits for locks and results.",
    ),
    (
        Advice("measure_longer", {"repeats": 3}),
        "Measure longer, with --repeats 3, and look at the stages.",
    ),
    (
        Advice("measure_a_backend"),
        "This is the ceiling of the load generator itself: measure a backend that does something.",
    ),
    (
        Advice("raise_rate", {"rate": None}),
        "Raise --rate until the achieved rate falls behind: only then does anything hold it back.",
    ),
    (
        Advice("fewer_threads", {"threads": 1}),
        "Use fewer threads: with --threads 1 every session keeps to one core.",
    ),
    (
        Advice("fewer_worker_threads"),
        "Use fewer threads in the system under test, at most one per core.",
    ),
    (
        Advice("replace_strategy", {"strategy": "shared"}),
        "One lock serialises every embedding: try --strategy shared, or one that batches.",
    ),
    (Advice("replace_store", {"store": "edge"}), "One lock serialises every call of the store: try --store edge."),
    (
        Advice("shorten_lock", values={"site": SITE}),
        f"Calls queue for the lock created at {SITE}: hold it for less time, or write in batches.",
    ),
    (
        Advice("shorten_semaphore", values={"site": SITE}),
        f"Calls queue for the semaphore created at {SITE}: hold it for less time, or give it more permits.",
    ),
    (
        Advice("remove_timer"),
        "Start work as soon as a thread is idle, not when a clock says so: shorten or remove the timer.",
    ),
    (
        Advice("less_python"),
        "Python code runs one thread at a time: do less of it per operation, or use processes.",
    ),
    (
        Advice("compare_stores", {"store": "local,edge"}, {"stage": "store"}),
        "Embedding is not the problem: look at the store, or compare --store local,edge.",
    ),
    (
        Advice("batch_by_length"),
        "Batch texts of similar length: sort by length, or cap the tokens of a batch.",
    ),
    (
        Advice("end_other_programs"),
        "Other programs take the cores that this run needs: end them and measure again.",
    ),
    (
        Advice("cheaper_work"),
        "No core is idle for long: only cheaper work helps, such as larger batches or int8.",
    ),
    (
        Advice("more_clients", {"clients": None, "threads": None}),
        "Each client keeps one core busy and others idle: use more --clients, or more --threads.",
    ),
]
MEMORY = {
    "total": 9_000_000_000,
    "memories": 1_000,
    "each": 8_000_000,
    "clients": 4,
    "client": 200_000,
    "fixed": 1_000_000_000,
    "available": 8_000_000_000,
}
PLAN_FACTS = [
    (Fact("nothing_chosen", {"kind": "store"}), "no store is chosen; choose at least one"),
    (Fact("no_backends", {"scenario": "mine"}), "scenario mine names no backends; choose some with --backend"),
    (
        Fact("unknown_name", {"kind": "store", "name": "egde", "hint": "did you mean 'edge'?"}),
        "unknown store 'egde'; did you mean 'edge'?",
    ),
    (
        Fact("out_of_bounds", {"flag": "--clients", "value": 0, "allowed": "a whole number from 1 to 1,024"}),
        "--clients 0: must be a whole number from 1 to 1,024",
    ),
    (
        Fact("too_little_memory", MEMORY),
        "a run needs about 9.00 GB of memory (1,000 memories x 8.00 MB + 4 clients x 200 kB + 1.00 GB) of "
        "8.00 GB available; "
        "lower --items, --clients or the corpus",
    ),
    (
        Fact("much_memory", MEMORY),
        "a run needs about 9.00 GB of memory (1,000 memories x 8.00 MB + 4 clients x 200 kB + 1.00 GB) of "
        "8.00 GB available",
    ),
    (
        Fact("too_many_operations", {"most": 5_000_000}),
        "--rate x --duration exceeds 5,000,000 operations; lower one of them",
    ),
    (
        Fact(
            "unknown_option",
            {"flag": "--strategy-option", "key": "sice", "owners": "queue", "hint": "did you mean 'size'?"},
        ),
        "--strategy-option sice: not an option of queue; did you mean 'size'?",
    ),
    (Fact("bad_option", {"flag": "--strategy-option", "reason": "why"}), "--strategy-option: why"),
    (Fact("model_unavailable", {"model": "none", "reason": "why"}), "--model none: why"),
    (Fact("too_many_runs", {"most": 10_000}), "the plan has more than 10,000 runs; choose fewer values"),
    (Fact("nothing_left"), "nothing is left to run"),
    (Fact("bad_workload", {"scenario": "mine", "reason": "why"}), "scenario mine: why"),
    (Fact("backend_unavailable", {"backend": "mem0", "reason": "why"}), "mem0 is left out: why"),
    (
        Fact("only_embeds", {"backend": "fastembed"}),
        "fastembed is left out: it only embeds, and --embedder fixed replaces the embedding",
    ),
    (Fact("no_model_to_share"), "--strategy is ignored: with --embedder fixed there is no model to share"),
    (
        Fact("no_list", {"strategy": "batch", "backend": "mem0", "operation": "add"}),
        "batch with mem0 is left out of add: mem0 does not pass a list to its model",
    ),
    (Fact("store_warning", {"warning": "Not thread-safe."}), "Not thread-safe."),
]


def names_in(*folders: str, pattern: str) -> set[str]:
    """Return what a pattern finds in the modules of some folders."""
    package = Path(membench.__file__).parent
    modules = (path for folder in folders for path in (package / folder).glob("*.py"))
    return {name for path in modules for name in re.findall(pattern, path.read_text(encoding="utf-8"))}


def test_every_fact_and_every_step_has_a_sentence_here():
    facts = names_in("analysis", "plan", pattern=r'(?:Fact|plan_error|\.note)\(\s*"(\w+)"')
    steps = names_in("analysis", pattern=r'Advice\(\s*"(\w+)"')

    assert facts == {fact.name for fact, _ in (*EVIDENCE, *OUTLOOKS, *PLAN_FACTS)}
    assert steps == {advice.step for advice, _ in STEPS}


@pytest.mark.parametrize(("fact", "phrase"), [*EVIDENCE, *PLAN_FACTS], ids=lambda value: getattr(value, "name", ""))
def test_a_fact_is_a_phrase(fact, phrase):
    assert COMMAND_LINE.fact(fact) == phrase
    assert DASHBOARD.fact(fact) == phrase.replace("--", "")


@pytest.mark.parametrize(("advice", "sentence"), STEPS, ids=lambda value: getattr(value, "step", ""))
def test_a_step_is_a_sentence(advice, sentence):
    dashboard = sentence.replace("without --no-metering", "with metering").replace("--", "")

    assert COMMAND_LINE.advice(advice) == sentence
    assert DASHBOARD.advice(advice) == dashboard


@pytest.mark.parametrize(("outlook", "ending"), OUTLOOKS, ids=lambda value: getattr(value, "name", ""))
def test_an_outlook_ends_the_sentence(outlook, ending):
    advice = Advice("replace_strategy", {"strategy": "shared"}, outlook=outlook)

    assert COMMAND_LINE.advice(advice).endswith(f"--strategy shared, or one that batches{ending}")
    assert DASHBOARD.advice(advice).endswith(f"strategy shared, or one that batches{ending}")


def test_sentences_of_older_records_stay_as_they_are():
    assert COMMAND_LINE.fact("clients wait a lot") == "clients wait a lot"
    assert COMMAND_LINE.advice("Try --strategy shared.") == "Try --strategy shared."
    assert COMMAND_LINE.advice(None) == ""


def test_what_another_version_recorded_is_stated_by_name():
    assert COMMAND_LINE.fact(Fact("gain_at_most", {"times": 1.9})) == "gain at most times=1.9"
    assert COMMAND_LINE.fact(Fact("lock_wait")) == "lock wait"
    assert COMMAND_LINE.advice(Advice("use_magic")) == "use magic."


def test_a_plan_error_lists_what_led_to_it():
    notes = [Fact("backend_unavailable", {"backend": name, "reason": "it is not installed"}) for name in ("a", "b")]

    assert COMMAND_LINE.plan_error(PlanError(Fact("nothing_left"), notes)) == (
        "nothing is left to run: a is left out: it is not installed; b is left out: it is not installed"
    )
    assert COMMAND_LINE.plan_error(plan_error("too_many_runs", most=7)) == (
        "the plan has more than 7 runs; choose fewer values"
    )


@pytest.mark.parametrize(
    ("ratio", "problem", "words"),
    [
        (Ratio(1.9, 1.7, 2.1, "pairs"), None, "1.90x (1.70 to 2.10), confirmed"),
        (Ratio(0.98, 0.93, 1.04, "pairs"), None, "0.98x (0.93 to 1.04), did not help"),
        (Ratio(0.6, 0.5, 0.7, "pairs"), "3 memories lost", "0.60x (0.50 to 0.70), slower; but 3 memories lost"),
        (Ratio(1.2, 1.1, 1.3, "pairs"), "3 memories lost", "1.20x (1.10 to 1.30), faster; but 3 memories lost"),
        (Ratio(1.9), None, "1.90x, without an interval"),
        (None, "the runner was killed", "the runner was killed"),
        (None, None, "nothing was measured"),
    ],
)
def test_the_outcome_of_a_trial(ratio, problem, words):
    trial = Trial(run_id="b", options={"strategy": "adaptive", "threads": 1}, ratio=ratio, problem=problem)

    assert COMMAND_LINE.trial(trial) == f"tried --strategy adaptive --threads 1: {words}"
    assert DASHBOARD.trial(trial) == f"tried strategy adaptive threads 1: {words}"


def test_the_outcome_takes_the_place_of_the_advice(spec):
    record = Measurement(spec()).record("ok")
    advised = msgspec.structs.replace(record, verdict_advice=Advice("fewer_threads", {"threads": 1}))
    trial = Trial(run_id="b", options={"threads": 1}, ratio=None)

    assert COMMAND_LINE.next_step(record) == []
    assert COMMAND_LINE.next_step(advised) == [COMMAND_LINE.advice(advised.verdict_advice)]
    assert COMMAND_LINE.next_step(msgspec.structs.replace(advised, trials=(trial,))) == [COMMAND_LINE.trial(trial)]
