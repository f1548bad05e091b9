"""Marks of the place of a database, or of a table in it. They hold no password, and reveal nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from nightsort.adapters.sql.policy import Address
from nightsort.adapters.sql.session import Session
from nightsort.adapters.sql.tables import quoted

DIGEST_BYTES = 10
PORTS = {"postgresql": 5432, "mysql": 3306}
# Replicas of a server share its system identifier, and their databases its numbers: these survive a failover.
CLUSTER = "SELECT system_identifier FROM pg_control_system()"
DATABASE = "SELECT oid FROM pg_database WHERE datname = current_database()"
SCHEMAS = "SELECT array_to_string(current_schemas(false), ',')"
SCHEMA_OF = """
    SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass({name})"""
# MySQL and MariaDB; the latter only in recent versions.
SERVER = "SELECT variable_value FROM {place}.global_variables WHERE variable_name IN ('server_uuid', 'server_uid')"


def marks(session: Session, at: Address, table: str | None = None) -> Sequence[str]:
    """Marks of the database of a session, and of a table there; one in common means the same place.

    PostgreSQL's mark comes from the server's own identity, so that another name, a proxy or a failover do not make it
    another place. Where the server gives no identity, and for the other families, the address counts as well.
    """
    match session.family:
        case "postgresql":
            server = [session.asked(CLUSTER), session.asked(DATABASE)]
            where = schema(session, table)
            return [mark("server", *server, where, table) if all(server) else mark(*address(at), where, table)]
        case "mysql":
            server_id = session.asked(SERVER.format(place="performance_schema")) or session.asked(
                SERVER.format(place="information_schema")
            )
            database = session.asked("SELECT DATABASE()")
            by_server = [mark("server", server_id, database, table)] if server_id else []
            return [mark(*address(at), database, table), *by_server]
        case _:
            return [mark(str(Path(at.database).resolve()), table)]


def schema(session: Session, table: str | None) -> object:
    """The schema of a table, or, without a table, the one in which a query's names are looked up."""
    if table is None:
        return session.asked(SCHEMAS)
    return session.asked(SCHEMA_OF.format(name=session.bind("name")), name=quoted(session, table))


def address(at: Address) -> Sequence[object]:
    return at.family, (at.host or "localhost").lower(), at.port or PORTS.get(at.family), at.database


def mark(*parts: object) -> str:
    return blake2b(json.dumps(parts, default=str).encode(), digest_size=DIGEST_BYTES).hexdigest()
