"""Writes the table of values in the chart's README from the comments `# --` in values.yaml; --check: is it stale?"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CHART = Path(__file__).resolve().parents[1] / "charts" / "nightsort"
BEGIN, END = "<!-- values, by `make chart-readme` -->\n", "<!-- end of values -->\n"
KEY = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z]\w*):")
COMMENT = re.compile(r" *# -- (?P<text>.+)")


class Value(NamedTuple):
    """A value as a reader looks it up: path with dots, default in YAML's one-line form."""

    path: str
    default: str
    text: str


def values(text: str) -> Iterator[Value]:
    """The values that have a comment, in their order."""
    defaults = yaml.safe_load(text)
    path: list[str] = []
    comment = ""
    for line in text.splitlines():
        if found := COMMENT.fullmatch(line):
            comment = found["text"]
        elif found := KEY.match(line):
            path = [*path[: len(found["indent"]) // 2], found["key"]]
            if comment:
                yield Value(".".join(path), shown(at(defaults, path)), comment)
            comment = ""


def at(defaults: Any, path: list[str]) -> Any:
    for key in path:
        defaults = defaults[key]
    return defaults


def shown(default: Any) -> str:
    return (
        yaml.safe_dump(default, default_flow_style=True, width=1000).removesuffix("\n...\n").strip()
        if default is not None
        else ""
    )


def table(text: str) -> str:
    rows = [
        f"| `{each.path}` | {f'`{each.default}`' if each.default else ''} | {each.text} |\n" for each in values(text)
    ]
    return "| value | default | meaning |\n|---|---|---|\n" + "".join(rows)


def renewed(readme: str, text: str) -> str:
    head, rest = readme.split(BEGIN)
    _, tail = rest.split(END)
    return head + BEGIN + table(text) + END + tail


def main() -> int:
    file = CHART / "README.md"
    before = file.read_text()
    after = renewed(before, (CHART / "values.yaml").read_text())
    if "--check" not in sys.argv:
        file.write_text(after)
    elif after != before:
        print(f"{file.name} of the chart is stale: run 'make chart-readme' and commit it", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
