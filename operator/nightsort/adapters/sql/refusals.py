"""Translates the refusal of a login by a database or a proxy in front of it.

SQLSTATE and the drivers' error classes decide. Where a code is not specific, the known words of proxies decide. A
refusal that matches neither is retried for a while, and then a person has to look into it.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Collection
from typing import Any

from nightsort.adapters.sql.causes import (
    INTERRUPTED,
    LOGIN,
    MESSAGE_CHARS,
    MOST_WORDS_CHARS,
    NO_DATABASE,
    REFUSED_FOR_NOW,
    STRANGER,
    TLS_DEMANDED,
    UNREACHABLE,
    Cause,
)

POSTGRESQL = {
    "28": LOGIN,
    "3D": NO_DATABASE,
    "42501": NO_DATABASE,
    "53": INTERRUPTED,
    "53400": REFUSED_FOR_NOW,  # a configured limit, such as a quota
    "57": INTERRUPTED,  # among them an authentication that took too long
}
MYSQL = {
    **dict.fromkeys((1044, 1049), NO_DATABASE),
    **dict.fromkeys((1045, 1130, 1251, 1524, 1698, 1820, 1862, 3118, 3948, 4151), LOGIN),
    **dict.fromkeys((1040, 1041, 1053, 1203, 1226, 1037, 1038), INTERRUPTED),
    **dict.fromkeys((2058, 2059, 2061), LOGIN),  # the client's own: login methods that it does not support
    2026: LOGIN,
    3159: TLS_DEMANDED,
}
CLIENTS_OWN = range(2000, 3000)
# Words of servers and proxies, for unspecific codes: https://www.pgbouncer.org/usage.html and others.
WORDS = (
    (
        ("no encryption", "SSL is required", "SSL connection is required", "requires TLS", "insecure transport"),
        TLS_DEMANDED,
    ),
    (("no such database", "Unknown database"), NO_DATABASE),
    (("server_login_retry", "query_wait_timeout", "login_timeout", "server down", "connect to server"), INTERRUPTED),
    (("too many", "no more connections", "max_client_conn", "server conn crashed", "shutting down"), INTERRUPTED),
)
# libpq's own words, without a server's: they are in English, whatever the server's language.
STRANGERS = re.compile(
    r"invalid response to SSL negotiation|expected authentication request|invalid .{0,80}authentication"
)
LIBPQ = (
    (("certificate", "SSL was required", "does not support SSL", "sslmode", "channel binding", "no password"), LOGIN),
    (("SSL error: tlsv1 alert", "SSL error: sslv3 alert"), LOGIN),
)
ERRNO = re.compile(r"\[Errno -?\d{1,6}\] ([A-Za-z ]{1,80})")
SERVERS_WORDS = re.compile(r"(?:^|: )[^\W\d_]{3,20}:  (?P<words>.+)", re.MULTILINE)
"""The text behind libpq's own: the severity, in the server's language, and two spaces."""


def of_postgresql(text: str, sqlstate: str | None) -> tuple[Cause, str]:
    """The cause and the server's sentence, or libpq's where the server has sent none."""
    text = text[:MOST_WORDS_CHARS]
    said = SERVERS_WORDS.search(text)
    words = said["words"] if said else ""
    if sqlstate is not None or said:
        known = (POSTGRESQL.get((sqlstate or "")[:size]) for size in (5, 2))
        cause = next(filter(None, known), REFUSED_FOR_NOW)
        if cause in (REFUSED_FOR_NOW, LOGIN):
            cause = by_words(words, cause)
        return (by_english(words) if sqlstate is None and cause is REFUSED_FOR_NOW else cause), words
    words = own_words(text)
    if STRANGERS.search(text):
        return STRANGER, ""
    return next((cause for some, cause in LIBPQ if any(word in text for word in some)), UNREACHABLE), words


def own_words(text: str) -> str:
    """libpq's message for the first address that it tried; the whole text where it is not in libpq's form."""
    for line in text.split("\n"):
        _, failed, words = line.rpartition(" failed: ")
        if not failed:
            _, _, words = line.partition("is bad: ")
        if words and words != line:
            return words
    return text


def by_words(words: str, otherwise: Cause) -> Cause:
    return next((cause for some, cause in WORDS if any(word in words for word in some)), otherwise)


def by_english(words: str) -> Cause:
    """The cause where there is no code."""
    if ("does not exist" in words and words.startswith("database")) or "permission denied for database" in words:
        return NO_DATABASE
    login = ("authentication failed", "pg_hba.conf", "does not exist", "not permitted to log in", "no password")
    if any(word in words for word in login):
        return LOGIN
    return INTERRUPTED if "starting up" in words or "due to timeout" in words else REFUSED_FOR_NOW


def of_mysql(error: Any) -> tuple[Cause, str]:
    """`error` is PyMySQL's: its first argument is the number, where there is one."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    words = str(error.args[1])[:MOST_WORDS_CHARS] if len(error.args) > 1 else ""
    if isinstance(getattr(error, "original_exception", None), ssl.SSLError):
        return LOGIN, str(error.original_exception)[:MOST_WORDS_CHARS]
    if code in MYSQL:
        cause = MYSQL[code]
        return (by_words(words, cause) if cause is LOGIN else cause), words
    if code == 0:
        return STRANGER, ""  # the packet does not belong to the protocol
    if code in CLIENTS_OWN:
        return UNREACHABLE, said_by_system(words) or type(error).__name__
    return by_words(words, REFUSED_FOR_NOW), words


def said_by_system(words: str) -> str:
    """The system's words for its error, where a driver quotes them."""
    found = ERRNO.search(words)
    return found[1].strip() if found else ""


def sentence(words: str, secrets: Collection[str | None]) -> str:
    """The first line, bounded, and without any part of the URL: if it is badly quoted, each may be the password's.

    Control characters are handled where the message is shown.
    """
    line = next(iter(words.strip().splitlines()), "")
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        line = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)" if len(secret) < 4 else re.escape(secret), "…", line)
    return line[:MESSAGE_CHARS]
