"""Presets: the questions that ship, and the file of those that were saved."""

from __future__ import annotations

import json

import msgspec
import pytest

from membench.plan.matrix import Choice, make_plan
from membench.plan.presets import (
    BUILT_IN,
    Preset,
    PresetsError,
    delete_preset,
    presets_path,
    save_preset,
    saved_presets,
)
from membench.plan.scenarios import load_catalogue

CHOICE = Choice(
    scenarios=("steady-add",),
    strategies=("queue",),
    strategy_options={"queue.wait_ms": "5"},
    clients=(8, 20),
    threads=(None, 2),
    duration_s=0.5,
)


@pytest.mark.parametrize("preset", BUILT_IN, ids=[preset.name for preset in BUILT_IN])
def test_every_question_that_ships_can_be_run(preset: Preset) -> None:
    assert make_plan(preset.choice, load_catalogue()).runs and preset.shows.endswith(".")


def test_nothing_is_saved_at_first() -> None:
    assert saved_presets() == () and not presets_path().exists()


def test_what_was_saved_comes_back_as_it_was() -> None:
    save_preset("mine", CHOICE)
    save_preset("another", Choice())

    assert saved_presets() == (Preset(name="mine", choice=CHOICE), Preset(name="another", choice=Choice()))


def test_the_file_says_only_what_differs_from_the_defaults() -> None:
    save_preset("mine", Choice(clients=(8,)))

    assert json.loads(presets_path().read_text()) == {"schema": 1, "presets": {"mine": {"clients": [8]}}}


def test_a_name_is_taken_over_by_the_newest() -> None:
    save_preset("mine", CHOICE)
    save_preset("mine", Choice())

    assert [preset.choice for preset in saved_presets()] == [Choice()]


def test_a_deleted_preset_is_gone_and_the_others_stay() -> None:
    save_preset("mine", CHOICE)
    save_preset("another", CHOICE)
    delete_preset("mine")

    assert [preset.name for preset in saved_presets()] == ["another"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "is no file of presets: Input data was truncated"),
        (b"\xff\xfe", "is no file of presets"),
        (b"[]", "is no file of presets: Expected `object`"),
        (b"{}", "its schema is None, and this version reads schema 1"),
        (b'{"schema": 2}', "its schema is 2"),
        (b'{"schema": 1}', "it has no presets"),
        (b'{"schema": 1, "presets": {"a": 1}}', "preset 'a' is not a table"),
        (b'{"schema": 1, "presets": {"a": {"cleints": []}}}', "unknown key 'cleints'; did you mean 'clients'?"),
        (b'{"schema": 1, "presets": {"a": {"clients": ["x"]}}}', "preset 'a': Expected `int`, got `str`"),
    ],
)
def test_a_damaged_file_is_told_of_and_never_written_over(content: bytes, reason: str) -> None:
    presets_path().parent.mkdir(parents=True)
    presets_path().write_bytes(content)

    for act in (saved_presets, lambda: save_preset("mine", CHOICE), lambda: delete_preset("mine")):
        with pytest.raises(PresetsError) as caught:
            act()
        assert reason in str(caught.value) and "presets.json" in str(caught.value) and "\n" not in str(caught.value)
    assert presets_path().read_bytes() == content


def test_a_folder_that_cannot_be_made_is_told_of() -> None:
    presets_path().parent.parent.mkdir(parents=True, exist_ok=True)
    presets_path().parent.write_text("a file where the folder belongs")

    with pytest.raises(PresetsError, match="membench-tui"):
        save_preset("mine", CHOICE)


def test_a_preset_of_another_catalogue_is_kept() -> None:
    save_preset("mine", msgspec.structs.replace(CHOICE, scenarios=("not-here",)))

    assert saved_presets()[0].choice.scenarios == ("not-here",)
