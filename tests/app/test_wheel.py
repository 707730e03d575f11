"""The wheel: whole, and at home in any folder."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from this checkout, with what is installed, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (path,) = folder.glob("*.whl")
    return path


def test_the_catalogue_ships_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        shipped = archive.read("membench/scenarios.toml")

    assert shipped == (ROOT / "scenarios.toml").read_bytes()
    assert names.count("membench/scenarios.toml") == 1
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {"membench", "membench_backends"}
    assert not [name for name in names if "test" in name.lower()]


def test_all_that_the_dashboard_draws_with_ships_in_the_wheel(wheel):
    wanted = {str(path.relative_to(ROOT / "app")) for path in (ROOT / "app").rglob("*.tcss")}
    with zipfile.ZipFile(wheel) as archive:
        assert wanted <= set(archive.namelist())


def test_an_unpacked_wheel_finds_its_own_catalogue_from_any_folder(wheel, tmp_path):
    unpacked = tmp_path / "unpacked"
    zipfile.ZipFile(wheel).extractall(unpacked)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "app").mkdir(parents=True)
    # What the checkout itself puts on the path is left out; the wheel comes before the rest.
    code = f"""
import sys
checkout = ("", {str(ROOT / "app")!r}, {str(ROOT / "backends")!r})
sys.path[:] = [{str(unpacked)!r}] + [path for path in sys.path if path not in checkout]
import membench.plan.scenarios
print(membench.plan.scenarios.shipped_path())
print(*membench.plan.scenarios.load_catalogue())
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=elsewhere, check=True, capture_output=True, text=True)
    path, names = done.stdout.splitlines()

    assert path == str(unpacked / "membench" / "scenarios.toml")
    assert names.split() == ["single-add", "batch-add", "concurrent-add", "steady-add", "store-only"]


def test_the_wheel_has_the_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (points,) = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
        assert "membench-tui = membench.__main__:main" in archive.read(points).decode()
