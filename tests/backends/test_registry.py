from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from membench_backends.base import BackendInfo, Capabilities, Parts, UnavailableError, in_one_line
from membench_backends.registry import backends, version_of
from membench_backends.systems.null import NullBackend

BUILT_IN = ["mem0", "agentmem", "fastembed", "qdrant", "null"]
HEAVY = {"mem0", "fastembed", "onnxruntime", "qdrant_client", "qdrant_edge", "numpy", "textual"}


@dataclass
class Entry:
    """An entry point that loads to `target`, or raises it."""

    name: str
    target: Any
    value: str = "somewhere:INFO"
    distribution: str = "some-plugin"

    @property
    def dist(self):
        return SimpleNamespace(name=self.distribution)

    def load(self):
        if isinstance(self.target, Exception):
            raise self.target
        return self.target


@pytest.fixture
def install(monkeypatch):
    """Makes the given entry points the installed ones."""

    def entry_points(*entries):
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: list(entries))
        backends.cache_clear()
        return backends()

    yield entry_points
    backends.cache_clear()


def info(name="theirs", **changes):
    return BackendInfo(name, "Theirs.", Capabilities(False, False, True), NullBackend, **changes)


def parts(folder):
    return Parts(None, None, 32, folder)


def test_the_built_in_backends_are_there_and_available():
    found = backends()

    assert list(found)[: len(BUILT_IN)] == BUILT_IN
    assert [found[name].unavailable for name in BUILT_IN] == [""] * len(BUILT_IN)
    assert all(name == info.name for name, info in found.items())


def test_reading_the_registry_and_the_stores_imports_nothing_heavy():
    code = """
import sys
from membench_backends.registry import backends, version_of
from membench_backends.stores.table import STORES
print([version_of(info) for info in backends().values()], [store.unavailable for store in STORES.values()])
print(*{module.partition('.')[0] for module in sys.modules})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())

    assert "backends" in loaded
    assert not loaded & HEAVY


def test_a_backend_from_the_registry_builds(tmp_path):
    assert isinstance(backends()["null"].build(parts(tmp_path)), NullBackend)


def test_a_plugin_is_listed_and_builds(install, tmp_path):
    found = install(Entry("theirs", info()))

    assert list(found) == [*BUILT_IN, "theirs"]
    assert isinstance(found["theirs"].build(parts(tmp_path)), NullBackend)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (ImportError("no module\nnamed faiss"), "ImportError: no module named faiss"),
        (RuntimeError("odd"), "RuntimeError: odd"),
        ("a string", "it is a str, not a BackendInfo"),
    ],
)
def test_a_plugin_that_does_not_load_is_reported_and_the_others_remain(install, tmp_path, target, reason):
    found = install(Entry("broken", target), Entry("theirs", info()))

    assert list(found) == [*BUILT_IN, "broken", "theirs"]
    assert found["broken"].unavailable.endswith(reason)
    assert "broken = somewhere:INFO of some-plugin" in found["broken"].unavailable
    assert not found["theirs"].unavailable
    with pytest.raises(UnavailableError, match="does not load"):
        found["broken"].build(parts(tmp_path))


def test_a_built_in_backend_keeps_its_name(install):
    found = install(Entry("null", info("null")))

    assert found["null"].summary != "Theirs."
    assert found["null (some-plugin)"].summary == "Theirs."
    assert "null is taken" in found["null (some-plugin)"].unavailable


def test_the_first_of_two_plugins_keeps_the_name(install):
    found = install(Entry("theirs", info(), distribution="b"), Entry("theirs", info(), distribution="a"))

    assert list(found) == [*BUILT_IN, "theirs", "theirs (b)"]
    assert not found["theirs"].unavailable
    assert found["theirs (b)"].unavailable


def test_a_missing_module_makes_a_backend_unavailable_and_says_how_to_get_it(install, tmp_path):
    needy = install(Entry("theirs", info(requires=("json", "no_such_module.deep"), distribution="their-dist")))[
        "theirs"
    ]

    assert needy.unavailable == ("needs no_such_module.deep, which is not installed: pip install their-dist")
    with pytest.raises(UnavailableError, match="theirs: needs no_such_module"):
        needy.build(parts(tmp_path))


def test_mem0_without_its_module_is_listed_as_unavailable(install, monkeypatch):
    monkeypatch.setitem(sys.modules, "mem0", None)

    found = install()

    assert "pip install mem0ai" in found["mem0"].unavailable
    assert not found["agentmem"].unavailable


def test_a_module_that_breaks_on_import_is_found_at_build(install, tmp_path, monkeypatch):
    (tmp_path / "library_that_breaks.py").write_text("raise OSError('libfoo.so\\nis missing')")
    monkeypatch.syspath_prepend(tmp_path)
    fragile = install(Entry("theirs", info(requires=("library_that_breaks",))))["theirs"]

    assert not fragile.unavailable
    with pytest.raises(UnavailableError) as caught:
        fragile.build(parts(tmp_path))
    assert str(caught.value) == (
        "theirs: needs library_that_breaks, which is installed but cannot be imported: OSError: libfoo.so is missing"
    )


def test_versions_are_those_of_what_is_measured():
    found = backends()

    assert version_of(found["mem0"]) == importlib.metadata.version("mem0ai")
    assert version_of(found["agentmem"]) == "port"
    assert version_of(found["null"]) is None
    assert version_of(info(distribution="no-such-distribution")) is None


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\n  two"), "ValueError: one two"),
        (StopIteration(), "StopIteration"),
        (ValueError("x" * 400), "ValueError: " + "x" * 287 + "…"),
    ],
)
def test_an_error_is_told_in_one_line(error, line):
    assert in_one_line(error) == line
