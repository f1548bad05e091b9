"""Sizes of functions and modules below a folder, beside the aims of CONTRIBUTING.md. Usage: sizes.py FOLDER"""

from __future__ import annotations

import ast
import statistics
import sys
from pathlib import Path
from typing import NamedTuple

MEDIAN, P95, LONGEST, MODULE = 9, 40, 60, 300


class Size(NamedTuple):
    """Lines of a function (docstring left out) or of a module, and where it stands."""

    lines: int
    place: str


def function_sizes(path: Path) -> list[Size]:
    """The size of each function in a module."""
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return [Size(code_lines(function), f"{path}:{function.lineno} {function.name}") for function in functions]


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = last_line(function) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        lines -= last_line(docstring) - docstring.lineno + 1
    return lines


def last_line(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def report(functions: list[Size], modules: list[Size]) -> list[str]:
    """The figures in one line, then each function and module beyond its aim, largest first."""
    if not functions:
        return ["functions: none"]
    ordered = sorted(size.lines for size in functions)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    figures = (
        f"functions {len(ordered)}: median {statistics.median(ordered):g} (aim {MEDIAN}), "
        f"p95 {p95} (aim {P95}), longest {ordered[-1]} (aim {LONGEST})"
    )
    long_functions = [f"  {lines:4} lines: {place}" for lines, place in sorted(functions, reverse=True) if lines > P95]
    long_modules = [f"  {lines:4} lines: {place}" for lines, place in sorted(modules, reverse=True) if lines > MODULE]
    return [figures, *long_functions, *long_modules]


def main(folder: str) -> None:
    paths = sorted(Path(folder).rglob("*.py"))
    functions = [size for path in paths for size in function_sizes(path)]
    modules = [Size(len(path.read_text().splitlines()), str(path)) for path in paths]
    print("\n".join(report(functions, modules)))


if __name__ == "__main__":
    main(sys.argv[1])
