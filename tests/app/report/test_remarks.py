"""What tables say of a run: rates with their intervals, and remarks."""

from __future__ import annotations

import msgspec
import pytest

from membench.report.remarks import rate_text, remarks
from membench.session.measurement import Measurement


@pytest.fixture
def run(spec):
    """A record of a run that went well."""
    return Measurement(spec(clients=20)).record("ok")


def test_a_rate_in_words(run, repeated):
    assert rate_text(run, "ok") == "–"
    assert rate_text(repeated(run, 131.0), "ok") == "131"
    assert rate_text(repeated(run, 128.0, 134.0), "ok") == "131 (range 128 to 134)"
    assert rate_text(repeated(run, 128.0, 131.0, 134.0), "ok", unit="/s") == "131 (124 to 139) /s"


def test_a_rate_that_is_not_that_of_the_work_is_marked(run, repeated):
    lossy = msgspec.structs.replace(repeated(run, 131.0), lost=3)

    assert rate_text(lossy, "failed") == "131 ✗"
    assert rate_text(lossy, "errors", unit="/s") == "131 /s !"


def test_a_trend_is_remarked(run):
    rising = msgspec.structs.replace(
        run,
        memories_per_s_windows=tuple(map(float, range(50, 100, 5))),
        measured_s=10.0,
        operations_per_s=100.0,
        latency_mean_ms=80.0,
        memories_per_s_repeats=(75.0,),
    )

    assert list(remarks([run])) == []
    assert "still warming up: throughput rose by" in "\n".join(remarks([rising]))
