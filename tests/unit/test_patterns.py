"""Every regular expression and every pattern of the project reads its text in time proportional to its length.

The texts come from outside: tickets, answers of models, errors of servers, names of objects. Python's own engine can
be held for hours by one that was made for it, and nothing else of the process runs meanwhile.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nightsort
from nightsort.adapters.anthropic.results import is_whole
from nightsort.adapters.object_store import errors as object_errors
from nightsort.adapters.object_store.globs import Glob
from nightsort.adapters.sql import errors as database_errors
from nightsort.adapters.sql import postgresql_state
from nightsort.adapters.sql import refusals as database_refusals
from nightsort.domain import answer_forms, typeset
from nightsort.simulator.answers import read_categories

SOURCES = sorted(Path(nightsort.__file__).parent.rglob("*.py"))
CHARS = 20_000
"""A quadratic one takes 200,000,000 steps for them, which is several seconds; a linear one some milliseconds."""
CPU_SECONDS = 1.0
"""Of this process alone, so that a busy machine does not matter. The engine looks for the signal itself."""
METHODS = ("compile", "search", "match", "fullmatch", "sub", "split", "findall", "finditer")
SINGLE = [" ", "a", "A", "0", "-", "_", ".", "`", "'", '"', "\\", "\\\n", "\t", "<", "&", ":", "("]
WHOLE_ONLY = {
    "NAME_OF_ROWS",
    "NAME",
    "RETRIED",
    "JOB_OF_A_SCHEDULE",
    "ENDPOINT",
    "HINT",
    "NAMING",
    "FENCE",
    "TAGGED",
    "TAG_BEHIND",
    "MARKED",
    "KEYED",
}
"""Used with fullmatch alone; a search would begin anew at each character."""


class Known(dict[str, Any]):
    """The names of a module; a name of a function, of which a pattern is made when it is used, stands for a text."""

    def __missing__(self, name: str) -> str:
        if name in vars(builtins):
            raise KeyError(name)
        return "abcabd"


class Held(AssertionError):
    """The work was not done within the processor time."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    def stop(_: int, __: FrameType | None) -> None:
        raise Held

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@dataclass(frozen=True)
class Call:
    """A call of `re`, and the name that its result gets, if it gets one. Nothing is imported before a test asks."""

    path: Path
    node: ast.Call
    name: str

    @property
    def module(self) -> str:
        return ".".join(("nightsort", *self.path.relative_to(SOURCES[0].parent).with_suffix("").parts))

    @property
    def method(self) -> str:
        return self.node.func.attr if isinstance(self.node.func, ast.Attribute) else ""

    @property
    def whole(self) -> bool:
        """Whether its pattern is only ever held against a whole text."""
        return self.name in WHOLE_ONLY or self.method == "fullmatch"

    def pattern(self) -> re.Pattern[Any]:
        given = self.node.args[1:] if self.method == "compile" else []
        given += [keyword.value for keyword in self.node.keywords if keyword.arg == "flags"]
        known = Known(vars(importlib.import_module(self.module)))
        text, *flags = (eval(ast.unparse(each), {}, known) for each in (self.node.args[0], *given))
        return re.compile(text, *flags)


def calls() -> Iterator[Call]:
    for path in SOURCES:
        source = path.read_text()
        if "re." not in source:
            continue
        tree = ast.parse(source)
        names = {
            id(node.value): node.targets[0].id
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=method)) if method in METHODS:
                    yield Call(path, node, names.get(id(node), ""))


ALL = list(calls())


def attacks(source: str) -> Iterator[str]:
    """Texts of the pattern's own words and of single characters, many times, behind each of its words."""
    words = re.findall(r"[\w\"'<>&:=/-]+", re.sub(r"\\[bsdwWSD]|\(\?P<\w+>|\{[\d,]+\}", " ", source))[:8]
    beginnings = list(dict.fromkeys(["", *words, " ".join(words)]))
    for unit in [*SINGLE, *beginnings[1:], *(f"{word} " for word in words), *(f"\t{word}\t" for word in words)]:
        for beginning in beginnings:
            for end in ("", "\0"):
                yield beginning + unit * (CHARS // len(unit)) + end


def test_all_regular_expressions_are_found() -> None:
    assert len(ALL) > 45


@pytest.mark.parametrize("call", ALL, ids=lambda call: f"{call.module}:{call.node.lineno}")
def test_no_regular_expression_is_held_by_a_text(call: Call) -> None:
    pattern = call.pattern()
    source = pattern.pattern.decode() if isinstance(pattern.pattern, bytes) else pattern.pattern
    for text in attacks(source):
        hostile = text.encode() if isinstance(pattern.pattern, bytes) else text
        with at_most(CPU_SECONDS):
            if call.whole:
                pattern.fullmatch(hostile)
            else:
                sum(1 for _ in pattern.finditer(hostile))


MANY = 50_000
WORST = {
    "a MySQL error that says column": lambda: database_errors.last_column("column `" * (MANY // 8)),
    "a MySQL error of qualified columns": lambda: database_errors.last_column("column `a`.`a`." * (MANY // 15)),
    "a MySQL error without a column": lambda: database_errors.last_column("x" * MANY),
    "a MySQL error of values": lambda: database_errors.VALUE_OF_MYSQL.sub("", "value '" * (MANY // 7) + 'value "'),
    "an error of libpq that failed and failed": lambda: database_refusals.of_postgresql(" failed: " * MANY, None),
    "an error of libpq that is invalid": lambda: database_refusals.of_postgresql("invalid " * MANY, None),
    "a trace of one line": lambda: postgresql_state.code_in(b"\tErrorResponse\t" * MANY),
    "a path of an object store": lambda: object_errors.unusable_name('path: "' + "\\x" * MANY, "here"),
    "a line of results that never ends": lambda: is_whole(b'{"a": ' + b'"\\' * MANY),
    "an answer of spaces behind a fence": lambda: answer_forms.fenced("```" + " " * MANY),
    "an answer of a tag and spaces": lambda: answer_forms.tagged("<a>" + "</a " * MANY),
    "an answer of spaces": lambda: typeset.AROUND.sub(r"\1", " " * MANY),
    "a prompt whose list has a name of spaces": lambda: read_categories("- a" + " " * MANY + "("),
    "a prompt that also calls": lambda: read_categories("- a: " + "(also called: " * (MANY // 14)),
}


@pytest.mark.parametrize("work", WORST.values(), ids=WORST)
def test_no_text_of_a_server_or_a_model_holds_the_process(work: Any) -> None:
    with at_most(CPU_SECONDS * 3):
        work()


@pytest.mark.parametrize("stars", [1, 9, 11, 200])
def test_a_pattern_of_objects_with_many_stars_does_not_hold_the_process(stars: int) -> None:
    """Nine of them took 15 seconds against 48 characters, eleven 61."""
    glob = Glob("*a" * stars + "b")

    with at_most(CPU_SECONDS):
        assert not glob.fits("a" * 48)
        assert not glob.fits("a" * 1024)
        assert glob.fits("a" * stars + "b")


class Counted(str):
    """A name that counts how often it is read."""

    read = 0

    def __iter__(self) -> Iterator[str]:
        for character in str.__iter__(self):
            Counted.read += 1
            yield character


def test_a_pattern_takes_each_character_of_a_name_once() -> None:
    Counted.read = 0
    assert not Glob("*?a" * 300 + "b").fits(Counted("a" * 1000))
    assert Counted.read <= 1000


@given(st.text("ab*?/", max_size=8), st.text("ab/*\n", max_size=10))
def test_a_pattern_stands_for_what_its_regular_expression_would(pattern: str, name: str) -> None:
    signs = {"*": "[^/]*", "?": "[^/]"}
    expression = "".join(signs.get(sign) or re.escape(sign) for sign in pattern)
    assert Glob(pattern).fits(name) == (re.fullmatch(expression, name, re.DOTALL) is not None)


@pytest.mark.parametrize("stars", [11, 200])
def test_the_administrators_patterns_of_hosts_and_buckets_do_not_hold_the_process(stars: int) -> None:
    with at_most(CPU_SECONDS):
        assert not fnmatchcase("a" * 1000, "*a" * stars + "b")


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("Data too long for column 'body' at row 1", "body"),
        ("Incorrect integer value: 'column `x`' for column `shop`.`tickets`.`age` at row 1", "age"),
        ("Column 'id' cannot be null", "id"),
        ("a column without one", None),
    ],
)
def test_the_last_column_that_mysql_names_is_told(text: str, column: str | None) -> None:
    assert database_errors.last_column(text) == column


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('connection to server at "x", port 1 failed: Connection refused', "Connection refused"),
        ('connection to "a" failed: connection to "b" failed: no', "no"),
        ("the key is bad: it has no end", "it has no end"),
        ("nothing of its kind", "nothing of its kind"),
    ],
)
def test_the_words_of_libpq_stand_behind_its_last_failure(text: str, words: str) -> None:
    assert database_refusals.own_words(text) == words


def test_a_string_without_an_end_is_no_whole_line() -> None:
    assert is_whole(b'{"a": "b", "c": [1, "}"]}')
    assert not is_whole(b'{"a": 1} "b')
    assert not is_whole(b'{"a": "b\\"}')
