"""Parses a resource's query, as far as sqlglot can. A query that it cannot parse is not refused for that.

sqlglot is imported where a query is parsed: the import takes half a second.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.tokenizer_core import Token

DIALECTS = {"postgresql": "postgres", "mysql": "mysql", "sqlite": "sqlite"}
LIMITING = re.compile(r"\b(limit|offset|fetch)\b", re.IGNORECASE)
# Functions that sqlglot knows by name only: those with a different result each time.
CHANGING_FUNCTIONS = frozenset(
    {
        "clock_timestamp",
        "gen_random_bytes",
        "gen_random_uuid",
        "newid",
        "nextval",
        "random_bytes",
        "random_normal",
        "randomblob",
        "sys_guid",
        "timeofday",
        "uuid_generate_v1",
        "uuid_generate_v1mc",
        "uuid_generate_v4",
        "uuidv4",
        "uuidv7",
    }
)
SAMPLE = "TABLESAMPLE chooses other rows at each read: ORDER BY random() LIMIT n at the end of the query chooses once"
INNER_LIMIT = (
    "a LIMIT inside of the query chooses other rows when some of them have been labeled: put it at the query's end"
)


@dataclass(frozen=True, slots=True)
class Paging:
    """How a query is read in pages.

    `text` is the query without a semicolon at its end. `unlimited` is the query without its outermost LIMIT, OFFSET and
    FETCH, for reading chosen rows again. `limited` says whether the two differ. `trouble` says why its rows cannot be
    chosen once.
    """

    text: str
    unlimited: str
    limited: bool
    trouble: str | None = None


def paging(query: str, family: str) -> Paging:
    """Parses a query; where sqlglot cannot, by its words alone."""
    text = without_end(query, family)
    tree, words = parsed(text, family), tokens(text, family)
    has_limit = any(tree.args.get(name) for name in ("limit", "offset")) if tree is not None else None
    cut = None if has_limit is False else outer_limit(words)
    unlimited = text if cut is None else text[:cut].rstrip()
    return Paging(text, unlimited, cut is not None, trouble_of(tree) if tree is not None else None)


def unlimited(query: str, family: str) -> str:
    """The query without its outermost LIMIT, OFFSET and FETCH; parsed only where it may have one."""
    return paging(query, family).unlimited if LIMITING.search(query) else without_end(query, family)


def without_end(query: str, family: str) -> str:
    """The query without trailing semicolons and the text behind them, which may be a comment."""
    text = query.strip().rstrip("; \t\r\n")
    if ";" not in text:
        return text
    last = None
    for word in reversed(tokens(query, family)):
        if word.token_type.name != "SEMICOLON":
            break
        last = word.start
    return query[:last].strip() if last is not None else text


def parsed(query: str, family: str) -> exp.Expr | None:
    """The query's tree; None where sqlglot cannot parse it, or where it is several statements or no query."""
    from sqlglot import ErrorLevel, exp, parse
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # it would log the query
    try:
        trees = parse(query, dialect=DIALECTS[family], error_level=ErrorLevel.RAISE)
    except (SqlglotError, RecursionError):
        return None
    tree = trees[0] if len(trees) == 1 else None
    return tree if isinstance(tree, exp.Query) else None


def tokens(query: str, family: str) -> list[Token]:
    """The query's words with their places; none where it cannot be split into words."""
    from sqlglot import tokenize
    from sqlglot.errors import SqlglotError

    try:
        return tokenize(query, read=DIALECTS[family])
    except SqlglotError:
        return []


def outer_limit(words: list[Token]) -> int | None:
    """The position of a LIMIT, OFFSET or FETCH outside of parentheses and behind all other clauses."""
    depth, found = 0, None
    for word in words:
        match word.token_type.name:
            case "L_PAREN":
                depth += 1
            case "R_PAREN":
                depth -= 1
            case "LIMIT" | "OFFSET" | "FETCH" if depth == 0 and found is None:
                found = word.start
            case "SELECT" | "FROM" | "WHERE" | "GROUP_BY" | "HAVING" | "ORDER_BY" | "UNION" if depth == 0:
                found = None
    return found


def trouble_of(tree: exp.Expr) -> str | None:
    from sqlglot import exp

    if tree.find(exp.TableSample):
        return SAMPLE
    if any(chooses_rows(limit) for limit in inner_limits(tree)):
        return INNER_LIMIT
    for function in tree.find_all(exp.Func):
        if (name := changing(function)) and decides_rows(function, tree):
            return (
                f"{name}() in a condition chooses other rows at each read: "
                f"ORDER BY {name}() LIMIT n at the end of the query chooses once"
            )
    return None


def inner_limits(tree: exp.Expr) -> Iterator[exp.Expr]:
    from sqlglot import exp

    for limit in tree.find_all(exp.Limit, exp.Fetch, exp.Offset):
        if limit.parent is not tree:
            yield limit


def chooses_rows(limit: exp.Expr) -> bool:
    """Whether an inner LIMIT chooses among the query's own rows. One for each row, or for a value, does not."""
    from sqlglot import exp

    rows = (exp.From, exp.Join, exp.In, exp.Any, exp.All, exp.Array, exp.SetOperation, exp.Subquery, exp.CTE)
    node = limit
    while (holder := node.parent) is not None:
        if isinstance(node, exp.Lateral | exp.Exists) or (
            isinstance(node, exp.Subquery) and not isinstance(holder, rows)
        ):
            return False
        if isinstance(holder, exp.Select) and node.arg_key == "expressions":
            return False
        node = holder
    return True


def changing(function: exp.Expr) -> str | None:
    """The name of a function with a different result each time."""
    from sqlglot import exp

    match function:
        case exp.Rand():
            return "random"
        case exp.Uuid():
            return "gen_random_uuid"
        case exp.Anonymous() if function.name.lower() in CHANGING_FUNCTIONS:
            return function.name.lower()
        case _:
            return None


def decides_rows(function: exp.Expr, tree: exp.Expr) -> bool:
    """Whether it is in a condition, or in an inner query, whose columns a condition may use."""
    from sqlglot import exp

    if function.find_ancestor(exp.Where, exp.Having, exp.Join, exp.Qualify):
        return True
    return function.find_ancestor(exp.Query) is not tree
