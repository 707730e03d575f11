"""Presets: the built-in ones, and the file of those that users save."""

from __future__ import annotations

import json

import msgspec
import pytest

from membench.plan.matrix import make_plan
from membench.plan.options import Choice
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
    backend_options={"history": "as-shipped,together"},
    clients=(8, 20),
    threads=(None, 2),
    duration_s=0.5,
)


@pytest.mark.parametrize("preset", BUILT_IN, ids=[preset.name for preset in BUILT_IN])
def test_every_built_in_preset_can_be_run(preset: Preset) -> None:
    assert make_plan(preset.choice, load_catalogue()).runs and preset.shows.endswith(".")


def test_nothing_is_saved_at_first() -> None:
    assert saved_presets() == () and not presets_path().exists()


def test_saved_presets_are_read_back_unchanged() -> None:
    save_preset("mine", CHOICE)
    save_preset("another", Choice())

    assert saved_presets() == (Preset(name="mine", choice=CHOICE), Preset(name="another", choice=Choice()))


def test_the_file_holds_only_what_differs_from_the_defaults() -> None:
    save_preset("mine", Choice(clients=(8,)))

    assert json.loads(presets_path().read_text()) == {"schema": 2, "presets": {"mine": {"clients": [8]}}}


def test_a_preset_replaces_an_earlier_one_of_the_same_name() -> None:
    save_preset("mine", CHOICE)
    save_preset("mine", Choice())

    assert [preset.choice for preset in saved_presets()] == [Choice()]


def test_a_deleted_preset_is_gone_and_the_others_remain() -> None:
    save_preset("mine", CHOICE)
    save_preset("another", CHOICE)
    delete_preset("mine")

    assert [preset.name for preset in saved_presets()] == ["another"]


def test_a_file_of_schema_1_is_read_and_saved_in_schema_2() -> None:
    presets_path().parent.mkdir(parents=True)
    presets_path().write_text('{"schema": 1, "presets": {"mine": {"clients": [8], "rate_ops_s": 50.0}}}')
    mine = Choice(clients=(8,), target_operations_per_s=50.0)

    assert saved_presets() == (Preset(name="mine", choice=mine),)
    save_preset("another", Choice())
    assert json.loads(presets_path().read_text()) == {
        "schema": 2,
        "presets": {"mine": {"clients": [8], "target_operations_per_s": 50.0}, "another": {}},
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "is not a file of presets: Input data was truncated"),
        (b"\xff\xfe", "is not a file of presets: JSON is malformed"),
        (b'{"schema": "\xff"}', "is not UTF-8 (byte 0)"),
        (b"[]", "is not a file of presets: Expected `object`"),
        (b"{}", "has schema None, and this version reads schemas 1 and 2"),
        (b'{"schema": 3}', "has schema 3"),
        (b'{"schema": 1}', "has no presets"),
        (b'{"schema": 1, "presets": {"a": 1}}', "preset 'a' is not an object"),
        (b'{"schema": 1, "presets": {"a": {"cleints": []}}}', "unknown key 'cleints'; did you mean 'clients'?"),
        (b'{"schema": 2, "presets": {"a": {"rate_ops_s": 5}}}', "unknown key 'rate_ops_s'"),
        (b'{"schema": 1, "presets": {"a": {"clients": ["x"]}}}', "preset 'a': Expected `int`, got `str`"),
    ],
)
def test_a_damaged_file_is_reported_and_never_overwritten(content: bytes, reason: str) -> None:
    presets_path().parent.mkdir(parents=True)
    presets_path().write_bytes(content)

    for call in (saved_presets, lambda: save_preset("mine", CHOICE), lambda: delete_preset("mine")):
        with pytest.raises(PresetsError) as caught:
            call()
        assert reason in str(caught.value) and "presets.json" in str(caught.value) and "\n" not in str(caught.value)
    assert presets_path().read_bytes() == content


def test_a_folder_that_cannot_be_created_is_reported() -> None:
    presets_path().parent.parent.mkdir(parents=True, exist_ok=True)
    presets_path().parent.write_text("a file in place of the folder")

    with pytest.raises(PresetsError, match="membench-tui"):
        save_preset("mine", CHOICE)


def test_a_preset_of_another_catalogue_is_saved_too() -> None:
    save_preset("mine", msgspec.structs.replace(CHOICE, scenarios=("not-here",)))

    assert saved_presets()[0].choice.scenarios == ("not-here",)
