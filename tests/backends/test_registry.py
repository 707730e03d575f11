from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any

import msgspec
import pytest

from membench_backends.base import BackendInfo, Capabilities, Parts, UnavailableError, in_one_line
from membench_backends.registry import backends, changed_backend_options, version_of
from membench_backends.systems.null import NullBackend

BUILT_IN = ["mem0", "agentmem", "fastembed", "qdrant", "null"]
HEAVY = {"mem0", "fastembed", "onnxruntime", "qdrant_client", "qdrant_edge", "numpy", "textual"}


class Unreadable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("broken")


@dataclass
class Entry:
    """An entry point that loads to `target`, or raises it if it is an exception."""

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
    """Return a function that installs the given entry points and returns the backends."""

    def entry_points(*entries):
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: list(entries))
        backends.cache_clear()
        return backends()

    yield entry_points
    backends.cache_clear()


def info(name="theirs", **changes):
    return BackendInfo(name, "Theirs.", Capabilities(False, False, True), NullBackend, **changes)


class TheirOptions(msgspec.Struct, frozen=True):
    level: Annotated[int, msgspec.Meta(ge=1)] = 1


def parts(folder):
    return Parts(None, None, 32, folder)


def test_the_built_in_backends_come_first_and_are_available():
    known = backends()

    assert list(known)[: len(BUILT_IN)] == BUILT_IN
    assert [known[name].unavailable for name in BUILT_IN] == [""] * len(BUILT_IN)
    assert all(name == info.name for name, info in known.items())


def test_listing_backends_and_stores_imports_nothing_heavy():
    code = """
import sys
from membench_backends.registry import backends, changed_backend_options, version_of
from membench_backends.stores.table import STORES
print([version_of(info) for info in backends().values()], [store.unavailable for store in STORES.values()])
print(*{module.partition('.')[0] for module in sys.modules})
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.splitlines()[-1].split())

    assert "membench_backends" in loaded
    assert not loaded & HEAVY


def test_a_backend_from_the_registry_builds(tmp_path):
    assert isinstance(backends()["null"].build(parts(tmp_path)), NullBackend)


def test_a_plugin_is_listed_and_builds(install, tmp_path):
    known = install(Entry("theirs", info()))

    assert list(known) == [*BUILT_IN, "theirs"]
    assert isinstance(known["theirs"].build(parts(tmp_path)), NullBackend)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (ImportError("no module\nnamed faiss"), "ImportError: no module named faiss"),
        (RuntimeError("broken"), "RuntimeError: broken"),
        ("a string", "it is a str, not a BackendInfo"),
    ],
)
def test_a_plugin_that_does_not_load_is_listed_with_the_reason(install, tmp_path, target, reason):
    known = install(Entry("broken", target), Entry("theirs", info()))

    assert list(known) == [*BUILT_IN, "broken", "theirs"]
    assert known["broken"].unavailable.endswith(reason)
    assert "broken = somewhere:INFO of some-plugin" in known["broken"].unavailable
    assert not known["theirs"].unavailable
    with pytest.raises(UnavailableError, match="does not load"):
        known["broken"].build(parts(tmp_path))


def test_a_built_in_backend_keeps_its_name(install):
    known = install(Entry("null", info("null")))

    assert known["null"].summary != "Theirs."
    assert known["null (some-plugin)"].summary == "Theirs."
    assert "null is already taken" in known["null (some-plugin)"].unavailable


def test_the_first_of_two_plugins_keeps_the_name(install):
    known = install(Entry("theirs", info(), distribution="b"), Entry("theirs", info(), distribution="a"))

    assert list(known) == [*BUILT_IN, "theirs", "theirs (b)"]
    assert not known["theirs"].unavailable
    assert known["theirs (b)"].unavailable


def test_a_missing_module_makes_a_backend_unavailable_and_names_what_to_install(install, tmp_path):
    incomplete = install(Entry("theirs", info(requires=("json", "no_such_module.deep"), distribution="their-dist")))[
        "theirs"
    ]

    assert incomplete.unavailable == ("needs no_such_module.deep, which is not installed: pip install their-dist")
    with pytest.raises(UnavailableError, match="theirs: needs no_such_module"):
        incomplete.build(parts(tmp_path))


def test_mem0_without_its_module_is_unavailable(install, monkeypatch):
    monkeypatch.setitem(sys.modules, "mem0", None)

    known = install()

    assert "pip install mem0ai" in known["mem0"].unavailable
    assert not known["agentmem"].unavailable


def test_a_module_that_fails_to_import_is_reported_by_build(install, tmp_path, monkeypatch):
    (tmp_path / "failing_library.py").write_text("raise OSError('libfoo.so\\nis missing')")
    monkeypatch.syspath_prepend(tmp_path)
    failing = install(Entry("theirs", info(requires=("failing_library",))))["theirs"]

    assert not failing.unavailable
    with pytest.raises(UnavailableError) as caught:
        failing.build(parts(tmp_path))
    assert str(caught.value) == (
        "theirs: needs failing_library, which is installed but cannot be imported: OSError: libfoo.so is missing"
    )


def test_the_version_is_that_of_the_measured_distribution():
    known = backends()

    assert version_of(known["mem0"]) == importlib.metadata.version("mem0ai")
    assert version_of(known["agentmem"]) == "port"
    assert version_of(known["null"]) is None
    assert version_of(info(distribution="no-such-distribution")) is None


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\n  two"), "ValueError: one two"),
        (StopIteration(), "StopIteration"),
        (Unreadable(), "Unreadable: its message cannot be read"),
    ],
)
def test_in_one_line_collapses_whitespace_and_survives_a_broken_error(error, line):
    assert in_one_line(error) == line


def test_a_plugin_can_declare_options_and_needs_none(install):
    known = install(Entry("theirs", info(options=TheirOptions)), Entry("plain", info("plain")))

    assert not known["theirs"].unavailable and not known["plain"].unavailable
    assert known["theirs"].options is TheirOptions
    assert known["plain"].options.__struct_fields__ == ()
    assert changed_backend_options("theirs", {"level": 2}) == {"level": 2}
    assert changed_backend_options("theirs", {"level": 1}) == {}
    assert changed_backend_options("not installed", {"level": 1}) == {"level": 1}


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        (("level", int), "option level has no default value"),
        (("level", bytes, b""), "option level has a type that is not supported"),
        (("levels", tuple[int, ...], ()), "option levels must hold one value, not a tuple"),
    ],
)
def test_a_plugin_whose_options_cannot_be_used_is_listed_with_the_reason(install, field, problem):
    known = install(Entry("theirs", info(options=msgspec.defstruct("Wrong", [field]))))

    assert problem in known["theirs"].unavailable
    assert known["theirs"].options.__struct_fields__ == ()
