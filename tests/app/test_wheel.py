"""The wheel is complete, and runs in any folder."""

from __future__ import annotations

import email
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MEMORY = """\
import itertools

from backends.vectors import vector_of
from membench_backends.base import BackendInfo, Capabilities, StoredMemory


class Memory:
    def __init__(self, parts):
        self._texts = []

    def add(self, text, user_id):
        self._texts.append(text)

    def add_batch(self, texts, user_id):
        self._texts.extend(texts)

    def vectors(self, texts):
        return [vector_of(text) for text in texts]

    def stored(self):
        return (StoredMemory(text, vector_of(text)) for text in self._texts)

    def close(self):
        pass


INFO = BackendInfo(
    name="mine",
    summary="Keeps memories in a list.",
    capabilities=Capabilities(embeds=False, stores=True, batch_call=True),
    build=Memory,
)
"""
"""`app/memory.py` of a web project: a plug-in that uses the project's `backends` package."""

VECTORS = """\
import numpy as np


def vector_of(text):
    return np.eye(384, dtype=np.float32)[len(text) % 384]
"""
"""`backends/vectors.py` of the same project."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from this checkout with the installed build tools, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    """The wheel's files in a folder that can go on the module path."""
    folder = tmp_path_factory.mktemp("unpacked")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


@pytest.fixture
def project(tmp_path):
    """A folder with its own `app` and `backends` packages and a plug-in for membench in `app`."""
    folder = tmp_path / "project"
    for package, module, code in (("app", "memory", MEMORY), ("backends", "vectors", VECTORS)):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").touch()
        (folder / package / f"{module}.py").write_text(code)
    distribution = folder / "project-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: project\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text("[membench.backends]\nmine = app.memory:INFO\n")
    return folder


@pytest.fixture
def python(unpacked, project):
    """Run Python in the project, with the unpacked wheel and the project first on the module path."""

    def run(*arguments, **environment):
        done = subprocess.run(
            [sys.executable, "-P", *arguments],
            cwd=project, env={**os.environ, "PYTHONPATH": f"{unpacked}{os.pathsep}{project}", **environment},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_wheel_contains_exactly_two_packages(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        catalogue = archive.read("membench/scenarios.toml")

    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"membench", "membench_backends"}
    assert not [name for name in names if "test" in name.lower()]
    assert len(names) == len(set(names))
    assert catalogue == (ROOT / "scenarios.toml").read_bytes()


def test_wheel_contains_every_file_of_the_packages(wheel):
    packages = (ROOT / "app" / "membench", ROOT / "backends" / "membench_backends")
    files = {
        path.relative_to(package.parent).as_posix()
        for package in packages
        for pattern in ("*.py", "*.tcss", "py.typed")
        for path in package.rglob(pattern)
    }
    assert {"membench/py.typed", "membench_backends/py.typed"} <= files
    with zipfile.ZipFile(wheel) as archive:
        assert files <= set(archive.namelist())


def test_wheel_installs_the_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
        assert "membench-tui = membench.__main__:main" in archive.read(path).decode().splitlines()


def test_readme_of_the_wheel_links_to_the_source_and_never_to_a_file_beside_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(archive.read(path))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    source = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Source"]
    text = metadata.get_payload(decode=True).decode()
    links = re.findall(r"(!?)\[[^]]*\]\(([^)]*)\)", text)
    local = re.findall(r"(!?)\[[^]]*\]\((?!https?:|#)([^)]*)\)", readme)

    expected = [(mark, f"{source}/{'raw' if mark else 'blob'}/HEAD/{target}") for mark, target in local]
    assert [link for link in links if link[1].startswith(source)] == expected
    assert all(target.startswith(("https://", "#")) for _, target in links)
    assert [mark for mark, _ in local].count("!") >= 1
    assert all((ROOT / target).is_file() for _, target in local)


def test_wheel_finds_its_own_catalogue_from_any_folder(python, unpacked):
    path, names = python(
        "-c",
        "from membench.plan.scenarios import built_in_scenarios_path, load_catalogue;"
        "print(built_in_scenarios_path()); print(*load_catalogue())",
    ).splitlines()

    assert path == str(unpacked / "membench" / "scenarios.toml")
    assert names.split() == ["single-add", "batch-add", "concurrent-add", "steady-add", "store-only"]


def test_wheel_measures_a_plugin_in_a_project_with_its_own_app_and_backends(python, unpacked, project):
    origins = python("-c", "import app, backends, membench, membench_backends as b;"
                     "print(app.__file__, backends.__file__, membench.__file__, b.__file__)")  # fmt: skip
    python("-m", "membench", "run", "store-only", "--backend", "mine", "--items", "200", "--json", "records.json")
    (record,) = json.loads((project / "records.json").read_text())["runs"]

    assert [Path(origin).parent for origin in origins.split()] == [
        project / "app", project / "backends", unpacked / "membench", unpacked / "membench_backends",
    ]  # fmt: skip
    assert record["backend"] == "mine"
    assert record["status"] == "ok"
    assert (record["acknowledged"], record["stored"], record["lost"]) == (200, 200, 0)


def test_wheel_completes_commands_and_options_in_a_shell(python):
    def complete(words, index):
        done = python("-m", "membench", _MEMBENCH_TUI_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(index))
        return done.split()

    assert complete("membench-tui r", 1) == ["plain,run"]
    assert complete("membench-tui run --strategy-", 2) == ["plain,--strategy-option"]
