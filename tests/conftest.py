"""What every test may ask for."""

import logging
import signal
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

# A shell lets what it starts in the background ignore Ctrl-C, and children inherit that: those of tests are to hear it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def log_records_as_before() -> Iterator[None]:
    """A command that a test calls in this process makes log records of its own kind from then on."""
    factory = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(factory)
