"""Obstacles to a database's work, and who acts next."""

from __future__ import annotations

from dataclasses import dataclass

from nightsort.domain.errors import Interruption, Stalled, Waiting
from nightsort.domain.reasons import Reason

MESSAGE_CHARS = 300
MOST_WORDS_CHARS = 10_000
"""Characters of a driver's error that are read: longer ones are no database's, or quote data."""
REFUSAL_TRIES = 6
"""Tries for an obstacle that may or may not pass by itself, about two minutes, before a person has to act."""


@dataclass(frozen=True, slots=True)
class Cause:
    kind: type[Interruption]
    reason: Reason
    message: str
    tries: int | None = None


UNREACHABLE = Cause(Waiting, Reason.DATABASE_UNREACHABLE, "the database{at} cannot be reached{said}")
NO_ANSWER = Cause(Waiting, Reason.DATABASE_UNREACHABLE, "{detail}")
INTERRUPTED = Cause(Waiting, Reason.DATABASE_INTERRUPTED, "the database{at} restarts, or lacks room for this now{said}")
LOCKED = Cause(
    Waiting, Reason.DATABASE_LOCKED, "other work in the database{at} holds a lock or ran into a deadlock with this"
)
TOO_SLOW = Cause(Waiting, Reason.QUERY_TOO_SLOW, "a statement took too long; an index on the id column may be missing")
LOGIN = Cause(
    Stalled,
    Reason.DATABASE_LOGIN_REFUSED,
    "the database{at} refuses the URL's user, password or way of connecting{said}",
)
NO_DATABASE = Cause(Stalled, Reason.DATABASE_MISSING, "the URL's database does not exist or may not be used{said}")
RIGHTS = Cause(
    Stalled, Reason.PERMISSION_DENIED, "the database does not allow this{said}; the URL's user needs {rights}"
)
TLS_DEMANDED = Cause(
    Stalled,
    Reason.DATABASE_LOGIN_REFUSED,
    "the database{at} demands TLS{said}: add ?sslmode=require to PostgreSQL's URL, ?ssl_ca=FILE with the server's "
    "certificate authority to MySQL's",
)
REFUSED_FOR_NOW = Cause(
    Waiting,
    Reason.DATABASE_REFUSED,
    "the database{at}, or a proxy before it, does not let us in{said}",
    tries=REFUSAL_TRIES,
)
STRANGER = Cause(
    Waiting,
    Reason.DATABASE_REFUSED,
    "what answers{there} does not speak as such a database does",
    tries=REFUSAL_TRIES,
)
READ_ONLY = Cause(Stalled, Reason.READ_ONLY, "the statement would write where only reading is possible")
NOT_TEXT = Cause(Stalled, Reason.NOT_TEXT, "the database holds text that is not valid in its encoding")
REFUSED = Cause(Stalled, Reason.VALUE_REFUSED, "a value does not fit ({detail})")
FAILED = Cause(Stalled, Reason.QUERY_FAILED, "{detail}")
