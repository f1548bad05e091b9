"""Real databases of each kind, empty, for the suites of the database adapters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from nightsort.adapters.sql.policy import DRIVERS, FAMILIES, DatabasePolicy
from tests.servers import mariadb, postgres

KINDS = ("postgresql", "mariadb", "sqlite")
ANY_HOST = DatabasePolicy(frozenset({"postgresql", "mysql", "mariadb", "sqlite"}), ("*",), own=True)


@dataclass(frozen=True)
class TestDatabase:
    """`url` is what a user would write into a Secret."""

    __test__ = False

    kind: str
    url: str

    def engine(self) -> sa.Engine:
        url = sa.make_url(self.url)
        driver = DRIVERS[FAMILIES[url.get_backend_name()]]
        return sa.create_engine(url.set(drivername=driver), poolclass=NullPool)

    def run(self, *statements: str, transaction: bool = True) -> None:
        engine = self.engine() if transaction else self.engine().execution_options(isolation_level="AUTOCOMMIT")
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def insert(self, table: str, *rows: dict[str, Any]) -> None:
        target = sa.table(table, *(sa.column(name) for name in rows[0]))
        with self.engine().begin() as connection:
            connection.execute(sa.insert(target), list(rows))

    def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        with self.engine().connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def quote(self, name: str) -> str:
        mark = "`" if self.kind == "mariadb" else '"'
        return mark + name.replace(mark, mark * 2) + mark


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestDatabase]:
    kind: str = request.param
    if kind == "sqlite":
        path = tmp_path / "tickets.db"
        path.touch()
        yield TestDatabase(kind, f"sqlite:///{path}")
    else:
        fixture = {"postgresql": "postgres_database", "mariadb": "mariadb_database"}[kind]
        yield TestDatabase(kind, request.getfixturevalue(fixture))


FRESH = {"postgresql": postgres.fresh_database, "mariadb": mariadb.fresh_database}


@pytest.fixture
def another_database(database: TestDatabase, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestDatabase]:
    """An empty one of the same kind, on the same server."""
    if database.kind == "sqlite":
        path = tmp_path / "another.db"
        path.touch()
        yield TestDatabase("sqlite", f"sqlite:///{path}")
        return
    server = request.getfixturevalue({"postgresql": "postgres_url", "mariadb": "mariadb_url"}[database.kind])
    with FRESH[database.kind](server) as url:
        yield TestDatabase(database.kind, url)


only_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
only_mariadb = pytest.mark.parametrize("database", ["mariadb"], indirect=True)
only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
only_servers = pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
