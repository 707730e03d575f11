"""Scenario files: the built-in one, and every mistake that a user can make in one."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from membench.files import read_toml
from membench.plan.scenarios import SCHEMA, CatalogueError, Reference, built_in_scenarios_path, load_catalogue

GOOD = {
    "summary": '"Adds."',
    "operation": '"add"',
    "items": "10",
}


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def scenario(table="scenario.mine", **changes):
    """Return a scenario file with one scenario; a change to None removes the key."""
    keys = {**GOOD, **changes}
    return f"[{table}]\n" + "\n".join(f"{key} = {value}" for key, value in keys.items() if value is not None)


def error_of(path):
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_the_built_in_catalogue_has_five_scenarios():
    workloads = {name: scenario.workload() for name, scenario in load_catalogue().items()}

    def settings(name, *keys):
        return tuple(workloads[name][key] for key in keys)

    assert list(workloads) == ["single-add", "batch-add", "concurrent-add", "steady-add", "store-only"]
    assert settings("single-add", "items", "clients") == (50, 1)
    assert settings("batch-add", "operation", "items", "batch_size") == ("add_batch", 100, 100)
    assert settings("concurrent-add", "items", "clients") == (100, 20)
    assert settings("steady-add", "items", "duration_s") == (None, 5.0)
    assert [workload["corpus"].kind for workload in workloads.values()] == ["benchmark"] * 3 + ["turns"] * 2
    assert all(workload["warmup_items"] for workload in workloads.values())


def test_a_scenario_sets_options_of_backends(tmp_path):
    options = '{ history = "together", "mem0.history" = ["as-shipped", "together"] }'
    catalogue = load_catalogue(write(tmp_path / "mine.toml", scenario(backend_options=options)))

    assert catalogue["mine"].backend_options == {"history": "together", "mem0.history": ["as-shipped", "together"]}
    path = write(tmp_path / "mine.toml", scenario(backend_options="{ history = { a = 1 } }"))
    assert error_of(path).startswith("[scenario.mine] backend_options")


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("single-add", {("AgentMem", 14.28, "measured"), ("AgentMem", 19.0, "claimed")}),
        ("batch-add", {("AgentMem", 65.23, "measured"), ("AgentMem", 470.0, "claimed")}),
        (
            "concurrent-add",
            {("AgentMem", 29.01, "measured"), ("AgentMem", 235.0, "claimed"), ("Mem0", 10000.0, "unsourced")},
        ),
        ("steady-add", set()),
        ("store-only", set()),
    ],
)
def test_published_figures_are_labelled(name, figures):
    references = load_catalogue()[name].references

    assert {(each.system, each.memories_per_s, each.kind) for each in references} == figures
    assert all(each.source for each in references)


def test_the_built_in_catalogue_has_the_current_schema():
    assert read_toml(built_in_scenarios_path())["schema"] == SCHEMA


def test_a_users_file_is_read(tmp_path):
    catalogue = load_catalogue(write(tmp_path / "mine.toml", scenario(items=None, duration='"500ms"', rate="2.5")))
    workload = catalogue["mine"].workload()

    assert list(catalogue) == ["mine"]
    assert (workload["duration_s"], workload["target_operations_per_s"]) == (0.5, 2.5)


@pytest.mark.parametrize("schema", ["", "schema = 1\n"])
def test_references_of_schema_1_are_read(tmp_path, schema):
    reference = '{ system = "x", ops_per_s = 19, ops_per_s_high = 43.0, kind = "claimed", source = "y" }'
    catalogue = load_catalogue(write(tmp_path / "mine.toml", schema + scenario(references=f"[{reference}]")))

    assert catalogue["mine"].references == [
        Reference(system="x", memories_per_s=19, memories_per_s_high=43.0, kind="claimed", source="y")
    ]


@pytest.mark.parametrize("references", ["3", "[3]", '["x"]'])
def test_bad_references_of_schema_1_are_refused(tmp_path, references):
    assert "references" in error_of(write(tmp_path / "mine.toml", scenario(references=references)))


def test_names_of_schema_1_are_refused_in_schema_2(tmp_path):
    reference = '{ system = "x", ops_per_s = 19, kind = "claimed", source = "y" }'
    path = write(tmp_path / "mine.toml", "schema = 2\n" + scenario(references=f"[{reference}]"))

    assert "references[0]" in error_of(path)


def test_a_byte_order_mark_is_ignored(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + scenario().encode())

    assert list(load_catalogue(path)) == ["mine"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"items": '"ten"'}, "items: expected a whole number, got text"),
        ({"items": "1.5"}, "items: expected a whole number, got a number"),
        ({"summary": "7"}, "summary: expected text, got a whole number"),
        ({"clients": "true"}, "clients: expected a whole number, got a boolean"),
        ({"backends": '"mem0"'}, "backends: expected a list, got text"),
        ({"backends": "[1]"}, "backends[0]: expected text, got a whole number"),
        ({"clients": "0"}, "clients: expected a whole number >= 1"),
        ({"clients": "-1"}, "clients: expected a whole number >= 1"),
        ({"clients": "100000"}, "clients: expected a whole number <= 1024"),
        ({"items": "0"}, "items: expected a whole number >= 1"),
        ({"warmup_items": "-1"}, "warmup_items: expected a whole number >= 0"),
        ({"rate": "0"}, "rate: expected a number >= 0.001"),
        ({"rate": "-3.5"}, "rate: expected a number >= 0.001"),
        ({"operation": '"ad"'}, "operation: 'ad' is not one of the choices; did you mean 'add'?"),
        ({"arrivals": '"often"'}, "arrivals: 'often' is not one of the choices; choose from constant, poisson"),
        ({"summary": None}, "needs a key 'summary'"),
        ({"operation": None}, "needs a key 'operation'"),
        ({"items": None}, "items: set exactly one of items and duration"),
        ({"duration": '"5s"'}, "items: set exactly one of items and duration"),
        ({"items": None, "duration": '"5"'}, "duration: '5' is not a duration; write a number and a unit"),
        ({"items": None, "duration": '"0s"'}, "duration: '0s' is zero; write a duration above 0"),
        ({"items": None, "duration": "5"}, "duration: expected text, got a whole number"),
        ({"batch_size": "4"}, "batch_size: only the operation add_batch takes a list"),
        ({"operation": '"add_batch"', "batch_size": "4", "rate": "5.0"}, "items: an open loop needs a multiple of"),
        ({"items": None, "duration": '"1h"', "rate": "1e6"}, "rate: rate times duration exceeds 5,000,000 operations"),
        ({"corpus": '"turnips"'}, "corpus: 'turnips' is neither 'benchmark', 'turns' nor a .txt, .jsonl or .csv"),
        ({"corpus": '"texts.pdf"'}, "texts.pdf' is neither 'benchmark', 'turns' nor a .txt, .jsonl or .csv"),
        ({"itmes": "3"}, "has an unknown key 'itmes'; did you mean 'items'?"),
        ({"name": '"other"'}, "has an unknown key 'name'"),
        ({"references": '[{ system = "x", kind = "measured", source = "y" }]'}, "needs a key 'memories_per_s' in ref"),
        (
            {"ratios": '[{ system = "x", times = 2, than = "nine", kind = "measured", source = "y" }]'},
            "ratios[0].than: no scenario 'nine'; ",
        ),
        (
            {"ratios": '[{ system = "x", times = 0, than = "mine", kind = "measured", source = "y" }]'},
            "ratios[0].times: expected a number > 0",
        ),
        (
            {"references": '[{ system = "x", memories_per_s = 1, kind = "guess", source = "y" }]'},
            "references[0].kind: 'guess' is not one of the choices; choose from claimed, measured, unsourced",
        ),
        (
            {"references": '[{ system = "x", memories_per_s = 1, kind = "measured", source = "y", url = "z" }]'},
            "references[0]: the table contains unknown field 'url'",
        ),
    ],
    ids=str,
)
def test_a_bad_value_is_named_by_table_and_key(tmp_path, changes, message):
    error = error_of(write(tmp_path / "mine.toml", scenario(**changes)))

    assert error.startswith("[scenario.mine] ")
    assert message in error


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no [scenario.NAME] table"),
        ("schema = 1", "has no [scenario.NAME] table"),
        ("[scenario]", "has no [scenario.NAME] table"),
        ("scenario = 3", "has no [scenario.NAME] table"),
        ("scenario.mine = 3", "[scenario.mine] must be a table, not a whole number"),
        ("schema = 3\n" + scenario(), "schema is 3, and this version reads schemas 1 and 2"),
        ("scenarios = 1\n" + scenario(), "unknown key 'scenarios' at the top; did you mean 'scenario'?"),
        ("[scenario.mine\n", "is not valid TOML: "),
        ("[scenario.mine]\nitems = \n", "is not valid TOML: "),
    ],
)
def test_a_file_that_is_not_a_catalogue_is_refused(tmp_path, text, message):
    assert error_of(write(tmp_path / "mine.toml", text)).startswith(message)


def test_the_error_of_invalid_toml_has_a_line_and_a_column(tmp_path):
    path = write(tmp_path / "mine.toml", "[scenario.mine]\n\nitems = ten\n")

    assert re.search(r"line 3, column \d+", error_of(path))


def test_a_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(scenario(summary='"Müßig"').encode("latin-1"))

    assert error_of(path) == "is not UTF-8 (byte 28); save it as UTF-8"


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    assert error_of(tmp_path / "missing.toml") == "cannot be read: No such file or directory"
    assert error_of(tmp_path) == "is a folder; name a file in it"


def test_a_relative_corpus_is_next_to_its_scenario_file(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    path = write(folder / "mine.toml", scenario(corpus='"texts/turns.txt"'))

    assert load_catalogue(path)["mine"].workload()["corpus"].path == str(folder / "texts" / "turns.txt")


def test_a_corpus_can_be_in_the_home_folder(tmp_path, own_folders):
    path = write(tmp_path / "mine.toml", scenario(corpus='"~/turns.txt"'))

    assert load_catalogue(path)["mine"].workload()["corpus"].path == str(own_folders / "turns.txt")


def test_an_absolute_corpus_is_kept(tmp_path):
    path = write(tmp_path / "mine.toml", scenario(corpus=f'"{tmp_path}/a.csv"', corpus_column='"memory"'))
    corpus = load_catalogue(path)["mine"].workload()["corpus"]

    assert (corpus.kind, corpus.path, corpus.column) == ("file", f"{tmp_path}/a.csv", "memory")


def test_a_scenario_has_the_name_of_its_table():
    assert Counter(name == scenario.name for name, scenario in load_catalogue().items()) == {True: 5}


def test_an_unknown_backend_of_a_scenario_is_named_with_the_scenario(tmp_path):
    from membench.plan.checks import PlanError, check_choice
    from membench.plan.options import Choice

    catalogue = load_catalogue(write(tmp_path / "mine.toml", scenario(backends='["mem1"]')))
    with pytest.raises(PlanError) as caught:
        check_choice(Choice(scenarios=("mine",)), catalogue)

    assert caught.value.fact.values == {
        "scenario": "mine",
        "reason": "backends: unknown backend 'mem1'; did you mean 'mem0'?",
    }
