"""YAML of a file from anybody: bounded before it is parsed, while it is parsed, and with its aliases written out."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import yaml

MOST_BYTES = 8 * 1024 * 1024
"""A ConfigMap holds 1 MiB; tickets that do not fit here belong into a database or files."""
MOST_WEIGHT = MOST_BYTES
"""Characters and nodes of all documents with every alias written out: ten lines of aliases may stand for billions."""
NODE_WEIGHT = 32
MOST_DEPTH = 64
MOST_NUMBER_CHARS = 100
"""Length of numbers and dates: `1:1:1:1 …`, to the base of 60, takes the square of its length."""
NUMBERS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "timestamp"))


def load(text: str) -> Iterator[Any]:
    """The documents, one after the other.

    Raises:
        YAMLError: it is no YAML, or too large; `problem` and `problem_mark` say what and where.
    """
    try:
        yield from yaml.load_all(text, Loader)
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError):  # errors that PyYAML does not foresee
        raise refused("a value that is not what its tag says", None) from None


class Loader(yaml.SafeLoader):
    """Also refuses a field that is given twice, of which YAML would silently keep the last.

    Text has JSON's meaning: PyYAML reads the two escapes of an emoji as two separate halves of a character.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._weight = 0
        self._weights: dict[int, int] = {}

    def compose_document(self) -> yaml.Node | None:
        self._weights.clear()
        return super().compose_document()

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event, before = self.peek_event(), self._weight  # type: ignore[no-untyped-call]
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise refused(f"nested more than {MOST_DEPTH} levels deep", event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        self._weight += self._weight_of(node, event)
        if self._weight > MOST_WEIGHT:
            raise refused("with all its aliases written out it is too large", event.start_mark)
        if not isinstance(event, yaml.AliasEvent):
            self._weights[id(node)] = self._weight - before
        return node

    def _weight_of(self, node: yaml.Node | None, event: yaml.Event) -> int:
        """The weight of the node without its content, which was counted already; of an alias, that of its target."""
        if not isinstance(event, yaml.AliasEvent):
            return NODE_WEIGHT + (len(node.value) if isinstance(node, yaml.ScalarNode) else 0)
        if id(node) not in self._weights:
            raise refused("an alias stands within what it stands for", event.start_mark)
        return self._weights[id(node)]

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        impossible = "a number or a date that cannot be; put it in quotes if it is text"
        if node.tag in NUMBERS and len(node.value) > MOST_NUMBER_CHARS:
            raise refused(impossible, node.start_mark)
        try:
            return super().construct_object(node, deep)
        except (
            ValueError,
            OverflowError,
            LookupError,
            AttributeError,
            TypeError,
        ):  # a month 13, `!!int`
            raise refused(impossible, node.start_mark) from None

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        value = super().construct_scalar(node)
        return joined(value) if isinstance(value, str) else value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise refused(f"{key.value} is given twice", key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
        return super().construct_mapping(node, deep)


def joined(text: str) -> str:
    """The text with halves of characters joined; a single half is not valid text, and is replaced."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def refused(problem: str, mark: Any) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, mark)


def place_of(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


def problem_of(error: yaml.YAMLError) -> str:
    """The parser's message; it names marks and keys, never a value."""
    problem = getattr(error, "problem", None)
    return f" ({problem})" if problem else ""
