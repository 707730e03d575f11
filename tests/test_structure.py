"""The size of the code's parts, and the shape of its data."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for folder in ("app", "backends", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
CLASS_LINES, FUNCTION_LINES, MODULE_LINES = 250, 50, 400
UNTYPED_FIGURE = re.compile(r"float\(\w+\[")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def too_long(path: Path) -> list[str]:
    """The parts of a module that exceed their limits, and the module itself if it does."""
    text = path.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    found = [f"module: {lines} lines"] if lines > MODULE_LINES else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            limit = CLASS_LINES if isinstance(node, ast.ClassDef) else FUNCTION_LINES
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > limit:
                found.append(f"{node.name}: {lines} lines")
    return found


def test_modules_classes_and_functions_are_small() -> None:
    too_large = {name_of(path): found for path in MODULES if (found := too_long(path))}

    assert too_large == {}


def test_figures_are_read_from_typed_structs() -> None:
    assert [name_of(path) for path in MODULES if UNTYPED_FIGURE.search(path.read_text(encoding="utf-8"))] == []


def test_the_limits_apply(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    long_function = ["def long():", *["    pass"] * FUNCTION_LINES]
    long_class = ["class Long:", *["    x = 1"] * CLASS_LINES]
    module.write_text("\n".join([*long_function, *long_class, *["#"] * MODULE_LINES]))

    assert too_long(module) == ["module: 702 lines", "long: 51 lines", "Long: 251 lines"]
