"""The words for facts: the one place where verdicts, advice and errors of a plan are put into sentences.

A template names options by their flags, as in `{--store}`. On the command line that is the flag itself; in the
dashboard, where Plan has a row of the same name, it is the name of the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any

from membench.analysis.comparison import Ratio
from membench.analysis.diagnosis import Advice
from membench.analysis.facts import Fact, Value
from membench.plan.checks import PlanError
from membench.results.record import Record
from membench.results.trial import Trial
from membench.units import format_bytes, format_latency, format_rate, format_rates, format_share, plural

_FACTS = {
    # Evidence of a verdict.
    "no_operation": "no operation returned",
    "between_operations": "{share:share} of client time is between operations",
    "mean_latency": "mean latency {latency_ms:latency}",
    "rate_achieved": "{share:share} of the target of {target_operations_per_s:g} operations/s",
    "ran_out_of_clients": "ran out of clients: {operations:,} operations were due but never started",
    "cores_busy": "the run uses {share:share} of the cores",
    "cores_wanted": "{cores_wanted:.1f} threads of the run ran or were ready to run on {cores:cores}",
    "clients_idle": "clients are idle {share:share} of the time",
    "threads_ready": "{workers:.1f} worker threads and {clients:.1f} clients ran or were ready to run on {cores:cores}",
    "sessions": "{sessions:sessions} of {threads:threads}",
    "core_wait": "clients wait for a core {share:share} of their time",
    "lock_wait": "clients wait for locks {share:share} of their time",
    "lock_held": "the lock created at {site} is held {share:share} of the time",
    "semaphore_held": "the semaphore created at {site} has {permits:permits}, in use {share:share} of the time",
    "busiest_of": "that is the busiest of {locks:,} created there",
    "handed_over": "passing from one thread to the next takes another {share:share}",
    "outer_lock": "they queue at the lock created at {site}, whose holders wait for the one created at {inner_site}",
    "others_lock": "other threads of the run wait for the lock created at {site}, taken {share:share} of the time",
    "convoy_cores": (
        "a convoy behind the cores: the next holder of the {kind} created at {site} waits for a core "
        "{share:share} of the time"
    ),
    "convoy_gil": (
        "a convoy behind the interpreter's lock (GIL): the holders of the {kind} created at {site} are blocked "
        "{share:share} of the time, while clients run Python code"
    ),
    "holders_fill_cores": (
        "the {kind} created at {site} is a symptom: its holders work, and the run takes all cores that it gets"
    ),
    "longest_wait": "longest wait {latency_ms:latency}",
    "workers_busy": "{workers:.1f} other threads of the run ran or were ready to run on {cores:cores}",
    "clients_sleep": "clients are asleep {share:share} of their time",
    "unseen_waits": (
        "{share:share} of client time is blocked on what no meter shows: a lock created through _thread or in native "
        "code, asyncio, another process, the disk or the network"
    ),
    "result_wait": "clients wait for a result {share:share} of their time",
    "timer_sleeps": "meanwhile {site} sleeps {share:share} of the time, {sleep_ms:.3g} ms at a time",
    "timer_setting": "the timer is set to {wait_ms:g} ms",
    "blocked": "clients are blocked {share:share} of their time, but not by a lock, a result or the store",
    "gil_taken": "{share:share} of the probes found the interpreter's lock (GIL) taken",
    "client_cores": "clients used {cores_used:.1f} of {cores:cores}",
    "storing": "{share:share} of an operation is spent storing the memory",
    "stage": "{stage} {latency_ms:latency} on average",
    "padding": "{padding_factor:padding} padding",
    "computing": "clients are on a core or waiting for one {share:share} of their time",
    "other_programs": "other programs used {cores_used:.1f} cores",
    "other_program": "{program} used {cores_used:.1f} on the whole machine",
    "rate_only": "{memories_per_s:rate} memories/s, and nothing else is known",
    # What the cores say for or against a step.
    "cores_idle": "; meanwhile {idle_cores:.1f} of {cores:cores} are idle",
    "run_fills_cores": "; the run fills the cores, so fewer and larger calls help, and more concurrent calls do not",
    "work_fills_cores": "; the work under the lock takes all cores that it gets, so more concurrent calls do not help",
    "holder_waits": "; its holder mostly waits, and waits can overlap",
    "others_fill_cores": "; other programs use the rest of the cores, so measure again without them",
    "holder_runs_python": (
        "; but its holder keeps the interpreter's lock, which one thread has at a time with or without this one"
    ),
    # Trends within a run.
    "settled": "throughput took {after_s:.2g} s to settle, which the rate includes",
    "still_rising": "still warming up: throughput rose by {change:share} while it was measured; measure longer",
    "slowing_down": "slowing down: throughput fell by {change:share} while it was measured",
    # Errors and notes of a plan.
    "nothing_chosen": "no {kind} is chosen; choose at least one",
    "no_backends": "scenario {scenario} names no backends; choose some with {--backend}",
    "unknown_name": "unknown {kind} {name!r}; {hint}",
    "out_of_bounds": "{flag:option} {value}: must be {allowed}",
    "too_many_operations": "{--rate} x {--duration} exceeds {most:,} operations; lower one of them",
    "unknown_option": "{flag:option} {key}: not an option of {owners}; {hint}",
    "bad_option": "{flag:option}: {reason}",
    "model_unavailable": "{--model} {model}: {reason}",
    "too_many_runs": "the plan has more than {most:,} runs; choose fewer values",
    "too_little_memory": (
        "a run needs about {total:bytes} of memory ({memories:,} memories x {each:bytes} + {clients:,} clients x "
        "{client:bytes} + {fixed:bytes}) of {available:bytes} available; lower {--items}, {--clients} or the corpus"
    ),
    "much_memory": (
        "a run needs about {total:bytes} of memory ({memories:,} memories x {each:bytes} + {clients:,} clients x "
        "{client:bytes} + {fixed:bytes}) of {available:bytes} available"
    ),
    "nothing_left": "nothing is left to run",
    "bad_workload": "scenario {scenario}: {reason}",
    "backend_unavailable": "{backend} is left out: {reason}",
    "only_embeds": "{backend} is left out: it only embeds, and {--embedder} fixed replaces the embedding",
    "no_model_to_share": "{--strategy} is ignored: with {--embedder} fixed there is no model to share",
    "no_list": "{strategy} with {backend} is left out of {operation}: {backend} does not pass a list to its model",
    "store_warning": "{warning}",
}
_SPLITS = {
    "client_time": (
        "clients spend",
        {
            "time_cpu": "on a core",
            "time_runqueue": "waiting for a core",
            "time_lock": "waiting for locks",
            "time_result": "waiting for results",
            "time_other": "blocked otherwise",
        },
    ),
    "hold_split": (
        "its holders spend",
        {
            "cpu": "on a core",
            "runqueue": "waiting for a core",
            "lock": "waiting for another lock",
            "result": "waiting for a result",
            "sleep": "asleep",
            "other": "blocked otherwise",
        },
    ),
}
"""Facts that list shares: how they begin, and the words for each share."""
_STEPS = {
    "check_log": "Look at the run's error and its log.",
    "enable_metering": "Measure {with metering}: this run does not show who waits for locks and results.",
    "measure_longer": "Measure longer, with {--repeats} {repeats}, and look at the stages.",
    "measure_a_backend": "This is the ceiling of the load generator itself: measure a backend that does something.",
    "raise_rate": "Raise {--rate} until the achieved rate falls behind: only then does anything hold it back.",
    "fewer_threads": "Use fewer threads: with {--threads} {threads} every session keeps to one core.",
    "fewer_worker_threads": "Use fewer threads in the system under test, at most one per core.",
    "replace_strategy": "One lock serialises every embedding: try {--strategy} {strategy}, or one that batches",
    "batch_calls": "One lock serialises every embedding: try {--strategy} {strategy}, which batches",
    "replace_store": "One lock serialises every call of the store: try {--store} {store}",
    "shorten_lock": "Calls queue for the lock created at {site}: hold it for less time, or write in batches",
    "shorten_semaphore": (
        "Calls queue for the semaphore created at {site}: hold it for less time, or give it more permits"
    ),
    "remove_timer": "Start work as soon as a thread is idle, not when a clock says so: shorten or remove the timer.",
    "less_python": "Python code runs one thread at a time: do less of it per operation, or use processes.",
    "compare_stores": "Embedding is not the problem: look at the {stage}, or compare {--store} {store}.",
    "batch_by_length": "Batch texts of similar length: sort by length, or cap the tokens of a batch.",
    "end_other_programs": "Other programs take the cores that this run needs: end them and measure again.",
    "cheaper_work": "No core is idle for long: only cheaper work helps, such as larger batches or int8.",
    "more_clients": "Each client keeps one core busy and others idle: use more {--clients}, or more {--threads}.",
}


class Wording(Formatter):
    """Sentences for facts, in the vocabulary of one front end."""

    def __init__(self, vocabulary: Mapping[str, str], flag_prefix: str) -> None:
        """Set the vocabulary.

        Args:
            vocabulary: Words that the front ends do not share, by their placeholders.
            flag_prefix: What precedes the name of an option: `--`, or nothing.
        """
        self._vocabulary = vocabulary
        self._flag_prefix = flag_prefix

    def fact(self, fact: Fact | str) -> str:
        """Return a phrase; records of schema 1 have phrases already.

        A fact that this version does not know, because another version recorded it, is stated by its name.
        """
        if isinstance(fact, str):
            return fact
        if fact.name in _SPLITS:
            begin, words = _SPLITS[fact.name]
            shares = (f"{format_share(_number(value))} {words[name]}" for name, value in fact.values.items())
            return f"{begin} {', '.join(shares)}"
        return self._sentence(_FACTS, fact.name, fact.values)

    def advice(self, advice: Advice | str | None) -> str:
        """Return a sentence; empty where there is no advice."""
        if advice is None or isinstance(advice, str):
            return advice or ""
        step = self._sentence(_STEPS, advice.step, advice.options | advice.values)
        outlook = self.fact(advice.outlook) if advice.outlook else ""
        return f"{step}{outlook}" if step.endswith(".") else f"{step}{outlook}."

    def trial(self, trial: Trial) -> str:
        """Return what was tried and what came of it: `tried --store edge: 1.9x (1.7 to 2.1), confirmed`."""
        tried = " ".join(f"{self._option(name)} {value}" for name, value in trial.options.items())
        parts = [_outcome(trial.ratio, is_sound=not trial.problem)] if trial.ratio else []
        parts += [trial.problem] if trial.problem else []
        return f"tried {tried}: {'; but '.join(parts) or 'nothing was measured'}"

    def next_step(self, record: Record) -> list[str]:
        """Return what came of trying the advice, a phrase per alternative; or the advice, if nobody has tried it."""
        advice = self.advice(record.verdict_advice)
        return [self.trial(trial) for trial in record.trials] or ([advice] if advice else [])

    def evidence(self, record: Record) -> list[str]:
        """Return the facts that led to a record's verdict, a phrase each."""
        return [self.fact(fact) for fact in record.verdict_evidence or ()]

    def plan_error(self, error: PlanError) -> str:
        """Return why a choice cannot be run."""
        details = "; ".join(map(self.fact, error.details))
        return self.fact(error.fact) + (f": {details}" if details else "")

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Return the value of a placeholder: of the fact, of the vocabulary, or the name of an option."""
        if field_name.startswith("--"):
            return self._option(field_name), field_name
        if field_name in self._vocabulary:
            return self._vocabulary[field_name], field_name
        return kwargs[field_name], field_name

    def format_field(self, value: Value, format_spec: str) -> str:
        """Format a value; the format of a placeholder is one of ours, or one of Python's."""
        match format_spec:
            case "share":
                return format_share(_number(value))
            case "latency":
                return format_latency(_number(value))
            case "rate":
                return format_rate(_number(value))
            case "bytes":
                return format_bytes(int(_number(value) or 0))
            case "padding":
                return format_share((_number(value) or 1.0) - 1.0)
            case "sessions":
                return "one session per core" if value is None else plural(int(value), "session")
            case "threads":
                return plural(int(value or 0), "thread")
            case "permits":
                return plural(int(value or 0), "permit")
            case "cores":
                return plural(int(value or 0), "core")
            case "option":
                return self._option(str(value))
        formatted: str = super().format_field(value, format_spec)
        return formatted

    def _sentence(self, templates: Mapping[str, str], name: str, values: Mapping[str, Value]) -> str:
        try:
            return self.vformat(templates[name], (), values)
        except (KeyError, ValueError, TypeError):  # another version's fact, or a damaged one
            return " ".join([name.replace("_", " "), *(f"{key}={value}" for key, value in values.items())])

    def _option(self, flag: str) -> str:
        return f"{self._flag_prefix}{flag.removeprefix('--')}"


def _outcome(ratio: Ratio, *, is_sound: bool) -> str:
    if ratio.low is None or ratio.high is None:
        return f"{format_rate(ratio.value)}x, without an interval"
    faster = "confirmed" if is_sound else "faster"
    outcome = "did not help" if ratio.includes_1 else faster if ratio.low > 1 else "slower"
    return f"{format_rate(ratio.value)}x ({format_rates(ratio.low, ratio.high)}), {outcome}"


def _number(value: Value) -> float | None:
    return None if value is None or isinstance(value, str) else float(value)


COMMAND_LINE = Wording({"with metering": "without --no-metering"}, "--")
DASHBOARD = Wording({"with metering": "with metering"}, "")
