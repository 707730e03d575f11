"""The size of the code's parts, and the shape of its data."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for folder in ("app", "backends", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
CLASS_LINES, FUNCTION_LINES, MODULE_LINES = 250, 50, 400
UNTYPED_FIGURE = re.compile(r"float\(\w+\[")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def too_long(path: Path) -> list[str]:
    """The classes and functions of a module that exceed their limits."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            limit = CLASS_LINES if isinstance(node, ast.ClassDef) else FUNCTION_LINES
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > limit:
                found.append(f"{node.name}: {lines} lines")
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_classes_and_functions_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MODULE_LINES
    assert too_long(path) == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_figures_are_read_from_typed_structs(path: Path) -> None:
    assert not UNTYPED_FIGURE.search(path.read_text(encoding="utf-8"))


def test_the_limits_apply(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("def long():\n" + "    pass\n" * FUNCTION_LINES + "class Long:\n" + "    x = 1\n" * CLASS_LINES)

    assert too_long(module) == ["long: 51 lines", "Long: 251 lines"]
