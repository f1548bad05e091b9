"""Real databases as fixtures: one server per session, one fresh database per test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.servers import mariadb, postgres, s3


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server: the one that NIGHTSORT_TEST_POSTGRES_URL names, or one of our own."""
    if url := os.environ.get("NIGHTSORT_TEST_POSTGRES_URL"):
        yield url
        return
    with postgres.postgres() as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL (`postgresql://…`) of an empty database that only this test uses."""
    with postgres.fresh_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """A MariaDB or MySQL server: the one that NIGHTSORT_TEST_MARIADB_URL names, or one of our own."""
    if url := os.environ.get("NIGHTSORT_TEST_MARIADB_URL"):
        yield url
        return
    with mariadb.mariadb() as url:
        yield url


@pytest.fixture
def mariadb_database(mariadb_url: str) -> Iterator[str]:
    """The URL (`mysql://…`) of an empty database that only this test uses."""
    with mariadb.fresh_database(mariadb_url) as url:
        yield url


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """An S3 server of our own."""
    with s3.s3() as endpoint:
        yield endpoint


@pytest.fixture
def s3_bucket(s3_endpoint: str) -> s3.Bucket:
    """An empty bucket that only this test uses."""
    return s3.fresh_bucket(s3_endpoint)
