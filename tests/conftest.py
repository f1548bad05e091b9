"""What every test may ask for."""

pytest_plugins = ["tests.cluster.fixtures", "tests.servers.fixtures"]
