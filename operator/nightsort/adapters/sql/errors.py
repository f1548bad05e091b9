"""Translates a database's errors. Messages carry no row, no URL and no part of either."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from nightsort.adapters.sql.causes import (
    FAILED,
    INTERRUPTED,
    LOCKED,
    LOGIN,
    MESSAGE_CHARS,
    MOST_WORDS_CHARS,
    NO_DATABASE,
    NOT_TEXT,
    READ_ONLY,
    REFUSED,
    REFUSED_FOR_NOW,
    RIGHTS,
    TOO_SLOW,
    UNREACHABLE,
    Cause,
)
from nightsort.adapters.sql.refusals import said_by_system, sentence
from nightsort.domain.errors import Interruption, Waiting

# By SQLSTATE, the longest prefix counts: https://www.postgresql.org/docs/current/errcodes-appendix.html
POSTGRESQL = {
    "08": REFUSED_FOR_NOW,  # said by a server, and therefore not a failed connection
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
# The texts of these classes quote data, or are the user's own. All others describe the statement and the server alone.
POSTGRESQL_OF_DATA = ("22", "23", "P0")
MYSQL = {
    **dict.fromkeys((1044, 1049), NO_DATABASE),
    **dict.fromkeys((1045, 1130, 1251, 1524, 1698, 1820, 1862, 3159), LOGIN),
    **dict.fromkeys((1142, 1143, 1227, 1370), RIGHTS),
    **dict.fromkeys((1290, 1792, 1836), READ_ONLY),
    **dict.fromkeys((1205, 1213, 1020), LOCKED),
    **dict.fromkeys((1969, 3024), TOO_SLOW),
    **dict.fromkeys((1021, 1037, 1038, 1040, 1041, 1053, 1114, 1203, 1226, 1317, 1927, 1028), INTERRUPTED),
    **dict.fromkeys((1048, 1062, 1216, 1217, 1264, 1265, 1292, 1364, 1366, 1406, 1451, 1452, 3819, 4025), REFUSED),
}
# Texts that quote a value, or are the user's own (SIGNAL): wrong and truncated values, JSON, dates, arithmetic.
MYSQL_OF_DATA = frozenset(
    {1169, 1291, 1365, 1367, 1411, 1416, 1425, 1441, 1465, 1525, 1582, 1586, 1644, 1690, 3140, 3141}
)
# In texts that are not known one by one, a value is in quotation marks behind one of these words.
VALUE_OF_MYSQL = re.compile(r"((?:value|entry|string|argument|expression)s?:? )(['\"]).*\2", re.IGNORECASE | re.DOTALL)
# The last name in the text; anything before it may be the value. No name has more than 64 characters.
COLUMN_OF_MYSQL = re.compile(r"\b[Cc]olumn (?:`[^`]{0,64}`\.){0,2}[`'](\w{1,64})[`']")
# These texts hold no value.
NAMED_BY_MYSQL = {
    **dict.fromkeys((1364, 3819), re.compile(r"(?:Field|Check constraint) '(\w{1,64})'")),
    **dict.fromkeys((1216, 1452, 4025), re.compile(r"\bCONSTRAINT (?:`[^`]{0,64}`\.){0,2}`(\w{1,64})`")),
}
# The value comes behind it.
COLUMN_OF_COPY = re.compile(r"^COPY \w+, line \d+, column (\w{1,64})(?=[:,])", re.MULTILINE)
SQLITE = (
    (("database is locked", "database table is locked"), LOCKED),
    (("unable to open", "not a database", "malformed", "disk I/O"), NO_DATABASE),
    (("readonly",), READ_ONLY),
    (("disk is full",), INTERRUPTED),
    (("Could not decode",), NOT_TEXT),
    (("constraint failed", "datatype mismatch"), REFUSED),
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`detail` is ours, or the database's text where there is no other; `words` are the database's own."""

    cause: Cause
    detail: str = ""
    words: str = ""

    def told(self, place: str, rights: str, secrets: Collection[str | None], at: str = "") -> Interruption:
        """The error in the flow's terms; `secrets` are cut out of quoted text. `at` is " at" the host and port."""
        words = sentence(self.words, secrets)
        message = self.cause.message.format(
            detail=" ".join(self.detail.split())[:MESSAGE_CHARS],
            said=f" ({words})" if words else "",
            rights=rights,
            at=at,
            there=at or " on the URL's host and port",
        )
        if self.cause.kind is Waiting:
            return Waiting(f"{place}: {message}", reason=self.cause.reason, tries=self.cause.tries)
        return self.cause.kind(f"{place}: {message}", reason=self.cause.reason)


def diagnosed(error: BaseException | None, family: str, database: str) -> Diagnosis:
    """The meaning of a statement's error; the database's name is left out of quoted text."""
    if isinstance(error, UnicodeError):
        return Diagnosis(NOT_TEXT)
    match family:
        case "postgresql":
            return of_postgresql(error)
        case "mysql":
            return of_mysql(error, database)
        case _:
            return of_sqlite(error)


def of_postgresql(error: Any) -> Diagnosis:
    code: str = error.sqlstate or ""
    if not code:
        return of_libpq(error)
    cause = next((POSTGRESQL[code[:size]] for size in (5, 2) if code[:size] in POSTGRESQL), FAILED)
    kind, words = type(error).__name__, (error.diag.message_primary or "")[:MOST_WORDS_CHARS]
    if cause is REFUSED or code.startswith(POSTGRESQL_OF_DATA):
        copied = COLUMN_OF_COPY.search((error.diag.context or "")[:MOST_WORDS_CHARS])
        column = error.diag.column_name or (copied[1] if copied else None)
        named = ", ".join(filter(None, (column, error.diag.constraint_name)))
        return Diagnosis(cause, f"{kind} of {named}" if named else kind)
    return Diagnosis(cause, words or kind, words)


def of_libpq(error: Any) -> Diagnosis:
    """A lost connection, or a value that psycopg cannot convert to Python's."""
    kind = type(error).__name__
    lost = kind in ("OperationalError", "InterfaceError", "ConnectionTimeout")
    return Diagnosis(UNREACHABLE, words=kind) if lost else Diagnosis(REFUSED, kind)


def of_mysql(error: Any, database: str) -> Diagnosis:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = str(error.args[1])[:MOST_WORDS_CHARS].replace(f"{database}.", "") if len(error.args) > 1 else ""
    if code == 0 or 2000 <= code < 3000:  # the client's own: refused, lost, timed out
        return Diagnosis(UNREACHABLE, words=said_by_system(text) or type(error).__name__)
    cause = MYSQL.get(code, FAILED)
    if cause is not REFUSED and code not in MYSQL_OF_DATA:
        words = VALUE_OF_MYSQL.sub(r"\1…", text)
        return Diagnosis(cause, f"error {code}: {words}" if words else f"error {code}", words)
    pattern = NAMED_BY_MYSQL.get(code)
    if pattern is not None:
        named = pattern.search(text)
        return Diagnosis(cause, f"error {code}" + (f" of {named[1]}" if named else ""))
    column = last_column(text)
    return Diagnosis(cause, f"error {code}" + (f", column {column}" if column else ""))


def last_column(text: str) -> str | None:
    """Searches from the end, so that no text is read more than a few times, however often it names columns."""
    at = len(text)
    while (at := text.rfind("olumn ", 0, at)) > 0:
        if found := COLUMN_OF_MYSQL.match(text, at - 1):
            return found[1]
    return None


def of_sqlite(error: Any) -> Diagnosis:
    text = str(error)[:MOST_WORDS_CHARS]
    cause = next((cause for words, cause in SQLITE if any(word in text for word in words)), FAILED)
    return Diagnosis(cause, text)
