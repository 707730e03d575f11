"""Scenario files: the one that ships, and every bad one a person may write."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from membench.plan.scenarios import CatalogueError, load_catalogue

GOOD = {
    "summary": '"Adds."',
    "operation": '"add"',
    "items": "10",
}


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def scenario(table="scenario.mine", **changes):
    """A scenario file with one scenario; a change to None leaves the key out."""
    keys = {**GOOD, **changes}
    return f"[{table}]\n" + "\n".join(f"{key} = {value}" for key, value in keys.items() if value is not None)


def complaint(path):
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_the_catalogue_that_ships_has_the_five_scenarios():
    found = {name: load_catalogue()[name].workload() for name in load_catalogue()}

    assert list(found) == ["single-add", "batch-add", "concurrent-add", "steady-add", "store-only"]
    assert (found["single-add"].items, found["single-add"].clients) == (50, 1)
    assert (found["batch-add"].operation, found["batch-add"].items, found["batch-add"].batch_size) == (
        "add_batch", 100, 100,
    )  # fmt: skip
    assert (found["concurrent-add"].items, found["concurrent-add"].clients) == (100, 20)
    assert (found["steady-add"].items, found["steady-add"].duration_s) == (None, 5.0)
    assert [workload.corpus.kind for workload in found.values()] == ["benchmark"] * 3 + ["turns"] * 2
    assert all(workload.warmup_items for workload in found.values())


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


def test_a_file_of_ones_own_is_read(tmp_path):
    found = load_catalogue(write(tmp_path / "mine.toml", scenario(items=None, duration='"500ms"', rate="2.5")))

    assert list(found) == ["mine"]
    assert (found["mine"].workload().duration_s, found["mine"].workload().target_operations_per_s) == (0.5, 2.5)


def test_a_byte_order_mark_is_no_error(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + scenario().encode())

    assert list(load_catalogue(path)) == ["mine"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"items": '"ten"'}, "items: expected a whole number, got a text"),
        ({"items": "1.5"}, "items: expected a whole number, got a number"),
        ({"summary": "7"}, "summary: expected a text, got a whole number"),
        ({"clients": "true"}, "clients: expected a whole number, got a yes or no"),
        ({"backends": '"mem0"'}, "backends: expected a list, got a text"),
        ({"backends": "[1]"}, "backends[0]: expected a text, got a whole number"),
        ({"clients": "0"}, "clients: expected a whole number >= 1"),
        ({"clients": "-1"}, "clients: expected a whole number >= 1"),
        ({"clients": "100000"}, "clients: expected a whole number <= 1024"),
        ({"items": "0"}, "items: expected a whole number >= 1"),
        ({"warmup_items": "-1"}, "warmup_items: expected a whole number >= 0"),
        ({"rate": "0"}, "rate: expected a number > 0"),
        ({"rate": "-3.5"}, "rate: expected a number > 0"),
        ({"operation": '"ad"'}, "operation: 'ad' is not one of the choices; did you mean 'add'?"),
        ({"arrivals": '"often"'}, "arrivals: 'often' is not one of the choices; choose from constant, poisson"),
        ({"summary": None}, "needs a key 'summary'"),
        ({"operation": None}, "needs a key 'operation'"),
        ({"items": None}, "items: give either items or duration"),
        ({"duration": '"5s"'}, "items: give either items or duration"),
        ({"items": None, "duration": '"5"'}, "duration: '5' is no duration; write a number and a unit"),
        ({"items": None, "duration": '"0s"'}, "duration: '0s' is no time at all"),
        ({"items": None, "duration": "5"}, "duration: expected a text, got a whole number"),
        ({"batch_size": "4"}, "batch_size: only the operation add_batch takes a list"),
        ({"operation": '"add_batch"', "batch_size": "4", "rate": "5.0"}, "items: with a rate, use a multiple of"),
        ({"items": None, "duration": '"1h"', "rate": "1e6"}, "rate: rate x duration is over 5,000,000 operations"),
        ({"corpus": '"turnips"'}, "corpus: 'turnips' is neither 'benchmark', 'turns' nor a .txt, .jsonl or .csv"),
        ({"corpus": '"texts.pdf"'}, "texts.pdf' is neither 'benchmark', 'turns' nor a .txt, .jsonl or .csv"),
        ({"itmes": "3"}, "has an unknown key 'itmes'; did you mean 'items'?"),
        ({"name": '"other"'}, "has an unknown key 'name'"),
        ({"references": '[{ system = "x", kind = "measured", source = "y" }]'}, "needs a key 'memories_per_s' in ref"),
        (
            {"references": '[{ system = "x", memories_per_s = 1, kind = "guess", source = "y" }]'},
            "references[0].kind: 'guess' is not one of the choices; choose from claimed, measured, unsourced",
        ),
        (
            {"references": '[{ system = "x", memories_per_s = 1, kind = "measured", source = "y", url = "z" }]'},
            "references[0]: object contains unknown field",
        ),
    ],
    ids=str,
)
def test_a_bad_value_is_named_by_table_and_key(tmp_path, changes, message):
    found = complaint(write(tmp_path / "mine.toml", scenario(**changes)))

    assert found.startswith("[scenario.mine] ")
    assert message in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no [scenario.NAME] table"),
        ("schema = 1", "has no [scenario.NAME] table"),
        ("[scenario]", "has no [scenario.NAME] table"),
        ("scenario = 3", "has no [scenario.NAME] table"),
        ("scenario.mine = 3", "[scenario.mine] must be a table, not a whole number"),
        ("schema = 2\n" + scenario(), "schema is 2, and this version reads schema 1"),
        ("scenarios = 1\n" + scenario(), "unknown key 'scenarios' at the top; did you mean 'scenario'?"),
        ("[scenario.mine\n", "is not valid TOML: "),
        ("[scenario.mine]\nitems = \n", "is not valid TOML: "),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused(tmp_path, text, message):
    assert complaint(write(tmp_path / "mine.toml", text)).startswith(message)


def test_broken_toml_is_placed(tmp_path):
    path = write(tmp_path / "mine.toml", "[scenario.mine]\n\nitems = ten\n")

    assert re.search(r"line 3, column \d+", complaint(path))


def test_a_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(scenario(summary='"Müßig"').encode("latin-1"))

    assert complaint(path) == "is not UTF-8 (byte 28); save it as UTF-8"


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    assert complaint(tmp_path / "missing.toml") == "cannot be read: No such file or directory"
    assert complaint(tmp_path) == "cannot be read: Is a directory"


def test_a_corpus_is_looked_for_beside_its_scenario_file(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    path = write(folder / "mine.toml", scenario(corpus='"texts/turns.txt"'))

    assert load_catalogue(path)["mine"].workload().corpus.path == str(folder / "texts" / "turns.txt")


def test_a_corpus_may_be_named_from_home(tmp_path, own_folders):
    path = write(tmp_path / "mine.toml", scenario(corpus='"~/turns.txt"'))

    assert load_catalogue(path)["mine"].workload().corpus.path == str(own_folders / "turns.txt")


def test_an_absolute_corpus_stays_where_it_is(tmp_path):
    path = write(tmp_path / "mine.toml", scenario(corpus=f'"{tmp_path}/a.csv"', corpus_column='"memory"'))
    corpus = load_catalogue(path)["mine"].workload().corpus

    assert (corpus.kind, corpus.path, corpus.column) == ("file", f"{tmp_path}/a.csv", "memory")


def test_names_of_scenarios_are_those_of_their_tables():
    assert Counter(name == scenario.name for name, scenario in load_catalogue().items()) == {True: 5}
