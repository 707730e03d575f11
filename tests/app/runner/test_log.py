"""The log of a run: bounded, with its beginning and its end, and without secrets."""

from __future__ import annotations

import os

import pytest

from membench.runner.log import LINE_BYTES, CappedLog


@pytest.fixture
def log(tmp_path):
    """Return a log whose parts have 100 bytes, and its file."""
    path = tmp_path / "run.log"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    yield CappedLog(descriptor, part_bytes=100), path
    os.close(descriptor)


def test_a_short_log_is_whole(log):
    capped, path = log
    capped.write(b"one\n")
    capped.write(b"two")
    assert capped.is_behind
    capped.close()

    assert path.read_bytes() == b"one\ntwo"
    assert not capped.is_behind


def test_the_middle_of_a_long_log_is_left_out_and_counted(log):
    capped, path = log
    printed = b"".join(b"line %04d\n" % number for number in range(1000))
    for start in range(0, len(printed), 37):
        capped.write(printed[start : start + 37])
    capped.close()
    begin, notice, end = path.read_bytes().partition(b"\n[9,800 bytes are left out here]\n")

    assert notice
    assert begin == printed[:100]
    assert end == printed[-100:]


def test_the_file_follows_what_is_printed(log):
    capped, path = log
    capped.write(b"complete\nincompl")
    capped.update(with_end=True)
    assert path.read_bytes() == b"complete\n"
    capped.write(b"ete\n" + b"x" * 150)
    capped.update(with_end=False)
    assert path.stat().st_size == 100
    assert capped.is_behind
    capped.update(with_end=True)
    assert path.read_bytes() == b"complete\nincomplete\n" + b"x" * 150
    capped.write(b"y" * 200)
    capped.close()
    assert path.read_bytes().endswith(b"[170 bytes are left out here]\n" + b"y" * 100)


def test_a_beginning_without_line_ends_is_written(tmp_path):
    path = tmp_path / "run.log"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    capped = CappedLog(descriptor)
    capped.write(b"." * LINE_BYTES)
    capped.update(with_end=True)
    assert path.stat().st_size == 0
    capped.write(b".")
    capped.update(with_end=True)
    os.close(descriptor)

    assert path.stat().st_size == LINE_BYTES + 1


def test_secrets_are_masked(log, monkeypatch):
    monkeypatch.setenv("SERVICE_API_KEY", "correct-horse-battery")
    capped, path = log
    capped.write(b"\xff the key is correct-horse-battery\n")
    capped.close()

    assert path.read_bytes() == b"\xff the key is ***\n"


def test_a_full_disk_ends_the_log_and_nothing_else():
    descriptor = os.open("/dev/full", os.O_WRONLY)
    capped = CappedLog(descriptor, part_bytes=10)
    capped.write(b"lost\n" * 100)
    capped.close()
    os.close(descriptor)

    assert not capped.is_behind
