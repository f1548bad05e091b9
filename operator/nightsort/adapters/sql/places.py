"""Marks of where a database, or a table of it, is. They hold no password, and nothing can be read out of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from nightsort.adapters.sql.database import Address
from nightsort.adapters.sql.session import Session
from nightsort.adapters.sql.tables import quoted

DIGEST_BYTES = 10
PORTS = {"postgresql": 5432, "mysql": 3306}
# Replicas of a server have its system identifier, and their databases its numbers: what is the same after a failover.
CLUSTER = "SELECT system_identifier FROM pg_control_system()"
DATABASE = "SELECT oid FROM pg_database WHERE datname = current_database()"
SCHEMAS = "SELECT array_to_string(current_schemas(false), ',')"
SCHEMA_OF = """
    SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass({name})"""
# MySQL and MariaDB; the latter only of late.
SERVER = "SELECT variable_value FROM {place}.global_variables WHERE variable_name IN ('server_uuid', 'server_uid')"


def marks(session: Session, at: Address, table: str | None = None) -> Sequence[str]:
    """Marks of the database that a session is in, and of a table there; one in common tells the same place.

    PostgreSQL's is by what the server says of itself, so that another name, a proxy or a failover make no other place
    of it. Where it says nothing, and of the other families, it is by the address as well.
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
    """Where a table stands, or, without one, where the names in a query are looked for."""
    if table is None:
        return session.asked(SCHEMAS)
    return session.asked(SCHEMA_OF.format(name=session.bind("name")), name=quoted(session, table))


def address(at: Address) -> Sequence[object]:
    return at.family, (at.host or "localhost").lower(), at.port or PORTS.get(at.family), at.database


def mark(*parts: object) -> str:
    return blake2b(json.dumps(parts, default=str).encode(), digest_size=DIGEST_BYTES).hexdigest()
