"""What every test may ask for."""

pytest_plugins = [
    "tests.endings",
    "tests.cluster.fixtures",
    "tests.cluster.operator_fixtures",
    "tests.cluster.trouble_fixtures",
    "tests.servers.fixtures",
]
