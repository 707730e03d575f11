"""From a choice to runs: the matrix, its order, what is left out, and what is refused."""

from __future__ import annotations

import msgspec
import pytest

from membench.analysis.facts import Fact
from membench.plan.checks import PlanError
from membench.plan.matrix import make_plan
from membench.plan.options import Choice, run_options
from membench.plan.scenarios import load_catalogue
from membench.report.wording import COMMAND_LINE, DASHBOARD

SHIPPED = load_catalogue()


def plan(*scenarios, **choice):
    return make_plan(Choice(**({"scenarios": scenarios} if scenarios else {}), **choice), SHIPPED)


def refusal(*scenarios, **choice):
    with pytest.raises(PlanError) as caught:
        plan(*scenarios, **choice)
    message = COMMAND_LINE.plan_error(caught.value)
    assert "\n" not in message
    return message


def notes_of(made):
    return [COMMAND_LINE.fact(note) for note in made.notes]


def test_the_default_plan_compares_both_systems_as_they_ship_and_with_adaptive():
    runs = plan().runs

    assert [(run.scenario, run.backend, run.strategy, run.store) for run in runs] == [
        (scenario, backend, strategy, "local")
        for scenario in ("single-add", "batch-add", "concurrent-add")
        for backend, strategy in (
            ("mem0", "shared"),
            ("mem0", "adaptive"),
            ("agentmem", "mutex"),
            ("agentmem", "queue"),
            ("agentmem", "adaptive"),
        )
    ]
    assert {run.model for run in runs} == {"BAAI/bge-small-en-v1.5"}
    assert {run.repeats for run in runs} == {3}, "so that each of its ratios has an interval"
    assert {run.clients for run in runs if run.scenario == "concurrent-add"} == {20}


def test_a_chosen_scenario_runs_the_systems_as_they_ship():
    assert [run.strategy for run in plan("single-add").runs] == ["shared", "mutex", "queue"]
    assert {run.repeats for run in plan("single-add").runs} == {1}


def test_shipped_can_be_named_among_strategies():
    assert [(run.backend, run.strategy) for run in plan("single-add", strategies=("pool", "shipped")).runs] == [
        ("mem0", "pool"),
        ("mem0", "shared"),
        ("agentmem", "pool"),
        ("agentmem", "mutex"),
        ("agentmem", "queue"),
    ]


def test_an_option_can_apply_to_one_strategy():
    given = {"size": "8", "queue.wait_ms": "5", "queue.size": "16"}
    (queue,) = [run for run in plan("single-add", strategy_options=given).runs if run.strategy == "queue"]

    assert queue.strategy_options == {"size": 16, "wait_ms": 5.0}
    assert "--strategy-option mutex.size: " in refusal("single-add", strategy_options={"mutex.size": 1})
    assert "--strategy-option queue.size: " in refusal(
        "single-add", strategies=("mutex",), strategy_options={"queue.size": 1}
    )


def test_a_matrix_is_complete_and_in_order():
    runs = plan(
        "concurrent-add",
        "single-add",
        backends=("mem0", "agentmem"),
        strategies=("shared", "mutex"),
        stores=("local", "edge"),
        threads=(1, None),
        clients=(2, 4),
    ).runs

    assert [(run.scenario, run.backend, run.strategy, run.store, run.threads, run.clients) for run in runs] == [
        (scenario, backend, strategy, store, threads, clients)
        for scenario in ("concurrent-add", "single-add")
        for backend in ("mem0", "agentmem")
        for strategy in ("shared", "mutex")
        for store in ("local", "edge")
        for threads in (1, None)
        for clients in (2, 4)
    ]
    assert len({run.run_id for run in runs}) == len(runs) == 64
    assert len({run.plan_id for run in runs}) == 1


def test_the_sixteen_runs_of_the_comparison():
    runs = plan(
        "concurrent-add",
        backends=("mem0", "agentmem"),
        strategies=("shared", "mutex", "queue", "pool"),
        stores=("local", "edge"),
    ).runs

    assert len(runs) == 16


@pytest.mark.parametrize(
    ("backend", "strategies", "stores", "threads"),
    [
        ("null", [None], [None], [None]),
        ("qdrant", [None], ["local", "edge"], [None]),
        ("fastembed", ["shared", "pool"], [None], [1, 2]),
        ("mem0", ["shared", "pool"], ["local", "edge"], [1, 2]),
    ],
)
def test_options_that_do_not_apply_to_a_backend_make_no_runs(backend, strategies, stores, threads):
    runs = plan(
        "single-add", backends=(backend,), strategies=("shared", "pool"), stores=("local", "edge"), threads=(1, 2)
    ).runs

    assert [(run.strategy, run.store, run.threads) for run in runs] == [
        (strategy, store, thread) for strategy in strategies for store in stores for thread in threads
    ]


def test_chosen_numbers_replace_those_of_the_scenario():
    by_items = plan("steady-add", items=7, repeats=3, seed=9, target_operations_per_s=2.0, arrivals="constant").runs[0]
    by_time = plan("single-add", duration_s=0.5).runs[0]

    assert (by_items.items, by_items.duration_s, by_items.repeats, by_items.seed) == (7, None, 3, 9)
    assert (by_items.target_operations_per_s, by_items.arrivals, by_items.clients) == (2.0, "constant", 8)
    assert (by_time.items, by_time.duration_s, by_time.target_operations_per_s) == (None, 0.5, None)
    assert by_time.arrivals is None, "a closed loop has no arrivals"


def test_batch_is_left_out_with_a_note_where_no_list_is_passed():
    made = plan("single-add", "batch-add", backends=("agentmem", "mem0"), strategies=("batch", "mutex"))

    assert [(run.scenario, run.backend, run.strategy) for run in made.runs] == [
        ("single-add", "agentmem", "mutex"),
        ("single-add", "mem0", "mutex"),
        ("batch-add", "agentmem", "batch"),
        ("batch-add", "agentmem", "mutex"),
        ("batch-add", "mem0", "mutex"),
    ]
    assert [note for note in notes_of(made) if note.startswith("batch with agentmem is left out of add:")]
    assert [note for note in notes_of(made) if note.startswith("batch with mem0 is left out of add_batch:")]


def test_a_plan_with_nothing_left_is_refused_with_the_reason():
    assert "nothing is left to run: batch with mem0 is left out of add" in refusal(
        "single-add", backends=("mem0",), strategies=("batch",)
    )


@pytest.mark.parametrize(
    ("scenarios", "choice", "message"),
    [
        (["singel-add"], {}, "unknown scenario 'singel-add'; did you mean 'single-add'?"),
        (["xyz"], {}, "unknown scenario 'xyz'; choose from batch-add, "),
        ([], {"backends": ("mem1",)}, "unknown backend 'mem1'; did you mean 'mem0'?"),
        ([], {"strategies": ("mutx",)}, "unknown strategy 'mutx'; did you mean 'mutex'?"),
        ([], {"stores": ("locl",)}, "unknown store 'locl'; did you mean 'local'?"),
        ([], {"scenarios": ()}, "no scenario is chosen"),
        ([], {"precisions": ("int9",)}, "--precision int9: must be one of fp32, int8"),
        ([], {"precisions": ()}, "no precision is chosen"),
        ([], {"embedder": "fixd"}, "--embedder fixd: must be one of model, fixed"),
        ([], {"clients": (0,)}, "--clients 0: must be a whole number from 1 to 1,024"),
        ([], {"clients": (-1,)}, "--clients -1: must be a whole number from 1 to 1,024"),
        ([], {"clients": (1, 100000)}, "--clients 100000: must be a whole number from 1 to 1,024"),
        ([], {"threads": (0,)}, "--threads 0: must be"),
        ([], {"items": 0}, "--items 0: must be"),
        ([], {"repeats": 0}, "--repeats 0: must be"),
        ([], {"repeats": 101}, "--repeats 101: must be a whole number from 1 to 100"),
        ([], {"seed": -1}, "--seed -1: must be"),
        ([], {"seed": 2**64}, "--seed 18446744073709551616: must be"),
        ([], {"target_operations_per_s": 0.0}, "--rate 0.0: must be a number from 0.001 to 1,000,000"),
        ([], {"target_operations_per_s": -2.0}, "--rate -2.0: must be a number from 0.001"),
        ([], {"target_operations_per_s": float("nan")}, "--rate nan: must be a number from 0.001"),
        ([], {"target_operations_per_s": float("inf")}, "--rate inf: must be a number from 0.001"),
        (
            ["steady-add"],
            {"target_operations_per_s": 1e6, "duration_s": 6.0},
            "--rate x --duration exceeds 5,000,000 operations",
        ),
        (
            ["batch-add"],
            {"target_operations_per_s": 1.0, "items": 150},
            "scenario batch-add: items: an open loop needs a multiple",
        ),
        (["single-add"], {"corpus": "texts.pdf"}, "scenario single-add: corpus: 'texts.pdf' is neither"),
        (["single-add"], {"corpus": "/no/such.txt"}, "scenario single-add: /no/such.txt: cannot be read"),
        (["single-add"], {"model": "BAAI/bge-smal-en"}, "--model BAAI/bge-smal-en: "),
        (
            ["single-add"],
            {"strategy_options": {"sice": "3"}},
            "--strategy-option sice: not an option of shared, mutex, queue, pool, adaptive, batch; did you mean 'size'",
        ),
        (
            ["single-add"],
            {"strategies": ("shared",), "strategy_options": {"size": "3"}},
            "--strategy-option size: not an option of shared; it has none",
        ),
        (
            ["single-add"],
            {"strategies": ("queue",), "strategy_options": {"size": "0"}},
            "--strategy-option: strategy queue: option size must be a whole number from 1 to 4,096, not '0'",
        ),
        (
            ["single-add"],
            {"backend_options": {"histry": "together"}},
            "--backend-option histry: not an option of mem0, agentmem; did you mean 'history'",
        ),
        (
            ["single-add"],
            {"backends": ("mem0",), "backend_options": {"agentmem.history": "together"}},
            "--backend-option agentmem.history: not an option of mem0",
        ),
        (
            ["store-only"],
            {"backend_options": {"history": "together"}},
            "--backend-option history: not an option of qdrant; it has none",
        ),
        (
            ["single-add"],
            {"backend_options": {"history": "together,"}},
            "--backend-option: backend mem0: option history must be one of as-shipped, together, not ''",
        ),
        (["single-add"], {"clients": tuple(range(1, 1025)), "threads": tuple(range(1, 20))}, "more than 10,000 runs"),
    ],
    ids=str,
)
def test_an_impossible_choice_is_refused_in_one_line(scenarios, choice, message):
    assert message in refusal(*scenarios, **choice)


def test_precision_comes_after_the_store_and_before_threads():
    runs = plan(
        "single-add",
        backends=("agentmem", "qdrant"),
        strategies=("mutex",),
        stores=("local", "edge"),
        precisions=("fp32", "int8"),
        threads=(1, 2),
    ).runs

    assert [(run.store, run.precision, run.threads) for run in runs if run.backend == "agentmem"] == [
        (store, precision, threads)
        for store in ("local", "edge")
        for precision in ("fp32", "int8")
        for threads in (1, 2)
    ]
    assert [(run.store, run.embedder) for run in runs if run.backend == "qdrant"] == [("local", None), ("edge", None)]
    assert runs[2].title() == "single-add · agentmem · mutex · int8 · local · 1 client"


def test_the_fixed_embedder_drops_all_options_of_the_model():
    made = plan(
        "single-add",
        backends=("agentmem", "fastembed", "qdrant"),
        strategies=("mutex", "queue"),
        stores=("edge",),
        precisions=("fp32", "int8"),
        threads=(1, 2),
        embedder="fixed",
        model="no such model",
    )

    assert [(run.backend, run.embedder, run.strategy, run.precision, run.threads) for run in made.runs] == [
        ("agentmem", "fixed", None, None, None),
        ("qdrant", None, None, None, None),
    ]
    assert made.runs[0].title() == "single-add · agentmem · fixed embedder · edge · 1 client"
    assert set(notes_of(made)) == {
        "fastembed is left out: it only embeds, and --embedder fixed replaces the embedding",
        "--strategy is ignored: with --embedder fixed there is no model to share",
    }
    assert {run.model for run in made.runs} == {None}


def test_options_reach_the_strategies_that_have_them():
    made = plan("single-add", backends=("agentmem",), strategies=("queue", "mutex"), strategy_options={"size": "8"})

    assert [run.strategy_options for run in made.runs] == [{"size": 8, "wait_ms": 20.0}, {"fair": False}]


def histories(made):
    return [(run.backend, run.strategy, run.backend_options.get("history")) for run in made.runs]


def test_options_reach_the_backends_that_have_them_and_several_values_multiply_the_runs():
    chosen = {"backends": ("agentmem", "qdrant"), "strategies": ("mutex", "adaptive")}

    assert histories(plan("single-add", **chosen)) == [
        ("agentmem", "mutex", "as-shipped"), ("agentmem", "adaptive", "as-shipped"), ("qdrant", None, None),
    ]  # fmt: skip
    for values in ("as-shipped, together", ("as-shipped", "together"), "as-shipped,together,as-shipped"):
        made = plan("single-add", **chosen, backend_options={"history": values})
        assert histories(made) == [
            ("agentmem", "mutex", "as-shipped"), ("agentmem", "mutex", "together"),
            ("agentmem", "adaptive", "as-shipped"), ("agentmem", "adaptive", "together"),
            ("qdrant", None, None),
        ]  # fmt: skip
    assert [run.title() for run in made.runs[:2]] == [
        "single-add · agentmem · mutex · local · 1 client",
        "single-add · agentmem · history=together · mutex · local · 1 client",
    ]


def test_an_option_can_apply_to_one_backend():
    given = {"history": "together", "mem0.history": "as-shipped"}
    made = plan("single-add", strategies=("shared",), backend_options=given)

    assert histories(made) == [("mem0", "shared", "as-shipped"), ("agentmem", "shared", "together")]


def with_options(**options):
    return {"mine": msgspec.structs.replace(SHIPPED["single-add"], name="mine", backend_options=options)}


def test_a_scenario_sets_options_that_the_choice_replaces():
    catalogue = with_options(**{"mem0.history": ["as-shipped", "together"], "agentmem.history": "together"})
    choice = Choice(scenarios=("mine",), strategies=("shared",))
    replaced = msgspec.structs.replace(choice, backend_options={"history": "as-shipped"})
    alone = msgspec.structs.replace(choice, backends=("agentmem",))

    assert histories(make_plan(choice, catalogue)) == [
        ("mem0", "shared", "as-shipped"), ("mem0", "shared", "together"), ("agentmem", "shared", "together"),
    ]  # fmt: skip
    assert histories(make_plan(replaced, catalogue)) == [
        ("mem0", "shared", "as-shipped"), ("agentmem", "shared", "as-shipped"),
    ]  # fmt: skip
    assert histories(make_plan(alone, catalogue)) == [("agentmem", "shared", "together")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"histry": "together"}, "scenario mine: backend_options: histry: did you mean 'history'?"),
        ({"history": "no"}, "scenario mine: backend_options: backend mem0: option history must be one of as-shipped"),
        ({"qdrant.history": "together"}, "scenario mine: backend_options: qdrant.history: "),
    ],
)
def test_a_wrong_option_of_a_scenario_is_refused_with_its_name(options, message):
    with pytest.raises(PlanError) as caught:
        make_plan(Choice(scenarios=("mine",), strategies=("shared",)), with_options(**options))

    assert message in COMMAND_LINE.plan_error(caught.value)


def test_a_scenario_without_backends_needs_some(tmp_path):
    bare = {"bare": msgspec.structs.replace(SHIPPED["single-add"], name="bare", backends=[])}
    with pytest.raises(PlanError) as caught:
        make_plan(Choice(scenarios=("bare",)), bare)
    assert COMMAND_LINE.plan_error(caught.value) == "scenario bare names no backends; choose some with --backend"
    assert make_plan(Choice(scenarios=("bare",), backends=("null",)), bare).runs[0].backend == "null"


def test_an_unavailable_backend_is_left_out_and_the_others_run(plugins):
    made = plan("single-add", backends=("broken-import", "null"))

    assert [run.backend for run in made.runs] == ["null"]
    assert len(made.notes) == 1
    assert notes_of(made)[0].startswith("broken-import is left out: ")
    assert "libfaulty.so.3 is missing" in notes_of(made)[0]


def test_a_plan_of_unavailable_backends_only_is_refused(plugins):
    message = refusal("single-add", backends=("broken-import",))

    assert message.startswith("nothing is left to run: broken-import is left out: ")
    assert "libfaulty.so.3 is missing" in message


@pytest.mark.parametrize(
    ("store", "clients", "warned"), [("local-unlocked", 20, 1), ("local-unlocked", 1, 0), ("local", 20, 0)]
)
def test_a_store_that_is_not_thread_safe_has_a_warning(store, clients, warned):
    notes = notes_of(plan("store-only", stores=(store,), clients=(clients,)))

    assert len([note for note in notes if "ot thread-safe" in note]) == len(notes) == warned


def test_a_folder_is_a_model(tiny_twin):
    assert plan("single-add", backends=("fastembed",), model=str(tiny_twin)).runs[0].model == str(tiny_twin)


def test_a_plan_states_its_size():
    assert plan("single-add", backends=("null",)).summary() == "1 run, about 3 s"
    assert plan("steady-add", backends=("null", "fastembed")).summary() == "2 runs, about 15 s"


def test_every_declared_option_is_checked_against_its_bounds():
    values = {"int": -1, "float": -1.0, "str": "no such value"}
    for name, field in run_options().items():
        if field.minimum is not None or field.above is not None:
            value = values[field.kind]
            assert field.extra["flag"] in refusal("single-add", **{name: (value,) if field.several else value})


def test_the_dashboard_names_rows_where_the_command_line_names_flags():
    with pytest.raises(PlanError) as caught:
        plan("single-add", clients=(0,))

    assert DASHBOARD.plan_error(caught.value) == "clients 0: must be a whole number from 1 to 1,024"
    assert caught.value.fact == Fact("out_of_bounds", {"flag": "--clients", "value": 0,
                                                       "allowed": "a whole number from 1 to 1,024"})  # fmt: skip
