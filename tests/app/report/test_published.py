"""Published figures next to measured ones: which runs correspond, and what is said of them."""

from __future__ import annotations

import msgspec
import pytest

from membench.analysis.comparison import compare
from membench.plan.scenarios import load_catalogue
from membench.report.exports import to_markdown
from membench.report.published import CAUTION, published_cells, published_line, published_rows
from membench.session.measurement import Measurement

CONCURRENT = {"scenario": "concurrent-add", "clients": 20, "items": 100}
SINGLE = {"scenario": "single-add", "clients": 1, "items": 50}


@pytest.fixture
def run_of(spec, repeated):
    """A factory of records of AgentMem's port that went well."""

    def make(rate=131.4, **changes):
        settings = {"backend": "agentmem", "strategy": "mutex", "run_id": f"{changes.get('scenario')} {changes}"}
        record = Measurement(spec(**{**settings, **changes})).record("ok")
        rates = (rate * 0.98, rate, rate * 1.02)
        measured = {"memories_per_s": rate, "memories_per_s_low": rates[0], "memories_per_s_high": rates[2]}
        return msgspec.structs.replace(repeated(record, *rates), **measured, plan_id=record.run_id)

    return make


def test_a_published_rate_is_set_against_the_measured_one(run_of):
    measured, claimed = published_rows([run_of(58.02, **CONCURRENT)])

    assert (measured.system, measured.figure, measured.published, measured.kind) == (
        "AgentMem", "memories/s", 29.01, "measured",
    )  # fmt: skip
    assert measured.counterpart == "agentmem (mutex, local)"
    assert measured.ratio == pytest.approx((2.0, 1.96, 2.04))
    assert (claimed.published, claimed.kind) == (235.0, "claimed")
    assert published_cells(measured)["this machine"] == "58.0 (56.9 to 59.2)"
    assert published_line(measured).startswith(
        "AgentMem 29.0, measured (its benchmark of 2025-12-10 on macOS); here 58.0 "
    )


def test_mem0_has_the_unsourced_figure(run_of):
    (row,) = published_rows([run_of(backend="mem0", strategy="shared", **CONCURRENT)])

    assert (row.system, row.published, row.kind) == ("Mem0", 10_000.0, "unsourced")


@pytest.mark.parametrize(
    "changes",
    [
        {"strategy": "adaptive"},
        {"backend": "fastembed"},
        {"clients": 8},
        {"items": 200},
        {"items": None, "duration_s": 3.0},
        {"scenario": "steady-add"},
        {"embedder": "fixed"},
        {"backend_options": {"history": "together"}},
        {"target_operations_per_s": 50.0},
    ],
    ids=str,
)
def test_only_runs_of_the_same_workload_and_system_as_shipped_correspond(run_of, changes):
    assert published_rows([run_of(**{**CONCURRENT, **changes})]) == ()


def test_a_run_that_failed_has_no_row(run_of):
    assert published_rows([msgspec.structs.replace(run_of(**CONCURRENT), status="failed")]) == ()


def test_every_strategy_as_shipped_has_its_own_rows(run_of):
    rows = published_rows([run_of(**CONCURRENT), run_of(strategy="queue", **CONCURRENT)])

    assert [row.counterpart for row in rows if row.kind == "measured"] == [
        "agentmem (mutex, local)",
        "agentmem (queue, local)",
    ]


def test_a_range_says_where_the_measured_rate_lies(run_of):
    positions = {
        rate: published_cells(published_rows([run_of(rate, **SINGLE)])[1])["ratio"] for rate in (10.0, 30.0, 90.0)
    }
    assert positions == {10.0: "below it", 30.0: "within it", 90.0: "above it"}


def test_a_published_ratio_is_set_against_the_measured_ratio(run_of):
    concurrent, single = run_of(60.0, **CONCURRENT), run_of(30.0, **SINGLE)
    (row,) = [row for row in published_rows([concurrent, single]) if row.unit == "x"]
    expected = compare(concurrent, single)

    assert (row.figure, row.published) == ("rate / single-add", 2.03)
    assert row.measured == (expected.value, expected.low, expected.high)
    assert published_cells(row)["published"] == "2.03x"
    assert published_cells(row)["ratio"] == "agrees"
    (row,) = [row for row in published_rows([run_of(90.0, **CONCURRENT), single]) if row.unit == "x"]
    assert published_cells(row)["ratio"] == "differs"


@pytest.mark.parametrize("changes", [{"strategy": "queue"}, {"store": "edge"}, {"precision": "int8"}], ids=str)
def test_a_ratio_needs_both_runs_of_one_system(run_of, changes):
    records = [run_of(60.0, **CONCURRENT), run_of(30.0, **{**SINGLE, **changes})]

    assert [row for row in published_rows(records) if row.unit == "x"] == []


def test_a_ratio_without_an_interval_says_so(run_of):
    records = [
        msgspec.structs.replace(record, memories_per_s_repeats=record.memories_per_s_repeats[:1])
        for record in (run_of(60.0, **CONCURRENT), run_of(30.0, **SINGLE))
    ]
    (row,) = [row for row in published_rows(records) if row.unit == "x"]

    assert published_cells(row)["ratio"] == "no interval; use --repeats 3"


def test_only_the_rows_of_one_run_are_returned(run_of):
    records = [run_of(**CONCURRENT), run_of(**SINGLE)]
    rows = published_rows(records, of=records[1].run_id)

    assert rows and {row.scenario for row in rows} == {"single-add"}


def test_the_users_catalogue_has_its_own_figures(run_of, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'schema = 2\n[scenario.mine]\nsummary = "s"\noperation = "add"\nitems = 10\ncorpus = "benchmark"\n'
        'references = [{ system = "S", backend = "agentmem", memories_per_s = 50.0, kind = "claimed", source = "us"}]\n'
    )
    (row,) = published_rows([run_of(100.0, scenario="mine", items=10)], load_catalogue(path))

    assert (row.system, row.source, row.ratio.value) == ("S", "us", pytest.approx(2))


def test_markdown_ends_with_the_table(run_of):
    text = to_markdown([run_of(58.02, **CONCURRENT)]).decode()

    assert "**Published figures and this machine's**" in text
    assert "| concurrent-add | memories/s | AgentMem | 29.0 | measured | agentmem (mutex, local) |" in text
    assert text.rstrip().endswith(CAUTION)
    assert "Published" not in to_markdown([run_of(scenario="quick")]).decode()


def test_every_published_figure_names_a_backend_that_exists():
    from membench_backends.registry import backends

    scenarios = load_catalogue().values()
    assert {each.backend for scenario in scenarios for each in (*scenario.references, *scenario.ratios)} <= {
        *backends()
    }
