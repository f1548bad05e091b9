"""Connections to the databases of resources: the policy, the time limits, and the running of statements."""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from nightsort.adapters.sql import refusals
from nightsort.adapters.sql.causes import MOST_WORDS_CHARS, NO_ANSWER, STRANGER, UNREACHABLE
from nightsort.adapters.sql.connections import pin, pinned
from nightsort.adapters.sql.errors import Diagnosis, diagnosed
from nightsort.adapters.sql.lines import Call
from nightsort.adapters.sql.policy import DRIVERS, FAMILIES, Address, DatabasePolicy
from nightsort.adapters.sql.postgresql_state import sqlstate_of
from nightsort.adapters.sql.rows import DRIVER_ERRORS, TooMuch, Unbuffered
from nightsort.adapters.sql.session import LOCK_SECONDS, NoProtocol, Session, limit_reads, limit_writes, tell_strangers
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.system.hosts import HostNotAllowed

# Nothing else of a URL's query reaches the client library: libpq's `host` would lead around the allow-list, and
# PyMySQL's `local_infile` or `read_default_file` would let a stranger's server read files of this machine.
OPTIONS = {
    "postgresql": frozenset({"sslmode", "sslrootcert", "channel_binding", "gssencmode", "target_session_attrs"}),
    "mysql": frozenset({"ssl_ca", "ssl_check_hostname", "charset"}),
    "sqlite": frozenset[str](),
}
CONNECT_ARGUMENTS: dict[str, dict[str, Any]] = {
    "postgresql": {
        "application_name": "nightsort",
        "client_encoding": "utf-8",
        "prepare_threshold": None,  # poolers that share sessions lose prepared statements
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    },
    "mysql": {
        "charset": "utf8mb4",
        "local_infile": False,
        "cursorclass": Unbuffered,
    },
    "sqlite": {"timeout": LOCK_SECONDS},
}


NO_ANSWERS = (
    struct.error,
    LookupError,
    ValueError,
    AssertionError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""Exceptions of drivers, and of the library's first queries, for invalid packets and values."""


class Database:
    """One database of a resource; every use has a connection of its own, and no connection outlives it.

    `place` begins every message, `rights` says what its user must be allowed to do.
    """

    def __init__(self, url: str, policy: DatabasePolicy, place: str, rights: str) -> None:
        """Connects to nothing yet.

        Raises:
            Stalled: the URL is invalid, or the policy does not allow it.
        """
        self.place = place
        self._rights = rights
        parsed = self._parse(url)
        self.family = FAMILIES.get(parsed.get_backend_name(), "")
        self._name = parsed.database or ""
        self._secrets = (parsed.password, parsed.username, parsed.host, parsed.database)
        self.address = Address(self.family, parsed.host, parsed.port, self._name, is_plain=url.count("@") <= 1)
        self._hold_against(parsed, policy)
        self._engine = sa.create_engine(
            parsed.set(drivername=DRIVERS[self.family]),
            poolclass=NullPool,
            hide_parameters=True,
            connect_args=CONNECT_ARGUMENTS[self.family],
            **({"use_native_hstore": False} if self.family == "postgresql" else {}),
        )
        self._addresses, self._deadlines, self._call = policy.addresses, policy.deadlines, Call()
        pin(self._engine, self.family, self._addresses, self._call, self._deadlines.login)
        if self.family != "sqlite":
            tell_strangers(self._engine)

    def _parse(self, url: str) -> sa.URL:
        try:
            return sa.make_url(url.strip())
        except (ArgumentError, ValueError):  # their messages repeat the URL
            raise self.stalled(
                "the Secret's value is not a URL like postgresql://user:password@host:5432/name",
                Reason.INVALID_DATABASE_URL,
            ) from None

    def _hold_against(self, url: sa.URL, policy: DatabasePolicy) -> None:
        """Names the host alone in a message: if the URL is badly quoted, any other part may be the password's."""
        if not self.family or not policy.allows_scheme(self.family):
            allowed = ", ".join(sorted(policy.schemes))
            raise self.stalled(f"the URL's scheme is not allowed here; allowed: {allowed}", Reason.DATABASE_NOT_ALLOWED)
        if self.family != "sqlite" and not policy.allows_host(url.host or "localhost"):
            raise self._host_not_allowed()
        if refused := set(url.query) - OPTIONS[self.family]:
            allowed = ", ".join(sorted(OPTIONS[self.family])) or "none"
            named = plain_options(refused, url)
            raise self.stalled(
                f"the URL has an option that is not allowed{named}; allowed: {allowed}", Reason.DATABASE_NOT_ALLOWED
            )
        if self.family == "sqlite" and self._name in ("", ":memory:"):
            raise self.stalled("the URL must name a file, as in sqlite:///tickets.db", Reason.INVALID_DATABASE_URL)
        if "=" in self._name or "://" in self._name:  # libpq would read it as another set of options
            raise self.stalled("the URL's database has a name that is not allowed", Reason.INVALID_DATABASE_URL)

    def stalled(self, message: str, reason: Reason) -> Stalled:
        return Stalled(f"{self.place}: {message}", reason=reason)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A read-only transaction, whatever the user's query does."""
        if self.family == "sqlite" and not Path(self._name).exists():
            raise self.stalled("there is no such SQLite file", Reason.DATABASE_MISSING)
        with self._session(postgresql_readonly=True) as session:
            session.take_any_text()
            limit_reads(session)
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that is committed at the end of the block."""
        with self._session() as session:
            limit_writes(session)
            yield session

    @contextmanager
    def rehearsing(self) -> Iterator[Session]:
        """The same as for writing, but nobody else ever sees the writes; the end of the block rolls them back."""
        with self._session(commit=False) as session:
            limit_writes(session)
            if session.family == "postgresql":
                session.run("SET CONSTRAINTS ALL IMMEDIATE")  # deferred ones would never be checked
            yield session

    @contextmanager
    def _session(self, *, commit: bool = True, **options: Any) -> Iterator[Session]:
        with self._call:
            try:
                with self._connect() as connection:
                    connection.execution_options(**options)
                    with connection.begin() as transaction:
                        session = Session(connection, self.family, self._call.line, self._deadlines.statement)
                        yield session
                        session.ask()
                        if not commit:
                            transaction.rollback()
            except DBAPIError as error:
                raise self._translated(error.orig) from None  # its own text shows statement and data
            except (*DRIVER_ERRORS, UnicodeError) as error:
                raise self._translated(error) from None
            except TooMuch as told:
                raise self._too_much(str(told)) from None
            except NoProtocol:
                raise self._told(Diagnosis(STRANGER)) from None

    def _host_not_allowed(self) -> Stalled:
        return self.stalled(
            f"the URL's host{self.address.named}, or the address that its name stands for, is not among those that "
            "the operator's settings allow (NIGHTSORT_DATABASE_HOSTS)",
            Reason.DATABASE_NOT_ALLOWED,
        )

    def _connect(self) -> sa.Connection:
        until = time.monotonic() + self._deadlines.login
        try:
            return self._engine.connect()
        except HostNotAllowed:
            raise self._host_not_allowed() from None
        except TimeoutError:
            raise self._not_let_in() from None
        except OSError as error:  # the name has no address now
            raise self._told(Diagnosis(UNREACHABLE, words=type(error).__name__)) from None
        except DBAPIError as error:
            if self._is_late:  # during the library's first queries
                raise self._not_let_in() from None
            if self._is_flooded:
                raise self._told(Diagnosis(STRANGER)) from None
            raise self._told(self._refused(error.orig, until)) from None
        except NO_ANSWERS:
            raise self._told(Diagnosis(STRANGER)) from None
        except RuntimeError:
            raise self.stalled(
                "MySQL's login needs TLS: name the server's certificate authority in the URL, as ?ssl_ca=FILE",
                Reason.DATABASE_LOGIN_REFUSED,
            ) from None

    @property
    def _is_late(self) -> bool:
        return self._call.line is not None and self._call.line.is_late

    @property
    def _is_flooded(self) -> bool:
        return self._call.line is not None and self._call.line.is_flooded

    def _too_much(self, told: str) -> Stalled:
        return self.stalled(
            f"{told}; what stands{self.address.shown or ' there'} may be no such database", Reason.ANSWER_TOO_LARGE
        )

    def _not_let_in(self) -> Exception:
        seconds = self._deadlines.login
        return self._told(
            Diagnosis(NO_ANSWER, f"the database{self.address.shown} has not let us in within {seconds:g} s")
        )

    def _refused(self, error: Any, until: float) -> Diagnosis:
        """The cause of a failed connection; for it PostgreSQL may be asked once more, until the deadline."""
        if self.family == "sqlite":
            return diagnosed(error, self.family, self._name)
        if self.family == "mysql":
            cause, words = refusals.of_mysql(error)
            return Diagnosis(cause, words=words)
        if error.sqlstate is not None:
            cause, words = refusals.of_postgresql(f"FATAL:  {error.diag.message_primary or ''}", error.sqlstate)
            return Diagnosis(cause, words=words)
        text, code = str(error)[:MOST_WORDS_CHARS], None
        if refusals.SERVERS_WORDS.search(text):
            code = self._sqlstate(until)
        cause, words = refusals.of_postgresql(text, code)
        return Diagnosis(cause, words=words)

    def _sqlstate(self, until: float) -> str | None:
        """The code of the refusal, for which libpq connects once more, again to a checked address."""
        _, given = self._engine.dialect.create_connect_args(self._engine.url)
        options = dict(given)
        try:
            options |= pinned(options, self._addresses)
        except (HostNotAllowed, OSError):
            return None
        return sqlstate_of({**options, **CONNECT_ARGUMENTS[self.family]}, until)

    def _translated(self, error: BaseException | None) -> Exception:
        if self._is_flooded:
            return self._too_much("the database has sent more bytes than an answer may have")
        if self._is_late:
            seconds = self._deadlines.statement
            return self._told(
                Diagnosis(NO_ANSWER, f"the database{self.address.shown} has not answered for {seconds:g} s")
            )
        return self._told(diagnosed(error, self.family, self._name))

    def _told(self, diagnosis: Diagnosis) -> Exception:
        return diagnosis.told(self.place, self._rights, self._secrets, self.address.shown)


def plain_options(options: Collection[str], url: sa.URL) -> str:
    """Their names for a message, unless they may be part of a badly quoted password."""
    if "@" in url.render_as_string(hide_password=True).partition("?")[2].replace("%40", "@"):
        return ""
    names = sorted(name for name in options if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{1,40}", name))
    return f" ({listed(names)})" if names else ""


def resolve(name: str, available: Mapping[str, Any] | Sequence[str]) -> str | None:
    """The column of that spelling, or the only one that differs in case."""
    if name in available:
        return name
    alike = [each for each in available if each.lower() == name.lower()]
    return alike[0] if len(alike) == 1 else None


def listed(names: Sequence[str], most: int = 10) -> str:
    """Names for a message."""
    shown = ", ".join(repr(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown or "none"
