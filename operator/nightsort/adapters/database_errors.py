"""What a database's error means for a run. Messages carry no row, no URL and no part of either."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from nightsort.domain.errors import Interruption, Stalled, Waiting

MESSAGE_CHARS = 300


@dataclass(frozen=True, slots=True)
class Cause:
    kind: type[Interruption]
    reason: str
    message: str


UNREACHABLE = Cause(Waiting, "DatabaseUnreachable", "the database cannot be reached")
INTERRUPTED = Cause(Waiting, "DatabaseInterrupted", "the database ended the work because of a restart or lack of room")
LOCKED = Cause(Waiting, "DatabaseLocked", "other work in the database holds a lock or ran into a deadlock with this")
TOO_SLOW = Cause(Waiting, "QueryTooSlow", "a statement took too long; an index on the id column may be missing")
LOGIN = Cause(Stalled, "DatabaseLoginRefused", "the database refuses the URL's user, password or way of connecting")
NO_DATABASE = Cause(Stalled, "DatabaseMissing", "the URL's database does not exist or may not be used")
RIGHTS = Cause(Stalled, "PermissionDenied", "the database does not allow this; the URL's user needs {rights}")
READ_ONLY = Cause(Stalled, "ReadOnly", "the statement would write where only reading is possible")
NOT_TEXT = Cause(Stalled, "NotText", "the database holds text that is not valid in its encoding")
REFUSED = Cause(Stalled, "ValueRefused", "a value does not fit ({detail})")
FAILED = Cause(Stalled, "QueryFailed", "{detail}")

# By SQLSTATE, the longest prefix counts: https://www.postgresql.org/docs/current/errcodes-appendix.html
POSTGRESQL = {
    "08": UNREACHABLE,
    "57": INTERRUPTED,
    "53": INTERRUPTED,
    "58": INTERRUPTED,
    "57014": TOO_SLOW,
    "40": LOCKED,
    "55P03": LOCKED,
    "28": LOGIN,
    "3D": NO_DATABASE,
    "42501": RIGHTS,
    "25006": READ_ONLY,
    "22": REFUSED,
    "23": REFUSED,
}
# Only these classes' texts speak of the statement alone; the texts of others quote data.
POSTGRESQL_QUOTABLE = ("42", "0A", "3F")
# libpq gives no SQLSTATE for a failed connection.
POSTGRESQL_REFUSALS = (
    ("certificate", LOGIN),
    ('role "', LOGIN),
    ("authentication", LOGIN),
    ("does not exist", NO_DATABASE),
    ("permission denied for database", NO_DATABASE),
    ("no password supplied", LOGIN),
    ("pg_hba.conf", LOGIN),
    ("server does not support SSL", LOGIN),
    ("channel binding", LOGIN),
    ("invalid sslmode", LOGIN),
)
MYSQL = {
    **dict.fromkeys((1044, 1049), NO_DATABASE),
    **dict.fromkeys((1045, 1130, 1251, 1524, 1698, 1820, 1862, 3159), LOGIN),
    **dict.fromkeys((1142, 1143, 1227, 1370), RIGHTS),
    **dict.fromkeys((1290, 1792, 1836), READ_ONLY),
    **dict.fromkeys((1205, 1213, 1020), LOCKED),
    **dict.fromkeys((1969, 3024), TOO_SLOW),
    **dict.fromkeys((1021, 1037, 1038, 1040, 1041, 1053, 1114, 1129, 1203, 1226, 1317, 1927, 1028), INTERRUPTED),
    **dict.fromkeys((1048, 1062, 1216, 1217, 1264, 1265, 1292, 1364, 1366, 1406, 1451, 1452, 3819, 4025), REFUSED),
}
MYSQL_QUOTABLE = frozenset({1052, 1054, 1055, 1060, 1064, 1071, 1146, 1170, 1222, 1241, 1248, 1305, 1267})
# The last one that is named; what comes before may be the value.
COLUMN_OF_MYSQL = re.compile(r".*\b[Cc]olumn (?:`[^`]*`\.)*[`'](\w{1,64})[`']", re.DOTALL)
# These texts hold no value.
NAMED_BY_MYSQL = {
    **dict.fromkeys((1364, 3819), re.compile(r"(?:Field|Check constraint) '(\w{1,64})'")),
    **dict.fromkeys((1216, 1452, 4025), re.compile(r"\bCONSTRAINT (?:`[^`]*`\.)*`(\w{1,64})`")),
}
# What comes behind it is the value.
COLUMN_OF_COPY = re.compile(r"^COPY \w+, line \d+, column (\w{1,64})(?=[:,])", re.MULTILINE)
SQLITE = (
    (("database is locked", "database table is locked"), LOCKED),
    (("unable to open", "not a database", "malformed", "disk I/O"), NO_DATABASE),
    (("readonly",), READ_ONLY),
    (("disk is full",), INTERRUPTED),
    (("Could not decode",), NOT_TEXT),
    (("constraint failed", "datatype mismatch"), REFUSED),
)


def interruption(error: BaseException | None, family: str, place: str, *, database: str, rights: str) -> Interruption:
    """The error as the flow knows it; `database` is cut out of what is quoted."""
    cause, detail = diagnose(error, family)
    detail = detail.replace(f"{database}.", "") if database else detail
    message = cause.message.format(detail=" ".join(detail.split())[:MESSAGE_CHARS], rights=rights)
    return cause.kind(f"{place}: {message}", reason=cause.reason)


def diagnose(error: BaseException | None, family: str) -> tuple[Cause, str]:
    if isinstance(error, UnicodeError):
        return NOT_TEXT, ""
    match family:
        case "postgresql":
            return of_postgresql(error)
        case "mysql":
            return of_mysql(error)
        case _:
            return of_sqlite(error)


def of_postgresql(error: Any) -> tuple[Cause, str]:
    code: str = error.sqlstate or ""
    if not code:
        return of_libpq(error)
    cause = next((POSTGRESQL[code[:size]] for size in (5, 2) if code[:size] in POSTGRESQL), FAILED)
    copied = COLUMN_OF_COPY.search(error.diag.context or "")
    column = error.diag.column_name or (copied[1] if copied else None)
    named = ", ".join(filter(None, (column, error.diag.constraint_name)))
    if cause is FAILED and code.startswith(POSTGRESQL_QUOTABLE):
        return cause, error.diag.message_primary or code
    kind = type(error).__name__
    return cause, f"{kind} of {named}" if named else kind


def of_libpq(error: Any) -> tuple[Cause, str]:
    """A connection that failed or was lost, or a value that psycopg cannot turn into Python's."""
    kind = type(error).__name__
    if kind not in ("OperationalError", "InterfaceError", "ConnectionTimeout"):
        return REFUSED, kind
    text = str(error)
    return next((cause for words, cause in POSTGRESQL_REFUSALS if words in text), UNREACHABLE), kind


def of_mysql(error: Any) -> tuple[Cause, str]:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = str(error.args[1]) if len(error.args) > 1 else ""
    if code == 0 or 2000 <= code < 3000:  # the client's own: refused, lost, timed out
        return UNREACHABLE, ""
    cause = MYSQL.get(code, FAILED)
    if cause is FAILED:
        return cause, text if code in MYSQL_QUOTABLE else f"error {code}"
    if code in NAMED_BY_MYSQL:
        named = NAMED_BY_MYSQL[code].search(text)
        return cause, f"error {code}" + (f" of {named[1]}" if named else "")
    column = COLUMN_OF_MYSQL.search(text)
    return cause, f"error {code}" + (f", column {column[1]}" if column else "")


def of_sqlite(error: Any) -> tuple[Cause, str]:
    text = str(error)
    cause = next((cause for words, cause in SQLITE if any(word in text for word in words)), FAILED)
    return cause, text
