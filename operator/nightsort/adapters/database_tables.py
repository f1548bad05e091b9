"""What a database says of the table that results go to, and the table that is made where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nightsort.adapters.databases import Result, Session

REASON_CHARS = 500
# Types of a table that we make; on MariaDB also of what is staged.
TYPES = {
    "id": {"mysql": "VARCHAR(700)"},
    "category": {"mysql": "VARCHAR(255)"},
    "verdict": {"mysql": "VARCHAR(32)"},
    "reason": {"mysql": f"VARCHAR({REASON_CHARS})"},
    "model": {"mysql": "VARCHAR(255)"},
    "batch_id": {"mysql": "VARCHAR(255)"},
    "classified_at": {"postgresql": "timestamp with time zone", "mysql": "DATETIME"},
    "input_tokens": {"postgresql": "bigint", "mysql": "BIGINT", "sqlite": "INTEGER"},
    "output_tokens": {"postgresql": "bigint", "mysql": "BIGINT", "sqlite": "INTEGER"},
}
# MySQL's other collations take ids for one that differ in capitals, accents or spaces at the end.
EXACT_COLLATIONS = ("utf8mb4_nopad_bin", "utf8mb4_0900_bin")
CATALOG = {
    "postgresql": """
        SELECT a.attname AS name,
               CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 END AS chars,
               getdatabaseencoding() = 'UTF8' AS unicode,
               EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indimmediate
                       AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum)
               AS is_unique,
               NOT a.attnotnull AS nullable, t.typcategory = 'S' AS is_text,
               t.typname IN ('text', 'varchar') AND COALESCE(
                   (SELECT c.collisdeterministic FROM pg_collation c WHERE c.oid = a.attcollation), true) AS exact,
               true AS typed
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = to_regclass({quoted}) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum""",
    "mysql": """
        SELECT c.column_name AS name, c.character_maximum_length AS chars,
               COALESCE(c.character_set_name, 'utf8mb4') = 'utf8mb4' AS unicode,
               EXISTS (SELECT 1 FROM information_schema.statistics s
                       WHERE s.table_schema = c.table_schema AND s.table_name = c.table_name
                       AND s.non_unique = 0 AND s.column_name = c.column_name AND s.sub_part IS NULL
                       AND NOT EXISTS (SELECT 1 FROM information_schema.statistics o
                                       WHERE o.table_schema = s.table_schema AND o.table_name = s.table_name
                                       AND o.index_name = s.index_name AND o.seq_in_index > 1)) AS is_unique,
               c.is_nullable = 'YES' AS nullable, c.character_set_name IS NOT NULL AS is_text,
               c.data_type = 'varchar' AND c.collation_name IN ({collations}) AS exact, 1 AS typed
        FROM information_schema.columns c
        WHERE c.table_schema = COALESCE({schema}, DATABASE()) AND c.table_name = {table} ORDER BY c.ordinal_position""",
    "sqlite": """
        SELECT c.name AS name, NULL AS chars, 1 AS unicode,
               (c.pk = 1 AND (SELECT COUNT(*) FROM pragma_table_info({table}) WHERE pk > 0) = 1)
               OR EXISTS (SELECT 1 FROM pragma_index_list({table}) l WHERE l."unique" AND NOT l.partial
                          AND (SELECT group_concat(i.name) FROM pragma_index_info(l.name) i) = c.name) AS is_unique,
               NOT c."notnull" AS nullable, 1 AS is_text, 0 AS exact,
               c.type <> '' AND instr(upper(c.type), 'BLOB') = 0 AS typed
        FROM pragma_table_info({table}) c ORDER BY c.cid""",
}
# Of a view nothing is known: it may stand for tables of any engine.
KEEPS_TRANSACTIONS = """
    SELECT COUNT(*) FROM information_schema.tables t JOIN information_schema.engines e ON e.engine = t.engine
    WHERE e.transactions = 'YES' AND t.table_schema = COALESCE({schema}, DATABASE()) AND t.table_name = {table}"""


@dataclass(frozen=True, slots=True)
class Column:
    """`chars` is the most that fits, None where nothing says; `unique` when an index of its own makes it so.

    `exact` where two values are the same only if they are so letter by letter. `typed` is false for SQLite's columns
    that keep whatever they are given, in which a number is never the same as text.
    """

    name: str
    chars: int | None
    unicode: bool
    unique: bool
    nullable: bool
    text: bool
    exact: bool
    typed: bool


def columns_of(session: Session, table: str) -> Mapping[str, Column]:
    """The table's columns by name; none where there is no such table."""
    statement = CATALOG[session.family].replace("{collations}", ", ".join(f"'{name}'" for name in EXACT_COLLATIONS))
    rows = asked(session, statement, table).all()
    return {name: Column(name, chars, *(bool(each) for each in rest)) for name, chars, *rest in rows}


def can_undo(session: Session, table: str) -> bool:
    """Whether what is written to the table can be taken back. MySQL has engines that cannot, such as MyISAM."""
    return session.family != "mysql" or asked(session, KEEPS_TRANSACTIONS, table).scalar_one() > 0


def asked(session: Session, statement: str, name: str) -> Result:
    schema, _, table = name.rpartition(".")
    values = {"quoted": quoted(session, name), "schema": schema or None, "table": table}
    used = {name: value for name, value in values.items() if f"{{{name}}}" in statement}
    return session.run(statement.format(**{name: session.bind(name) for name in used}), **used)


def quoted(session: Session, table: str) -> str:
    return ".".join(session.quote(part) for part in table.split("."))


def create(session: Session, table: str, wanted: Mapping[str, str]) -> None:
    """Makes the table, with a column for each field that is wanted."""
    columns = [f"{session.quote(name)} {type_of(field, session.family)}" for field, name in wanted.items()]
    options = f" CHARACTER SET utf8mb4 COLLATE {exact_collation(session)}" if session.family == "mysql" else ""
    key = f"PRIMARY KEY ({session.quote(wanted['id'])})"
    session.run(f"CREATE TABLE IF NOT EXISTS {quoted(session, table)} ({', '.join([*columns, key])}){options}")


def exact_collation(session: Session) -> str:
    """MariaDB has the one, MySQL 8 the other; before them all collations ignored spaces at the end."""
    names = ", ".join(f"'{name}'" for name in EXACT_COLLATIONS)
    found = session.run(
        f"SELECT MAX(collation_name) FROM information_schema.collations WHERE collation_name IN ({names})"
    )
    return found.scalar() or "utf8mb4_bin"


def type_of(field: str, family: str) -> str:
    return TYPES[field].get(family, "text")
