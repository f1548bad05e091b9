"""What every test may ask for."""

import pytest

pytest.register_assert_rewrite("nightsort.testing", "tests.support")

pytest_plugins = [
    "tests.support.endings",
    "tests.cluster.fixtures",
    "tests.cluster.operator_fixtures",
    "tests.cluster.restart_fixtures",
    "tests.servers.fixtures",
]
