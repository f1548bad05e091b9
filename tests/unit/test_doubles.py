"""What stands in for the world in tests is what it says: nothing is set on it that nobody reads.

A fake whose attribute got another name leaves those that set the former one as they are, and without an effect.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
FAKES = sorted((TOP / "operator" / "nightsort" / "testing").glob("*.py"))
TESTS = sorted((TOP / "tests").rglob("*.py"))
OF_LIBRARIES = {"_clock_resolution"}
"""asyncio reads it of an event loop."""


def attributes(path: Path, context: type[ast.expr_context]) -> Iterator[ast.Attribute]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, context):
            yield node


def names_read(paths: list[Path]) -> set[str]:
    return {node.attr for path in paths for node in attributes(path, ast.Load)}


def set_on_self(path: Path) -> set[str]:
    stored = attributes(path, ast.Store)
    return {node.attr for node in stored if isinstance(node.value, ast.Name) and node.value.id == "self"}


def test_nothing_is_set_on_a_double_that_nobody_reads() -> None:
    of_fakes, anywhere = names_read(FAKES), names_read([*TESTS, *(TOP / "operator").rglob("*.py")])

    unread = {
        f"{path.relative_to(TOP)}: {name}"
        for path in [*FAKES, *TESTS]
        for name in set_on_self(path) - OF_LIBRARIES
        if name not in (of_fakes | names_read([path]) if name.startswith("_") else anywhere)
    }

    assert unread == set()
