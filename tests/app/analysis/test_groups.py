"""Groups of comparable runs, and what tells runs apart."""

from __future__ import annotations

import msgspec
import pytest

from membench.analysis.groups import groups_by_choice, same_but_clients, threads_text
from membench.session.measurement import Measurement


@pytest.fixture
def run(spec):
    """A factory of records."""
    complete = Measurement(spec()).record("ok")
    return lambda run_id="1", **changes: msgspec.structs.replace(complete, run_id=run_id, **changes)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"threads": 2, "session_threads": (2,), "threads_auto": True}, "auto (2)"),
        ({"threads": 2, "session_threads": (2,), "threads_auto": False}, "2"),
        ({"threads": 1, "session_threads": (1, 1, 1), "threads_auto": True}, "auto (3x1)"),
        ({"threads": 1, "session_threads": (1, 2), "threads_auto": True}, "auto (1+2)"),
        ({"threads": 4, "session_threads": (4, 4), "threads_auto": False}, "2x4"),
        ({"threads": None}, "auto"),
        ({"threads": 2}, "2"),
        ({"strategy": None}, "–"),
    ],
)
def test_threads_are_shown_as_used(run, changes, text):
    assert threads_text(run(**changes)) == text


def test_runs_that_left_the_threads_to_the_library_chose_the_same(run):
    auto = [
        run(strategy, strategy=strategy, threads=threads, session_threads=(threads,), threads_auto=True)
        for strategy, threads in (("shared", 2), ("adaptive", 1))
    ]
    explicit = run("3", strategy="shared", threads=2, session_threads=(2,), threads_auto=False)

    groups = {name: [record.run_id for record in group] for name, group in groups_by_choice([*auto, explicit])}

    assert groups == {"strategy": ["shared", "adaptive"], "threads": ["shared", "3"]}


def test_runs_that_differ_in_two_choices_are_in_no_group(run):
    assert list(groups_by_choice([run("1"), run("2", store="edge", strategy="shared")])) == []


def test_other_options_of_the_backend_are_another_curve(run):
    shipped, together = (run(backend_options={"history": value}) for value in ("as-shipped", "together"))

    assert same_but_clients(shipped) == "quick · mem0 · mutex · local"
    assert same_but_clients(together) == "quick · mem0 · history=together · mutex · local"
    assert same_but_clients(run()) == "quick · mem0 · options not recorded · mutex · local"
