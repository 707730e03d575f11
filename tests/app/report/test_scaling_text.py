"""Scaling in words: which runs make a curve, its table, and why there is none."""

from __future__ import annotations

import msgspec
import pytest

from membench.report.scaling import scaling_groups, scaling_text
from membench.session.measurement import Measurement

CLIENTS = (1, 2, 4, 8, 16, 32)


@pytest.fixture
def scaled(spec):
    """A factory of runs whose rates follow the Universal Scalability Law, one per number of clients."""
    complete = Measurement(spec(backend_options={"history": "as-shipped"})).record("ok")

    def make(clients=CLIENTS, contention=0.2, **changes):
        rates = {count: 100 * count / (1 + contention * (count - 1)) for count in clients}
        return [
            msgspec.structs.replace(
                complete, clients=count, memories_per_s=rate, memories_per_s_repeats=(rate,) * 3, **changes
            )
            for count, rate in rates.items()
        ]

    return make


def test_runs_that_differ_in_more_than_clients_are_separate_groups(scaled):
    records = [
        *scaled(threads=1),
        *scaled(threads=2),
        *scaled(threads=1, store="edge"),
        *scaled(threads=1, strategy="shared"),
    ]
    groups = scaling_groups(records)

    assert len(groups) == 4
    assert all(list(group.rates) == list(CLIENTS) for group in groups)


def test_precisions_and_embedders_are_groups_of_their_own(scaled):
    records = [
        *scaled(),
        *scaled(precision="int8"),
        *scaled(strategy=None, precision=None, embedder="fixed"),
    ]

    assert [group.name for group in scaling_groups(records)] == [
        "quick · mem0 · mutex · local",
        "quick · mem0 · mutex · int8 · local",
        "quick · mem0 · fixed embedder · local",
    ]


def test_options_of_the_strategy_that_are_not_defaults_are_in_the_name(scaled):
    (group,) = scaling_groups(scaled(strategy="queue", strategy_options={"size": 16, "wait_ms": 20.0}))

    assert group.name == "quick · mem0 · queue · local · size=16"


def test_only_closed_loops_that_went_well_are_grouped(scaled):
    assert scaling_groups(scaled(status="failed") + scaled(target_operations_per_s=50.0)) == ()
    assert scaling_groups(scaled(clients=(8,))) == ()


def test_repeats_of_one_number_of_clients_are_pooled(scaled):
    (group,) = scaling_groups([*scaled(), *scaled(clients=(8,))])

    assert {clients: len(rates) for clients, rates in group.rates.items()} == {
        count: 6 if count == 8 else 3 for count in CLIENTS
    }


def test_enough_numbers_of_clients_are_fitted(scaled):
    first, *lines = scaling_text(scaled())

    assert "contention 0.20 (0.20 to 0.20)" in first
    rows = {line[:34].strip(): line[34:].split() for line in lines}
    assert rows["clients"] == ["1", "2", "4", "8", "16", "32"]
    assert rows["serial share (Karp-Flatt)"] == ["–"] + ["0.20"] * 5
    assert rows["measured, memories/s"] == rows["fitted"]
    assert rows["ideal, min(N / R1, best found)"][:2] == ["100", "200"]


def test_the_best_rate_found_ends_the_ideal(scaled):
    (ideal,) = [line for line in scaling_text(scaled(limit_memories_per_s=300.0)) if "ideal" in line]

    assert ideal[34:].split() == ["100", "200", "300", "300", "300", "300"]


def test_without_one_client_nothing_is_called_ideal(scaled):
    records = scaled(clients=(2, 4, 8, 16, 32, 64))
    (group,) = scaling_groups(records)

    assert group.ideal == ()
    assert not any("ideal" in line for line in scaling_text(records))


def test_cores_are_named_where_clients_share_them(scaled):
    text = "\n".join(scaling_text(scaled(usable_cores=2.0)))

    assert "cores are part of this contention and of the serial share: 2 usable cores alone, without any lock" in text
    assert "cores are part" not in "\n".join(scaling_text(scaled(usable_cores=32.0)))


def test_a_fit_up_to_the_cores_says_nothing_of_more_clients(scaled):
    (group,) = scaling_groups(scaled(clients=(1, 2, 3, 4, 6, 8, 16, 32), usable_cores=8.0))
    fitted = group.fitted()

    assert "fitted up to the 8 usable cores, and says nothing of more clients" in "\n".join(fitted.lines)
    assert "at most" not in "\n".join(fitted.lines)
    assert fitted.curve[-1][0] == pytest.approx(8)
    (row,) = [line[34:].split() for line in fitted.lines if line.startswith("  fitted  ")]
    assert row[-2:] == ["–", "–"]


def test_a_point_above_every_curve_leaves_no_curve(scaled):
    def repeats(record):
        rate = 105.0 if record.clients == 2 else 100.0
        return msgspec.structs.replace(record, memories_per_s_repeats=(rate - 3, rate, rate + 3))

    (group,) = scaling_groups(map(repeats, scaled(contention=1.0)))
    fitted = group.fitted()

    assert fitted.curve == ()
    assert "no curve and no peak: 2 clients achieved 105 memories/s, more than any" in "\n".join(fitted.lines)
    assert "at most" not in "\n".join(fitted.lines)


def test_one_repeat_each_is_said(scaled):
    single = [
        msgspec.structs.replace(record, memories_per_s_repeats=record.memories_per_s_repeats[:1]) for record in scaled()
    ]

    assert "a drift of the machine would look like scaling" in "\n".join(scaling_text(single))
    assert "a drift" not in "\n".join(scaling_text(scaled()))


def test_too_few_numbers_of_clients_are_explained(scaled):
    (line,) = scaling_text(scaled(clients=(1, 2, 4)))

    assert "not fitted: a fit needs 6 numbers of clients or more, and there are 3" in line
    assert list(scaling_text(scaled(clients=(1, 8)))) == []
