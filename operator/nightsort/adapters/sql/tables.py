"""The database's description of the table of the results, and the table that is made where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nightsort.adapters.sql.rows import Row, value_of
from nightsort.adapters.sql.session import Session

REASON_CHARS = 500
MOST_ID_CHARS = 512
LONGEST_KEY_CHARS = 700
MOST_CATALOGUE_ROWS = 10_000
"""MySQL, which allows the most columns in a table, allows up to 4,096."""
# Types of a table that we make; on MariaDB also of the staged rows.
TYPES = {
    "category": {"mysql": "VARCHAR(255)"},
    "verdict": {"mysql": "VARCHAR(32)"},
    "reason": {"mysql": f"VARCHAR({REASON_CHARS})"},
    "model": {"mysql": "VARCHAR(255)"},
    "batch_id": {"mysql": "VARCHAR(255)"},
    "classified_at": {"postgresql": "timestamp with time zone", "mysql": "DATETIME"},
    "input_tokens": {"postgresql": "bigint", "mysql": "BIGINT", "sqlite": "INTEGER"},
    "category_set": {"mysql": "VARCHAR(64)"},
    "hash": {"mysql": "VARCHAR(64)"},
    "same_as": {"mysql": f"VARCHAR({MOST_ID_CHARS})"},
    "output_tokens": {"postgresql": "bigint", "mysql": "BIGINT", "sqlite": "INTEGER"},
}
TypeOf = Mapping[str, str]
"""The type of a column by family; `text` where there is none."""
SHORT_CHARS = 255
WHOLE_NUMBER: TypeOf = {"postgresql": "bigint", "mysql": "BIGINT", "sqlite": "INTEGER"}
SHORT_TEXT: TypeOf = {"mysql": f"VARCHAR({SHORT_CHARS})"}
LONG_TEXT: TypeOf = {"mysql": "TEXT"}
# MySQL's other collations treat ids as equal that differ in capitals, accents or trailing spaces.
EXACT_COLLATIONS = ("utf8mb4_nopad_bin", "utf8mb4_0900_bin")
CATALOG = {
    "postgresql": """
        SELECT a.attname AS name,
               CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 END AS chars,
               getdatabaseencoding() = 'UTF8' AS unicode,
               NOT a.attnotnull AS nullable, t.typcategory = 'S' AS is_text,
               t.typname IN ('text', 'varchar') AND COALESCE(
                   (SELECT c.collisdeterministic FROM pg_collation c WHERE c.oid = a.attcollation), true) AS exact,
               true AS typed
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = to_regclass({quoted}) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum""",
    "mysql": """
        SELECT c.column_name AS name, c.character_maximum_length AS chars,
               COALESCE(c.character_set_name, 'utf8mb4') = 'utf8mb4' AS unicode,
               c.is_nullable = 'YES' AS nullable, c.character_set_name IS NOT NULL AS is_text,
               c.data_type = 'varchar' AND c.collation_name IN ({collations}) AS exact, 1 AS typed
        FROM information_schema.columns c
        WHERE c.table_schema = COALESCE({schema}, DATABASE()) AND c.table_name = {table} ORDER BY c.ordinal_position""",
    "sqlite": """
        SELECT c.name AS name, NULL AS chars, 1 AS unicode,
               NOT c."notnull" AS nullable, 1 AS is_text, 0 AS exact,
               c.type <> '' AND instr(upper(c.type), 'BLOB') = 0 AS typed
        FROM pragma_table_info({table}) c ORDER BY c.cid""",
}
# One row for each column of each unique index over whole columns alone: the index, and the column.
UNIQUE = {
    "postgresql": """
        SELECT i.indexrelid AS name, a.attname AS part
        FROM pg_index i CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) AS place
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[place]
        WHERE i.indrelid = to_regclass({quoted}) AND i.indisunique AND i.indimmediate AND i.indisvalid
        AND i.indpred IS NULL AND i.indexprs IS NULL""",
    "mysql": """
        SELECT s.index_name AS name, s.column_name AS part FROM information_schema.statistics s
        WHERE s.table_schema = COALESCE({schema}, DATABASE()) AND s.table_name = {table} AND s.non_unique = 0
        AND NOT EXISTS (SELECT 1 FROM information_schema.statistics o
                        WHERE o.table_schema = s.table_schema AND o.table_name = s.table_name
                        AND o.index_name = s.index_name AND (o.sub_part IS NOT NULL OR o.column_name IS NULL))""",
    "sqlite": """
        SELECT '' AS name, c.name AS part FROM pragma_table_info({table}) c WHERE c.pk > 0
        UNION ALL SELECT l.name, i.name FROM pragma_index_list({table}) l JOIN pragma_index_info(l.name) i
        WHERE l."unique" AND NOT l.partial
        AND NOT EXISTS (SELECT 1 FROM pragma_index_info(l.name) e WHERE e.name IS NULL)""",
}
IS_VIEW = {
    "postgresql": "SELECT COUNT(*) FROM pg_class c WHERE c.oid = to_regclass({quoted}) AND c.relkind = 'v'",
    "mysql": """
        SELECT COUNT(*) FROM information_schema.views v
        WHERE v.table_schema = COALESCE({schema}, DATABASE()) AND v.table_name = {table}""",
    "sqlite": "SELECT COUNT(*) FROM sqlite_schema s WHERE s.type = 'view' AND lower(s.name) = lower({table})",
}
# Tables whose names differ from the given one in capitals alone. SQLite takes those for the same anyway.
ALIKE = {
    "postgresql": """
        SELECT CASE WHEN CAST({schema} AS text) IS NULL THEN '' ELSE n.nspname || '.' END || c.relname
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE lower(c.relname) = lower({table}) AND c.relkind IN ('r', 'p', 'v', 'f')
        AND CASE WHEN CAST({schema} AS text) IS NULL THEN pg_table_is_visible(c.oid)
            ELSE lower(n.nspname) = lower({schema}) END ORDER BY 1""",
    "mysql": """
        SELECT t.table_name FROM information_schema.tables t
        WHERE t.table_schema = COALESCE({schema}, DATABASE()) AND LOWER(t.table_name) = LOWER({table}) ORDER BY 1""",
}
# Nothing is known of a view: its tables may have any engine.
KEEPS_TRANSACTIONS = """
    SELECT COUNT(*) FROM information_schema.tables t JOIN information_schema.engines e ON e.engine = t.engine
    WHERE e.transactions = 'YES' AND t.table_schema = COALESCE({schema}, DATABASE()) AND t.table_name = {table}"""


@dataclass(frozen=True, slots=True)
class Column:
    """`chars` is the most that fits, None where there is no limit.

    `exact`: two values are equal only if they are so letter by letter. `typed` is false for SQLite's columns that keep
    values of any type, in which a number never equals text.
    """

    name: str
    chars: int | None
    unicode: bool
    nullable: bool
    text: bool
    exact: bool
    typed: bool

    @property
    def keeps_ids(self) -> bool:
        """Whether no two ids become one: other types rewrite ids, or drop spaces behind the part that fits."""
        return self.exact and (self.chars is None or self.chars >= MOST_ID_CHARS)


@dataclass(frozen=True, slots=True)
class Table:
    """`name` is the database's spelling; each of `keys` is a set of columns that are unique together, by an index."""

    name: str
    columns: Mapping[str, Column]
    keys: frozenset[frozenset[str]]
    view: bool

    def is_unique(self, columns: Iterable[str]) -> bool:
        """Whether no two rows can have the same values there."""
        names = set(columns)
        return any(key <= names for key in self.keys)

    def wider_key(self, columns: Iterable[str]) -> frozenset[str] | None:
        """The smallest key that contains these columns."""
        names = set(columns)
        wider = [key for key in self.keys if key > names]
        return min(wider, key=lambda key: (len(key), sorted(key))) if wider else None


def table_of(session: Session, name: str) -> Table | None:
    """The table of exactly that name."""
    statement = CATALOG[session.family].replace("{collations}", ", ".join(f"'{name}'" for name in EXACT_COLLATIONS))
    rows = asked(session, statement, name)
    if not rows:
        return None
    columns = {name: Column(name, chars, *(bool(each) for each in rest)) for name, chars, *rest in rows}
    keys: dict[object, set[str]] = {}
    for key, part in asked(session, UNIQUE[session.family], name):
        keys.setdefault(key, set()).add(part)
    view = value_of(asked(session, IS_VIEW[session.family], name)) > 0
    return Table(name, columns, frozenset(frozenset(key) for key in keys.values()), view)


def alike(session: Session, name: str) -> Sequence[str]:
    """Tables whose names differ from this one in capitals; first the one that the database reads an unquoted name as.

    PostgreSQL folds names without quotation marks to small letters, and SQLite does not tell capitals apart.
    """
    if session.family not in ALIKE:
        return ()
    names = [str(each) for (each,) in asked(session, ALIKE[session.family], name)]
    return sorted(names, key=lambda each: each != name.lower())


def can_undo(session: Session, table: str) -> bool:
    """Whether writes to the table can be rolled back. MySQL has engines that cannot, such as MyISAM."""
    return session.family != "mysql" or value_of(asked(session, KEEPS_TRANSACTIONS, table)) > 0


def asked(session: Session, statement: str, name: str) -> list[Row]:
    """The catalogue's description of the table."""
    schema, _, table = name.rpartition(".")
    values = {"quoted": quoted(session, name), "schema": schema or None, "table": table}
    used = {name: value for name, value in values.items() if f"{{{name}}}" in statement}
    statement = statement.format(**{name: session.bind(name) for name in used})
    return session.rows(statement, MOST_CATALOGUE_ROWS, **used)


def quoted(session: Session, table: str) -> str:
    return ".".join(session.quote(part) for part in table.split("."))


def may_create(session: Session, table: str) -> bool:
    """Whether a table may be made. MariaDB names the missing right itself, SQLite the file."""
    if session.family != "postgresql":
        return True
    statement = "SELECT has_schema_privilege(COALESCE({schema}, current_schema()), 'CREATE')"
    return value_of(asked(session, statement, table)) is not False


def create(
    session: Session, table: str, keys: Sequence[str], fields: Mapping[str, str], kinds: Mapping[str, TypeOf]
) -> None:
    """Makes the table, with a column for each part of the id and for each wanted field, by their names."""
    # MariaDB allows at most 3,072 bytes for a key.
    key_type = f"VARCHAR({LONGEST_KEY_CHARS // len(keys)})" if session.family == "mysql" else "text"
    columns = [f"{session.quote(name)} {key_type}" for name in keys]
    columns += [f"{session.quote(name)} {type_of(field, session.family, kinds)}" for field, name in fields.items()]
    options = f" CHARACTER SET utf8mb4 COLLATE {exact_collation(session)}" if session.family == "mysql" else ""
    key = f"PRIMARY KEY ({', '.join(session.quote(name) for name in keys)})"
    session.run(f"CREATE TABLE IF NOT EXISTS {quoted(session, table)} ({', '.join([*columns, key])}){options}")


def may_alter(session: Session, table: str) -> bool:
    """Whether a column may be added: PostgreSQL lets owners do so. MariaDB names the missing right itself."""
    if session.family != "postgresql":
        return True
    statement = "SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class c WHERE c.oid = to_regclass({quoted})"
    return value_of(asked(session, statement, table)) is not False


def addition(session: Session, table: str, field: str, name: str) -> str:
    """The statement that adds the column of a field, empty in all rows."""
    return f"ALTER TABLE {quoted(session, table)} ADD COLUMN {session.quote(name)} {type_of(field, session.family, {})}"


def exact_collation(session: Session) -> str:
    """MariaDB has the one, MySQL 8 the other; all older collations ignore spaces at the end."""
    names = ", ".join(f"'{name}'" for name in EXACT_COLLATIONS)
    found = session.value(
        f"SELECT MAX(collation_name) FROM information_schema.collations WHERE collation_name IN ({names})"
    )
    return found or "utf8mb4_bin"


def type_of(field: str, family: str, kinds: Mapping[str, TypeOf]) -> str:
    """The type of a column; `kinds` are those of the spec's own fields."""
    found = kinds.get(field)
    return (TYPES[field] if found is None else found).get(family, "text")
