"""Result files: what is in them, and that each is written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import stat
import subprocess
import sys

import msgspec
import pytest
from hdrh.histogram import HdrHistogram

from membench.report import exports
from membench.report.exports import (
    ExportError,
    ResultFiles,
    check_writable,
    files_of,
    rescue,
    to_csv,
    to_hgrm,
    to_json,
    to_markdown,
    write_whole,
)
from membench.results.record import Record
from membench.session.measurement import Measurement


@pytest.fixture
def record(spec, tick):
    """A record with a thousand latencies and awkward texts."""
    generator = random.Random(1)
    values = sorted({int(generator.lognormvariate(14, 1)) for _ in range(1000)})
    measurement = Measurement(spec(clients=2))
    measurement.feed(tick(latency_ns=tuple(values), latency_counts=(1,) * len(values), errors={"Value, Error": 2}))
    return measurement.record("failed", 'it said "no",\nthen ended: Müßig 🙂')


def test_json_holds_every_record_with_every_field(record):
    document = json.loads(to_json([record, record]))

    assert list(document) == ["schema", "runs"]
    assert document["schema"] == 1
    assert [list(run) for run in document["runs"]] == [list(Record.__struct_fields__)] * 2
    assert document["runs"][0]["store"] == "local"
    assert document["runs"][0]["error_kinds"] == {"Value, Error": 2}
    assert document["runs"][0]["lost"] is None
    assert msgspec.convert(document["runs"][0], Record) == record


def test_csv_reads_back_as_the_same_records(record):
    header, *rows = csv.reader(io.StringIO(to_csv([record, record]).decode()))

    assert header == list(Record.__struct_fields__)
    assert rows[0] == rows[1]
    row = dict(zip(header, rows[0], strict=True))
    assert row["error"] == record.error
    assert [row[field] for field in ("lost", "memories_per_s_low", "locks", "limit_share")] == [""] * 4
    assert float(row["latency_p50_ms"]) == record.latency_p50_ms
    assert json.loads(row["error_kinds"]) == {"Value, Error": 2}
    assert json.loads(row["cpu_percent_per_core"]) == list(record.cpu_percent_per_core)
    assert json.loads(row["memories_per_s_repeats"]) == []
    assert json.loads(row["strategy_options"]) == {}
    empty = {field for field, cell in row.items() if cell == ""}
    assert empty == {field for field in header if getattr(record, field) is None}


def test_csv_writes_yes_and_no_as_json(record):
    looped = msgspec.structs.replace(record, batch_call=False)
    row = next(csv.DictReader(io.StringIO(to_csv([looped]).decode())))

    assert row["batch_call"] == "false"


def test_markdown_is_a_table_and_what_it_rests_on(record):
    other = msgspec.structs.replace(
        record, run_id="run-2", strategy="adaptive", status="ok", error=None, error_kinds={}, weights="twin",
        memories_per_s=281.4, memories_per_s_low=270.0, memories_per_s_high=290.0, time_lock=0.004, verdict="compute-bound",
    )  # fmt: skip
    head, rule, first, second, empty, *notes = to_markdown([record, other]).decode().splitlines()

    assert head.startswith("| scenario | backend | strategy | clients | ops/s (95 % interval) | p50 |")
    assert rule.count("|") == head.count("|") == second.count("|")
    assert "| mutex |" in first and first.endswith("| failed |")
    assert "| adaptive | 2 | 281 (270 to 290) |" in second and second.endswith("| compute-bound |")
    assert not empty and any("twin" in note for note in notes)
    assert "store" not in head and "precision" not in head


def test_markdown_tells_what_differs_and_keeps_cells_whole(record):
    other = msgspec.structs.replace(record, store="edge", scenario="a|b", precision="int8")
    head, _, _, second, *_ = to_markdown([record, other]).decode().splitlines()

    assert "| store | precision |" in head
    assert second.startswith("| a\\|b | mem0 | mutex | edge | int8 |")


@pytest.mark.parametrize("suffix", [".csv", ".json", ".md", ".svg"])
def test_the_extension_says_what_is_written(record, suffix):
    path = exports.Path(f"out{suffix}")
    expected = {".csv": to_csv([record]), ".json": to_json([record]), ".md": to_markdown([record]), ".svg": b"<svg/>"}

    assert files_of(path, [record], "<svg/>") == [(path, expected[suffix])]


def test_percentile_tables_of_several_runs_are_numbered(record):
    bare = msgspec.structs.replace(record, latency_hdr=None)

    assert [path.name for path, _ in files_of(exports.Path("out.hgrm"), [record])] == ["out.hgrm"]
    assert [path.name for path, _ in files_of(exports.Path("out.hgrm"), [record, bare, record])] == [
        "out-1.hgrm",
        "out-2.hgrm",
    ]
    with pytest.raises(ExportError, match="none of these runs has latencies"):
        files_of(exports.Path("out.hgrm"), [bare])


def test_an_extension_that_says_nothing_is_refused(record):
    with pytest.raises(ExportError, match=r"out\.xlsx: ends in none of \.csv"):
        files_of(exports.Path("out.xlsx"), [record])


def percentiles(table):
    rows = [line.split() for line in table.decode().splitlines()[1:] if line and line[0] == " "]
    return [(float(value), float(share)) for value, share, *_ in rows]


def test_a_percentile_table_says_what_the_record_says(record):
    table = to_hgrm(record)
    rows = percentiles(table)
    values, shares = zip(*rows, strict=True)

    assert table.decode().splitlines()[0].split()[:2] == ["Value", "Percentile"]
    assert list(values) == sorted(values)
    assert list(shares) == sorted(shares)
    assert dict((share, value) for value, share in rows)[0.5] == record.latency_p50_ms
    assert (shares[0], shares[-1]) == (0, 1)
    assert values[-1] == pytest.approx(record.latency_max_ms, rel=0.001)
    mean = float(table.decode().partition("Mean    =")[2].split(",")[0])
    assert mean == pytest.approx(record.latency_mean_ms, rel=0.001)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 1000])
def test_a_percentile_table_goes_on_until_less_than_one_operation_is_left(spec, tick, count):
    measurement = Measurement(spec(clients=2))
    measurement.feed(tick(latency_ns=(70,), latency_counts=(count,)))
    rows = percentiles(to_hgrm(measurement.record("ok")))

    assert {value for value, _ in rows} == {7e-05}
    assert rows[-1][1] == 1
    assert 1 - 2 / count <= rows[-2][1] <= 1 - 1 / count


def test_a_run_without_latencies_has_an_empty_percentile_table(spec):
    assert to_hgrm(Measurement(spec()).record("crashed")) == b""


def test_the_histogram_in_a_record_can_be_read(record):
    histogram = HdrHistogram.decode(record.latency_hdr)

    assert histogram.get_value_at_percentile(50) / 1e6 == record.latency_p50_ms


def test_a_file_is_written_and_its_neighbours_left_alone(tmp_path):
    (tmp_path / "other").write_text("other")
    write_whole(tmp_path / "a.json", b"new")

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"other": b"other", "a.json": b"new"}


@pytest.mark.parametrize("call", ["replace", "fsync", "chmod"])
@pytest.mark.parametrize("before", [None, b"old"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_file_that_cannot_be_finished_leaves_the_old_one_and_no_traces(tmp_path, monkeypatch, call, before, error):
    path = tmp_path / "a.json"
    if before is not None:
        path.write_bytes(before)

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(exports.os, call, fail)
        with pytest.raises(ExportError if isinstance(error, OSError) else KeyboardInterrupt) as caught:
            write_whole(path, b"new")

    if isinstance(error, OSError):
        assert str(caught.value) == f"{path}: cannot be written: No space left on device"
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([] if before is None else [before])


def test_permissions_are_kept_and_new_files_get_the_usual_ones(tmp_path):
    path, new = tmp_path / "a.json", tmp_path / "b.json"
    path.touch()
    path.chmod(0o640)
    mask = os.umask(0o027)
    try:
        write_whole(path, b"new")
        write_whole(new, b"new")
    finally:
        os.umask(mask)

    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, new)] == [0o640, 0o640]
    assert path.read_bytes() == b"new"


def test_a_link_is_followed_not_replaced(tmp_path):
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_whole(link, b"new")

    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", "is a folder; name a file in it"),
        ("missing/a.json", "there is no folder {}/missing; make it first"),
        ("file/a.json", "there is no folder {}/file; make it first"),
        ("x" * 300, "cannot be written: File name too long"),
    ],
)
def test_a_path_that_cannot_be_written_is_found_before(tmp_path, name, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(ExportError) as caught:
        check_writable(tmp_path / name)

    assert str(caught.value) == f"{tmp_path / name}: {message.format(tmp_path)}"


def test_a_folder_that_takes_no_files_is_found_before():
    with pytest.raises(ExportError, match=r"/proc/a\.json: cannot be written: "):
        check_writable(exports.Path("/proc/a.json"))


def test_checking_leaves_nothing_behind(tmp_path):
    check_writable(tmp_path / "a.json")

    assert list(tmp_path.iterdir()) == []


def test_a_device_is_written_to_and_stays_a_device():
    full = exports.Path("/dev/full")
    check_writable(full)
    with pytest.raises(ExportError, match="/dev/full: cannot be written: No space left on device"):
        write_whole(full, b"new")

    assert stat.S_ISCHR(full.stat().st_mode)


def test_a_pipe_is_written_to(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    check_writable(path)
    write_whole(path, b"new")

    assert os.read(reader, 100) == b"new"
    assert stat.S_ISFIFO(path.stat().st_mode)
    os.close(reader)


@pytest.mark.parametrize("name", ["/dev/stdout", "out.txt"])
def test_the_file_that_our_own_output_goes_to_is_written_behind_it(tmp_path, name):
    code = f"""
from pathlib import Path
from membench.report.exports import write_whole
print("before", flush=True)
write_whole(Path({name!r}), b"the file\\n")
print("after", flush=True)
"""
    with (tmp_path / "out.txt").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, cwd=tmp_path, check=True)

    assert (tmp_path / "out.txt").read_text() == "before\nthe file\nafter\n"


def test_all_kinds_of_files_of_a_plan_are_written(tmp_path, record):
    paths = {kind: tmp_path / f"a.{kind}" for kind in ("json", "csv", "markdown", "hgrm")}
    files = ResultFiles(**paths)
    files.check()

    assert files.write([record]) == list(paths.values())
    assert (tmp_path / "a.markdown").read_bytes() == to_markdown([record])
    assert (tmp_path / "a.json").read_bytes() == to_json([record])
    assert (tmp_path / "a.csv").read_bytes() == to_csv([record])
    assert (tmp_path / "a.hgrm").read_bytes() == to_hgrm(record)


def test_several_runs_have_numbered_percentile_tables(tmp_path, record):
    files = ResultFiles(hgrm=tmp_path / "a.hgrm")
    files.check(runs=3)

    assert files.write([record], more_to_come=True) == [tmp_path / "a-1.hgrm"]
    assert files.write([record, record, record]) == [tmp_path / f"a-{number}.hgrm" for number in (1, 2, 3)]
    assert len(list(tmp_path.iterdir())) == 3


def test_one_file_that_fails_does_not_keep_the_others_from_being_written(tmp_path, record):
    files = ResultFiles(json=exports.Path("/dev/full"), csv=tmp_path / "a.csv")
    with pytest.raises(ExportError, match="/dev/full"):
        files.write([record])

    assert (tmp_path / "a.csv").read_bytes() == to_csv([record])


def test_pipes_and_devices_get_their_content_once(tmp_path, record):
    files = ResultFiles(json=exports.Path("/dev/full"), csv=tmp_path / "a.csv")

    assert files.write([record], more_to_come=True) == [tmp_path / "a.csv"]


def test_one_file_for_two_kinds_of_results_is_refused(tmp_path):
    with pytest.raises(ExportError, match=r"a\.json: is named twice"):
        ResultFiles(json=tmp_path / "a.json", csv=tmp_path / "a.json").check()


def test_results_are_rescued_as_json(temporary, record):
    path = rescue([record])

    assert path.parent == temporary
    assert json.loads(path.read_bytes())["runs"][0]["run_id"] == "run-1"
