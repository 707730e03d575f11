"""`membench-tui limit` as a user types it, and the runs that then show their share of the limit."""

from __future__ import annotations

import json
import signal
import time

import psutil
import pytest

from membench.results.limits import limit_key, limits_folder, saved_limit
from membench.spec.run import Corpus
from membench.units import format_rate

pytestmark = pytest.mark.xdist_group("measures")

PATIENCE_S = 60.0
QUICKLY = ("--texts", "48", "--passes", "2")


def test_the_limit_is_stored_and_later_runs_show_their_share_of_it(membench, tiny_twin, quick_file, tmp_path):
    done = membench("limit", "--model", tiny_twin, "--corpus", "benchmark", *QUICKLY)
    key = limit_key(str(tiny_twin), "fp32", Corpus(kind="benchmark"), seed=1)
    assert key is not None
    limit = saved_limit(key)

    assert limit is not None
    assert done.out.startswith(
        f"{format_rate(limit.texts_per_s)} texts/s is the best rate found for {tiny_twin.name}, twin weights"
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
    assert null["limit_memories_per_s"] is null["limit_share"] is None, "a backend that does not embed has no limit"


def test_stored_limits_can_be_listed(membench, tiny_twin):
    assert "No limit is stored for this machine" in membench("limit", "--list").err
    membench("limit", "--model", tiny_twin, *QUICKLY)
    _, row, *_ = membench("limit", "--list").out.splitlines()
    assert row.split()[1:4] == ["twin", "fp32", "turns"]


def test_the_list_says_why_a_stored_limit_does_not_apply(membench, tiny_twin, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("one\ntwo\n")
    membench("limit", "--model", tiny_twin, "--corpus", texts, *QUICKLY)
    (path,) = limits_folder().glob("*.json")
    stored = json.loads(path.read_text())
    stored["key"]["versions"]["onnxruntime"] = "0.1"
    (path.parent / "older.json").write_text(json.dumps(stored))
    texts.write_text("three\n")
    (path.parent / "damaged.json").write_text("{")

    listed = membench("limit", "--list")
    one, other = sorted(listed.out.splitlines(), key=len)
    assert one.startswith("does not apply: ") and one.endswith("twin weights, fp32, texts.txt: the corpus has changed")
    assert "texts.txt: onnxruntime 0.1, now 1." in other
    (ignored,) = [line for line in listed.err.splitlines() if "damaged.json" in line]
    assert "is damaged or of another version, and ignored; delete it and measure again" in ignored
    assert "No limit is stored for this machine as it is now" in listed.err


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--model", "nowhere"), "--model nowhere: nowhere is neither a folder nor a text model of FastEmbed"),
        (
            ("--corpus", "nothing"),
            "--corpus: 'nothing' is neither 'benchmark', 'turns' nor a .txt, .jsonl or .csv file",
        ),
        (("--corpus", "missing.txt"), "missing.txt: cannot be read: No such file or directory"),
        (("--texts", "1e9"), "--texts 1e9: must be a whole number from 1 to 100,000"),
        (("--texts", "0"), "--texts 0: must be a whole number from 1 to 100,000"),
        (("--passes", "many"), "--passes many: must be a whole number from 1 to 100"),
        (("--seed", "-1"), "--seed -1: must be a whole number from 0 to"),
        (("--precision", "int3"), "--precision int3: must be one of fp32, int8"),
    ],
)
def test_wrong_usage_is_one_line(membench, tiny_twin, arguments, error):
    arguments = arguments if "--model" in arguments else ("--model", tiny_twin, *arguments)
    assert error in membench("limit", *arguments, code=2).error


def test_an_interrupt_ends_the_search_and_stores_nothing(start, tiny_twin):
    search = start("limit", "--model", tiny_twin, "--texts", "20000", "--passes", "50")
    deadline = time.monotonic() + PATIENCE_S
    while not (runners := psutil.Process(search.process.pid).children()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    search.process.send_signal(signal.SIGINT)
    search.end(code=130)
    assert not [runner for runner in runners if runner.is_running() and runner.status() != psutil.STATUS_ZOMBIE]
    assert not list(limits_folder().glob("*"))


def test_a_limit_that_cannot_be_stored_is_still_printed(membench, tiny_twin):
    limits_folder().parent.mkdir(parents=True)
    limits_folder().write_text("in the way")
    done = membench("limit", "--model", tiny_twin, *QUICKLY)
    assert "is the best rate found for" in done.out
    assert "the rate cannot be stored" in done.error
