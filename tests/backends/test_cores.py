"""The cores that a process may use: affinity, hardware threads of one core, and quotas of control groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from membench_backends import cores


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of four cores with two hardware threads each, and without a quota."""
    for number in range(8):
        topology = tmp_path / f"cpu/cpu{number}/topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(f"{number % 4},{number % 4 + 4}\n")
    (tmp_path / "own").write_text("0::/pods/one\n")
    (tmp_path / "groups/pods/one").mkdir(parents=True)
    monkeypatch.setattr(cores, "PROCESSORS", tmp_path / "cpu")
    monkeypatch.setattr(cores, "OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(cores, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    return tmp_path


def test_two_hardware_threads_are_one_core(machine):
    assert cores.usable_cores() == 4
    assert cores.cpu_quota() is None


@pytest.mark.parametrize(("allowed", "usable"), [({0}, 1), ({0, 4}, 1), ({0, 1}, 2), ({1, 2, 5}, 2)])
def test_only_the_cores_of_the_affinity_count(machine, monkeypatch, allowed, usable):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: allowed)
    assert cores.usable_cores() == usable


@pytest.mark.parametrize(
    ("quotas", "quota", "usable"),
    [
        ({"pods/one": "max 100000"}, None, 4),
        ({"pods/one": "200000 100000"}, 2.0, 2),
        ({"pods/one": "150000 100000"}, 1.5, 1),
        ({"pods/one": "20000 100000"}, 0.2, 1),
        ({"pods/one": "900000 100000"}, 9.0, 4),
        ({"pods/one": "max 100000", "pods": "300000 100000"}, 3.0, 3),
        ({"pods/one": "200000 100000", "pods": "100000 100000"}, 1.0, 1),
        ({".": "200000 100000"}, 2.0, 2),
    ],
)
def test_the_least_quota_of_a_group_and_those_above_it_counts(machine, quotas, quota, usable):
    for folder, text in quotas.items():
        (machine / "groups" / folder / "cpu.max").write_text(text + "\n")
    assert cores.cpu_quota() == quota
    assert cores.usable_cores() == usable


@pytest.mark.parametrize(("quota_us", "quota"), [("-1", None), ("50000", 0.5), ("200000", 2.0)])
def test_control_groups_of_version_1_are_read_too(machine, quota_us, quota):
    (machine / "own").write_text("4:memory:/docker/1\n3:cpu,cpuacct:/docker/1\n1:name=systemd:/\n")
    folder = machine / "groups/cpu/docker/1"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text(quota_us + "\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    assert cores.cpu_quota() == quota


def test_a_machine_without_these_files_has_no_quota(machine):
    (machine / "own").unlink()
    assert cores.cpu_quota() is None
    assert cores.usable_cores() == 4


def test_this_machine_has_a_core_to_use():
    assert 1 <= cores.usable_cores() <= (os.cpu_count() or 1)
