"""What every test may ask for."""

import logging
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("nightsort.testing", "tests.support")

pytest_plugins = [
    "tests.support.endings",
    "tests.cluster.fixtures",
    "tests.cluster.operator_fixtures",
    "tests.cluster.restart_fixtures",
    "tests.servers.fixtures",
]


@pytest.fixture(autouse=True)
def log_records_as_before() -> Iterator[None]:
    """A command that a test calls in this process makes log records of its own kind from then on."""
    factory = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(factory)
