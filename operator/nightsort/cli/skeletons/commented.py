"""YAML with comments: PyYAML's output, with a comment above each field."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from math import inf
from typing import Any

import yaml

from nightsort.domain.printable import printable

WIDTH = 110
# Line breaks that parsers disagree about, and words that only some of them read as a number (1e3, 0o17).
IN_QUOTES = re.compile(r"[\r\x85\u2028\u2029\ufeff]|^[-+.]?\d")
PARAGRAPHS = re.compile(r"\S[^\n]*(?:\n+\S[^\n]*)*\n?")
"""Texts whose block needs no indentation indicator, which would be wrong where the block is moved to the right."""


class Block(yaml.SafeDumper):
    """Indents lists below their field, and writes texts of several lines as blocks."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def scalar(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None
    if IN_QUOTES.search(value) or ("\n" in value and not PARAGRAPHS.fullmatch(value)):
        style = '"'
    elif "\n" in value:
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Block.add_representer(str, scalar)


def block(value: Any) -> str:
    """A value as YAML, with a line break at its end."""
    return str(yaml.dump(value, Dumper=Block, sort_keys=False, allow_unicode=True, width=inf))


def comment(text: str) -> str:
    """Lines of comment for any text: nothing in it can end the comment."""
    return "".join(f"# {printable(line)}\n" for line in textwrap.wrap(" ".join(text.split()), WIDTH))


def command_line(command: str) -> str:
    """A comment that can be copied: a line of its own, however long."""
    return f"#   {printable(command)}\n"


def fields(values: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    """A mapping as YAML, each field below its comment, where it has one."""
    return "".join(comment(comments.get(name, "")) + block({name: value}) for name, value in values.items())


def indented(text: str, by: int) -> str:
    """Splits at line feeds alone: other breaks are inside of quotes."""
    return "".join(f"{' ' * by}{line}\n" if line else "\n" for line in text.removesuffix("\n").split("\n"))
