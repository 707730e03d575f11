"""`membench-tui limit`, as a person types it, and the runs that are then held against it."""

from __future__ import annotations

import json
import signal
import time

import psutil
import pytest

from membench.messages.run import Corpus
from membench.results.limits import kept_limit, limits_folder
from membench.units import format_rate

pytestmark = pytest.mark.xdist_group("measures")

PATIENCE_S = 60.0
QUICKLY = ("--texts", "48", "--passes", "2")


def test_the_limit_is_found_kept_and_every_run_held_against_it(membench, tiny_twin, quick_file, tmp_path):
    done = membench("limit", "--model", tiny_twin, "--corpus", "benchmark", *QUICKLY)
    limit = kept_limit(str(tiny_twin), "fp32", Corpus(kind="benchmark"))

    assert limit is not None
    assert done.out.startswith(
        f"{format_rate(limit.texts_per_s)} texts/s is the limit of {tiny_twin.name}, twin weights"
    )
    assert len(limit.found.passes_texts_per_s) == 2
    assert limit.found.tokens_mean == pytest.approx(17, abs=1)
    assert limit.found.padding_factor == pytest.approx(1, abs=0.05)

    path = tmp_path / "records.json"
    choice = ("--backend", "agentmem,null", "--strategy", "shared", "--model", tiny_twin)
    membench("run", "quick", "--scenarios", quick_file, *choice, "--json", path)
    agentmem, null = json.loads(path.read_text())["runs"]
    assert agentmem["limit_memories_per_s"] == limit.texts_per_s
    assert agentmem["limit_share"] == pytest.approx(agentmem["memories_per_s"] / limit.texts_per_s)
    assert null["limit_memories_per_s"] is null["limit_share"] is None, "what embeds nothing has no such limit"


def test_kept_limits_can_be_listed(membench, tiny_twin):
    assert "no limit has been measured" in membench("limit", "--kept").err
    membench("limit", "--model", tiny_twin, *QUICKLY)
    _, row, *_ = membench("limit", "--kept").out.splitlines()
    assert row.split()[1:4] == ["twin", "fp32", "turns"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--model", "nowhere"), "--model nowhere: nowhere is neither a folder nor a text model of FastEmbed"),
        (
            ("--corpus", "nothing"),
            "--corpus: 'nothing' is neither 'benchmark', 'turns' nor a .txt, .jsonl or .csv file",
        ),
        (("--corpus", "missing.txt"), "missing.txt: cannot be read: No such file or directory"),
        (("--precision", "int3"), "'int3' is not one of 'fp32', 'int8'"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(membench, tiny_twin, arguments, complaint):
    given = arguments if "--model" in arguments else ("--model", tiny_twin, *arguments)
    assert complaint in membench("limit", *given, code=2).complaint


def test_an_interrupt_ends_the_search_and_keeps_nothing(start, tiny_twin):
    search = start("limit", "--model", tiny_twin, "--texts", "20000", "--passes", "50")
    until = time.monotonic() + PATIENCE_S
    while not (runners := psutil.Process(search.process.pid).children()):
        assert time.monotonic() < until
        time.sleep(0.01)
    search.process.send_signal(signal.SIGINT)
    search.end(code=130)
    assert not [runner for runner in runners if runner.is_running() and runner.status() != psutil.STATUS_ZOMBIE]
    assert not list(limits_folder().glob("*"))


def test_a_limit_that_cannot_be_kept_is_still_told(membench, tiny_twin):
    limits_folder().parent.mkdir(parents=True)
    limits_folder().write_text("in the way")
    done = membench("limit", "--model", tiny_twin, *QUICKLY)
    assert "is the limit of" in done.out
    assert "cannot be kept" in done.complaint
