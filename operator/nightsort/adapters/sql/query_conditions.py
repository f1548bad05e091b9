"""Decides whether a query certainly leaves out the tickets that have their label already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightsort.adapters.sql.query_parser import DIALECTS, parsed, without_end

if TYPE_CHECKING:
    from sqlglot import exp

USUAL_SCHEMAS = ("public", "main")


@dataclass(frozen=True, slots=True)
class Labels:
    """The place of a run's labels: the table, its column of ids and its column of categories."""

    table: str
    id: str
    category: str


def skips_labeled(query: str, id_column: str, labels: Labels, family: str | None = None) -> bool:
    """Whether every row has its ticket in the labels' table, and has no category there.

    Without `family`, every kind of database that can parse the query must read it so.
    """
    told = []
    for each in [family] if family else DIALECTS:
        tree = parsed(without_end(query, each), each)
        if tree is not None:
            told.append(Reader(labels, each).skips(tree, id_column, {}))
    return bool(told) and all(told)


@dataclass(frozen=True, slots=True)
class Reader:
    labels: Labels
    family: str

    def skips(self, tree: exp.Expr, id_column: str, named: Mapping[str, exp.Expr]) -> bool:
        """Whether a query skips labeled rows, by its id column; `named` are the WITH queries by name."""
        from sqlglot import exp

        if isinstance(tree, exp.Subquery):
            return tree.alias == "" and self.skips(tree.this, id_column, named)
        named = {**named, **{each.alias.lower(): each.this for each in ctes(tree)}}
        if isinstance(tree, exp.Union):
            return self.skips(tree.left, id_column, named) and self.skips(tree.right, id_column, named)
        if not isinstance(tree, exp.Select):
            return False
        return any(
            self._skips_in(tree, place, source, id_column, named) for place, source in inner_sources(tree).items()
        )

    def _skips_in(
        self,
        select: exp.Select,
        place: str,
        source: exp.Expr,
        id_column: str,
        named: Mapping[str, exp.Expr],
    ) -> bool:
        """Whether the id belongs to a table, or inner query, whose rows have no label."""
        from sqlglot import exp

        alone = len(inner_sources(select)) == 1 and not select.args.get("joins")
        inner_id = self._id_in(select, place, id_column, alone=alone)
        if inner_id is None:
            return False
        if isinstance(source, exp.Subquery):
            return self.skips(source.this, inner_id, named)
        if isinstance(source, exp.Table) and not source.db and source.name.lower() in named:
            within = {name: query for name, query in named.items() if name != source.name.lower()}
            return self.skips(named[source.name.lower()], inner_id, within)
        if not isinstance(source, exp.Table) or not self.is_labels_table(source):
            return False
        if inner_id.lower() != self.labels.id.lower():
            return False
        return any(self.is_null(each, place, alone=alone) for each in conditions(select))

    def _id_in(self, select: exp.Select, place: str, id_column: str, *, alone: bool) -> str | None:
        """The column of a source that a query passes on as its id; None where that cannot be known."""
        from sqlglot import exp

        for each in select.expressions:
            if each.alias_or_name.lower() == id_column.lower() and not is_star(each):
                columns = list(each.find_all(exp.Column))
                if len(columns) != 1 or each.find(exp.Query, exp.Case, exp.AggFunc, exp.Window):
                    return None
                return columns[0].name if belongs(columns[0], place, alone=alone) else None
        stars = [each for each in select.expressions if is_star(each)]
        if any(isinstance(each, exp.Star) for each in stars):
            return id_column if alone else None
        return id_column if [each.table.lower() for each in stars] == [place] else None

    def is_labels_table(self, table: exp.Table) -> bool:
        schema, _, name = self.labels.table.rpartition(".")
        if not self._same(table.this, name):
            return False
        if table.db and schema:
            return table.db.lower() == schema.lower()
        return (table.db or schema or USUAL_SCHEMAS[0]).lower() in USUAL_SCHEMAS

    def is_null(self, condition: exp.Expr, place: str, *, alone: bool) -> bool:
        from sqlglot import exp

        if not isinstance(condition, exp.Is) or not isinstance(condition.expression, exp.Null):
            return False
        column = condition.this.unnest()
        if isinstance(column, exp.Literal):
            return True  # "category" is text to MySQL, which is never NULL: there is no row at all
        if not isinstance(column, exp.Column) or not self._same(column.this, self.labels.category):
            return False
        return belongs(column, place, alone=alone)

    def _same(self, found: exp.Expr, name: str) -> bool:
        """Whether names are equal; PostgreSQL distinguishes capitals where a name is quoted."""
        if found.name == name:
            return True
        return found.name.lower() == name.lower() and not (self.family == "postgresql" and found.args.get("quoted"))


def ctes(tree: exp.Expr) -> Iterator[exp.Expr]:
    from sqlglot import exp

    for held in tree.args.values():
        if isinstance(held, exp.With) and not held.args.get("recursive"):
            yield from held.expressions


def inner_sources(select: exp.Select) -> dict[str, exp.Expr]:
    """The sources of a query whose rows every result has: FROM and inner joins, by their names for columns."""
    from sqlglot import exp

    start = next((held for held in select.args.values() if isinstance(held, exp.From)), None)
    if start is None:
        return {}
    joins = select.args.get("joins") or []
    if any(join.side.upper() in ("RIGHT", "FULL") for join in joins):
        return {}
    inner = [join.this for join in joins if not join.side and join.kind.upper() in ("", "INNER", "CROSS", "STRAIGHT")]
    return {each.alias_or_name.lower(): each for each in (start.this, *inner)}


def conditions(select: exp.Select) -> Iterator[exp.Expr]:
    """The conditions that hold for every row: the parts of WHERE, and of inner joins, that are connected by AND."""
    from sqlglot import exp

    where = select.args.get("where")
    joins = select.args.get("joins") or []
    given = [where.this] if where is not None else []
    given += [join.args["on"] for join in joins if not join.side and join.args.get("on") is not None]
    for each in given:
        for part in each.flatten() if isinstance(each, exp.And) else (each,):
            yield from parts_of(part)


def parts_of(condition: exp.Expr) -> Iterator[exp.Expr]:
    from sqlglot import exp

    condition = condition.unnest()
    if isinstance(condition, exp.And):
        for part in condition.flatten():
            yield from parts_of(part)
    else:
        yield condition


def is_star(projection: exp.Expr) -> bool:
    from sqlglot import exp

    return isinstance(projection, exp.Star) or (
        isinstance(projection, exp.Column) and isinstance(projection.this, exp.Star)
    )


def belongs(column: exp.Column, place: str, *, alone: bool) -> bool:
    """Whether a column belongs to that source: by its qualifier, or because there is no other."""
    return column.table.lower() == place if column.table else alone
